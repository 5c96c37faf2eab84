"""Gemma 3's text model at toy size: most layers see a window."""

from __future__ import annotations

from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from tests.text_toys import NO_MEDIA, toy

NAME = "Gemma 3 (text)"
MODEL = "Gemma3ForCausalLM"
HUB = "google/gemma-3-1b-it"
NOTE = "most layers see a window"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        {
            "num_hidden_layers": 3,
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "sliding_window": 16,
            "sliding_window_pattern": 3,
        },
    )
