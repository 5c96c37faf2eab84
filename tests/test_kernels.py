"""Attention by kernels of every kind: the output is the kernel's own, and rows are of what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)
from transformers.masking_utils import flash_attention_mask, sdpa_mask

from omnitrace_nb.capture import decode
from omnitrace_nb.capture.attention import LISTENER
from omnitrace_nb.capture.borrow import tapped
from omnitrace_nb.errors import SignalError
from tests.bare import bare, prompt
from tests.exact import LayerByLayer, assert_exact, chosen, eager, plain

SOFTCAPS = {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 2.0}
SINKS = {"head_dim": 8, "sliding_window": 8, "num_local_experts": 4, "num_experts_per_tok": 2}
MODELS = {
    "all positions": (LlamaForCausalLM, LlamaConfig, {}),
    "windows, prompt longer": (MistralForCausalLM, MistralConfig, {"sliding_window": 8}),
    "windows, response passes them": (MistralForCausalLM, MistralConfig, {"sliding_window": 24}),
    "softcaps": (Gemma2ForCausalLM, Gemma2Config, SOFTCAPS),
    "sinks": (GptOssForCausalLM, GptOssConfig, SINKS),
}


def whole_matrix(query, key, value, seen, *, scaling, softcap=None, s_aux=None):
    """Attention by its definition: `[b, h, q, d]` queries, `bool` of which keys each sees."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    logits = query @ key.transpose(-1, -2) * scaling
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    weights = logits.masked_fill(~seen, -torch.inf).exp()
    sink = 0 if s_aux is None else s_aux.exp()[None, :, None, None]
    weights = (weights / (weights.sum(-1, keepdim=True) + sink)).nan_to_num()  # padding sees nothing
    return (weights @ value).transpose(1, 2).contiguous()


def like_flash(
    module, query, key, value, attention_mask, *, scaling, sliding_window=None, softcap=None, s_aux=None, **_
):
    """A kernel as flash attention: it knows causality and windows itself, and is given padding alone."""
    assert module.config._attn_implementation == "own_flash"  # by which flash attention chooses its version
    queries, keys = query.shape[2], key.shape[2]
    at = torch.arange(keys - queries, keys)[:, None]
    seen = torch.arange(keys) <= at
    if sliding_window is not None:
        seen &= torch.arange(keys) > at - sliding_window
    if attention_mask is not None:
        seen = seen & attention_mask[:, None, None, :].bool()
    return whole_matrix(query, key, value, seen, scaling=scaling, softcap=softcap, s_aux=s_aux), None


def like_sdpa(_module, query, key, value, attention_mask, *, scaling, softcap=None, s_aux=None, **_):
    """A kernel that is given whole masks, and none where all is causal."""
    seen = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril(key.shape[2] - query.shape[2])
    if attention_mask is not None:
        seen = attention_mask
    return whole_matrix(query, key, value, seen, scaling=scaling, softcap=softcap, s_aux=s_aux), None


@pytest.fixture(params=[("own_flash", like_flash, flash_attention_mask), ("own_masked", like_sdpa, sdpa_mask)])
def kernel(request):
    """The name of a kernel of the user's own, registered as transformers' documentation says."""
    name, function, mask = request.param
    AttentionInterface.register(name, function)
    AttentionMaskInterface.register(name, mask)
    return name


@pytest.mark.parametrize("model", MODELS)
def test_a_kernel_of_ones_own_gives_the_output_and_rows_equal_eagers(kernel, model):
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **changes)
    adapter.decoder().config._attn_implementation = kernel
    assert_exact(adapter, prompt())
    assert adapter.decoder().config._attn_implementation == kernel


def test_a_kernel_that_is_given_padding_alone_hides_it(kernel):
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    adapter.decoder().config._attn_implementation = kernel
    encoded = prompt()
    encoded.inputs["attention_mask"][0, :4] = 0
    got = decode(adapter, encoded, chosen("attmean"), progress=False, max_new_tokens=4)
    assert got.token_ids.tolist() == plain(adapter, encoded, max_new_tokens=4)
    assert not got.scores["attmean"][:, :4].any()
    np.testing.assert_allclose(got.scores["attmean"].sum(1), 1, atol=1e-5)


def test_the_output_is_the_kernels_and_not_sdpas():
    def halved(module, *given, **options):
        output, weights = like_sdpa(module, *given, **options)
        return output * 0.5, weights

    AttentionInterface.register("own_halved", halved)
    AttentionMaskInterface.register("own_halved", sdpa_mask)
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    usual = plain(adapter, prompt(), max_new_tokens=8)
    adapter.decoder().config._attn_implementation = "own_halved"
    got = decode(adapter, prompt(), chosen("attmean", "attgrads"), progress=False, max_new_tokens=8)
    assert got.token_ids.tolist() == plain(adapter, prompt(), max_new_tokens=8) != usual


@pytest.mark.parametrize("model", ["softcaps", "sinks"])
def test_what_sdpa_would_leave_out_is_not_left_out(model):
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **changes)
    wanted = plain(adapter, prompt(), max_new_tokens=6)
    adapter.decoder().config._attn_implementation = "sdpa"  # by hand: transformers itself would refuse
    got = decode(adapter, prompt(), chosen("attmean"), progress=False, max_new_tokens=6)
    assert got.token_ids.tolist() == wanted
    with eager(adapter):
        assert_exact(adapter, prompt())


@pytest.mark.parametrize("window", [4, 8])
@pytest.mark.parametrize("implementation", ["sdpa", "eager", "own_flash"])
def test_a_position_outside_every_window_scores_exactly_nothing(window, implementation):
    AttentionInterface.register("own_flash", like_flash)
    AttentionMaskInterface.register("own_flash", flash_attention_mask)
    adapter = bare(MistralForCausalLM, MistralConfig, sliding_window=window)
    adapter.decoder().config._attn_implementation = implementation
    got = decode(adapter, prompt(), chosen("attmean", "rawatt", "excess", "attgrads"), progress=False, max_new_tokens=6)
    for step in range(6):
        outside = slice(0, 21 + step - window)
        assert not any(scores[step, outside].any() for scores in got.scores.values())
        assert got.scores["attmean"][step, 21 + step - window : 21 + step].all()


def test_rows_of_a_model_with_sinks_leave_to_the_sinks_what_they_draw():
    adapter = bare(GptOssForCausalLM, GptOssConfig, **SINKS)
    got = decode(adapter, prompt(), chosen("attmean"), progress=False, max_new_tokens=4)
    sums = got.scores["attmean"].sum(1)
    assert (sums < 1 - 1e-4).all()
    assert (sums > 0).all()
    assert_exact(adapter, prompt())


@pytest.mark.parametrize("model", ["all positions", "windows, prompt longer"])
def test_documents_packed_in_one_sequence_do_not_see_one_another(model):
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **changes)
    ids = prompt().inputs["input_ids"]
    packed = {"input_ids": ids, "position_ids": torch.cat([torch.arange(9), torch.arange(12)])[None]}
    listener = LayerByLayer(adapter.decoder())
    with torch.no_grad(), tapped(adapter.decoder()):
        reset = LISTENER.set(listener)
        adapter.model(**packed, use_cache=False)
        LISTENER.reset(reset)
    with eager(adapter), torch.no_grad():
        wanted = adapter.model(**packed, use_cache=False, output_attentions=True).attentions
    for layer, matrix in enumerate(wanted):
        found = listener.forwards[0][layer]
        torch.testing.assert_close(found, matrix[0], atol=5e-6, rtol=0)
        assert not found[:, 9:, :9].any()


@pytest.mark.parametrize("model", ["all positions", "windows, response passes them"])
def test_static_caches_give_the_same_rows(model):
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **changes)
    grown = decode(adapter, prompt(), chosen("attmean", "excess"), progress=False, max_new_tokens=6)
    fixed = decode(
        adapter, prompt(), chosen("attmean", "excess"), progress=False, max_new_tokens=6, cache_implementation="static"
    )
    assert fixed.token_ids.tolist() == grown.token_ids.tolist()
    for name, rows in grown.scores.items():
        np.testing.assert_allclose(fixed.scores[name], rows, atol=1e-6)


def test_windows_and_whole_layers_in_one_model_with_a_static_cache():
    adapter = bare(
        Gemma3ForCausalLM, Gemma3TextConfig, head_dim=8, sliding_window=8, query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    )  # fmt: skip
    grown = decode(adapter, prompt(), chosen("attmean"), progress=False, max_new_tokens=6)
    fixed = decode(
        adapter, prompt(), chosen("attmean"), progress=False, max_new_tokens=6, cache_implementation="static"
    )
    np.testing.assert_allclose(fixed.scores["attmean"], grown.scores["attmean"], atol=1e-6)
    assert_exact(adapter, prompt())


def test_attention_for_many_prompts_at_once_is_refused():
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    adapter.decoder().config._attn_implementation = "paged|eager"
    with pytest.raises(SignalError, match=r"many prompts in one forward.*attn_implementation='eager'"):
        decode(adapter, prompt(), chosen("attmean"), progress=False, max_new_tokens=2)


@pytest.fixture(params=["interpreted", pytest.param("compiled", marks=pytest.mark.slow)])
def flex(request):
    """How flex attention runs: compiling it takes a minute and more on a CPU."""
    with torch.compiler.set_stance("force_eager" if request.param == "interpreted" else "default"):
        yield request.param


@pytest.mark.parametrize("model", ["all positions", "windows, response passes them", "softcaps"])
def test_flex_attention_gives_the_output_and_rows_equal_eagers(model, flex):
    if (model, flex) == ("softcaps", "compiled"):
        pytest.skip("torch 2.14 compiles softcaps to C++ that does not compile")
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **{**changes, "head_dim": 16})
    adapter.decoder().config._attn_implementation = "flex_attention"
    wanted = plain(adapter, prompt(), max_new_tokens=4)
    if any(plain(adapter, prompt(), max_new_tokens=4) != wanted for _ in range(3)):
        pytest.skip(
            "torch's compiled flex attention gives other tokens from call to call here, without any of our code"
        )
    got = decode(adapter, prompt(), chosen("attmean", "rawatt"), progress=False, max_new_tokens=4)
    assert got.token_ids.tolist() == wanted
    with eager(adapter):
        wanted = decode(adapter, prompt(), chosen("attmean", "rawatt"), progress=False, forced=got.token_ids)
    for name, rows in wanted.scores.items():
        np.testing.assert_allclose(got.scores[name], rows, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("model", MODELS)
def test_flash_attention_gives_the_output_and_rows_stay_near_eagers(model):
    pytest.importorskip("flash_attn", reason="flash-attn is not installed")
    kind, config, changes = MODELS[model]
    adapter = bare(kind, config, **changes)
    adapter.model.to("cuda", torch.bfloat16)
    encoded = prompt()
    encoded.inputs.update({name: value.cuda() for name, value in encoded.inputs.items()})
    adapter.model.set_attn_implementation("flash_attention_2")
    got = decode(adapter, encoded, chosen("attmean", "rawatt", "attgrads"), progress=False, max_new_tokens=8)
    assert got.token_ids.tolist() == plain(adapter, encoded, max_new_tokens=8)
    with eager(adapter):
        wanted = decode(adapter, encoded, chosen("attmean", "rawatt"), progress=False, forced=got.token_ids)
    for name, rows in wanted.scores.items():
        np.testing.assert_allclose(got.scores[name], rows, atol=2e-2)
