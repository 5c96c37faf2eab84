"""Phi-3 at toy size: queries, keys and values from one projection."""

from __future__ import annotations

from transformers import Phi3Config, Phi3ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Phi-3"
MODEL = "Phi3ForCausalLM"
HUB = "microsoft/Phi-3.5-mini-instruct"
NOTE = "one projection for queries, keys and values"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(Phi3ForCausalLM, Phi3Config, {"sliding_window": None})
