"""Ways to cut a prompt: units of text, the user's own spans, regions and intervals, and cutting a trace anew."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import make_layout, make_parts, make_trace

import omnitrace_nb as ot
from omnitrace_nb.errors import ContentError, SettingsError
from omnitrace_nb.layout import AUDIO, IMAGE, VIDEO
from omnitrace_nb.sources import SourceOptions, build, overlapping
from omnitrace_nb.sources.ways import TEXT_UNITS
from omnitrace_nb.speech import Segment, read_transcript

NOTE = """# Harbour
Mia sells honey, and Hugo sells clocks.
The boats are red.

They leave at noon.

## Market
It was busy."""


@pytest.fixture(scope="module")
def prompt():
    parts = make_parts(note=NOTE)
    return make_layout(parts), parts


def texts(prompt, **options):
    """What each source of the first text says."""
    layout, parts = prompt
    sources = build(layout, parts, SourceOptions(**options))
    return [parts[0].text[slice(*source.chars)] for source in sources if source.part == 0]


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("word", NOTE.split()),
        ("line", [line for line in NOTE.splitlines() if line]),
        ("paragraph", [" ".join(each.split(" ")).strip() for each in NOTE.split("\n\n")]),
        ("section", [NOTE[: NOTE.index("\n\n## ")], NOTE[NOTE.index("## ") :]]),
        ("part", [NOTE]),
        (re.compile(r"\b[A-Z][a-z]+ sells \w+"), ["Mia sells honey", "Hugo sells clocks"]),
    ],
)
def test_text_is_cut_by_its_units(prompt, unit, wanted):
    assert texts(prompt, text=unit) == wanted


def test_clauses_and_tokens(prompt):
    clauses = texts(prompt, text="clause")
    assert "Mia sells honey," in clauses
    assert "and Hugo sells clocks." in clauses
    layout, _ = prompt
    tokens = texts(prompt, text="token")
    assert [token.strip() for token in tokens] == [
        piece.strip() for piece in (NOTE[slice(*chars)] for chars in layout.chars[layout.positions(0)]) if piece.strip()
    ]


@given(unit=st.sampled_from(TEXT_UNITS))
def test_units_are_disjoint_and_hold_every_word(prompt, unit):
    layout, parts = prompt
    sources = [source for source in build(layout, parts, SourceOptions(text=unit)) if source.part == 0]
    owned = np.concatenate([source.positions for source in sources])
    assert not overlapping(sources)
    words = [at for at in layout.positions(0) if NOTE[slice(*layout.chars[at])].strip()]
    assert set(words) <= set(owned.tolist())


def test_own_spans_may_overlap_and_a_position_then_counts_for_each(prompt):
    layout, parts = prompt
    start = NOTE.index("Mia")
    spans = [(start, start + 15, "Mia"), (start + 4, start + 15)]
    sources = build(layout, parts, SourceOptions(text=spans))
    assert [source.label for source in sources[:2]] == ["text 1, Mia", f"text 1, characters {start + 4}-{start + 15}"]
    assert set(sources[1].positions) < set(sources[0].positions)
    assert overlapping(sources)
    # The question is no part of the list, and is cut into sentences.
    assert sources[-1].label.startswith("text 2, sentence")


def test_own_regions_are_boxes_and_masks_of_the_original_picture(prompt):
    layout, parts = prompt
    width, height = parts[1].size
    mask = np.zeros((height, width), bool)
    mask[height // 2 :] = True
    given = {
        "image 1": [
            (0, 0, width / 2, height),
            {"box": (0, 0, 5, 5), "label": "corner", "score": 0.9},
            {"mask": mask, "label": "floor"},
        ]
    }
    sources = [source for source in build(layout, parts, SourceOptions(image=given)) if source.modality == "image"]
    left, corner, floor, other = sources
    boxes = layout.box[layout.positions(1, IMAGE)]
    assert len(left.positions) == len(floor.positions) == len(boxes) // 2
    assert corner.positions.tolist() == [layout.positions(1, IMAGE)[0]]  # smaller than a patch: what it touches
    assert floor.box == (0, height // 2, width, height)
    assert [each.label for each in sources] == ["image 1, region 1", "image 1, corner", "image 1, floor", "image 2"]
    assert other.part == 2


def test_own_intervals_of_sound_and_frames_by_region(prompt):
    layout, parts = prompt
    options = SourceOptions(audio=[(0, 1.5, "bell"), (1.5, 3.4)], video={4: [(1, 3)]}, video_grid=(1, 2))
    sources = build(layout, parts, options)
    heard = [source for source in sources if source.part == 3]
    assert [source.label for source in heard] == ["sound 1, 0-1.5 s, bell", "sound 1, 1.5-3.4 s"]
    assert sum(len(source.positions) for source in heard) == len(layout.positions(3, AUDIO))
    film = [source for source in sources if source.part == 4]
    assert [source.modality for source in film] == ["video", "video", "audio"]
    assert film[0].label == "film 1, 1-3 s, row 1, column 1"
    assert film[0].box == (0, 0, parts[4].size[0] / 2, parts[4].size[1])
    assert {float(layout.time[at, 0]) for at in film[0].positions} == {1.0, 2.0}


def test_segments_of_a_transcript_are_sources_with_their_words(prompt):
    said = read_transcript("1\n00:00:00,000 --> 00:00:01,500\nMia: The harbour was quiet.\n")
    sources = build(*prompt, SourceOptions(audio={"sound 1": said}))
    [source] = [source for source in sources if source.part == 3]
    assert (source.label, source.words, source.speaker) == ("sound 1, 0-1.5 s, Mia", "The harbour was quiet.", "Mia")


@pytest.mark.parametrize(("which", "modalities"), [("both", {VIDEO, AUDIO}), ("visual", {VIDEO}), ("audio", {AUDIO})])
def test_a_film_is_credited_for_its_frames_its_sound_or_both(prompt, which, modalities):
    layout, parts = prompt
    sources = build(layout, parts, SourceOptions(video_sources=which))
    owned = np.concatenate([source.positions for source in sources if source.part == 4])
    assert set(layout.modality[owned].tolist()) == modalities
    assert any(source.part == 3 for source in sources)  # a sound of its own stays


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"text": [(0, 10_000)]}, "outside its"),
        ({"text": [("a", 3)]}, "no span of text 1"),
        ({"text": {"text 9": []}}, "part 'text 9', but the text parts are 0 \\(text 1\\), 5 \\(text 2\\)"),
        ({"image": [(0, 0, 5, 5)]}, "there are 2: give a mapping"),
        ({"image": {1: [(400, 0, 500, 5)]}}, "outside the 320 x 240 pixels of image 1"),
        ({"image": {1: [(5, 0, 5, 5)]}}, "is empty"),
        ({"image": {1: [{"label": "x"}]}}, "give box or mask"),
        ({"image": {1: [{"mask": np.ones((3, 3)), "label": "x"}]}}, "resize it to the original"),
        ({"image": {1: [{"mask": np.zeros((240, 320)), "label": "x"}]}}, "is empty"),
        ({"audio": [(-1, 2)]}, "empty, negative or beyond"),
        ({"audio": [(0, 9)]}, "ends after the 3.4 s of sound 1"),
        ({"audio": [(2, 1)]}, "give 0 <= t0 < t1"),
        ({"audio": {"sound 1": ["0-1"]}}, "no interval of sound 1"),
        ({"audio": {"sound 1": [(float("nan"), 1)]}}, "empty, negative or beyond"),
        ({"audio": {"sound 1": [{"start": 0, "end": 1}, {"text": "no times"}]}}, "has no start and end"),
        ({"audio": {"sound 1": []}}, "there are no pieces of sound 1"),
        ({"video": {"film 1": [(5, 9)]}}, "beyond its 4 s"),
        ({"video": {"film 1": 3}}, r"video\['film 1'\]=3 is not usable"),
        ({"audio": {"image 1": [(0, 1)]}}, "the audio parts are 3 \\(sound 1\\), 4 \\(film 1\\)"),
        ({"text": {"text 1": []}}, "there are no pieces of text 1"),
        ({"text": ["The boats", "Mia sells"]}, "'Mia sells' does not occur in text 1 behind the piece before it"),
        ({"text": [""]}, "'' does not occur"),
        ({"text": [(3, 3)]}, "or empty"),
        ({"image": {1: []}}, "there are no pieces of image 1"),
        ({"image": {1: {"boxes": [[0, 0, 5, 5]], "labels": []}}}, "0 labels for 1 regions"),
    ],
)
def test_own_pieces_outside_their_part_are_named(prompt, options, told):
    with pytest.raises((SettingsError, ContentError), match=told):
        build(*prompt, SourceOptions(**options))


def test_own_pieces_of_a_kind_that_the_prompt_does_not_have_are_named():
    layout, parts = make_layout(make_parts()), make_parts()
    texts = [part for part in parts if part.kind == "text"]
    for kind, piece in (("image", (0, 0, 5, 5)), ("audio", (0, 1)), ("video", (0, 1))):
        with pytest.raises(SettingsError, match=f"{kind}= holds your own sources, but the prompt has no part"):
            build(layout, texts, SourceOptions(**{kind: [piece]}))


def test_strings_are_found_in_their_text_in_order(prompt):
    assert texts(prompt, text=["Mia sells honey", "sells clocks", "The boats"]) == [
        "Mia sells honey", "sells clocks", "The boats"
    ]  # fmt: skip


def owners(sources, part):
    """For each position of a part, the sources that own it."""
    held = {}
    for source in sources:
        if source.part == part:
            for position in source.positions.tolist():
                held.setdefault(position, set()).add(source.label)
    return held


SECONDS = st.integers(0, 340).map(lambda each: each / 100)
INTERVALS = st.lists(st.tuples(SECONDS, SECONDS).filter(lambda each: each[0] < each[1]), min_size=1, max_size=5)


@given(intervals=INTERVALS, rest=st.booleans())
@settings(max_examples=60)
def test_seconds_belong_to_every_interval_that_holds_their_middle_and_rest_loses_none(prompt, intervals, rest):
    layout, parts = prompt
    named = [(t0, t1, f"no {at}") for at, (t0, t1) in enumerate(intervals)]
    held = owners(build(layout, parts, SourceOptions(audio={3: named}, rest=rest)), 3)
    for position in layout.positions(3):
        middle = layout.time[position].astype(float).mean()
        wanted = {at for at, (t0, t1) in enumerate(intervals) if t0 <= middle < t1}
        # float32 seconds decide nothing at an edge
        if min(abs(middle - edge) for pair in intervals for edge in pair) > 1e-4:
            assert {int(label.split("no ")[1]) for label in held.get(position, ()) if "no " in label} == wanted
    if rest:
        assert sorted(held) == layout.positions(3).tolist()


BOXES = st.lists(
    st.tuples(st.integers(0, 310), st.integers(0, 230), st.integers(1, 320), st.integers(1, 240)),
    min_size=1,
    max_size=4,
)


@given(corners=BOXES, rest=st.booleans())
@settings(max_examples=60)
def test_patches_belong_to_every_region_that_holds_their_centre_and_rest_loses_none(prompt, corners, rest):
    layout, parts = prompt
    boxes = [(x, y, min(x + width, 320), min(y + height, 240)) for x, y, width, height in corners]
    held = owners(build(layout, parts, SourceOptions(image={1: boxes}, rest=rest)), 1)
    patches = layout.positions(1)
    places = layout.box[patches]
    centres = (places[:, :2] + places[:, 2:]) / 2
    for at, (left, top, right, bottom) in enumerate(boxes):
        own = [bool(left <= x < right and top <= y < bottom) for x, y in centres]
        if not any(own):
            own = [bool(p[0] < right and p[2] > left and p[1] < bottom and p[3] > top) for p in places]
        label = f"image 1, region {at + 1}"
        assert [label in held.get(position, ()) for position in patches.tolist()] == own
    if rest:
        assert sorted(held) == patches.tolist()


@given(
    spans=st.lists(st.tuples(st.integers(0, len(NOTE) - 1), st.integers(1, 40)), min_size=1, max_size=5),
    rest=st.booleans(),
)
@settings(max_examples=60)
def test_tokens_belong_to_every_span_that_they_touch_and_rest_loses_no_word(prompt, spans, rest):
    layout, parts = prompt
    own = [(start, min(start + length, len(NOTE)), f"no {at}") for at, (start, length) in enumerate(spans)]
    held = owners(build(layout, parts, SourceOptions(text={0: own}, rest=rest)), 0)
    for position in layout.positions(0).tolist():
        start, end = layout.chars[position]
        wanted = {f"text 1, {label}" for t0, t1, label in own if start < t1 and end > t0}
        assert {label for label in held.get(position, ()) if "no " in label} == wanted
        if rest and NOTE[start:end].strip():
            assert position in held


def test_a_trace_is_cut_anew_without_a_model_and_its_masses_are_those_of_its_scores():
    trace = make_trace()
    words = trace.regroup({"text": "word", "image": (2, 2), "bin_seconds": 0.5})
    assert len(words.sources) > len(trace.sources)
    for name in trace.signals:
        scores = trace.scores(name)
        wanted = [scores[:, source.positions].sum(axis=1) for source in words.source_records]
        assert words.mass(name) == pytest.approx(np.stack(wanted, axis=1), abs=1e-6)
    assert words.response == trace.response
    assert trace.regroup().sources.equals(trace.sources)
    assert words.spans["source"].max() < len(words.sources)


def test_a_trace_cut_anew_is_saved_and_opened(tmp_path):
    trace = make_trace().regroup({"text": [(0, 20), (10, 30)], "audio": [(0.5, 2)]})
    opened = ot.open(trace.save(tmp_path / "cut"))
    assert opened.sources.equals(trace.sources)
    assert opened.spans.equals(trace.spans)


def test_tracing_with_own_regions_and_regrouping_agree(embedded):
    content = ot.example()
    cut = {"image": {1: [(0, 0, 224, 448), (224, 0, 448, 448)]}, "text": "word"}
    traced = embedded.trace(content, sources=cut, max_new_tokens=12, progress=False)
    again = embedded.trace(content, max_new_tokens=12, progress=False).regroup(cut)
    assert again.sources.equals(traced.sources)
    assert again.mass("attmean") == pytest.approx(traced.mass("attmean"), abs=1e-6)


def test_subtitles_that_linger_or_go_on_after_the_sound_lose_nothing_of_it(prompt):
    layout, parts = prompt
    sound = next(record for record in parts if record.kind == "audio")
    said = [Segment(0.0, 1.5, "Good morning."), Segment(1.5, sound.duration + 4, "Bye."), Segment(40.0, 41.0, "Late.")]
    with pytest.warns(
        RuntimeWarning, match=r"sound 1: 1 of the entries of its transcript left out: interval \(40, 41\)"
    ):
        found = [source for source in build(layout, parts, SourceOptions(audio=said)) if source.part == sound.index]
    assert [source.words for source in found] == ["Good morning.", "Bye."]
    assert found[1].time == (1.5, pytest.approx(sound.duration))
    positions = np.concatenate([source.positions for source in found])
    assert sorted(positions.tolist()) == layout.positions(sound.index).tolist()


def test_the_path_of_a_transcript_is_answered_with_the_way_to_read_it():
    with pytest.raises(SettingsError, match=r"read_transcript\(path\)"):
        SourceOptions(audio="talk.srt")
