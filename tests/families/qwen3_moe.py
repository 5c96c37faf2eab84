"""Qwen3's mixture of experts at toy size."""

from __future__ import annotations

from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Qwen3-MoE"
MODEL = "Qwen3MoeForCausalLM"
HUB = "Qwen/Qwen3-30B-A3B"
NOTE = "experts between layers that all attend"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Qwen3MoeForCausalLM,
        Qwen3MoeConfig,
        {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    )
