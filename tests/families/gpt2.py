"""GPT-2 at toy size: learned positions."""

from __future__ import annotations

from transformers import GPT2Config, GPT2LMHeadModel

from tests.text_toys import NO_MEDIA, toy

NAME = "GPT-2"
MODEL = "GPT2LMHeadModel"
HUB = "openai-community/gpt2"
NOTE = "learned positions"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(GPT2LMHeadModel, GPT2Config, {})
