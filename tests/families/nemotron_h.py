"""Nemotron-H at toy size: state spaces, attention and experts, a layer each."""

from __future__ import annotations

from transformers import NemotronHConfig, NemotronHForCausalLM

from tests.text_toys import NO_MEDIA, STATEFUL, toy

NAME = "Nemotron-H"
MODEL = "NemotronHForCausalLM"
HUB = "nvidia/NVIDIA-Nemotron-Nano-9B-v2"
NOTE = "hybrid: state spaces; layers that attend are traced"
NOT_APPLICABLE = NO_MEDIA | STATEFUL


def make():
    return toy(
        NemotronHForCausalLM,
        NemotronHConfig,
        {"num_hidden_layers": 3, "layers_block_type": ["mamba", "moe", "attention"], "head_dim": 8}
        | {"mamba_num_heads": 4, "mamba_head_dim": 16, "ssm_state_size": 8, "chunk_size": 16, "n_groups": 1}
        | {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    )
