"""OLMo 2 at toy size: norms of queries and keys, none before a layer."""

from __future__ import annotations

from transformers import Olmo2Config, Olmo2ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "OLMo 2"
MODEL = "Olmo2ForCausalLM"
HUB = "allenai/OLMo-2-1124-7B-Instruct"
NOTE = "norms after its layers, and of queries and keys"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(Olmo2ForCausalLM, Olmo2Config, {})
