"""Qwen3-Next at toy size: a gated delta rule beside gated attention."""

from __future__ import annotations

from transformers import Qwen3NextConfig, Qwen3NextForCausalLM

from tests.text_toys import NO_MEDIA, STATEFUL, toy

NAME = "Qwen3-Next"
MODEL = "Qwen3NextForCausalLM"
HUB = "Qwen/Qwen3-Next-80B-A3B-Instruct"
NOTE = "hybrid: linear attention; layers that attend are traced"
NOT_APPLICABLE = NO_MEDIA | STATEFUL


def make():
    return toy(
        Qwen3NextForCausalLM,
        Qwen3NextConfig,
        {
            "layer_types": ["linear_attention", "full_attention"],
            "head_dim": 8,
            "num_experts": 4,
            "num_experts_per_tok": 2,
        }
        | {
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    )
