"""Gemma 2 at toy size: softcaps, and every other layer sees a window."""

from __future__ import annotations

from transformers import Gemma2Config, Gemma2ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Gemma 2"
MODEL = "Gemma2ForCausalLM"
HUB = "google/gemma-2-9b-it"
NOTE = "softcaps, so its own eager attention is run; every other layer sees a window"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Gemma2ForCausalLM,
        Gemma2Config,
        {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 16, "attn_logit_softcapping": 2.0},
    )
