"""Transcripts of every form, and semantic chunks of them."""

from __future__ import annotations

import itertools
import json
import time
import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnitrace_nb.errors import ContentError, SettingsError
from omnitrace_nb.speech import Segment, read_transcript, semantic_chunks
from omnitrace_nb.speech.chunks import adaptive_threshold, similarities

SRT = """1
00:00:00,500 --> 00:00:02,000
The harbour was quiet.

2
00:00:02,000 --> 01:00:03,250
MIA: <i>Honey</i> is
sold out.
"""
VTT = """WEBVTT - a title

NOTE a comment
of two lines

intro
00:00.500 --> 00:02.000 align:start position:10%
The harbour was quiet.

00:02.000 --> 01:00:03.250
<v.loud Mia>Honey is sold out.</v>
"""
WORDS = [("The", 0.5, 0.8), ("harbour", 0.8, 1.2), ("was", 1.2, 1.5), ("quiet.", 1.5, 2.0), ("Honey", 2.0, 2.4)]


@pytest.mark.parametrize(("text", "speaker"), [(SRT, "MIA"), (VTT, "Mia")])
def test_subtitles_keep_times_words_and_speakers(text, speaker, tmp_path):
    wanted = (
        Segment(0.5, 2.0, "The harbour was quiet."),
        Segment(2.0, 3603.25, "Honey is sold out.", speaker),
    )
    assert read_transcript(text) == wanted
    file = tmp_path / "talk.srt"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_transcript(file) == wanted
    assert read_transcript(str(file)) == wanted


@pytest.mark.parametrize("form", ["words", "segments", "bare", "text", "timestamps"])
def test_json_of_words_becomes_sentences_and_of_segments_stays(form):
    words = [{"word": word, "start": t0, "end": t1} for word, t0, t1 in WORDS]
    segments = [{"text": "The harbour was quiet.", "start": 0.5, "end": 2.0}, {"text": "Honey", "start": 2, "end": 2.4}]
    source = {
        "words": {"text": "...", "words": words},
        "segments": {"segments": segments},
        "bare": words,
        "text": json.dumps(words),
        "timestamps": {"chunks": [{"text": word, "timestamp": [t0, t1]} for word, t0, t1 in WORDS]},
    }[form]
    assert read_transcript(source) == (Segment(0.5, 2.0, "The harbour was quiet."), Segment(2.0, 2.4, "Honey"))


def test_words_part_where_the_speaker_changes():
    rows = [
        {"word": word, "start": t0, "end": t1, "speaker": number // 2} for number, (word, t0, t1) in enumerate(WORDS)
    ]
    assert [(each.text, each.speaker) for each in read_transcript(rows)] == [
        ("The harbour", "0"), ("was quiet.", "1"), ("Honey", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("no such file.srt", "cannot be read"),
        ("", "empty"),
        ("just\nsome lines", "no cue was found"),
        ("{ not json", "begins like JSON"),
        ([], "empty"),
        ({"text": "x"}, r"holds \['text'\]"),
        ([{"text": "x", "start": 1}], "entry 1 .* has no start and end"),
        ([{"text": "x y", "start": 2, "end": 1}], "lasts from 2 to 1 s"),
        ([{"text": "x y", "start": -1, "end": 1}], "lasts from -1"),
        ([{"text": "x y", "start": float("nan"), "end": 1}], "lasts from nan"),
        ([{"text": " ", "start": 0, "end": 1}], "no words"),
        ([3], "entry 1 of the transcript is 3"),
    ],
)
def test_malformed_transcripts_are_named(source, told):
    with pytest.raises(ContentError, match=told):
        read_transcript(source)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"text": "x y", "start": None, "end": 2}], "entry 2 .*'x y'.* has no start and end"),
        ([{"text": "x y", "start": -3, "end": 2}], "entry 2 .*'x y'.* lasts from -3 to 2 s"),
        ([{"text": "x y", "start": 3, "end": 3}], "'x y'.* lasts from 3 to 3 s"),
        ([7] * 5, "entry 2 .*entry 3 .*entry 4 .* and 2 more"),
    ],
)
def test_entries_that_cannot_be_read_are_named_and_the_others_stay(rows, told):
    good = {"text": "The harbour is quiet.", "start": 4, "end": 6}
    with pytest.warns(RuntimeWarning, match=told):
        assert read_transcript([good, *rows]) == (Segment(4, 6, "The harbour is quiet."),)


@pytest.mark.parametrize(
    "second",
    [
        "\n2\n00:00:03,000 --> 00:00:04,000\nIs it lost?",
        "2\n00:00:03,000 --> 00:00:04,000\nIs it lost?",  # no blank line before it
        "\n2\n00:00:03 --> 00:00:04\nIs it lost?",  # no milliseconds
        "\n2\n0:03.0 -> 0:04.0\nIs it lost?",  # a short arrow
        "\n2\n00:00:03,000 --> 00:00:04,000\nIs it\n\nlost?",  # a blank line within
        "\nNOTE what nobody\nsays\n\nsecond\n00:03.000 --> 00:04.000 align:left\nIs it lost?",
    ],
)
def test_careless_subtitles_lose_nothing(second):
    text = f"1\n00:00:00,000 --> 00:00:02,500\nHello.\n{second}\n\n3\n00:00:05,000 --> 00:00:06,000\nBye.\n"
    assert read_transcript(text) == (Segment(0, 2.5, "Hello."), Segment(3, 4, "Is it lost?"), Segment(5, 6, "Bye."))


@pytest.mark.parametrize("stamp", ["-00:00:03,000", "00:00:0x,000", "00:00:09,000"])
def test_a_cue_of_impossible_times_is_named_and_the_others_stay(stamp):
    text = f"1\n{stamp} --> 00:00:04,000\nHello.\n\n2\n00:00:05,000 --> 00:00:06,000\nBye.\n"
    with pytest.warns(RuntimeWarning, match=r"entry 1 .*'Hello\.'"):
        assert read_transcript(text) == (Segment(5, 6, "Bye."),)


def talk(*topics, seconds=4.0):
    """Sentences of `seconds` each; a topic is a direction."""
    return [Segment(at * seconds, (at + 1) * seconds, f"{topic} {at}") for at, topic in enumerate(topics)]


def directions(texts):
    return np.array([np.eye(5)["abcde".index(text[0])] for text in texts]) + 0.05


def test_chunks_part_where_the_topic_changes():
    chunks = semantic_chunks(talk(*"aaabbbcc"), directions)
    assert [chunk.text[0] for chunk in chunks] == ["a", "b", "c"]
    assert [(chunk.t0, chunk.t1) for chunk in chunks] == [(0, 12), (12, 24), (24, 32)]


def test_short_chunks_take_in_what_follows_and_long_ones_are_cut():
    assert len(semantic_chunks(talk(*"ababab", seconds=2), directions, shortest=5)) == 2
    assert len(semantic_chunks(talk(*"abab", seconds=2), directions, shortest=5)) == 1  # 2 s would be left
    chunks = semantic_chunks(talk(*"a" * 40), directions)
    assert max(chunk.t1 - chunk.t0 for chunk in chunks) <= 60
    assert len(chunks) == 3


def test_cues_that_break_off_within_a_sentence_are_joined_before_they_are_compared():
    cues = [Segment(0, 6, "a is"), Segment(6, 12, "quiet."), Segment(12, 18, "b is"), Segment(18, 24, "loud.")]
    heard = []
    chunks = semantic_chunks(cues, lambda texts: directions(heard.append(texts) or texts))
    assert heard == [["a is quiet.", "b is loud."]]
    assert chunks == (Segment(0, 12, "a is quiet."), Segment(12, 24, "b is loud."))


def test_of_overlapping_segments_no_second_is_lost():
    said = [Segment(2, 4, "a 2"), Segment(0, 9, "a 1"), Segment(9, 12, "a 3")]
    assert semantic_chunks(said, directions) == (Segment(0, 12, "a 1 a 2 a 3"),)
    assert semantic_chunks(said[:2], directions) == (Segment(0, 9, "a 1 a 2"),)


def test_segments_before_the_beginning_are_no_part_of_a_chunk():
    with pytest.raises(ContentError, match=r"entry 2 .* lasts from -1 to 0\.5 s"):
        semantic_chunks([Segment(0, 1, "a 1"), Segment(-1, 0.5, "a 2")], directions)


def test_speakers_are_kept_apart():
    said = [Segment(0, 10, "a 1", "Mia"), Segment(10, 20, "a 2", "Hugo"), Segment(20, 30, "a 3", "Hugo")]
    assert [(chunk.speaker, chunk.t1) for chunk in semantic_chunks(said, directions)] == [("Mia", 10), ("Hugo", 30)]


@given(st.lists(st.floats(-1, 1), max_size=30))
def test_the_threshold_is_the_papers(values):
    similar = np.array(values)
    wanted = 0.3 if not values else min(max(np.mean(values) - 0.8 * np.std(values), 0.3), 0.7)
    assert adaptive_threshold(similar) == pytest.approx(wanted)


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), st.floats(0.5, 20))
def test_chunks_hold_every_sentence_once_and_in_order(topics, seconds):
    said = talk(*topics, seconds=seconds)
    chunks = semantic_chunks(said, directions)
    assert " ".join(chunk.text for chunk in chunks) == " ".join(each.text for each in said)
    assert all(left.t1 <= right.t0 + 1e-9 for left, right in itertools.pairwise(chunks))
    assert all(chunk.t1 - chunk.t0 <= 60 + 1e-6 for chunk in chunks)
    short = [at for at, chunk in enumerate(chunks) if chunk.t1 - chunk.t0 < 5]
    assert all(at == 0 or chunks[at].t1 - chunks[at - 1].t0 > 60 - 1e-6 for at in short)


def test_without_a_model_sentences_that_share_rare_words_are_alike():
    texts = ["the harbour boats are red", "the harbour boats leave at noon", "clocks tick", "old clocks tick slowly"]
    alike = similarities(texts)
    assert alike[0] > alike[1]
    assert alike[2] > alike[1]
    assert similarities(["...", "!!!"]).tolist() == [0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"threshold": 2}, "no cosine similarity"),
        ({"shortest": 9, "longest": 3}, "shortest=9 and longest=3"),
        ({"embed": lambda _texts: np.zeros((1, 2))}, r"shape \(1, 2\) for 3 texts"),
    ],
)
def test_settings_without_meaning_are_refused(options, told):
    with pytest.raises(SettingsError, match=told):
        semantic_chunks(talk(*"abc"), **options)


def test_nothing_said_has_no_chunks():
    assert semantic_chunks([]) == ()


CUE = "00:00:01,000 --> 00:00:02,000\n"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda n: "0:0" * n + "\n", "no cue was found"),
        (lambda n: "0:0 --> " * n + "\n", None),
        (lambda n: CUE + "<v" + " " * n, None),
        (lambda n: CUE + "<v " * n, None),
        (lambda n: CUE + "<" * n, None),
        (lambda n: CUE + "A " * n, None),
        (lambda n: CUE + "\n " * n + "x", None),
        (lambda n: "[" * n, "nested too deeply"),
        (lambda n: '{"segments":' * n, "nested too deeply"),
        (lambda n: "9" * n + ":00:00 --> 00:00:02\nHello.", "has no start and end"),
        (lambda n: f'[{{"start": {"9" * n}, "end": 2, "text": "x y"}}]', "begins like JSON but is not"),
    ],
)
def test_a_hostile_transcript_takes_time_linear_in_its_length(make, told):
    def taken(count):
        text = make(count)
        started = time.process_time()
        with warnings.catch_warnings(), pytest.raises(ContentError, match=told) if told else suppress(ContentError):
            warnings.simplefilter("ignore")
            read_transcript(text)
        return time.process_time() - started

    # A pattern that goes back and forth takes 64 times as long for 8 times the text; a busy machine is noisy.
    assert taken(160_000) < 24 * min(taken(20_000) for _ in range(3)) + 0.5


def test_hours_of_400_digits_are_no_time_and_the_other_cues_stay():
    text = f"1\n{'9' * 400}:00:00,000 --> 00:00:04,000\nHello.\n\n2\n00:00:05,000 --> 00:00:06,000\nBye.\n"
    with pytest.warns(RuntimeWarning, match=r"entry 1 .*'Hello\.'"):
        assert read_transcript(text) == (Segment(5, 6, "Bye."),)
    with pytest.raises(ContentError, match="has no start and end"):
        read_transcript([{"start": 10**400, "end": 10**401, "text": "x y"}])
