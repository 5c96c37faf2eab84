"""`to_json(format="paper")`: the fields that the code released with the paper writes, and what is selected in them."""

import json
import re

import numpy as np
import pytest
from traces import PLANTED, Sketch, bell, make_trace, part, peaks, tokens_of

import omnitrace_nb as ot
from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.trace.records import RunInfo
from omnitrace_nb.trace.result import Trace

# What its command writes, read from its sources (src/omnitrace/cli.py and modalities/*.py of version 0.1.1).
RECORD = {"id", "task", "source_dataset", "modality", "prompt", "question", "answer", "response", "attribution"}
INPUTS = {
    "image_text": {"input_text_chunks", "input_image_chunks"},
    "audio": {"input_audio_chunks"},
    "video": set(),
}
CHUNK = {
    "image_text": {"image_sources_curated", "text_sources_curated"},
    "audio": {"audio_sources_curated"},
    "video": {"video_sources_curated"},
}


def small(kinds, response="A bell. A key."):
    """Make a trace of parts of these kinds; step t's score is all on the t-th source, over and over."""
    sketch, parts = Sketch(), []
    for index, kind in enumerate(kinds):
        sketch.template(2)
        if kind == "text":
            parts.append(part(index, "text", "text", "One note. Two notes.", text="One note. Two notes."))
            sketch.text(index, parts[-1].text)
        elif kind == "image":
            parts.append(part(index, "image", "picture", b"pixels", size=(20, 20)))
            sketch.pictures(index, 2, (20, 20), (2, 2))
        elif kind == "audio":
            parts.append(part(index, "audio", "sound", b"sound", duration=2.5, peaks=peaks(bell(2.5))))
            sketch.sound(index, 2.5)
        else:
            parts.append(part(index, "video", "film", b"film", size=(20, 20), duration=3.0))
            sketch.pictures(index, 4, (20, 20), (1, 1), times=[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)])
            sketch.sound(index, 3.0)
    layout = sketch.layout()
    sources = sourcing.build(layout, parts)
    words = tokens_of(response)
    answer = align(words, range(len(words)), np.zeros(len(words)), "eos")
    scores = np.zeros((len(words), len(layout) + len(words)), np.float32)
    for step in range(len(words)):
        scores[step, sources[step % len(sources)].positions] = 1
    every = ot.CurationSettings(weights={}, p_min=0.0, coverage=1.0)  # whatever got a vote
    return Trace.build(parts, layout, sources, answer, {"attmean": scores}, RunInfo(model="m", family="f"), every)


def record_of(trace, **options):
    [record] = json.loads(trace.to_json(format="paper", **options))
    return record


@pytest.mark.parametrize(
    ("kinds", "modality"),
    [
        (["text", "image", "text", "image"], "image_text"),
        (["text"], "image_text"),
        (["audio", "text"], "audio"),
        (["video", "text"], "video"),
    ],
)
def test_a_prompt_that_the_released_code_reads_has_its_fields_and_no_other(kinds, modality):
    record = record_of(small(kinds))
    assert record["modality"] == modality
    assert set(record) == RECORD | INPUTS[modality]
    assert set(record["attribution"]) == {"gen_chunks", "per_chunk_attribution"}
    for at, chunk in enumerate(record["attribution"]["per_chunk_attribution"]):
        assert set(chunk) == {"chunk_id", "chunk_text"} | CHUNK[modality]
        assert chunk["chunk_id"] == at
        assert chunk["chunk_text"] == record["attribution"]["gen_chunks"][at]


def test_selected_sentences_and_pictures_are_numbered_each_for_themselves_best_first():
    trace = make_trace(
        planted=(((0, "text", 1), (2, "image", None)), *PLANTED[1:]),
        image=(2, 2),
        curation=ot.CurationSettings(p_min=0),
    )
    record = record_of(trace, signal="attmean")
    spans = trace.spans[(trace.spans["signal"] == "attmean") & trace.spans["selected"]]
    own = trace.sources.set_index("id").loc[spans[spans["statement"] == 1]["source"]]
    texts = trace.sources[trace.sources["modality"] == "text"]["id"].tolist()
    chunk = record["attribution"]["per_chunk_attribution"][0]
    expected = [texts.index(id_) for id_ in own.index[own["modality"] == "text"]]
    assert expected
    assert [each["source_chunk_id"] for each in chunk["text_sources_curated"]] == expected
    assert [each["source_text"] for each in chunk["text_sources_curated"]] == own["text"].dropna().tolist()
    # A region counts for its picture, once.
    pictures = list(dict.fromkeys(own[own["modality"] == "image"]["part"]))
    assert chunk["image_sources_curated"] == [{"source_chunk_id": index - 1} for index in pictures] != []


def test_chunks_of_the_prompt_say_their_tokens_from_the_first_word_on_both_ends_held():
    trace = small(["text", "image", "text"])
    record = record_of(trace)
    sentences = re.findall(r"[^.]+\.", "One note. Two notes.") * 2
    assert [chunk["text"] for chunk in record["input_text_chunks"]] == [text.strip() for text in sentences]
    assert [chunk["chunk_id"] for chunk in record["input_text_chunks"]] == [0, 1, 2, 3]
    # Two positions of the template come first, and are not counted; "One note." is three tokens, the picture's 4.
    assert record["input_text_chunks"][0]["input_id_span"] == [0, 2]
    assert record["input_text_chunks"][1]["input_id_span"] == [3, 5]
    assert record["input_image_chunks"] == [{"chunk_id": 0, "input_id_span": [8, 11]}]
    assert record["input_text_chunks"][2]["input_id_span"] == [14, 16]


def test_seconds_are_pairs_rounded_to_hundredths_frames_and_sound_together():
    record = record_of(small(["audio", "text"], response="A bell. Two bells."))
    first, second = record["attribution"]["per_chunk_attribution"]
    assert first["audio_sources_curated"] == [[0.0, 2.5]]
    assert second["audio_sources_curated"] == [[0.0, 1.0]]
    assert record["input_audio_chunks"] == [{"chunk_id": 0, "audio_span": [0.0, 2.5], "input_id_span": [2, 63]}]
    film = record_of(small(["video"], response="A film. Its sound."))["attribution"]["per_chunk_attribution"]
    assert film[0]["video_sources_curated"] == [[0.0, 3.0]]  # three frames
    assert film[1]["video_sources_curated"] == [[0.0, 3.0]]  # three seconds of its sound


def test_what_the_released_code_cannot_read_has_all_the_fields_and_tells_clips_apart():
    record = record_of(small(["audio", "image", "audio", "text"], response="One two three. Four five six seven."))
    assert record["modality"] == "image_text+audio"
    assert {"input_text_chunks", "input_image_chunks", "input_audio_chunks"} <= set(record)
    assert [chunk["chunk_id"] for chunk in record["input_audio_chunks"]] == [0, 1]
    second = record["attribution"]["per_chunk_attribution"][1]
    assert second["audio_sources_curated"] == [{"source_chunk_id": 1, "time_range": [0.0, 2.5]}]


def test_a_sample_gives_its_own_fields(tmp_path):
    path = tmp_path / "q.json"
    raw = {"id": 7, "task": "qa", "source_dataset": "D", "prompt": "Say. ", "question": [{"audio": "a.wav"}, {"text": "What?"}], "answer": "A bell."}  # fmt: skip # noqa: E501
    path.write_text(json.dumps([raw]))
    [sample] = ot.read_samples(path)
    for given in (sample, raw):
        record = record_of(small(["audio", "text"]), sample=given)
        assert {name: record[name] for name in raw} == {**raw, "prompt": "Say. What?"}
    with pytest.raises(SettingsError, match="str is no sample"):
        small(["text"]).to_json(format="paper", sample="q.json")


def test_a_wrong_choice_is_refused_by_name():
    trace = small(["text"])
    with pytest.raises(SettingsError, match="'papers'"):
        trace.to_json(format="papers")
    with pytest.raises(SignalError, match="'rawatt'"):
        trace.to_json(format="paper", signal="rawatt")
    with pytest.raises(SettingsError, match="format='paper'"):
        trace.to_json(signal="attmean")


def test_json_can_be_written_whatever_the_text(tmp_path):
    note = "A \ud800 key. شمس 😀 <b>"
    trace = make_trace(note=note, planted=PLANTED[1:])
    for format_ in ("omnitrace", "paper"):
        text = trace.to_json(tmp_path / "t.json", format_)
        assert (tmp_path / "t.json").read_text(encoding="utf-8") == text
    assert json.loads(trace.to_json())["prompt"]["parts"][0]["text"] == note
    assert record_of(trace)["question"][0] == {"text": note}
