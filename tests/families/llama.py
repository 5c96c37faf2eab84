"""Llama at toy size."""

from __future__ import annotations

from transformers import LlamaConfig, LlamaForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "Llama"
MODEL = "LlamaForCausalLM"
HUB = "meta-llama/Llama-3.1-8B-Instruct"
NOTE = "grouped queries"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(LlamaForCausalLM, LlamaConfig, {})
