"""A signal or control of the user's that writes into what it is given spoils nothing for the signals beside it."""

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from omnitrace_nb import controls, passes, signals
from omnitrace_nb.capture import Signal
from omnitrace_nb.capture.signal import Step, is_ours
from omnitrace_nb.errors import SignalError
from tests.bare import bare, prompt
from tests.runs import finished, scored

ONLINE = ("attmean", "rawatt", "excess")
ALL = {"mean", "last", "baseline", "rows", "norms"}


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))


@pytest.fixture(scope="module")
def llama():
    return bare(LlamaForCausalLM, LlamaConfig)


def alone(adapter, names=ONLINE):
    return scored(adapter, prompt(), names, baseline=np.array([19, 20]), max_new_tokens=5).scores


def assert_alike(one, other):
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("by", ["torch", "numpy"])
def test_a_signal_that_writes_into_every_reading_leaves_those_after_it_alone(llama, by):
    before = alone(llama)

    @signals.register("greedy", reads=ALL)
    def greedy(step):
        found = step.mean.clone()
        for name in ("mean", "last", "baseline", "rows", "norms"):
            reading = getattr(step, name)
            if by == "torch":
                reading.mul_(0).sub_(7)
            else:  # nothing of torch's notices this
                reading.numpy()[...] = -7
        return found

    together = alone(llama, ("greedy", *ONLINE))
    assert_alike(before, {name: together[name] for name in ONLINE})
    np.testing.assert_array_equal(together["greedy"], before["attmean"])


def test_a_signal_that_fills_one_tensor_at_every_step_keeps_its_earlier_scores(llama):
    held = torch.zeros(100)

    @signals.register("same_tensor", reads="mean")
    def same_tensor(step):
        held[: len(step.mean)] = step.mean
        return held[: len(step.mean)]

    together = alone(llama, ("same_tensor", "attmean"))
    np.testing.assert_array_equal(together["same_tensor"], together["attmean"])


def spoil_embeddings(run):
    run.forced.embeddings.mul_(0)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda run: run.response.token_ids.fill(0), r"response\.token_ids"),
        (lambda run: run.statement_of.fill(3), "statement_of"),
        (lambda run: run.weights.fill(0), "weights"),
        (lambda run: run.baseline.fill(0), "baseline"),
        (lambda run: run.encoded.layout.part.fill(1), r"encoded\.layout\.part"),
        (lambda run: run.encoded.inputs["input_ids"].zero_(), r"encoded\."),
        (spoil_embeddings, "forced"),
    ],
    ids=["tokens", "statements", "weights", "baseline", "layout", "inputs", "embeddings"],
)
def test_a_signal_over_the_run_that_writes_into_it_is_named_and_the_run_is_as_before(llama, spoil, named):
    encoded, tokens = prompt(), scored(llama, prompt(), ("attmean",), max_new_tokens=4).token_ids
    run = finished(llama, encoded, tokens, baseline=np.array([19, 20]))
    wanted = passes.score(run, [signals.get("attmean"), signals.get("input_x_gradient")]).scores

    @signals.register("vandal", over="run")
    def vandal(run):
        spoil(run)
        return np.zeros((run.steps, run.width), np.float32)

    with pytest.raises(SignalError, match=f"'vandal' writes into the run that it is given .*{named}.*copy"):
        passes.score(run, [signals.get("vandal")])
    kept = passes.score(run, [signals.get(name) for name in ("vandal", "attmean", "input_x_gradient")], forgiving=True)
    # Embeddings that the signal itself was the first to ask for are thrown away with what it wrote there.
    assert (spoil is spoil_embeddings) or "writes into the run" in kept.notes["vandal"]["failed"]
    assert_alike(wanted, {name: kept.scores[name] for name in wanted})


def test_a_signal_over_steps_that_writes_into_the_embeddings_is_named(llama):
    @signals.register("vandal")
    def vandal(forced, steps):
        forced.embeddings.zero_()
        return torch.zeros(len(steps), 3)

    before = alone(llama, ("input_x_gradient",))
    with pytest.raises(SignalError, match="'vandal' writes into the run"):
        alone(llama, ("vandal", "input_x_gradient"))
    assert_alike(before, alone(llama, ("input_x_gradient",)))


def test_a_control_that_writes_into_the_scores_changes_its_own_alone(llama):
    def halve(found, _run, _signal):
        found /= 2
        return found

    before = alone(llama, ("attmean",))
    halved = signals.get("attmean") | controls.Control("halved", "half", halve)
    together = alone(llama, (halved, "attmean"))
    np.testing.assert_array_equal(together["attmean"], before["attmean"])
    np.testing.assert_array_equal(together["attmean|halved"], before["attmean"] / 2)


def test_the_packages_own_signals_are_given_the_readings_themselves():
    step = Step(mean=torch.ones(3))
    seen = []
    ours = signals.get("attmean")
    assert is_ours(ours.score)
    assert ours.scored(step, 3).data_ptr() == step.mean.data_ptr()
    mine = Signal("mine", "", reads=frozenset({"mean"}), score=lambda step: seen.append(step.mean) or step.mean)
    mine.scored(step, 3)
    assert seen[0].data_ptr() != step.mean.data_ptr()
