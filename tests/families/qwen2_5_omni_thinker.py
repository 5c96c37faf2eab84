"""Qwen2.5-Omni's thinker alone, at toy size."""

from __future__ import annotations

import qwen_toys
import toys

NAME = "Qwen2.5-Omni (thinker alone)"
MODEL = "Qwen2_5OmniThinkerForConditionalGeneration"
HUB = "Qwen/Qwen2.5-Omni-7B"
NOT_APPLICABLE = {}
NOTE = "as Qwen2.5-Omni"

content = qwen_toys.everything


def make():
    return toys.make_omni(toys.make_tokenizer())
