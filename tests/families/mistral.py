"""Mistral at toy size: every layer sees a window."""

from __future__ import annotations

from transformers import MistralConfig, MistralForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Mistral"
MODEL = "MistralForCausalLM"
HUB = "mistralai/Mistral-7B-Instruct-v0.1"
NOTE = "every layer sees a window"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(MistralForCausalLM, MistralConfig, {"sliding_window": 16, "head_dim": 8})
