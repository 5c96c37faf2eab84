"""Gemma 3n's language model alone: embeddings of each layer, layers that share keys and values."""

from __future__ import annotations

import torch
from transformers import Gemma3nForCausalLM, Gemma3nTextConfig

from tests.text_toys import NO_MEDIA, toy

NAME = "Gemma 3n (text)"
MODEL = "Gemma3nForCausalLM"
HUB = "google/gemma-3n-E4B-it"
NOTE = "its language model alone, by AutoModelForCausalLM"
NOT_APPLICABLE = NO_MEDIA


def make():
    model, tokenizer = toy(
        Gemma3nForCausalLM,
        Gemma3nTextConfig,
        {
            "vocab_size_per_layer_input": 420,
            "hidden_size_per_layer_input": 8,
            "head_dim": 8,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0],
            "sliding_window": 16,
            "laurel_rank": 4,
            "altup_num_inputs": 2,
        },
    )
    for layer in model.model.layers:
        # It begins as 0, with which no embedding of a layer would reach anything.
        torch.nn.init.normal_(layer.altup.correct_output_scale)
    return model, tokenizer
