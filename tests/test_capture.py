"""Capture against slower, exact computations: eager attention of the same model, and full re-forwards."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from omnitrace_nb import signals
from omnitrace_nb.capture import decode
from omnitrace_nb.capture.attention import LISTENER
from omnitrace_nb.capture.borrow import tapped
from omnitrace_nb.errors import ModelError, SettingsError, SignalError
from omnitrace_nb.passes import run_passes
from tests.bare import bare, prompt
from tests.exact import ONLINE, LayerByLayer, assert_exact, chosen, eager, eager_forward, exact, plain
from tests.runs import scored


@pytest.fixture(scope="module")
def llama():
    return bare(LlamaForCausalLM, LlamaConfig)


def test_rows_equal_eagers_layer_by_layer_for_prompt_and_step(omni, mixed):
    listener = LayerByLayer(omni.decoder())
    token = torch.tensor([[57]])
    with torch.no_grad(), tapped(omni.decoder()):
        reset = LISTENER.set(listener)
        first = omni.model(**mixed.inputs, use_cache=True)
        listener.forwards.append({})
        at = mixed.inputs["position_ids"][..., -1:] + 1
        omni.model(input_ids=token, position_ids=at, past_key_values=first.past_key_values, use_cache=True)
        LISTENER.reset(reset)
        _, attentions = eager_forward(omni, mixed, token[0])
    n = len(mixed.layout)
    prompt_rows, step_rows = listener.forwards
    assert set(prompt_rows) == set(step_rows) == {0, 1, 2}
    for layer, wanted in enumerate(attentions):
        torch.testing.assert_close(prompt_rows[layer], wanted[0, :, :n, :n], atol=5e-6, rtol=0)
        torch.testing.assert_close(step_rows[layer], wanted[0, :, n:, : n + 1], atol=5e-6, rtol=0)


def test_every_signal_equals_its_definition_on_text_picture_sound_and_film(omni, mixed):
    # A placeholder among the generated tokens would make the model's own full forward look for another picture.
    assert_exact(omni, mixed, suppress_tokens=list(range(10)))


def test_every_signal_equals_its_definition_on_text(llama):
    assert_exact(llama, prompt())


FAMILIES = {
    "grouped queries": (Qwen2ForCausalLM, Qwen2Config, {}),
    "one key head": (LlamaForCausalLM, LlamaConfig, {"num_key_value_heads": 1}),
    "a key head each": (LlamaForCausalLM, LlamaConfig, {"num_key_value_heads": 4}),
    "sliding window, prompt longer": (MistralForCausalLM, MistralConfig, {"sliding_window": 8}),
    "sliding window, response passes it": (MistralForCausalLM, MistralConfig, {"sliding_window": 24}),
    "softcaps, own eager kernel": (
        Gemma2ForCausalLM,
        Gemma2Config,
        {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 2.0},
    ),
    "sinks, own eager kernel": (
        GptOssForCausalLM,
        GptOssConfig,
        {"head_dim": 8, "sliding_window": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_signals_are_exact_with(family):
    kind, config, changes = FAMILIES[family]
    assert_exact(bare(kind, config, **changes), prompt())


def test_a_model_set_to_eager_is_traced_with_its_own_kernel(llama):
    with eager(llama):
        assert_exact(llama, prompt())


def test_prompt_of_one_token(llama):
    got = decode(llama, prompt(1), chosen(*ONLINE), progress=False, max_new_tokens=3)
    assert got.scores["attmean"][0, 0] == pytest.approx(1)
    assert got.token_ids.tolist() == plain(llama, prompt(1), max_new_tokens=3)


def test_masked_positions_get_nothing(llama):
    encoded = prompt()
    encoded.inputs["attention_mask"][0, :4] = 0
    got = decode(llama, encoded, chosen("attmean", "attgrads"), progress=False, max_new_tokens=4)
    assert got.token_ids.tolist() == plain(llama, encoded, max_new_tokens=4)
    assert not got.scores["attmean"][:, :4].any()
    assert not got.scores["attgrads"][:, :4].any()
    np.testing.assert_allclose(got.scores["attmean"].sum(1), 1, atol=1e-5)


def test_a_static_cache_gives_the_same_rows(llama):
    grown = decode(llama, prompt(), chosen("attmean", "excess"), progress=False, max_new_tokens=5)
    fixed = decode(
        llama, prompt(), chosen("attmean", "excess"), progress=False, max_new_tokens=5, cache_implementation="static"
    )
    assert fixed.token_ids.tolist() == grown.token_ids.tolist()
    for name, rows in grown.scores.items():
        np.testing.assert_allclose(fixed.scores[name], rows, atol=1e-6)


def test_attgrads_says_that_a_static_cache_will_not_do(llama):
    with pytest.raises(SignalError, match="StaticCache"):
        decode(llama, prompt(), chosen("attgrads"), progress=False, cache_implementation="static")
    assert_exact(llama, prompt())


def test_baseline_is_the_mean_over_the_rows_asked_for_and_nothing_on_generated_positions(llama):
    rows = np.array([2, 3, 11])
    got = decode(llama, prompt(), chosen("attmean", "excess"), rows, progress=False, max_new_tokens=5)
    _, attentions = eager_forward(llama, prompt(), torch.as_tensor(got.token_ids))
    usual = torch.stack(attentions)[:, 0, :, rows].mean((0, 1, 2)).detach().numpy()
    np.testing.assert_allclose(
        got.scores["excess"][:, :21], np.maximum(got.scores["attmean"] - usual, 0)[:, :21], atol=1e-6
    )
    np.testing.assert_array_equal(got.scores["excess"][:, 21:], got.scores["attmean"][:, 21:])


def test_first_step_can_average_the_prompts_rows_as_the_released_code_does(llama, monkeypatch):
    monkeypatch.setattr("omnitrace_nb.capture.attention._BLOCK", 400)  # several blocks of rows
    last = decode(llama, prompt(), chosen(*ONLINE), progress=False, max_new_tokens=3)
    mean = decode(llama, prompt(), chosen(*ONLINE), first_step="prompt_mean", progress=False, max_new_tokens=3)
    _, attentions = eager_forward(llama, prompt(), torch.tensor([], dtype=torch.long))
    matrix = torch.stack(attentions)[:, 0].detach()
    np.testing.assert_allclose(mean.scores["attmean"][0, :21], matrix.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(mean.scores["rawatt"][0, :21], matrix[-1].mean((0, 1)), atol=1e-6)
    assert mean.token_ids.tolist() == last.token_ids.tolist()
    for name in ("attmean", "rawatt"):
        np.testing.assert_array_equal(mean.scores[name][1:], last.scores[name][1:])
    np.testing.assert_array_equal(mean.scores["attgrads"], last.scores["attgrads"])


GENERATIONS = {
    "greedy": {},
    "no repeats": {"no_repeat_ngram_size": 2},
    "penalty": {"repetition_penalty": 1.5, "min_new_tokens": 4},
    "sampled": {"do_sample": True},
    "cool nucleus": {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 20},
}


@pytest.mark.parametrize("names", [("attmean",), ("rawatt",), ONLINE])
@pytest.mark.parametrize("how", GENERATIONS)
def test_tokens_are_those_of_plain_generate(omni, mixed, how, names):
    settings = {"max_new_tokens": 12, **GENERATIONS[how]}
    torch.manual_seed(5)
    wanted = plain(omni, mixed, **settings)
    got = decode(omni, mixed, chosen(*names), progress=False, seed=5, **settings)
    assert got.token_ids.tolist() == wanted


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_decodes_the_same_tokens_and_computes_rows_in_float32(dtype):
    adapter = bare(LlamaForCausalLM, LlamaConfig, initializer_range=0.1)
    adapter.model.to(dtype)
    got = decode(adapter, prompt(), chosen(*ONLINE), progress=False, max_new_tokens=24)
    assert got.token_ids.tolist() == plain(adapter, prompt(), max_new_tokens=24)
    np.testing.assert_allclose(got.scores["attmean"].sum(1), 1, atol=1e-5)
    wanted = exact(adapter, prompt(), got.token_ids[:3], np.arange(20, 21))
    for name in ("attmean", "rawatt", "attgrads"):
        peak = wanted[name].max()
        np.testing.assert_allclose(got.scores[name][:3, :24] / peak, wanted[name] / peak, atol=0.05)


def test_a_stop_string_ends_the_response(omni, mixed):
    whole = decode(omni, mixed, chosen("attmean"), progress=False, max_new_tokens=30)
    pieces = [omni.tokenizer.decode([token]) for token in whole.token_ids]
    text = next(piece for piece in pieces[3:] if piece.isalpha())
    got = decode(omni, mixed, chosen("attmean"), progress=False, max_new_tokens=30, stop_strings=[text])
    assert got.stopped == "stop"
    first = next(step for step in range(30) if text in "".join(pieces[: step + 1]))
    assert got.token_ids.tolist() == whole.token_ids[: first + 1].tolist()


def test_an_end_token_ends_the_response_and_is_kept(llama):
    whole = decode(llama, prompt(), chosen("attmean"), progress=False, max_new_tokens=8)
    end = int(whole.token_ids[4])
    got = decode(llama, prompt(), chosen("attmean"), progress=False, max_new_tokens=8, eos_token_id=end)
    first = whole.token_ids.tolist().index(end)
    assert (got.stopped, got.token_ids.tolist()) == ("eos", whole.token_ids[: first + 1].tolist())
    assert whole.stopped == "length"


def test_log_probabilities_are_the_models_own_not_the_processors(llama):
    got = decode(llama, prompt(), chosen("attmean"), progress=False, max_new_tokens=6, no_repeat_ngram_size=1)
    logits, _ = eager_forward(llama, prompt(), torch.as_tensor(got.token_ids))
    wanted = logits[20:26].log_softmax(-1).gather(1, torch.as_tensor(got.token_ids)[:, None])[:, 0]
    np.testing.assert_allclose(got.logprobs, wanted.detach(), atol=1e-4)


class Raises(LogitsProcessor):
    """Raises once a number of tokens is there."""

    def __init__(self, error, after):
        """Take what to raise and when."""
        self.error, self.left = error, after

    def __call__(self, _ids, scores):
        """Count a step."""
        self.left -= 1
        if self.left < 0:
            raise self.error
        return scores


def state(model):
    return (
        {
            id(module): getattr(module.config, "_attn_implementation", None)
            for module in model.modules()
            if hasattr(module, "config")
        },
        [weight.requires_grad for weight in model.parameters()],
        [weight.grad for weight in model.parameters()],
        [module.training for module in model.modules()],
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()],
        torch.is_grad_enabled(),
        LISTENER.get(),
    )


@pytest.mark.parametrize("error", [None, ValueError("a processor of the user's"), KeyboardInterrupt()])
@pytest.mark.parametrize("names", [(*ONLINE, "input_x_gradient"), ("attmean",)])
def test_the_model_is_left_as_it_was_found(names, error):
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    next(adapter.model.parameters()).requires_grad = False
    adapter.model.model.layers[1].train()
    before, generator = state(adapter.model), torch.get_rng_state()
    processors = [Raises(error, 3)] if error else []
    expected = pytest.raises(ValueError, match="user's") if isinstance(error, ValueError) else contextlib.nullcontext()
    with expected:
        scored(adapter, prompt(), names, seed=1, max_new_tokens=5, logits_processor=processors)
    assert state(adapter.model) == before
    assert torch.equal(torch.get_rng_state(), generator)
    assert plain(adapter, prompt(), max_new_tokens=3)


def test_the_model_is_left_as_it_was_found_when_a_pass_fails():
    @signals.register("fails")
    def fails(forced, steps):
        forced.logits(forced.inputs(steps).requires_grad_(), steps)
        raise ZeroDivisionError

    adapter = bare(LlamaForCausalLM, LlamaConfig)
    adapter.model.model.layers[1].train()
    before = state(adapter.model)
    with pytest.raises(ZeroDivisionError):
        scored(adapter, prompt(), ("attgrads", "fails"), max_new_tokens=3)
    assert state(adapter.model) == before


def test_a_model_that_is_being_traced_is_not_traced_a_second_time(llama):
    def again(_ids, _scores):
        decode(llama, prompt(), chosen("attmean"), progress=False)

    with pytest.raises(ModelError, match="is being traced already"):
        decode(llama, prompt(), chosen("attmean"), progress=False, logits_processor=[again])
    assert_exact(llama, prompt())


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))


def test_an_interrupt_gives_what_was_decoded(llama):
    whole = decode(llama, prompt(), chosen(*ONLINE), progress=False, max_new_tokens=8)
    stop = Raises(KeyboardInterrupt(), 3)
    got = scored(llama, prompt(), (*ONLINE, "input_x_gradient"), max_new_tokens=8, logits_processor=[stop])
    assert (got.stopped, got.token_ids.tolist()) == ("interrupted", whole.token_ids[:3].tolist())
    for name in ONLINE:
        np.testing.assert_allclose(got.scores[name], whole.scores[name][:3, : 21 + 3], atol=1e-6)
    assert got.notes["input_x_gradient"] == {"steps": 0, "interrupted": True}


def test_an_interrupt_before_the_first_token_goes_through(llama):
    with pytest.raises(KeyboardInterrupt):
        decode(llama, prompt(), chosen("attmean"), progress=False, logits_processor=[Raises(KeyboardInterrupt(), 0)])
    assert_exact(llama, prompt())


def test_broken_weights_are_reported_with_the_step():
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    with torch.no_grad():
        adapter.model.lm_head.weight[5] = torch.nan
    for settings in ({}, {"do_sample": True}):
        with pytest.raises(ModelError, match="NaN or inf at step 0"):
            decode(adapter, prompt(), chosen("attmean"), progress=False, **settings)


def test_scores_that_are_not_finite_count_as_nothing_and_are_noted(llama):
    @signals.register("breaks", reads={"mean"})
    def breaks(step):
        return step.mean.log() if len(step.mean) == 23 else step.mean * (torch.inf if len(step.mean) == 24 else 1)

    got = scored(llama, prompt(), ("breaks", "attmean"), max_new_tokens=5)
    assert got.notes["breaks"] == {"steps": 5, "not_finite": [3]}
    assert not got.scores["breaks"][3].any()
    assert "not_finite" not in got.notes["attmean"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda step: step.last, r"'mine' gave a tensor of shape \(4, 21\).*shape \(21,\)"),
        (lambda step: step.last.mean(), r"a tensor of shape \(\)"),
        (lambda step: step.last.mean(0)[:-1], r"\(20,\)"),
        (lambda step: step.last.mean(0).tolist(), "gave a list"),
        (lambda _step: None, "gave a NoneType"),
    ],
)
def test_a_signal_that_gives_no_score_for_each_position_is_told_what_to_give(llama, wrong, named):
    signals.register("mine", reads={"last"})(wrong)
    with pytest.raises(SignalError, match=named):
        decode(llama, prompt(), chosen("mine"), progress=False, max_new_tokens=3)


def test_a_signal_with_passes_of_its_own_is_told_what_to_give(llama):
    signals.register("mine")(lambda _forced, steps: torch.zeros(len(steps)))
    with pytest.raises(SignalError, match=r"'mine' gave a tensor of shape \(3,\).*shape \(3, q\).*at most 24"):
        scored(llama, prompt(), ("mine",), max_new_tokens=3)


class OwnAttention(LlamaForCausalLM):
    """A model that does not run its attention through transformers' interface."""

    def forward(self, *args, **kwargs):
        """Run SDPA whatever the configuration says."""
        chosen_by_config = self.config._attn_implementation
        self.config._attn_implementation = "sdpa"
        try:
            return super().forward(*args, **kwargs)
        finally:
            self.config._attn_implementation = chosen_by_config


def test_a_model_whose_attention_cannot_be_read_is_named_and_other_signals_work():
    adapter = bare(OwnAttention, LlamaConfig)
    with pytest.raises(SignalError, match="OwnAttention does not run its attention"):
        decode(adapter, prompt(), chosen("attmean"), progress=False)
    got = scored(adapter, prompt(), ("input_x_gradient",), max_new_tokens=3)
    assert got.scores["input_x_gradient"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 4}, "num_beams=4 cannot be traced.*greedy"),
        ({"num_return_sequences": 2}, "num_return_sequences=2"),
        ({"assistant_model": object()}, "assistant"),
        ({"prompt_lookup_num_tokens": 3}, "prompt_lookup_num_tokens=3"),
        ({"output_attentions": True}, "ask for signals"),
        ({"use_cache": False}, "without a cache"),
        ({"temprature": 0.5}, "unknown keyword 'temprature'; did you mean 'temperature'"),
        ({"max_new_tokens": 0}, "max_new_tokens=0: expected a whole number of at least 1"),
        ({"first_step": "first"}, "first_step='first'"),
        ({"seed": -1}, "seed=-1"),
        ({"stop_strings": ""}, "stop_strings=''.*none of them empty"),
        ({"stop_strings": [".", 5]}, "stop_strings=.*a list of texts"),
        ({"stop_strings": 5}, "stop_strings=5"),
        ({"generation_config": {"do_sample": True}}, "expected a transformers GenerationConfig"),
    ],
)
def test_settings_that_cannot_be_traced_are_refused_before_the_model_runs(llama, monkeypatch, settings, message):
    monkeypatch.setattr(llama.model, "generate", None)
    with pytest.raises(SettingsError, match=message):
        decode(llama, prompt(), chosen("attmean"), progress=False, **settings)


@pytest.mark.parametrize("settings", [{"temperature": -1.0}, {"repetition_penalty": -1.0}])
def test_values_that_generate_refuses_are_settings_errors(llama, settings):
    with pytest.raises(SettingsError, match=r"generate refuses these settings.*strictly positive"):
        decode(llama, prompt(), chosen("attmean"), progress=False, do_sample=True, max_new_tokens=2, **settings)


def test_values_of_a_kind_that_generate_cannot_read_are_settings_errors(llama):
    with pytest.raises(SettingsError, match="generate refuses these settings"):
        decode(llama, prompt(), chosen("attmean"), progress=False, no_repeat_ngram_size="2")


def test_a_stop_string_that_the_model_cannot_write_is_a_settings_error(llama, monkeypatch):
    words = Tokenizer(WordLevel({"honey": 0, "bells": 1}, unk_token="bells"))  # noqa: S106 - a word, no secret
    monkeypatch.setattr(llama, "tokenizer", PreTrainedTokenizerFast(tokenizer_object=words))
    with pytest.raises(SettingsError, match="tokens cannot write"):
        decode(llama, prompt(), chosen("attmean"), progress=False, stop_strings=["\N{SNOWMAN}"])


def test_an_empty_list_of_stop_strings_is_none(omni, mixed):
    got = decode(omni, mixed, chosen("attmean"), progress=False, max_new_tokens=3, stop_strings=[])
    assert len(got.token_ids) == 3


def test_beams_in_the_models_own_configuration_are_refused_too():
    adapter = bare(LlamaForCausalLM, LlamaConfig)
    adapter.model.generation_config.num_beams = 3
    with pytest.raises(SettingsError, match="num_beams=3"):
        decode(adapter, prompt(), chosen("attmean"), progress=False)
    assert (
        decode(adapter, prompt(), chosen("attmean"), progress=False, num_beams=1, max_new_tokens=2).stopped == "length"
    )


def test_a_streamer_is_served_as_by_generate(llama):
    class Heard:
        def __init__(self):
            self.pieces = []

        def put(self, ids):
            self.pieces.append(ids.tolist())

        def end(self):
            self.pieces.append("end")

    ours, theirs = Heard(), Heard()
    decode(llama, prompt(), chosen("attmean"), progress=False, max_new_tokens=4, streamer=ours)
    plain(llama, prompt(), max_new_tokens=4, streamer=theirs)
    assert ours.pieces == theirs.pieces


def test_the_bar_counts_tokens_and_can_be_left_out(llama, capsys):
    decode(llama, prompt(), chosen("attmean"), max_new_tokens=4)
    assert "/4" in capsys.readouterr().err
    decode(llama, prompt(), chosen("attmean"), max_new_tokens=4, progress=False)
    assert capsys.readouterr().err == ""


def test_passes_that_do_not_fit_are_halved_and_an_interrupt_keeps_what_is_done():
    sizes = []

    def work(items):
        sizes.append(len(items))
        if len(items) > 2:
            raise torch.OutOfMemoryError
        if items[0] == 6:
            raise KeyboardInterrupt
        return items[:, None].float() * 10

    done, whole = run_passes(work, 9, batch=8, label="test", progress=False)
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert not whole
    assert torch.cat(done).tolist() == [0, 10, 20, 30, 40, 50]
