"""Models that keep a running state, beside attention or instead of it: what attends is traced, and the rest is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    DiffLlamaConfig,
    DiffLlamaForCausalLM,
    FalconH1Config,
    FalconH1ForCausalLM,
    JambaConfig,
    JambaForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    NemotronHConfig,
    NemotronHForCausalLM,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
    RecurrentGemmaConfig,
    RecurrentGemmaForCausalLM,
    RwkvConfig,
    RwkvForCausalLM,
)

import omnitrace_nb as ot
from omnitrace_nb import signals
from omnitrace_nb.capture.layers import WITHOUT_ATTENTION, Layers
from omnitrace_nb.conformance.subject import eager
from omnitrace_nb.errors import SignalError
from tests.text_toys import toy

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
SHORT = {"max_new_tokens": 3, "min_new_tokens": 3, "progress": False}

LINEAR = {f"linear_{what}": 8 for what in ("key_head_dim", "value_head_dim")}
MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_ssm": 32, "mamba_d_state": 8, "mamba_chunk_size": 16}
BLOCKS = {"mamba_num_heads": 4, "mamba_head_dim": 16, "ssm_state_size": 8, "chunk_size": 16, "n_groups": 1}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}

HYBRIDS = {
    "convolutions": (
        (Lfm2ForCausalLM, Lfm2Config, {"num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"]}),
        "1 of 3 layers attend; 2 keep a running state of earlier positions instead, which cannot be read",
    ),
    "gated delta rule": (
        (
            Qwen3NextForCausalLM,
            Qwen3NextConfig,
            {
                "layer_types": ["linear_attention", "full_attention"],
                "head_dim": 8,
                "num_experts": 4,
                "num_experts_per_tok": 2,
            }
            | {"linear_num_value_heads": 4, "linear_num_key_heads": 2, **LINEAR},
        ),
        "1 of 2 layers attend; 1 keeps a running state of earlier positions instead, which cannot be read",
    ),
    "state space": (
        (
            JambaForCausalLM,
            JambaConfig,
            {"attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False, "mamba_d_state": 4}
            | {"mamba_dt_rank": 4, "num_experts": 4},
        ),
        "1 of 2 layers attend; 1 keeps a running state of earlier positions instead, which cannot be read",
    ),
    "gated linear recurrence, local attention": (
        (RecurrentGemmaForCausalLM, RecurrentGemmaConfig, {"num_hidden_layers": 3, "attention_window_size": 16}),
        "1 of 3 layers attend; 2 keep a running state of earlier positions instead, which cannot be read",
    ),
    "experts alone in a layer": (
        (
            NemotronHForCausalLM,
            NemotronHConfig,
            {"layers_block_type": ["mamba", "attention", "moe", "attention"], "num_hidden_layers": 4, "head_dim": 8}
            | {**BLOCKS, **EXPERTS},
        ),
        "2 of 4 layers attend; 1 keeps a running state of earlier positions instead, which cannot be read",
    ),
    "both in every layer": (
        (FalconH1ForCausalLM, FalconH1Config, {"head_dim": 8, **MAMBA}),
        "2 of 2 layers keep a running state beside their attention, which cannot be read",
    ),
}
WITHOUT = {
    "state space": (MambaForCausalLM, MambaConfig, {"state_size": 4}),
    "state space duality": (
        Mamba2ForCausalLM,
        Mamba2Config,
        {"state_size": 8, "num_heads": 4, "head_dim": 16, "chunk_size": 16, "n_groups": 1},
    ),
    "receptance": (RwkvForCausalLM, RwkvConfig, {"attention_hidden_size": 32, "context_length": 2048}),
    "attention of its own": (BloomForCausalLM, BloomConfig, {"n_layer": 2, "n_head": 4}),
}


@pytest.fixture(scope="module", params=HYBRIDS)
def hybrid(request):
    given, said = HYBRIDS[request.param]
    return ot.load(*toy(*given)), said


@pytest.fixture(scope="module", params=WITHOUT)
def without(request):
    return ot.load(*toy(*WITHOUT[request.param]))


def test_layers_that_attend_give_the_rows_of_eager_attention(hybrid):
    tracer, _ = hybrid
    trace = tracer.trace(PROMPT, ["attmean", "rawatt"], **SHORT)
    adapter = tracer.adapter
    ids = torch.cat([torch.from_numpy(trace.layout.token_ids), torch.from_numpy(trace.response_record.token_ids)])
    with eager(adapter), torch.no_grad():
        whole = adapter.model(input_ids=ids[None], use_cache=False, output_attentions=True).attentions
    assert len(whole) == Layers.of(adapter.decoder()).attending
    n = len(trace.layout)
    for step in range(len(trace)):
        rows = torch.stack([layer[0, :, n + step - 1, : n + step] for layer in whole])
        np.testing.assert_allclose(trace.scores("attmean")[step], rows.mean((0, 1))[:n], atol=1e-4)
        np.testing.assert_allclose(trace.scores("rawatt")[step], rows[-1].mean(0)[:n], atol=1e-4)


def test_the_tokens_are_those_of_plain_generate(hybrid):
    tracer, _ = hybrid
    trace = tracer.trace(PROMPT, "attmean", max_new_tokens=6, progress=False)
    prompt = torch.from_numpy(trace.layout.token_ids)[None]
    plain = tracer.adapter.model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=6)
    assert trace.response_record.token_ids.tolist() == plain[0, prompt.shape[1] :].tolist()


def test_the_view_says_what_attention_does_not_show(hybrid, tmp_path):
    tracer, said = hybrid
    trace = tracer.trace(PROMPT, ["excess", "input_x_gradient"], **SHORT)
    assert trace.run.signals["excess"]["unread"] == said
    assert "unread" not in trace.run.signals["input_x_gradient"]  # gradients pass through every layer
    trace.save(tmp_path / "a.omnitrace")
    page = ot.open(tmp_path / "a.omnitrace").to_html()
    assert f"{said}." in page
    assert f"{said}." in trace.to_markdown()


def given_or_refused(tracer, trace, name):
    try:
        return tracer.add(trace, name, progress=False), ""
    except SignalError as refusal:
        return None, str(refusal)


def test_every_signal_is_given_or_refused_with_its_reason(hybrid):
    tracer, _ = hybrid
    trace = tracer.trace(PROMPT, "attmean", **SHORT)
    for name in set(signals.names()) - {"self_attribution", "embed_processor"}:
        more, refusal = given_or_refused(tracer, trace, name)
        if more is None:
            assert re.search("running state|linear layer|use operator=|ask for|DeepLIFT", refusal), (name, refusal)
        else:
            assert np.isfinite(more.scores(name)).all(), name
            assert more.scores(name).any() or not trace.statement_chars, name


def test_gradients_of_attention_are_given_where_a_state_gives_a_token_back():
    given, _ = HYBRIDS["convolutions"]
    tracer = ot.load(*toy(*given))
    report = ot.check_adapter(tracer, PROMPT, checks=["gradients", "rows", "caches", "untouched"])
    assert set(report["result"]) == {"pass"}, report
    given, _ = HYBRIDS["state space"]
    with pytest.raises(SignalError, match="running state, which gives no token back: leave attgrads"):
        ot.load(*toy(*given)).trace(PROMPT, "attgrads", **SHORT)


def test_gradients_of_every_layer_pass_through_a_running_state_between_them():
    types = ["full_attention", "conv", "full_attention"]
    tracer = ot.load(*toy(Lfm2ForCausalLM, Lfm2Config, {"num_hidden_layers": 3, "layer_types": types}))
    trace = tracer.trace(PROMPT, "attgrads_all", **SHORT)
    adapter, n = tracer.adapter, len(trace.layout)
    ids = torch.cat([torch.from_numpy(trace.layout.token_ids), torch.from_numpy(trace.response_record.token_ids)])
    for step in range(len(trace)):
        with eager(adapter):
            out = adapter.model(input_ids=ids[None, : n + step], use_cache=False, output_attentions=True)
        gradients = torch.autograd.grad(out.logits[0, -1, ids[n + step]], out.attentions)
        products = [(one * other).detach()[0, :, -1, :n] for one, other in zip(gradients, out.attentions, strict=True)]
        wanted = torch.stack(products).mean((0, 1)).clamp(min=0).numpy()
        np.testing.assert_allclose(trace.scores("attgrads_all")[step], wanted, atol=1e-3 * wanted.max())


def named_instead(message):
    """Give the signals that a refusal tells to ask for."""
    name, method, operator = re.search(r'(\w+) or ot\.signals\.ablate\("(\w+)", operator="(\w+)"\)', message).groups()
    return [signals.get(name), signals.ablate(method, operator=operator)]


def test_where_nothing_attends_attention_is_refused_before_decoding_with_signals_that_work(without, monkeypatch):
    with monkeypatch.context() as nothing_runs:
        nothing_runs.setattr(without.adapter.model, "forward", None)
        with pytest.raises(SignalError, match="does not all show as attention") as caught:
            without.trace(PROMPT, "attmean", **SHORT)
    instead = named_instead(str(caught.value))
    trace = without.trace(PROMPT, instead, **SHORT)
    for signal in instead:
        assert "failed" not in trace.run.signals[signal.label]
        assert np.abs(trace.mass(signal.label)).sum(0).all()  # every sentence moves the response


def test_flows_are_refused_where_a_running_state_flows_too(hybrid):
    tracer, said = hybrid
    with pytest.warns(RuntimeWarning, match="rollout failed"):
        trace = tracer.trace(PROMPT, "rollout", **SHORT)
    refusal = trace.run.signals["rollout"]["failed"]
    assert said in refusal
    assert WITHOUT_ATTENTION in refusal
    instead = named_instead(refusal)
    more = tracer.add(trace, instead, progress=False)
    assert all(np.abs(more.mass(signal.label)).sum(0).all() for signal in instead)


def test_layers_that_attend_twice_are_refused():
    tracer = ot.load(*toy(DiffLlamaForCausalLM, DiffLlamaConfig, {}))
    with pytest.raises(SignalError, match="runs attention 4 times in 2 layers"):
        tracer.trace(PROMPT, "attmean", **SHORT)
