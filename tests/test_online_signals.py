"""Online signals over every layer and head, against full eager forwards of the same model and their autograd."""

from __future__ import annotations

import doctest
import gc
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from transformers import (
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
)

import omnitrace_nb as ot
from omnitrace_nb import passes, signals
from omnitrace_nb.capture import Signal, Step, decode
from omnitrace_nb.capture.selection import Selection
from omnitrace_nb.errors import SignalError
from tests.bare import SMALL, bare, prompt
from tests.planted import planted_run
from tests.runs import scored
from tests.test_capture import FAMILIES, eager_forward, plain


class Kept:
    """A signal that keeps the steps it is shown."""

    def __init__(self, *reads):
        """Say what it reads."""
        self.steps = []
        self.signal = Signal("kept", "Keeps what it reads.", reads=frozenset(reads), score=self.score)

    def score(self, step):
        """Keep the step; give any score."""
        self.steps.append(step)
        return step.last.mean(0)


def kept(adapter, encoded, *reads, steps=5, **settings):
    """Decode, and give the tokens and the steps."""
    keeper = Kept(*reads)
    got = decode(adapter, encoded, [keeper.signal], progress=False, max_new_tokens=steps, **settings)
    assert got.token_ids.tolist() == plain(
        adapter, encoded, max_new_tokens=steps, **{k: v for k, v in settings.items() if k == "suppress_tokens"}
    )
    return got.token_ids, keeper.steps


def exact(adapter, encoded, tokens, step):
    """Rows and gradients of every layer by one full eager forward over what a step saw: `[layers, heads, p]` each."""
    response = torch.as_tensor(tokens)
    logits, attentions = eager_forward(adapter, encoded, response[:step])
    gradients = torch.autograd.grad(logits[-1, response[step]], attentions)
    rows = torch.stack([each[0, :, -1].detach().float() for each in attentions])
    return rows, torch.stack([each[0, :, -1].float() for each in gradients])


def assert_rows_and_gradients_exact(adapter, encoded, tolerance=1e-5, **settings):
    tokens, steps = kept(adapter, encoded, "rows", "gradients", **settings)
    for number, step in enumerate(steps):
        rows, gradients = exact(adapter, encoded, tokens, number)
        torch.testing.assert_close(step.rows, rows, atol=tolerance, rtol=0)
        torch.testing.assert_close(step.own, rows, atol=tolerance, rtol=0)
        for layer, wanted in enumerate(gradients):
            # The full forward has gradients of positions that a mask hides; a row of 0 carries nothing.
            seen = rows[layer] > 0
            scale = wanted[seen].abs().max()
            torch.testing.assert_close(
                step.gradients[layer][seen] / scale,
                wanted[seen] / scale,
                atol=tolerance,
                rtol=0,
                msg=f"{number} {layer}",
            )


@pytest.fixture(scope="module")
def llama():
    return bare(LlamaForCausalLM, LlamaConfig)


def test_rows_and_gradients_of_every_layer_are_a_full_forwards_on_text_picture_sound_and_film(omni, mixed):
    assert_rows_and_gradients_exact(omni, mixed, suppress_tokens=list(range(10)))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_and_gradients_of_every_layer_are_a_full_forwards_with(family):
    kind, config, changes = FAMILIES[family]
    assert_rows_and_gradients_exact(bare(kind, config, **changes), prompt())


def test_what_a_step_shows_is_free_of_autograds_graph(llama):
    _, steps = kept(llama, prompt(), "gradients", "rows", steps=8)
    assert len(steps) == 8
    assert not any(each.requires_grad for step in steps for each in (step.gradients, step.own, step.rows, step.last))


def test_the_graph_of_a_step_does_not_outlive_it(llama):
    """Or every step would hold all those before it."""

    def graphs():
        gc.collect()
        return sum(type(each) is torch.Tensor and each.grad_fn is not None for each in gc.get_objects())

    def count(_ids, scores):
        counts.append(graphs())
        return scores

    before, counts = graphs(), []  # other tests' modules may hold graphs of their own
    keeper = [signals.get("attgrads_all")]
    decode(llama, prompt(), keeper, progress=False, max_new_tokens=6, logits_processor=[count])
    assert counts[0] == before
    assert len(set(counts[2:])) == 1
    assert counts[2] > before  # the step's own graph waits for its token


def test_the_last_layers_gradients_are_those_of_attgrads(llama):
    _, steps = kept(llama, prompt(), "gradients")
    got = decode(llama, prompt(), [signals.get("attgrads")], progress=False, max_new_tokens=5)
    for number, step in enumerate(steps):
        wanted = (step.gradients[-1] * step.own[-1]).mean(0).clamp(min=0)
        np.testing.assert_allclose(got.scores["attgrads"][number, : 21 + number], wanted, atol=1e-6)


def test_rows_of_earlier_steps_are_averaged_over_those_that_saw_a_position(llama):
    _, steps = kept(llama, prompt(), "rows", "response")
    assert not steps[0].response.any()
    for number, step in enumerate(steps[1:], start=1):
        for position in range(step.response.shape[-1]):
            earlier = [each.rows[..., position] for each in steps[:number] if position < each.rows.shape[-1]]
            wanted = torch.stack(earlier).mean(0) if earlier else torch.zeros(3, 4)
            torch.testing.assert_close(step.response[..., position], wanted, atol=1e-6, rtol=0)


def test_baselines_of_named_rows_are_their_mean_by_layer_and_head(llama):
    sets = {"after": np.array([18, 19, 20]), "question": np.array([18]), "template": np.array([], int)}
    keeper = Kept("after", "question", "template")
    decode(llama, prompt(), [keeper.signal], sets, progress=False, max_new_tokens=3)
    _, attentions = eager_forward(llama, prompt(), torch.tensor([], dtype=torch.long))
    matrix = torch.stack(attentions)[:, 0].detach()
    for number, step in enumerate(keeper.steps):
        for found, rows in ((step.after, [18, 19, 20]), (step.question, [18]), (step.template, [18, 19, 20])):
            torch.testing.assert_close(found[..., :21], matrix[:, :, rows].mean(2), atol=1e-6, rtol=0)
            assert found.shape[-1] == 21 + number
            assert not found[..., 21:].any()


def by_hand(**readings):
    """A step of 3 layers, 2 heads and 4 positions."""
    made = torch.Generator().manual_seed(0)
    return Step(**{name: torch.rand(3, 2, 4, generator=made) - shift for name, shift in readings.items()})


@pytest.mark.parametrize(
    ("made", "name", "formula"),
    [
        (signals.attention(), "attention", lambda rows: rows.mean((0, 1))),
        (signals.attention(1), "attention(layers=1)", lambda rows: rows[1].mean(0)),
        (signals.attention(-1), "attention(layers=-1)", lambda rows: rows[2].mean(0)),
        (signals.attention(range(1, 3), 0), "attention(layers=1-2, heads=0)", lambda rows: rows[1:, 0].mean(0)),
        (
            signals.attention([0, 2], reduce="max"),
            "attention(layers=0+2, reduce=max)",
            lambda r: r[[0, 2]].amax((0, 1)),
        ),
        (signals.attention(slice(1, None)), "attention(layers=1:)", lambda rows: rows[1:].mean((0, 1))),
        (signals.attention(slice(None, None, 2)), "attention(layers=::2)", lambda rows: rows[::2].mean((0, 1))),
        (signals.attention("upper"), "attention(layers=upper)", lambda rows: rows[2].mean(0)),
        (signals.attention(heads=[(0, 1), (2, 0)]), "attention(heads=0.1+2.0)", lambda r: (r[0, 1] + r[2, 0]) / 2),
    ],
)
def test_attention_of_chosen_layers_and_heads(made, name, formula):
    step = by_hand(rows=0)
    assert made.name == name
    torch.testing.assert_close(made.score(step), formula(step.rows))


def test_the_upper_third_is_rounded_up():
    chosen = {count: Selection.of("upper").of_layers(count) for count in (1, 2, 3, 4, 6, 7)}
    assert chosen == {1: [0], 2: [1], 3: [2], 4: [2, 3], 6: [4, 5], 7: [4, 5, 6]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"layers": "lower"}, r"layers='lower': expected a number, some numbers, a slice or \"upper\""),
        ({"layers": []}, r"layers=\[\]: expected"),
        ({"layers": True}, "layers=True: expected"),
        ({"layers": 1.5}, r"layers=1\.5"),
        ({"heads": "all"}, r"heads='all': expected a number, some numbers, or \(layer, head\) pairs"),
        ({"heads": [(0, 1, 2)]}, r"\(0, 1, 2\) is no pair of a layer and a head"),
        ({"heads": [(0, 1)], "layers": 1}, "name their layers: leave layers=1 out"),
        ({"reduce": "min"}, "reduce='min': expected 'mean' or 'max'"),
    ],
)
def test_layers_and_heads_that_mean_nothing_are_refused_at_once(arguments, told):
    with pytest.raises(SignalError, match=told):
        signals.attention(**arguments)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (signals.attention(3), "layer 3 is not in this model: it has layers 0 to 2"),
        (signals.attention(-4), "layer -4 is not in this model"),
        (signals.excess(heads=4), "head 4 is not in this model: it has heads 0 to 3"),
        (signals.attention(heads=[(0, 3), (1, 4)]), "head 4 is not in this model"),
        (signals.excess_grads(heads=[(5, 0)]), "layer 5 is not in this model"),
        (signals.attention(slice(5, 9)), "layers=5:9 is none of this model's layers: it has layers 0 to 2"),
    ],
)
def test_layers_and_heads_that_the_model_has_not_are_told_with_those_it_has(llama, made, told):
    with pytest.raises(SignalError, match=told):
        decode(llama, prompt(), [made], progress=False, max_new_tokens=2)


def test_an_excess_over_any_heads_is_what_is_beyond_the_named_rows():
    step = by_hand(rows=0, template=0, own=0, gradients=0.5, after=0)
    beyond = (step.rows - step.template)[1].mean(0).clamp(min=0)
    torch.testing.assert_close(signals.excess(1, rows="template").score(step), beyond)
    owed = (step.gradients.clamp(min=0) * (step.own - step.after).clamp(min=0)).mean((0, 1))
    torch.testing.assert_close(signals.excess_grads().score(step), owed)
    assert owed.any()
    assert signals.excess(1, rows="template").name == "excess(layers=1, rows=template)"
    twice = signals.excess(1, rows="template", times=2)
    assert twice.name == "excess(layers=1, rows=template, times=2)"
    torch.testing.assert_close(twice.score(step), (step.rows[1].mean(0) - 2 * step.template[1].mean(0)).clamp(min=0))
    with pytest.raises(SignalError, match="times=0: expected a number above 0"):
        signals.excess(times=0)
    with pytest.raises(SignalError, match="rows='before': expected one of 'after', 'question', 'template', 'response'"):
        signals.excess(rows="before")


def test_excess_over_everything_is_the_cheap_one(llama):
    rows = np.arange(16, 21)
    cheap, full = signals.get("excess"), signals.excess()
    apart = decode(llama, prompt(), [cheap], rows, progress=False, max_new_tokens=4).scores["excess"]
    np.testing.assert_allclose(
        decode(llama, prompt(), [full], rows, progress=False, max_new_tokens=4).scores["excess"], apart, atol=1e-6
    )


def test_gradients_and_attention_of_every_layer_by_definition(llama):
    """Truth: full eager forwards, and autograd in their attention matrices."""
    names = ("attgrads_all", "attcat")
    got = decode(llama, prompt(), [signals.get(name) for name in names], progress=False, max_new_tokens=4)
    for number in range(4):
        rows, gradients = exact(llama, prompt(), got.token_ids, number)
        wanted = {
            "attgrads_all": (rows * gradients).mean((0, 1)).clamp(min=0),
            "attcat": (rows * rows * gradients).mean(1).sum(0),
        }
        for name, each in wanted.items():
            np.testing.assert_allclose(
                got.scores[name][number, : 21 + number] / each.abs().max(), each / each.abs().max(), atol=1e-5
            )


def test_input_x_gradient_of_a_steps_value_vectors_is_its_row_times_the_rows_gradient(llama):
    """The ground of `attcat`: truth is autograd in the cached values, in a step of transformers' own."""
    tokens, steps = kept(llama, prompt(), "gradients", steps=4)
    last = len(tokens) - 1
    seen = torch.cat([prompt().inputs["input_ids"][0], torch.as_tensor(tokens[: last - 1])])
    cache = DynamicCache()
    with torch.no_grad():
        llama.model(seen[None], past_key_values=cache)
    for layer in cache.layers:
        layer.values = layer.values.detach().requires_grad_()
    values = [layer.values for layer in cache.layers]
    logits = llama.model(torch.as_tensor(tokens[None, last - 1 : last]), past_key_values=cache).logits
    gradients = torch.autograd.grad(logits[0, -1, tokens[last]], values)
    product = steps[last].own * steps[last].gradients
    for layer, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        wanted = (value * gradient)[0].sum(-1).detach()  # [key heads, positions]; two query heads share each
        found = product[layer].view(2, 2, -1).sum(1)[:, : len(seen)]
        torch.testing.assert_close(found, wanted, atol=1e-5 * wanted.abs().max().item(), rtol=1e-3)


def contributions(adapter, encoded, response):
    """Norms `[layers, n]` by definition: every position's value vectors through the output projection, one by one."""
    values, hooks = {}, []
    for number, layer in enumerate(adapter.decoder().layers):
        keep = partial(lambda number, _module, _args, output: values.__setitem__(number, output[0]), number)
        hooks.append(layer.self_attn.v_proj.register_forward_hook(keep))
    with torch.no_grad():
        _, attentions = eager_forward(adapter, encoded, torch.as_tensor(response))
    for hook in hooks:
        hook.remove()
    found = []
    for number, matrix in enumerate(attentions):
        attention = adapter.decoder().layers[number].self_attn
        value = values[number].view(len(values[number]), -1, attention.head_dim)
        group = matrix.shape[1] // value.shape[1]
        row = []
        for position in range(len(value)):
            heads = [matrix[0, h, -1, position] * value[position, h // group] for h in range(matrix.shape[1])]
            row.append((attention.o_proj.weight @ torch.cat(heads)).norm())
        found.append(torch.stack(row).detach())
    return torch.stack(found)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_norms_are_those_of_every_positions_own_contribution(heads):
    adapter = bare(LlamaForCausalLM, LlamaConfig, num_key_value_heads=heads, attention_bias=True)
    tokens, steps = kept(adapter, prompt(), "norms", steps=4)
    for number, step in enumerate(steps):
        torch.testing.assert_close(step.norms, contributions(adapter, prompt(), tokens[:number]), atol=1e-5, rtol=1e-4)


def test_norms_grow_with_the_response_whatever_else_is_read(llama):
    alone = decode(llama, prompt(), [signals.get("attnorm")], progress=False, max_new_tokens=80)
    beside = [signals.get(name) for name in ("attnorm", "attgrads_all", "excess")]
    both = decode(llama, prompt(), beside, progress=False, max_new_tokens=80)
    np.testing.assert_allclose(both.scores["attnorm"], alone.scores["attnorm"], atol=1e-5)
    np.testing.assert_allclose(alone.scores["attnorm"].sum(1), 1, atol=1e-5)
    fixed = decode(llama, prompt(), beside[:1], progress=False, max_new_tokens=80, cache_implementation="static")
    np.testing.assert_allclose(fixed.scores["attnorm"], alone.scores["attnorm"], atol=1e-5)


@pytest.mark.parametrize(
    "family", ["sliding window, prompt longer", "softcaps, own eager kernel", "sinks, own eager kernel"]
)
def test_norms_are_exact_with(family):
    kind, config, changes = FAMILIES[family]
    adapter = bare(kind, config, **changes)
    tokens, steps = kept(adapter, prompt(), "norms", steps=3)
    for number, step in enumerate(steps):
        torch.testing.assert_close(step.norms, contributions(adapter, prompt(), tokens[:number]), atol=1e-5, rtol=1e-4)


class OneOwnLayer(LlamaForCausalLM):
    """A model whose middle layer runs an attention of its own."""

    def __init__(self, config):
        """Give the layer another configuration, with another kernel."""
        super().__init__(config)
        self.model.layers[1].self_attn.config = LlamaConfig(**SMALL, attn_implementation="sdpa")


def test_a_layer_that_cannot_be_read_is_not_left_out_in_silence():
    adapter = bare(OneOwnLayer, LlamaConfig)
    with pytest.raises(SignalError, match="OneOwnLayer does not run 1 of its 3 layers through"):
        decode(adapter, prompt(), [signals.get("attmean")], progress=False, max_new_tokens=2)


def test_norms_of_a_layer_that_changes_its_attention_before_the_projection_are_refused():
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    hook = adapter.model.model.layers[2].self_attn.o_proj.register_forward_pre_hook(lambda _, args: (args[0] * 0.5,))
    with pytest.raises(SignalError, match="attnorm needs the linear layer behind attention, and LlamaAttention puts"):
        decode(adapter, prompt(), [signals.get("attnorm")], progress=False, max_new_tokens=2)
    hook.remove()
    assert not any(module._forward_pre_hooks for module in adapter.model.modules())
    decode(adapter, prompt(), [signals.get("attnorm")], progress=False, max_new_tokens=2)


def test_gradients_that_overflow_in_half_precision_are_noted_with_their_steps_and_the_run_goes_on():
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    with torch.no_grad():
        for layer in adapter.model.model.layers:
            layer.self_attn.o_proj.weight *= 1e-4
            layer.mlp.down_proj.weight *= 1e-4
        adapter.model.model.embed_tokens.weight *= 1e-3
        adapter.model.lm_head.weight[50:] *= 2000  # the gradient of these tokens' logits is past 65,504
    adapter.model.to(torch.float16)
    names = ("attgrads_all", "excess_grads", "attmean")
    got = scored(adapter, prompt(), names, max_new_tokens=12)
    over = np.flatnonzero(got.token_ids >= 50).tolist()
    assert over
    for name in names[:2]:
        assert got.notes[name]["not_finite"] == over
        assert not got.scores[name][over].any()
    assert "not_finite" not in got.notes["attmean"]
    np.testing.assert_allclose(got.scores["attmean"].sum(1), 1, atol=1e-3)


def planted_masses(run, *names):
    """Mass of each source, averaged over steps: name -> `[sources]`."""
    found = passes.score(run, [signals.get(name) for name in names])
    assert not any("not_finite" in note for note in found.notes.values())
    return {
        label: np.array([scores[:, source.positions].sum(1).mean() for source in run.sources])
        for label, scores in found.scores.items()
    }


@pytest.mark.parametrize("source", range(5))
def test_what_weighs_attention_by_its_effect_finds_the_planted_source_beside_a_decoy(source):
    masses = planted_masses(planted_run(source, decoy=True), "rawatt", "attnorm", "attgrads", "attgrads_all", "attcat")
    if source != 1:  # the decoy's own sentence
        assert masses.pop("rawatt")[1] > 0.45
    for name, mass in masses.items():
        assert mass.argmax() == source, name
        assert np.sort(mass)[-2] < 0.1 * mass.max(), name


def test_excess_finds_nothing_where_every_row_looks_at_the_evidence_alike():
    """Its known failure: what question and template look at just as much as the answer does is taken for habit."""
    masses = planted_masses(planted_run(2), "attmean", "excess", "excess_grads")
    assert masses["attmean"].argmax() == 2
    assert masses["excess"].max() < 1e-3
    assert masses["excess_grads"].max() < 1e-3


def test_the_examples_true_sources_come_first_in_what_weighs_excess_by_gradients():
    """The packaged example's fourteen statements, each of which rests on one source (test_first_light proves them)."""
    made = [
        signals.excess_grads(),
        signals.excess(rows="question"),
        signals.excess(times=2),
        signals.attention("upper"),
    ]
    trace = ot.load().trace(ot.example(), signals=made, progress=False)
    names = ["excess_grads", "excess(rows=question)", "excess(times=2)", "attention(layers=upper)"]
    assert list(trace.signals) == names
    spans = trace.curate(question=False)
    first = spans[(spans["signal"].isin(names[:3])) & (spans["rank"] == 1)]
    for _, own in first.groupby("signal", observed=True):
        assert own.sort_values("statement")["source"].tolist() == [1, 2, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]


@pytest.mark.parametrize("module", ["attention_rows", "attention_excess"])
def test_examples_in_docstrings_run(module):
    assert doctest.testmod(import_module(f"omnitrace_nb.signals.{module}")) == (0, 1)


def test_the_codes_first_row_changes_what_rows_say_and_no_gradient(llama):
    chosen = [signals.attention(1), signals.get("attgrads_all"), signals.excess_grads()]
    last = decode(llama, prompt(), chosen, progress=False, max_new_tokens=3).scores
    mean = decode(llama, prompt(), chosen, progress=False, max_new_tokens=3, first_step="prompt_mean").scores
    _, attentions = eager_forward(llama, prompt(), torch.tensor([], dtype=torch.long))
    rows = attentions[1][0].mean((0, 1)).detach()
    np.testing.assert_allclose(mean["attention(layers=1)"][0, :21], rows, atol=1e-6)
    np.testing.assert_array_equal(mean["attention(layers=1)"][1:], last["attention(layers=1)"][1:])
    np.testing.assert_array_equal(mean["attgrads_all"], last["attgrads_all"])
    np.testing.assert_array_equal(mean["excess_grads"], last["excess_grads"])
