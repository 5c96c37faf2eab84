"""Gemma 4's language model alone: embeddings of each layer, layers of different sizes that share keys and values."""

from __future__ import annotations

from transformers import Gemma4ForCausalLM, Gemma4TextConfig

from tests.text_toys import NO_MEDIA, toy

NAME = "Gemma 4 (text)"
MODEL = "Gemma4ForCausalLM"
HUB = "google/gemma-4-E4B-it"
NOTE = "its language model alone, by AutoModelForCausalLM"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Gemma4ForCausalLM,
        Gemma4TextConfig,
        {
            "vocab_size_per_layer_input": 420,
            "hidden_size_per_layer_input": 8,
            "head_dim": 8,
            "global_head_dim": 16,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 16,
        },
    )
