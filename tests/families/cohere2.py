"""Cohere 2 at toy size: windows, and layers without positions."""

from __future__ import annotations

from transformers import Cohere2Config, Cohere2ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Command R7B"
MODEL = "Cohere2ForCausalLM"
HUB = "CohereLabs/c4ai-command-r7b-12-2024"
NOTE = "layers with windows, and layers without positions"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        Cohere2ForCausalLM,
        Cohere2Config,
        {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]},
    )
