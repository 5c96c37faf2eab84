"""Llama 4's text model at toy size: layers that attend within chunks."""

from __future__ import annotations

from transformers import Llama4ForCausalLM, Llama4TextConfig

from tests.text_toys import NO_MEDIA, toy

NAME = "Llama 4 (text)"
MODEL = "Llama4ForCausalLM"
HUB = "meta-llama/Llama-4-Scout-17B-16E-Instruct"
NOTE = "layers that attend within chunks"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Llama4ForCausalLM,
        Llama4TextConfig,
        {
            "head_dim": 8,
            "intermediate_size_mlp": 48,
            "num_local_experts": 2,
            "attention_chunk_size": 32,
            "layer_types": ["chunked_attention", "full_attention"],
        },
    )
