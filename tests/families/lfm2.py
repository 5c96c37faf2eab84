"""LFM2 at toy size: short convolutions beside layers that attend."""

from __future__ import annotations

from transformers import Lfm2Config, Lfm2ForCausalLM

from tests.text_toys import HIDDEN, NO_MEDIA, toy

NAME = "LFM2"
MODEL = "Lfm2ForCausalLM"
HUB = "LiquidAI/LFM2-1.2B"
NOTE = "hybrid: short convolutions; layers that attend are traced"
NOT_APPLICABLE = NO_MEDIA | HIDDEN


def make():
    return toy(Lfm2ForCausalLM, Lfm2Config, {"layer_types": ["conv", "full_attention"]})
