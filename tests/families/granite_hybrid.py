"""Granite 4's hybrid at toy size: state spaces beside layers that attend."""

from __future__ import annotations

from transformers import GraniteMoeHybridConfig, GraniteMoeHybridForCausalLM

from tests.text_toys import NO_MEDIA, STATEFUL, toy

NAME = "Granite 4"
MODEL = "GraniteMoeHybridForCausalLM"
HUB = "ibm-granite/granite-4.0-h-tiny"
NOTE = "hybrid: state spaces; layers that attend are traced"
NOT_APPLICABLE = NO_MEDIA | STATEFUL


def make():
    return toy(
        GraniteMoeHybridForCausalLM,
        GraniteMoeHybridConfig,
        {
            "layer_types": ["mamba", "attention"],
            "mamba_n_heads": 4,
            "mamba_d_head": 16,
            "mamba_d_state": 8,
            "mamba_chunk_size": 16,
        }
        | {"shared_intermediate_size": 16, "num_local_experts": 4, "num_experts_per_tok": 2},
    )
