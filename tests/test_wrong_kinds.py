"""Every setting of cuts, statements and choices given values of the wrong kind: named, never somebody else's error."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from traces import make_trace

import omnitrace_nb as ot
from omnitrace_nb import options
from omnitrace_nb.comparing import columns
from omnitrace_nb.errors import OmnitraceError, SettingsError, SignalError
from omnitrace_nb.sources import SourceOptions, regions
from omnitrace_nb.speech import Segment, read_transcript, semantic_chunks, voice_activity
from omnitrace_nb.statements import StatementOptions

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what is left out and named


class Hostile:
    """Fails at whatever is asked of it."""

    def _fails(self, *_):
        raise RuntimeError("on purpose")

    __repr__ = __len__ = __iter__ = __eq__ = _fails
    __hash__ = object.__hash__


def nested(depth):
    deep = []
    for _ in range(depth):
        deep = [deep]
    return deep


def wrong_values():
    torch = pytest.importorskip("torch")
    return [
        None, 3, -1, 0, 1.5, float("nan"), float("inf"), 10**400, True, 1j, Decimal(1), Fraction(1, 3), np.float32(2),
        "x", "", b"x", "\ud800", "a" * 10_000, re.compile(b"x"), re.compile("x"), io.StringIO("a"), object(), Hostile(),
        [], [1], [[]], (), (1,), (1, 2), (1, 2, 3, 4), [None], ["a", 3], nested(5000), iter([1]), {1, 2}, range(3),
        range(10**30), {}, {1: 2}, {None: 3}, {(1, 2): "a"}, {"x": "y"}, {"image 1": None}, {1: {1: {}}},
        np.zeros(3), np.zeros((2, 2)), np.array("a"), np.array([None]), torch.zeros(2), torch.zeros(2, device="meta"),
        torch.zeros(2, 2, dtype=torch.bfloat16), int, lambda: 1, lambda *_: 1 / 0, Ellipsis,
        [(0, 10**400)], [(10**400, 1)], [{"box": None}], [{"mask": 3}], {"boxes": None}, {"masks": None},
        {"annotations": None}, {"segmentation": None, "segments_info": None}, {"boxes": [[1, 2, 3, 10**400]]},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trace():
    return make_trace()


def feed(call):
    """Call with every wrong value: an answer, or an error of ours with a message of a readable length."""
    for value in wrong_values():
        told = "an answer"
        with suppress(OmnitraceError):
            try:
                call(value)
            except OmnitraceError as error:
                told = str(error)
                raise
        assert 8 < len(told) < 2_000, told[:200]


@pytest.mark.parametrize(
    "name", ["text", "image", "audio", "video", "video_grid", "video_sources", "bin_seconds", "rest", "nlp"]
)
def test_a_cut_of_the_wrong_kind_is_named(trace, name):
    feed(lambda value: SourceOptions(**{name: value}))
    feed(lambda value: trace.regroup({name: value}))
    label = {"text": "text 1", "image": "image 1", "audio": "sound 1", "video": "film 1"}.get(name)
    if label:
        feed(lambda value: trace.regroup({name: {label: value}}))


def test_options_given_as_anything_else_are_named(trace, embedded):
    feed(trace.regroup)
    for kind in (SourceOptions, StatementOptions, ot.CurationSettings):
        feed(lambda value, kind=kind: options.read(kind, value, "settings"))
    for keyword in ("sources", "statements", "curation"):
        for value in (3, "sentence", [1], {1: 2}, {None: 3}, {"x": "y"}, np.zeros(2), Hostile(), nested(5000)):
            with pytest.raises(SettingsError, match=keyword):
                embedded.trace("One.", max_new_tokens=2, progress=False, **{keyword: value})
    assert embedded.trace("One.", max_new_tokens=2, progress=False).response is not None


@pytest.mark.parametrize(
    "name", ["assign", "coverage", "p_min", "run_min", "alpha", "gamma", "weights", "question", "no such thing"]
)
def test_a_choice_of_the_wrong_kind_is_named(trace, name):
    feed(lambda value: trace.curate(**{name: value}))
    feed(lambda value: trace.votes(trace.signals[0], **{name: value}))
    feed(lambda value: trace.curate(weights={"NOUN": value}))


def test_statements_of_the_wrong_kind_are_named():
    for name in ("clauses", "nlp"):
        feed(lambda value, name=name: StatementOptions(**{name: value}))


def test_sources_signals_and_targets_of_the_wrong_kind_are_named(trace):
    feed(trace.source)
    feed(trace.votes)
    feed(trace.mass)
    feed(trace.scores)
    feed(lambda value: trace.mass(trace.signals[0], value))
    feed(trace.attribute)
    feed(lambda value: trace.attribute(trace.signals[0], value))
    feed(lambda value: trace.agreement(value, trace.signals[0]))
    feed(lambda value: trace.agreement(top=value))
    assert trace.budget["share"].min() >= 0
    with pytest.raises(SettingsError, match=r"there is no source 1\.0"):
        trace.source(1.0)
    with pytest.raises(SignalError, match=r"no signal \['attmean'\]"):
        trace.votes(["attmean"])
    with pytest.raises(SettingsError, match="reaches outside the response"):
        trace.attribute(trace.signals[0], range(10**30))


@pytest.mark.parametrize("keyword", ["signals", "settings", "names", "traces"])
def test_a_comparison_of_the_wrong_kind_is_named(trace, keyword):
    usual = {"traces": [trace], "signals": list(trace.signals[:2])}
    feed(lambda value: columns(**{**usual, keyword: value}))
    feed(lambda value: columns(**{**usual, keyword: [value, value]}))


DETECTED = {"boxes": [[0, 0, 5, 5]]}
ANNOTATED = {"bbox": [0, 0, 5, 5]}


@pytest.mark.parametrize(
    "made",
    [
        lambda value: value,
        *(lambda value, key=key: {**DETECTED, key: value} for key in ("boxes", "masks", "labels", "scores")),
        *(
            lambda value, key=key: [{**ANNOTATED, key: value}]
            for key in ("bbox", "segmentation", "category_id", "score")
        ),
        *(lambda value, key=key: [{"box": [0, 0, 5, 5], key: value}] for key in ("box", "mask", "label", "score")),
        lambda value: {"annotations": [ANNOTATED], "categories": value},
        lambda value: {"annotations": value, "categories": []},
        lambda value: [{"segmentation": {"counts": value, "size": [2, 2]}}],
        lambda value: [{"segmentation": {"counts": [4], "size": value}}],
        lambda value: {"segmentation": np.zeros((2, 2), int), "segments_info": value},
        lambda value: {"segmentation": value, "segments_info": [{"id": 1, "label_id": value, "score": value}]},
    ],
)
def test_detections_of_the_wrong_kind_are_named_when_given_and_noted_when_a_function_gives_them(trace, made):
    feed(lambda value: regions(made(value)))
    feed(lambda value: trace.regroup({"image": {"image 1": made(value)}}))
    for value in wrong_values()[::7]:
        again = trace.regroup({"image": {"image 1": lambda _, value=value: made(value)}})
        assert any(each.part == 1 for each in again.source_records)


def test_settings_of_detections_of_the_wrong_kind_are_named():
    feed(lambda value: regions({**DETECTED, "labels": [1]}, names=value))
    feed(lambda value: regions({**DETECTED, "scores": [1]}, threshold=value))
    feed(lambda value: regions([{"segmentation": [[0, 0, 5, 5, 0, 5]]}], size=value))


@pytest.mark.parametrize(
    ("found", "label"),
    [
        ({"annotations": [{"bbox": [0, 0, 50, 50], "category_id": 3}], "categories": None}, "class 3"),
        ({"boxes": [[0, 0, 50, 50]], "labels": [float("nan")]}, "region 1"),
        ({"boxes": [[0, 0, 50, 50]], "labels": [None], "scores": [float("nan")]}, "region 1"),
        ([{"box": [0, 0, 50, 50], "label": float("nan"), "score": None}], "region 1"),
    ],
)
def test_what_a_detector_does_not_know_is_no_reason_to_lose_what_it_found(trace, found, label):
    again = trace.regroup({"image": {"image 1": found}})
    assert [each.label for each in again.source_records if each.part == 1] == [f"image 1, {label}"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"segmentation": np.full((240, 320), -1), "segments_info": []}, "no pieces of image 1"),
        ({"segmentation": None, "segments_info": []}, "nothing was found"),
        (
            [{"segmentation": {"counts": [10**12], "size": [10**6, 10**6]}}],
            "1000000 x 1000000 pixels .* is none of a pic",
        ),
        ([{"segmentation": {"counts": "o" * 200_000, "size": [240, 320]}}], "run lengths cannot be read"),
        ([{"segmentation": [[0, 0, 1e300, 0, 0, 1e300]]}], "a polygon has 6 values"),
    ],
)
def test_a_detector_that_found_nothing_or_nonsense_is_named_or_noted(trace, found, told):
    with pytest.raises(SettingsError, match=told):
        trace.regroup({"image": {"image 1": found}})
    noted = trace.regroup({"image": {"image 1": lambda _: found}})
    assert re.search(told, noted.parts[1].note)
    assert [each.label for each in noted.source_records if each.part == 1] == ["image 1"]


def test_transcripts_of_the_wrong_kind_are_named():
    feed(read_transcript)
    feed(lambda value: read_transcript({"segments": value}))
    for key in ("start", "end", "text", "speaker", "timestamp"):
        feed(lambda value, key=key: read_transcript([{"start": 0, "end": 1, "text": "a b", key: value}]))
    feed(lambda value: read_transcript([Segment(value, 1, "a b")]))
    feed(lambda value: read_transcript([Segment(0, 1, value, value)]))
    feed(semantic_chunks)
    for key in ("embed", "threshold", "shortest", "longest"):
        feed(lambda value, key=key: semantic_chunks([Segment(0, 1, "a."), Segment(1, 2, "b.")], **{key: value}))


def test_what_voice_activity_cannot_read_is_named():
    pytest.importorskip("silero_vad")
    samples = np.zeros(1600, np.float32)
    for value in (None, "x", [], np.zeros((2, 2)), np.array(["a"]), Hostile(), 10**400, float("nan"), True):
        with suppress(OmnitraceError):
            voice_activity(value, 16_000)
        with suppress(OmnitraceError):
            voice_activity(samples, value)
        for key in ("threshold", "shortest", "pause"):
            with suppress(OmnitraceError):
                voice_activity(samples, 16_000, **{key: value})
