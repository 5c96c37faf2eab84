# ruff: noqa: ARG005 - the rows of the table have one shape
"""No public call ends in a foreign exception, whatever is given to it: it works, or is an `OmnitraceError`."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import omnitrace_nb as ot

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


@pytest.fixture(scope="module")
def tracer(embedded):
    return embedded


@pytest.fixture(scope="module")
def trace(embedded):
    prompt = ["Mia sells honey. Hugo sells clocks.", ot.Image(np.zeros((56, 56, 3), np.uint8)), "What does Mia sell?"]
    return embedded.trace(prompt, signals=["attmean", "rawatt"], max_new_tokens=4, progress=False)


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
    "load": lambda tracer, trace: tries(ot.load, also=("device", "dtype")),
    "TraceView": lambda tracer, trace: tries(
        ot.TraceView, trace=trace, also=("signals", "signal", "pinned", "settings", "playground", "unknown")
    ),
    "compare": lambda tracer, trace: [
        ("traces", ot.compare),
        ("second", lambda wrong: ot.compare(trace, wrong)),
    ],
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
    "controls.sinks_above": lambda tracer, trace: tries(ot.controls.sinks_above, also=("times", "steps")),
}


def shown(mode):
    with ot.display(mode):
        pass


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_public_call_ends_in_a_foreign_exception(entry, tracer, trace):
    foreign = []
    for argument, call in ENTRIES[entry](tracer, trace):
        for name, wrong in WRONG.items():
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                try:
                    call(wrong)
                except ot.OmnitraceError as error:
                    assert 10 < len(str(error)) < 3000, f"{entry}({argument}={name}): {error}"  # noqa: PT017 - or works
                except Exception as error:  # noqa: BLE001 - what is looked for
                    foreign.append(f"{argument}={name}: {type(error).__name__}: {str(error)[:100]}")
    assert not foreign, "\n".join(foreign)
