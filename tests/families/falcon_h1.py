"""Falcon-H1 at toy size: attention and a state space side by side in every layer."""

from __future__ import annotations

from transformers import FalconH1Config, FalconH1ForCausalLM

from tests.text_toys import NO_MEDIA, STATEFUL, toy

NAME = "Falcon-H1"
MODEL = "FalconH1ForCausalLM"
HUB = "tiiuae/Falcon-H1-1.5B-Instruct"
NOTE = "hybrid: attention and a state space in every layer; attention is traced"
NOT_APPLICABLE = NO_MEDIA | STATEFUL


def make():
    return toy(
        FalconH1ForCausalLM,
        FalconH1Config,
        {
            "head_dim": 8,
            "mamba_n_heads": 4,
            "mamba_d_head": 8,
            "mamba_d_ssm": 32,
            "mamba_d_state": 8,
            "mamba_chunk_size": 16,
        },
    )
