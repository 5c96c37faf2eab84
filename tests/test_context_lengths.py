"""How much a model reads: what its configuration states, what its scaled positions reach, and what its user says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import (
    DeepseekV3Config,
    Gemma3TextConfig,
    GptOssConfig,
    LlamaConfig,
    MambaConfig,
    Phi3Config,
    Qwen2_5_VLConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
)

import omnitrace_nb as ot
from omnitrace_nb.errors import ModelError, SettingsError
from omnitrace_nb.models.rotary import context_length

QUIET = {"max_new_tokens": 2, "progress": False}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
PHI = {"hidden_size": 3072, "num_attention_heads": 32}


@pytest.mark.parametrize(
    ("config", "reads"),
    [
        # The recipe of Qwen's model cards, with `max_position_embeddings` as the checkpoints have it.
        (Qwen2Config(max_position_embeddings=32_768, rope_scaling=YARN), 131_072),
        (Qwen3Config(max_position_embeddings=40_960, rope_scaling=YARN), 131_072),
        (Qwen2Config(max_position_embeddings=32_768, rope_scaling={"type": "yarn", "factor": 4.0}), 131_072),
        (Qwen2Config(max_position_embeddings=131_072, rope_scaling=YARN), 131_072),
        (Qwen2Config(max_position_embeddings=32_768), 32_768),
        # Vicuna 16k: its positions are squeezed, and its configuration says 4,096.
        (LlamaConfig(max_position_embeddings=4096, rope_scaling={"type": "linear", "factor": 4.0}), 16_384),
        (LlamaConfig(max_position_embeddings=4096, rope_scaling={"rope_type": "dynamic", "factor": 2.0}), 8192),
        # Llama 3.1 and 3.2 state what they were trained for, which is not factor times the original length.
        (LlamaConfig(max_position_embeddings=131_072, rope_scaling=LLAMA3), 131_072),
        (LlamaConfig(max_position_embeddings=131_072, rope_scaling={**LLAMA3, "factor": 32.0}), 131_072),
        (LlamaConfig(max_position_embeddings=8192, rope_scaling=LLAMA3), 65_536),
        (Phi3Config(max_position_embeddings=131_072, original_max_position_embeddings=4096, rope_scaling=LONG, **PHI),
         131_072),
        (DeepseekV3Config(max_position_embeddings=163_840,
                          rope_scaling={**YARN, "factor": 40.0, "original_max_position_embeddings": 4096}), 163_840),
        (GptOssConfig(), 131_072),
        # Of layers with ropes of their own, each is written for what the configuration states.
        (Gemma3TextConfig(rope_scaling={"rope_type": "linear", "factor": 8.0}), 131_072),
    ],
)  # fmt: skip
def test_a_scaled_model_reads_what_its_card_says(config, reads):
    assert context_length(config) == reads


def test_a_scaled_language_model_inside_a_model_of_several_modalities_is_found():
    yarn = {"type": "yarn", "mrope_section": [16, 24, 24], "factor": 4, "original_max_position_embeddings": 32_768}
    config = Qwen2_5_VLConfig(text_config={"max_position_embeddings": 32_768, "rope_scaling": yarn})
    assert context_length(config.get_text_config()) == 131_072


@pytest.fixture
def folder(toy_text, tmp_path):
    """A saved model that reads 64 positions."""
    _, tokenizer = toy_text
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = Qwen2Config(vocab_size=len(tokenizer), max_position_embeddings=64, num_key_value_heads=2, **sizes, **ends)
    Qwen2ForCausalLM(config).eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


LONG_PROMPT = ["Mia sells honey, Hugo sells clocks. " * 6, "Who sells honey?"]


def test_the_recipe_of_model_cards_in_config_json_lets_a_long_prompt_in(folder):
    with pytest.raises(ModelError, match="this model reads at most 64, the response included"):
        ot.load(folder).trace(LONG_PROMPT, "attmean", **QUIET)
    written = json.loads((folder / "config.json").read_text())
    written.pop("rope_parameters", None)
    written["rope_scaling"] = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps(written))
    trace = ot.load(folder).trace(LONG_PROMPT, "attmean", **QUIET)
    assert 64 < len(trace.layout) < 256
    with pytest.raises(ModelError, match="this model reads at most 256"):
        ot.load(folder).trace([LONG_PROMPT[0] * 3, LONG_PROMPT[1]], "attmean", **QUIET)


def test_the_recipe_as_a_keyword_lets_it_in_too(folder):
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10_000.0}
    tracer = ot.load(folder, rope_parameters=yarn)
    trace = tracer.trace(LONG_PROMPT, "attmean", **QUIET)
    ids = torch.as_tensor(np.concatenate([trace.layout.token_ids, trace.response_record.token_ids]))[None]
    with torch.no_grad():  # the scaled positions are those that are read
        logits = Qwen2ForCausalLM.from_pretrained(folder, rope_parameters=yarn)(ids).logits[0].log_softmax(-1)
    own = trace.response_record.token_ids
    wanted = logits[len(trace.layout) - 1 : -1].gather(1, torch.as_tensor(own)[:, None])[:, 0]
    np.testing.assert_allclose(trace.steps["logprob"], wanted, atol=1e-4)


def test_its_user_says_that_a_model_reads_more_or_fewer(folder, toy_text):
    with pytest.raises(ModelError, match=r"reads more than its configuration says: ot.load\(..., max_positions=...\)"):
        ot.load(folder).trace(LONG_PROMPT, "attmean", **QUIET)
    tracer = ot.load(folder, max_positions=200)
    trace = tracer.trace(LONG_PROMPT, "attmean", **QUIET)
    assert len(tracer.add(trace, "leave_one_out", progress=False).signals) == 2
    model, tokenizer = toy_text
    few, own = ot.load(model, tokenizer, max_positions=20), ot.load(model, tokenizer)
    with pytest.raises(ModelError, match="this model reads at most 20"):
        few.trace("Who sells honey?", "attmean", **QUIET)
    with pytest.raises(ModelError, match="this model reads at most 60: give a shorter response"):
        ot.load(model, tokenizer, max_positions=60).trace("Who?", response="Mia. " * 50, progress=False)
    assert len(own.trace("Who sells honey?", "attmean", **QUIET).steps)


@pytest.mark.parametrize("wrong", [0, -5, 2.5, "many", True])
def test_positions_that_are_no_count_are_told(toy_text, wrong):
    with pytest.raises(SettingsError, match=r"max_positions=.*give a whole number of positions"):
        ot.load(*toy_text, max_positions=wrong)


def test_a_model_without_positions_reads_anything():
    assert context_length(MambaConfig()) == float("inf")
