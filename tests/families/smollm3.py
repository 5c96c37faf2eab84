"""SmolLM3 at toy size: some layers know no positions."""

from __future__ import annotations

from transformers import SmolLM3Config, SmolLM3ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "SmolLM3"
MODEL = "SmolLM3ForCausalLM"
HUB = "HuggingFaceTB/SmolLM3-3B"
NOTE = "some layers without positions"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(SmolLM3ForCausalLM, SmolLM3Config, {"no_rope_layer_interval": 2})
