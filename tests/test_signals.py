"""Signals: the registry, the formulas, and captum's method over our forward function."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from omnitrace_nb import models, signals
from omnitrace_nb.content import Text
from omnitrace_nb.errors import SignalError
from omnitrace_nb.media import load
from omnitrace_nb.passes import TeacherForced
from omnitrace_nb.signals import Step
from tests.runs import scored


@pytest.fixture
def new_name():
    yield "brand_new"
    signals.registry._SIGNALS.pop("brand_new", None)


@pytest.fixture(scope="module")
def text(toy_text):
    adapter = models.adapt(*toy_text)
    return adapter, adapter.encode(load((Text("The market was busy."),), adapter.needs, adapter.modalities))


def test_the_five_signals_are_there():
    assert {"attmean", "rawatt", "attgrads", "excess", "input_x_gradient"} <= set(signals.names())
    assert all(signals.get(name).summary for name in signals.names())


def test_an_unknown_signal_is_named_with_those_there_are():
    with pytest.raises(SignalError, match=r"unknown signal 'atmean': did you mean 'attmean'\? there are .*rawatt, "):
        signals.get("atmean")
    with pytest.raises(SignalError, match="unknown signal 3"):
        signals.get(3)


def test_a_new_signal_is_one_function_and_one_registration(text, new_name):
    @signals.register(new_name, reads={"last"})
    def first_head(step):
        """The last layer's first head."""
        return step.last[0]

    adapter, encoded = text
    got = scored(adapter, encoded, [new_name, "rawatt"], max_new_tokens=3)
    assert signals.get(new_name).summary == "The last layer's first head."
    np.testing.assert_allclose(got.scores[new_name].sum(1), 1, atol=1e-5)
    assert not np.allclose(got.scores[new_name], got.scores["rawatt"])


def test_a_new_signal_with_passes_of_its_own_is_one_function_too(text, new_name):
    @signals.register(new_name)
    def leave_one_out(forced, steps):
        """The drop of the logit when an embedding is blanked, for the first two positions."""
        whole = forced.inputs(steps)
        drops = []
        for position in range(2):
            without = whole.clone()
            without[:, position] = 0
            drops.append((forced.logits(whole, steps) - forced.logits(without, steps)).detach())
        return torch.stack(drops, 1)

    adapter, encoded = text
    got = scored(adapter, encoded, [new_name], max_new_tokens=3)
    assert got.scores[new_name][:, :2].all()
    assert not got.scores[new_name][:, 2:].any()
    assert got.seconds[new_name] > 0


def test_an_array_is_as_good_as_a_tensor_and_a_signal_says_what_it_is(text, new_name):
    @signals.register(new_name, reads={"last"})
    def first_head(step):
        """The last layer's first head."""
        return step.last[0].numpy()

    adapter, encoded = text
    got = scored(adapter, encoded, [new_name, "rawatt"], max_new_tokens=3)
    np.testing.assert_allclose(got.scores[new_name].sum(1), 1, atol=1e-5)
    assert repr(signals.get(new_name)) == "<signal brand_new: The last layer's first head.>"


def test_a_signal_over_the_whole_run_may_give_a_tensor(text, new_name):
    signals.register(new_name, over="run")(lambda run: torch.full((run.steps, 2), 0.5))
    adapter, encoded = text
    got = scored(adapter, encoded, [new_name], max_new_tokens=3)
    assert (got.scores[new_name][:, :2] == 0.5).all()
    assert not got.scores[new_name][:, 2:].any()


def test_the_packages_own_signals_are_not_replaced():
    ours = signals.get("excess")
    with pytest.raises(SignalError, match="'excess' is one of the package's own signals: give yours another name"):
        signals.register("excess", reads={"mean"})(lambda step: step.mean)
    assert signals.get("excess") is ours
    assert set(dir(signals)) == set(signals.__all__)


@pytest.mark.parametrize("reads", [{"lost"}, {"mean", "hidden"}])
def test_a_signal_cannot_read_what_no_step_has(reads):
    with pytest.raises(SignalError, match="expected some of"):
        signals.register("impossible", reads=reads)
    with pytest.raises(SignalError, match="identifier"):
        signals.register("not a name", reads={"mean"})


def test_formulas_on_numbers_done_by_hand():
    step = Step(
        mean=torch.tensor([0.5, 0.2, 0.3]),
        last=torch.tensor([[0.6, 0.1, 0.3], [0.2, 0.5, 0.3]]),
        row=torch.tensor([[0.6, 0.1, 0.3], [0.2, 0.5, 0.3]]),
        gradient=torch.tensor([[1.0, -2.0, 0.0], [-1.0, 1.0, -3.0]]),
        baseline=torch.tensor([0.4, 0.3, 0.0]),
    )
    given = {name: signals.get(name).score(step) for name in ("attmean", "rawatt", "attgrads", "excess")}
    torch.testing.assert_close(given["attmean"], torch.tensor([0.5, 0.2, 0.3]))
    torch.testing.assert_close(given["rawatt"], torch.tensor([0.4, 0.3, 0.3]))
    # The mean over heads comes first: (0.6 - 0.2) / 2, (-0.2 + 0.5) / 2, -0.9 / 2.
    torch.testing.assert_close(given["attgrads"], torch.tensor([0.2, 0.15, 0.0]))
    torch.testing.assert_close(given["excess"], torch.tensor([0.1, 0.0, 0.3]))


def test_a_step_sees_nothing_that_comes_after_it(omni, mixed):
    names = ("attmean", "rawatt", "attgrads", "excess", "input_x_gradient")
    got = scored(omni, mixed, names, max_new_tokens=6)
    n = len(mixed.layout)
    for name, rows in got.scores.items():
        assert rows.shape == (6, n + 6)
        assert rows.dtype == np.float32
        for step in range(6):
            assert not rows[step, n + step :].any(), name
            # The first step's row is the baseline's only row here.
            assert rows[step, : n + step].any() or (name, step) == ("excess", 0)


def test_attention_signals_sum_to_one_over_every_earlier_position(omni, mixed):
    got = scored(omni, mixed, ["attmean", "rawatt"], max_new_tokens=6)
    for rows in got.scores.values():
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)


def test_input_x_gradient_is_the_models_own_gradient_on_every_modality(omni, mixed):
    """Truth: plain autograd through the model's own forward, media and all, hooked at its input embeddings."""
    settings = {"max_new_tokens": 4, "suppress_tokens": list(range(10))}
    got = scored(omni, mixed, ["input_x_gradient"], **settings)
    n = len(mixed.layout)
    for step, token in enumerate(got.token_ids.tolist()):
        ids = torch.cat([mixed.inputs["input_ids"], torch.as_tensor(got.token_ids[None, :step])], 1)
        positions = mixed.inputs["position_ids"]
        positions = torch.cat([positions, positions[..., -1:] + torch.arange(1, step + 1)], -1)
        inputs = {**mixed.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids), "position_ids": positions}
        kept = []

        def keep(_module, _args, kwargs, kept=kept):
            kept.append(kwargs["inputs_embeds"].detach().requires_grad_())
            return (), {**kwargs, "inputs_embeds": kept[0]}

        hook = omni.decoder().register_forward_pre_hook(keep, with_kwargs=True)
        logits = omni.model(**inputs, use_cache=False).logits
        hook.remove()
        (gradient,) = torch.autograd.grad(logits[0, -1, token], kept[0])
        wanted = (gradient * kept[0])[0].sum(-1).detach().numpy()
        scores = got.scores["input_x_gradient"][step, : n + step]
        np.testing.assert_allclose(scores, wanted, atol=2e-4 * abs(wanted).max())
    media = mixed.layout.modality > 1
    assert got.scores["input_x_gradient"][:, :n][:, media].any()


def test_teacher_forced_logits_do_not_depend_on_the_batch(omni, mixed):
    response = torch.tensor([50, 60, 70, 80])
    forced = TeacherForced.of(omni, mixed, response)
    steps = torch.arange(4)
    with torch.no_grad(), forced.running():
        together = forced.logits(forced.inputs(steps), steps)
        apart = [forced.logits(forced.inputs(steps[i : i + 1]), steps[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-4, rtol=1e-4)


def test_passes_that_are_interrupted_keep_their_rows_and_say_so(text, monkeypatch, new_name):
    adapter, encoded = text
    monkeypatch.setattr("omnitrace_nb.passes.batches.PASS_TOKENS", 1)

    @signals.register(new_name)
    def logit(forced, steps):
        """The token's logit, at every position."""
        inputs = forced.inputs(steps)
        return forced.logits(inputs, steps)[:, None].detach().expand(-1, inputs.shape[1])

    names = (new_name, "attmean")
    whole = scored(adapter, encoded, names, max_new_tokens=5)
    forward, calls = TeacherForced.logits, []

    def interrupted_at_the_third(self, embeddings, steps):
        calls.append(steps)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(self, embeddings, steps)

    monkeypatch.setattr(TeacherForced, "logits", interrupted_at_the_third)
    got = scored(adapter, encoded, names, max_new_tokens=5)
    assert got.notes[new_name].items() >= {"steps": 2, "interrupted": True, "forwards": 2}.items()
    assert got.stopped == "length"
    np.testing.assert_allclose(got.scores[new_name][:2], whole.scores[new_name][:2], rtol=1e-5)
    assert not got.scores[new_name][2:].any()
    np.testing.assert_array_equal(got.scores["attmean"], whole.scores["attmean"])
    assert all(weight.requires_grad for weight in adapter.model.parameters())
