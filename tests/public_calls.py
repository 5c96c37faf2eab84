# ruff: noqa: ARG005 - the rows of the table have one shape
"""Every public call, and how it is fed values of the wrong kind: here, or in the test that is named."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import torch

import omnitrace_nb as ot
from omnitrace_nb import speech
from omnitrace_nb.charts import offline
from omnitrace_nb.models.loading import EMBEDDED
from omnitrace_nb.view.piece import Piece

LOOP: list = []
LOOP.append(LOOP)


class Odd:
    """An object that can do nothing, and whose comparison with anything has no truth."""

    __hash__ = None

    def __eq__(self, _other):  # noqa: D105 - as above
        return np.zeros(2) == 0


WRONG = {
    "None": None,
    "True": True,
    "-1": -1,
    "7": 7,
    "a huge int": 10**400,
    "an int of 5000 digits": 10**5000,
    "2.5": 2.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a complex": 1j,
    "bytes": b"\xff\x00",
    "no words": "",
    "words": "no such thing",
    "half a character": "\ud800",
    "a null": "a\0b",
    "an empty list": [],
    "a list of ints": [1, 2],
    "nested lists": [[1], ["a", [None]]],
    "a list within itself": LOOP,
    "a tuple of None": (None,),
    "a set": {1, "a"},
    "an empty dict": {},
    "a dict without string keys": {1: 2, None: 3},
    "a dict of words": {"a": "b"},
    "floats": np.zeros((2, 3)),
    "no numbers": np.array([object(), None]),
    "words of numpy": np.array(["a", "b"]),
    "a float of numpy": np.float32(0.5),
    "dates": np.zeros(2, "M8[s]"),
    "a tensor": torch.zeros(2),
    "a stream of text": io.StringIO("a"),
    "a stream": io.BytesIO(b"a"),
    "a path": Path("gone.omnitrace"),
    "an object": object(),
    "an odd object": Odd(),
    "a class": int,
    "a function": lambda *_: None,
    "an exception": ValueError("a"),
}


FROM_PRETRAINED = (
    *("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder", "gguf_file", "variant"),
    *("attn_implementation", "quantization_config", "config", "max_memory", "offload_folder", "state_dict", "tp_plan"),
    *("key_mapping", "use_safetensors", "low_cpu_mem_usage", "weights_only", "ignore_mismatched_sizes", "proxies"),
    *("adapter_kwargs", "output_loading_info", "generation_config", "device_mesh", "unknown"),
)
COMPARED = ("signals", "settings", "names", "mode", "reference", "pinned", "unknown")


def tries(call, *required, also=(), **usual):
    """Give the calls of an entry: each of its arguments wrong in turn, the others as usual."""
    names = [*required, *usual, *also]
    return [(name, lambda wrong, name=name: call(**{**usual, name: wrong})) for name in names]


ENTRIES = {
    "Text": lambda tracer, trace: tries(ot.Text, text="a", also=("label", "role", "id", "title")),
    "Image": lambda tracer, trace: tries(ot.Image, source=b"a", also=("max_pixels", "min_pixels", "resized", "role")),
    "Audio": lambda tracer, trace: tries(ot.Audio, source=b"a", also=("sampling_rate", "start", "end")),
    "Video": lambda tracer, trace: tries(ot.Video, source=b"a", also=("fps", "audio", "sampling_rate", "total_pixels")),
    "Sample": lambda tracer, trace: tries(lambda parts: tracer.estimate(ot.Sample(1, parts, {})), "parts"),
    "CurationSettings": lambda tracer, trace: tries(ot.CurationSettings, also=ot.CurationSettings.__slots__),
    "read_samples": lambda tracer, trace: tries(ot.read_samples, "path"),
    "example": lambda tracer, trace: tries(lambda question: tracer.estimate(ot.example(question)), "question"),
    "display": lambda tracer, trace: tries(shown, "mode"),
    "TraceView": lambda tracer, trace: tries(
        ot.TraceView, trace=trace, also=("signals", "signal", "pinned", "settings", "playground", "unknown")
    ),
    "tracer.estimate": lambda tracer, trace: tries(tracer.estimate, content="Hi", signals="attmean"),
    "tracer.attribute": lambda tracer, trace: tries(
        tracer.attribute, trace=trace, signal="attmean", progress=False, also=("target", "against", "content")
    ),
    "tracer.finished": lambda tracer, trace: tries(tracer.finished, trace=trace, progress=False, also=("content",)),
    "trace.scores": lambda tracer, trace: tries(trace.scores, "signal"),
    "trace.earlier": lambda tracer, trace: tries(trace.earlier, "signal"),
    "trace.mass": lambda tracer, trace: tries(trace.mass, signal="attmean", also=("assign",)),
    "trace.curate": lambda tracer, trace: tries(trace.curate, also=(*ot.CurationSettings.__slots__, "unknown")),
    "trace.votes": lambda tracer, trace: tries(trace.votes, signal="attmean", also=("assign", "gamma", "unknown")),
    "trace.agreement": lambda tracer, trace: [
        ("signal", trace.agreement),
        ("second", lambda wrong: trace.agreement("attmean", wrong)),
        ("top", lambda wrong: trace.agreement("attmean", "rawatt", top=wrong)),
    ],
    "trace.source": lambda tracer, trace: tries(trace.source, "which"),
    "trace.attribute": lambda tracer, trace: tries(trace.attribute, signal="attmean", also=("target",)),
    "signals.get": lambda tracer, trace: tries(ot.signals.get, "name"),
    "signals.add": lambda tracer, trace: tries(ot.signals.add, "signal"),
    "signals.register": lambda tracer, trace: tries(
        lambda **given: ot.signals.register(**given)(len),
        name="mine",
        also=("reads", "over", "family", "cost", "source", "signed"),
    ),
    "signals.attention": lambda tracer, trace: tries(ot.signals.attention, also=("layers", "heads", "reduce")),
    "signals.excess": lambda tracer, trace: tries(ot.signals.excess, also=("layers", "heads", "rows", "times")),
    "signals.excess_grads": lambda tracer, trace: tries(ot.signals.excess_grads, also=("layers", "heads", "rows")),
    "signals.saliency": lambda tracer, trace: tries(ot.signals.saliency, also=("per", "of")),
    "signals.input_x_gradient": lambda tracer, trace: tries(ot.signals.input_x_gradient, also=("per", "of")),
    "signals.integrated_gradients": lambda tracer, trace: tries(
        ot.signals.integrated_gradients, also=("steps", "per", "of", "baseline")
    ),
    "signals.gradient_shap": lambda tracer, trace: tries(
        ot.signals.gradient_shap, also=("samples", "noise", "per", "of", "baseline", "seed")
    ),
    "signals.deeplift": lambda tracer, trace: tries(ot.signals.deeplift, also=("per", "of", "baseline")),
    "signals.noise_tunnel": lambda tracer, trace: tries(
        ot.signals.noise_tunnel, signal="saliency", also=("samples", "noise", "kind", "seed")
    ),
    "signals.ablate": lambda tracer, trace: tries(
        ot.signals.ablate, method="shapley", also=("operator", "samples", "seed", "per")
    ),
    "signals.embed": lambda tracer, trace: tries(ot.signals.embed, encoder=len, also=("threshold", "reads", "name")),
    "controls.get": lambda tracer, trace: tries(ot.controls.get, "name"),
    "controls.minus": lambda tracer, trace: tries(ot.controls.minus, also=("what", "foils", "per")),
    "controls.detrend": lambda tracer, trace: tries(ot.controls.detrend, "degree"),
    "controls.sinks": lambda tracer, trace: tries(ot.controls.sinks, scores=np.ones((3, 4)), times=2.0, steps=0.5),
    "controls.sinks_above": lambda tracer, trace: tries(ot.controls.sinks_above, also=("times", "steps")),
    "tracer.trace": lambda tracer, trace: tries(
        tracer.trace,
        content="Hi",
        signals="attmean",
        max_new_tokens=2,
        progress=False,
        also=(
            *("sources", "statements", "curation", "first_step", "live", "seed", "chat_template_kwargs", "tools"),
            *("enable_thinking", "response", "unknown"),
        ),
    ),
    "tracer.add": lambda tracer, trace: tries(
        tracer.add, trace=trace, signals="random", progress=False, also=("content",)
    ),
    "tracer.verify": lambda tracer, trace: tries(
        tracer.verify, trace=trace, top=1, progress=False, also=("operator", "signal", "seed", "content")
    ),
    "tracer.input_map": lambda tracer, trace: tries(
        tracer.input_map, trace=trace, progress=False, also=("method", "target", "content")
    ),
    "Tracer": lambda tracer, trace: tries(lambda adapter: ot.Tracer(adapter).trace("Hi", max_new_tokens=1), "adapter"),
    "load": lambda tracer, trace: [
        *tries(ot.load, "model", also=("device", "dtype", "max_positions", "trust_remote_code", "processor")),
        *tries(partial(ot.load, str(EMBEDDED)), also=("device_map", "processor", *FROM_PRETRAINED)),
        ("of a model: processor", lambda wrong: ot.load(tracer.adapter.model, wrong)),
    ],
    "check_adapter": lambda tracer, trace: tries(ot.check_adapter, tracer=tracer, checks=["tokens"], also=("content",)),
    "open": lambda tracer, trace: tries(ot.open, path=io.BytesIO(), also=("max_bytes",)),
    "compare": lambda tracer, trace: [
        ("traces", ot.compare),
        ("second", lambda wrong: ot.compare(trace, wrong)),
        ("unknown", lambda wrong: ot.compare(trace, unknown=wrong)),
    ],
    "CompareView": lambda tracer, trace: tries(ot.CompareView, traces=[trace], also=COMPARED),
    "CompareView.to_html": lambda tracer, trace: tries(trace.compare().to_html, "path"),
    "TraceView.show": lambda tracer, trace: tries(trace.view().show, "trace"),
    "trace.compare": lambda tracer, trace: [
        ("signals", trace.compare),
        ("unknown", lambda wrong: trace.compare(unknown=wrong)),
    ],
    "trace.view": lambda tracer, trace: tries(trace.view, also=("signal", "unknown")),
    "trace.save": lambda tracer, trace: tries(trace.save, path=io.BytesIO(), also=("embed_media",)),
    "trace.to_json": lambda tracer, trace: [
        *tries(trace.to_json, also=("path", "format", "signal", "sample")),
        *tries(partial(trace.to_json, format="paper"), also=("signal", "sample")),
    ],
    "trace.to_html": lambda tracer, trace: tries(trace.to_html, also=("path", "signals", "signal", "pinned")),
    "trace.to_markdown": lambda tracer, trace: tries(trace.to_markdown, also=("path", "signal")),
    "trace.to_png": lambda tracer, trace: tries(
        trace.to_png, also=("path", "statement", "signal", "theme", "width", "scale", "font")
    ),
    "trace.odd": lambda tracer, trace: tries(trace.odd, "signal"),
    **{
        f"charts.{name}": lambda tracer, trace, name=name: tries(getattr(trace.charts, name), "signal")
        for name in ("sources", "modalities", "steps", "confidence", "positions")
    },
    "charts.agreement": lambda tracer, trace: [
        ("signal", trace.charts.agreement),
        *tries(partial(trace.charts.agreement, "attmean", "rawatt"), "top"),
    ],
    "charts.offline": lambda tracer, trace: tries(offline, "chart"),
    "Piece.of": lambda tracer, trace: tries(Piece.of, trace=trace, which=0),
    "signals.fit_heads": lambda tracer, trace: tries(
        ot.signals.fit_heads,
        tracer=tracer,
        prompts=[trace],
        masks=3,
        progress=False,
        also=("over", "operator", "keep", "per", "penalty", "seed"),
    ),
    "signals.Signal": lambda tracer, trace: [
        *tries(
            lambda **given: tracer.trace("Hi", ot.signals.Signal(**given), max_new_tokens=2, progress=False),
            name="mine",
            summary="",
            credit=lambda run: np.zeros((run.steps, run.width)),
        )[:2],
        *tries(
            ot.signals.Signal,
            name="mine",
            summary="",
            credit=len,
            also=("family", "cost", "source", "signed", "reads", "score", "explain", "controls", "label"),
        ),
    ],
    "signals.Signal.named": lambda tracer, trace: tries(ot.signals.get("attmean").named, "label"),
    "signals.Heads": lambda tracer, trace: tries(ot.signals.Heads, weights=np.ones((2, 2)), also=("over",)),
    "signals.Heads.signal": lambda tracer, trace: tries(ot.signals.Heads(np.ones((2, 2))).signal, "name"),
    "signals.Heads.save": lambda tracer, trace: tries(ot.signals.Heads(np.ones((2, 2))).save, "path"),
    "signals.Heads.load": lambda tracer, trace: tries(ot.signals.Heads.load, "path"),
    "controls.Control": lambda tracer, trace: tries(
        lambda **given: ot.signals.get("random") | ot.controls.Control(**given),
        name="mine",
        summary="",
        apply=lambda scores, run, signal: scores,
    ),
    "speech.Segment": lambda tracer, trace: tries(
        lambda **given: speech.read_transcript([speech.Segment(**given)]), t0=0, t1=1, text="a", also=("speaker",)
    ),
    "speech.in_chunks": lambda tracer, trace: tries(speech.in_chunks, "recognizer"),
    "speech.whisper": lambda tracer, trace: tries(speech.whisper, "model"),
    "speech.paraformer": lambda tracer, trace: tries(speech.paraformer, "model"),
    "speech.scribe": lambda tracer, trace: tries(speech.scribe, "client", also=("model",)),
}


# Of calls that take long, each argument is fed every so many kinds, begun at another one for each argument.
EVERY = {"load": 13, "CompareView": 12, "CompareView.to_html": 8, "trace.to_png": 4, "TraceView": 6, "tracer.trace": 5}
EVERY |= {"signals.Signal": 2, "signals.fit_heads": 5, "check_adapter": 4, "tracer.verify": 4, "trace.to_html": 4}
EVERY |= {"tracer.input_map": 5, "trace.view": 3, "speech.whisper": 3, "tracer.add": 3}

# Fed elsewhere: in other tests, each by its own kinds of values.
ELSEWHERE = {
    "trace.regroup": "test_wrong_kinds.py::test_a_cut_of_the_wrong_kind_is_named",
    "SourceOptions": "test_wrong_kinds.py::test_a_cut_of_the_wrong_kind_is_named",
    "speech.read_transcript": "test_wrong_kinds.py::test_transcripts_of_the_wrong_kind_are_named",
    "speech.semantic_chunks": "test_wrong_kinds.py::test_transcripts_of_the_wrong_kind_are_named",
    "speech.voice_activity": "test_wrong_kinds.py::test_what_voice_activity_cannot_read_is_named",
}

# Made by the package and handed out, or called by it: what a user is given, not what a user calls.
WITHIN = {
    "Trace": "made by the package",
    **dict.fromkeys(("trace.build", "trace.with_scores", "trace.with_verification"), "how the package makes a trace"),
    **dict.fromkeys(("trace.reading", "trace.tail", "trace.continue_from", "trace.continues"), "for views"),
    **dict.fromkeys(("TraceView.set_state", "CompareView.set_state"), "called by ipywidgets with what its page sends"),
    **dict.fromkeys(("signals.Finished", "signals.Step", "signals.TeacherForced"), "handed to a signal's function"),
    "charts.Charts": "made by trace.charts",
    "signals.Control": "the same as controls.Control, which is fed here",
    "speech.pocketsphinx": "its options are its decoder's, read when a film or sound is heard",
    "signals.Need": "numbers that a signal's function gives: any are taken",
    "signals.Signal.scored": "called by the decode",
    "signals.Signal.explained": "called by the passes",
}


def shown(mode):
    with ot.display(mode):
        pass
