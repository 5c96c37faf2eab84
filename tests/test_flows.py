"""Flows against naive products of full matrices, taken from transformers' own eager attention."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

import omnitrace_nb as ot
from omnitrace_nb import passes, signals
from omnitrace_nb.capture import attention
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes import flow_stream
from tests.bare import bare, prompt
from tests.planted import planted_run
from tests.runs import finished

RESPONSE = [7, 3, 99, 12, 5]


def a_run(adapter, length=21, response=RESPONSE):
    return finished(adapter, prompt(length), response)


@pytest.fixture(scope="module")
def llama():
    return bare(LlamaForCausalLM, LlamaConfig)


@pytest.fixture(scope="module")
def mixed_run(omni, media_asked):
    """A prompt of every modality, answered by six tokens."""
    return finished(omni, media_asked, [20, 40, 60, 80, 100, 120])


def matrices(run):
    """Every layer's attention over prompt and response, `[heads, N, N]` each, from the eager function."""
    model = run.adapter.model
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    embeddings, options = run.adapter.embed(run.encoded, torch.as_tensor(run.response.token_ids))
    with torch.no_grad():
        found = model(inputs_embeds=embeddings, **options, output_attentions=True, use_cache=False).attentions
    model.set_attn_implementation(before)
    return [layer[0, :, : run.width - 1, : run.width - 1].double() for layer in found]


def naive_rollout(run):
    product = torch.eye(run.width - 1, dtype=torch.float64)
    for layer in matrices(run):
        product = (layer.mean(0) / 2 + torch.eye(len(product)) / 2) @ product
    return product[run.prompt - 1 :].numpy()


def naive_routes(run):
    """Every term of every vector written out, `[heads, N, N, hidden]` of a layer, and each distance taken by itself."""
    model = run.adapter.model
    embeddings, options = run.adapter.embed(run.encoded, torch.as_tensor(run.response.token_ids))
    streams, values, updates = [], [], []
    hooks = []
    for layer in run.adapter.decoder().layers:
        part = layer.self_attn
        hooks += [
            layer.register_forward_pre_hook(
                lambda _, args, kwargs: streams.append(_first(args, kwargs)), with_kwargs=True
            ),
            part.v_proj.register_forward_hook(lambda _, __, out: values.append(out.detach())),
            part.register_forward_hook(lambda _, __, out: updates.append(out[0])),
        ]
    with torch.no_grad():
        model(inputs_embeds=embeddings.detach(), **options, use_cache=False)
    for hook in hooks:
        hook.remove()
    count = run.width - 1
    product = torch.eye(count, dtype=torch.float64)
    weights = [layer.self_attn.o_proj.weight.detach().double() for layer in run.adapter.decoder().layers]
    for attention_, x, value, update, weight in zip(matrices(run), streams, values, updates, weights, strict=True):
        heads = len(attention_)
        x, update = x[0, :count].double(), update[0, :count].double()  # noqa: PLW2901
        dim = weight.shape[1] // heads
        value = value[0, :count].double().view(count, -1, dim).repeat_interleave(heads * dim // value.shape[-1], 1)  # noqa: PLW2901
        y = x + update
        terms = torch.einsum("hij,jhd,khd->hijk", attention_, value, weight.view(-1, heads, dim))
        near = (y.norm(dim=1)[:, None] - (y[:, None] - terms).norm(dim=-1)).clamp(min=0).sum(0)
        near += torch.diag((y.norm(dim=1) - update.norm(dim=1)).clamp(min=0))
        product = near / near.sum(1, keepdim=True) @ product
    return product[run.prompt - 1 :].numpy()


def _first(args, kwargs):
    return args[0] if args else kwargs["hidden_states"]


KINDS = {
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "sliding window": (MistralForCausalLM, MistralConfig, {"sliding_window": 6}),
    "eager, softcapped": (Gemma2ForCausalLM, Gemma2Config, {"head_dim": 8, "attn_implementation": "eager"}),
    "eager, sinks": (
        GptOssForCausalLM,
        GptOssConfig,
        {"head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1, "attn_implementation": "eager"},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rollout_is_the_product_of_full_matrices(kind):
    model, config, changes = KINDS[kind]
    run = a_run(bare(model, config, **changes))
    np.testing.assert_allclose(signals.get("rollout").credit(run), naive_rollout(run), atol=1e-6)


def test_rollout_is_the_product_of_full_matrices_on_every_modality(mixed_run):
    found = signals.get("rollout").credit(mixed_run)
    np.testing.assert_allclose(found, naive_rollout(mixed_run), atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "sliding window"])
def test_routes_are_the_product_of_terms_written_out(kind):
    model, config, changes = KINDS[kind]
    run = a_run(bare(model, config, **changes))
    found = signals.get("routes").credit(run)
    np.testing.assert_allclose(found, naive_routes(run), atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


def test_routes_are_the_product_of_terms_written_out_on_every_modality(mixed_run):
    np.testing.assert_allclose(signals.get("routes").credit(mixed_run), naive_routes(mixed_run), atol=1e-5)


def test_routes_find_the_projection_of_other_families_and_kernels(llama):
    """GPT-2 keeps its matrices transposed and drops out behind them; an eager kernel gives the same as SDPA."""
    gpt = bare(GPT2LMHeadModel, GPT2Config, n_inner=48, n_positions=64)
    found = signals.get("routes").credit(a_run(gpt))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    run = a_run(llama)
    by_sdpa = signals.get("routes").credit(run)
    llama.model.set_attn_implementation("eager")
    by_eager = signals.get("routes").credit(run)
    llama.model.set_attn_implementation("sdpa")
    np.testing.assert_allclose(by_eager, by_sdpa, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "config", "changes"),
    [(Gemma2ForCausalLM, Gemma2Config, {"head_dim": 8}), (GPTNeoXForCausalLM, GPTNeoXConfig, {})],
    ids=["a norm behind attention", "attention beside the MLP"],
)
def test_routes_are_refused_where_the_residual_stream_is_another(kind, config, changes):
    run = a_run(bare(kind, config, **{**changes, "attn_implementation": "eager"}))
    with pytest.raises(SignalError, match="ask for rollout"):
        passes.score(run, [signals.get("routes")])
    passes.score(run, [signals.get("rollout")])


@pytest.mark.parametrize("name", ["rollout", "routes"])
def test_blocks_of_rows_change_nothing(llama, name, monkeypatch):
    run = a_run(llama)
    at_once = signals.get(name).credit(run)
    monkeypatch.setattr(attention, "_BLOCK", 300)
    np.testing.assert_allclose(signals.get(name).credit(run), at_once, atol=1e-6)


class Largest(TorchDispatchMode):
    """Notes the largest tensor that anything gives."""

    def __init__(self):
        """Nothing is noted yet."""
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Run the operation and note what it gave."""
        given = function(*args, **(kwargs or {}))
        for each in given if isinstance(given, (tuple, list)) else [given]:
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.untyped_storage().nbytes() // each.element_size())
        return given


@pytest.mark.parametrize("name", ["rollout", "routes"])
def test_no_tensor_grows_with_the_square_of_the_prompt(llama, name, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK", 1 << 13)
    largest = {}
    for length in (150, 300):
        run = a_run(llama, length)
        run.forced  # noqa: B018 - embedded before the count
        with Largest() as seen:
            signals.get(name).credit(run)
        largest[length] = seen.numbers
    assert largest[300] < 2.1 * largest[150]
    assert largest[300] < 300 * 300


def test_one_forward_serves_every_step(llama):
    run = a_run(llama)
    found = passes.score(run, [signals.get("rollout")])
    assert (run.cost.forwards, run.cost.backwards, run.cost.tokens) == (1, 0, 21 + 5 - 1)
    assert found.notes["rollout"] == {"steps": 5, "forwards": 1, "tokens": 25}
    rows = found.scores["rollout"]
    assert rows.shape == (5, 26)
    assert all(not rows[step, 21 + step :].any() for step in range(5))


def test_a_run_without_steps_has_no_rows(llama):
    assert passes.score(a_run(llama, response=[]), [signals.get("rollout")]).scores["rollout"].shape == (0, 21)


def test_an_interrupted_flow_leaves_the_other_signals_and_the_model_alone(llama, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(flow_stream, "_down", interrupt)
    run = a_run(llama)
    found = passes.score(run, [signals.get("rollout")])
    assert found.notes["rollout"]["interrupted"]
    assert not found.scores["rollout"].any()
    assert llama.model.config._attn_implementation == "sdpa"
    assert attention.LISTENER.get() is None


@pytest.mark.parametrize(
    ("kind", "config", "changes"),
    [
        (Lfm2ForCausalLM, Lfm2Config, {"layer_types": ["conv", "full_attention", "conv"]}),
        (MambaForCausalLM, MambaConfig, {"state_size": 4}),
    ],
    ids=["hybrid", "state space"],
)
def test_layers_that_mix_positions_without_attention_are_refused(kind, config, changes):
    run = a_run(bare(kind, config, **changes))
    with pytest.raises(SignalError, match="ask for"):
        passes.score(run, [signals.get("rollout")])


def test_half_precision_gives_the_same_flows():
    whole = bare(LlamaForCausalLM, LlamaConfig, initializer_range=0.1)
    exact = {name: signals.get(name).credit(a_run(whole)) for name in ("rollout", "routes")}
    whole.model.to(torch.bfloat16)
    for name, rows in exact.items():
        np.testing.assert_allclose(signals.get(name).credit(a_run(whole)), rows, atol=2e-3)


def test_the_documented_flow_of_ones_own_runs_as_it_is_written(llama):
    page = (Path(__file__).parent.parent / "docs" / "signals" / "flows.md").read_text(encoding="utf-8")
    code = next(each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def strongest_heads" in each)
    try:
        exec(compile(code, "flows.md", "exec"), {})  # noqa: S102 - the page's own code
        found = passes.score(a_run(llama), [signals.get("strongest_heads")]).scores["strongest_heads"]
    finally:
        signals.registry._SIGNALS.pop("strongest_heads", None)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("source", range(5))
def test_routes_see_through_a_head_that_looks_and_writes_nothing(source):
    """In the planted model a second head looks at a decoy; only rollout, which sees no values, pays for its looks."""
    run = planted_run(source, decoy=True)
    shares = {}
    for name in ("rollout", "routes"):
        rows = signals.get(name).credit(run)
        masses = np.array([rows[:, each.positions].sum() for each in run.sources])
        shares[name] = masses / masses.sum()
    assert shares["routes"].argmax() == source
    if source != 1:  # the decoy's own sentence
        assert shares["routes"][1] < shares["rollout"][1] / 2


def test_routes_are_those_of_the_embedded_model_written_out():
    """The trained model, whose attention is sharp and whose values are far from each other's length."""
    tracer = ot.load()
    trace = tracer.trace("The key is in Rome. The map is in Oslo. Where is the map?", progress=False)
    run = tracer.finished(trace, progress=False)
    np.testing.assert_allclose(signals.get("routes").credit(run), naive_routes(run), atol=2e-5)
    np.testing.assert_allclose(signals.get("rollout").credit(run), naive_rollout(run), atol=2e-5)
