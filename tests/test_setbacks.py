"""What happens when something goes wrong after a decode: the response and every finished signal are kept."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb import controls, models, signals
from omnitrace_nb.ablation import explainers
from omnitrace_nb.errors import SettingsError, SignalError

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
SHORT = {"max_new_tokens": 4, "min_new_tokens": 4, "progress": False}


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))


def interrupt(*_args, **_given):
    raise KeyboardInterrupt


def out_of_memory(*_args, **_given):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def media_embedding(monkeypatch, tracer):
    monkeypatch.setattr(tracer.adapter, "embed", interrupt, raising=False)
    return signals.get("input_x_gradient")


def lasso_fit(monkeypatch, _tracer):
    monkeypatch.setitem(explainers.EXPLAINERS, "contextcite", interrupt)
    return signals.get("contextcite")


def encoder(_monkeypatch, _tracer):
    return signals.embed(interrupt)


def signal_of_ones_own(_monkeypatch, _tracer):
    signals.register("own", over="run")(interrupt)
    return signals.get("own")


def control(_monkeypatch, _tracer):
    return signals.get("rawatt") | controls.Control("stopped", "is interrupted", interrupt)


PLACES = [media_embedding, lasso_fit, encoder, signal_of_ones_own, control]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_an_interrupt_anywhere_after_the_decode_gives_the_trace_with_what_is_finished(tracer, monkeypatch, place):
    whole = tracer.trace(PROMPT, ["random", "attmean"], **SHORT)
    stopped = place(monkeypatch, tracer)
    trace = tracer.trace(PROMPT, ["random", stopped, "attmean", "routes"], **SHORT)
    assert trace.response == whole.response
    for name in whole.signals:  # finished, or read from the decode itself
        np.testing.assert_array_equal(trace.mass(name), whole.mass(name))
    for name in (stopped.label, "routes"):  # interrupted, and never begun
        assert trace.run.signals[name].items() >= {"steps": 0, "interrupted": True}.items()
        assert not trace.mass(name).any()


def test_an_interrupted_addition_keeps_the_traces_other_signals(tracer):
    trace = tracer.trace(PROMPT, "attmean", **SHORT)
    more = tracer.add(trace, [signals.embed(interrupt), "rollout"], progress=False)
    assert more.run.signals["rollout"].items() >= {"steps": 0, "interrupted": True}.items()
    np.testing.assert_array_equal(more.mass("attmean"), trace.mass("attmean"))


def test_a_response_without_steps_can_be_interrupted_too(tracer):
    run = tracer.finished(tracer.trace(PROMPT, "attmean", **SHORT))
    empty = run.but(response=ot.alignment.align([], [], [], "length"), statement_of=None, weights=None, statements=())
    scored = ot.passes.score(empty, [signals.embed(interrupt) | controls.Control("stopped", "", interrupt)])
    (scores,) = scored.scores.values()
    assert scores.shape == (0, empty.width)


def test_a_method_that_the_model_does_not_allow_is_refused_before_the_decode(tracer, monkeypatch):
    trace = tracer.trace(PROMPT, "attmean", **SHORT)
    noisy = signals.noise_tunnel(signals.get("deeplift"))
    with monkeypatch.context() as untouched:
        untouched.setattr(tracer.adapter.model, "generate", lambda **_: pytest.fail("the model was run before"))
        untouched.setattr(tracer.adapter.model, "forward", lambda **_: pytest.fail("the model was run before"))
        for refused in ("deeplift", noisy, signals.get("deeplift") | controls.per_token):
            with pytest.raises(SignalError, match="DeepLIFT"):
                tracer.trace(PROMPT, ["attmean", refused], **SHORT)
            with pytest.raises(SignalError, match="DeepLIFT"):
                tracer.add(trace, ["saliency", refused], progress=False)


def test_a_signal_that_turns_out_to_be_impossible_after_the_decode_does_not_take_the_others_along(tracer):
    @signals.register("impossible", over="run")
    def impossible(_run):
        raise SignalError("not with this response")

    whole = tracer.trace(PROMPT, ["attmean", "rollout"], **SHORT)
    with pytest.warns(RuntimeWarning, match=r"impossible failed.*: not with this response"):
        trace = tracer.trace(PROMPT, ["attmean", "impossible", "rollout"], **SHORT)
    assert trace.run.signals["impossible"] == {"steps": 0, "failed": "not with this response"}
    assert not trace.mass("impossible").any()
    for name in whole.signals:
        np.testing.assert_array_equal(trace.mass(name), whole.mass(name))
    with pytest.raises(SignalError, match="not with this response"):
        tracer.add(whole, "impossible", progress=False)


def test_a_pass_that_does_not_fit_the_memory_leaves_the_trace_of_the_decode(tracer, tmp_path):
    signals.register("large", over="run")(out_of_memory)
    with pytest.warns(RuntimeWarning, match=r"large failed.*Tried to allocate 20.00 GiB"):
        trace = tracer.trace(PROMPT, ["large", "attmean"], **SHORT)
    assert trace.mass("attmean").any()
    again = ot.open(trace.save(tmp_path / "kept"))
    assert "20.00 GiB" in again.run.signals["large"]["failed"]
    with pytest.raises(torch.OutOfMemoryError):
        tracer.add(trace, "large", progress=False)


def test_a_control_that_fails_is_told_like_its_signal(tracer):
    picky = controls.Control("picky", "fails", lambda scores, _run, _signal: scores[:1])
    with pytest.warns(RuntimeWarning, match=re.escape("attmean|picky failed")):
        trace = tracer.trace(PROMPT, ["attmean", signals.get("attmean") | picky], **SHORT)
    assert not trace.mass("attmean|picky").any()
    assert trace.mass("attmean").any()


def test_a_mistake_in_the_code_of_a_signal_is_not_hidden(tracer):
    signals.register("wrong", over="run")(lambda _run: {}["no such key"])
    with pytest.raises(KeyError, match="no such key"):
        tracer.trace(PROMPT, ["attmean", "wrong"], **SHORT)


@pytest.mark.parametrize("given", ["x", None, PROMPT, np.zeros(1000)], ids=["text", "none", "prompt", "array"])
def test_what_is_done_with_a_trace_says_so_when_it_is_given_something_else(tracer, given):
    for asked in (
        lambda: tracer.verify(given),
        lambda: tracer.attribute(given, "attmean"),
        lambda: tracer.attribute(given, "leave_one_out"),
        lambda: tracer.add(given, "attmean"),
        lambda: tracer.input_map(given),
        lambda: tracer.finished(given),
    ):
        with pytest.raises(SettingsError, match=r"expected a Trace, as tracer.trace\(...\)"):
            asked()
