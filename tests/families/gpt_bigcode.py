"""GPT-BigCode at toy size: all queries share one key head."""

from __future__ import annotations

from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "GPT-BigCode"
MODEL = "GPTBigCodeForCausalLM"
HUB = "bigcode/gpt_bigcode-santacoder"
NOTE = "one key head for all queries"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(GPTBigCodeForCausalLM, GPTBigCodeConfig, {})
