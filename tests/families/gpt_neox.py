"""GPT-NeoX at toy size: attention and the layer behind it side by side."""

from __future__ import annotations

from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "GPT-NeoX, Pythia"
MODEL = "GPTNeoXForCausalLM"
HUB = "EleutherAI/pythia-1.4b"
NOTE = "a key head for each query head"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(GPTNeoXForCausalLM, GPTNeoXConfig, {})
