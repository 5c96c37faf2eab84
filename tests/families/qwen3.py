"""Qwen3 at toy size."""

from __future__ import annotations

from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Qwen3"
MODEL = "Qwen3ForCausalLM"
HUB = "Qwen/Qwen3-8B"
NOTE = "grouped queries"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(Qwen3ForCausalLM, Qwen3Config, {"head_dim": 8})
