"""Jamba at toy size: state spaces beside layers that attend."""

from __future__ import annotations

from transformers import JambaConfig, JambaForCausalLM

from tests.text_toys import NO_MEDIA, STATEFUL, toy

NAME = "Jamba"
MODEL = "JambaForCausalLM"
HUB = "ai21labs/AI21-Jamba-Mini-1.7"
NOTE = "hybrid: state spaces; layers that attend are traced"
NOT_APPLICABLE = NO_MEDIA | STATEFUL


def make():
    return toy(
        JambaForCausalLM,
        JambaConfig,
        {
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "use_mamba_kernels": False,
            "mamba_d_state": 4,
            "mamba_dt_rank": 4,
            "num_experts": 4,
        },
    )
