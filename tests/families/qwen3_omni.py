"""Qwen3-Omni whole, without its talker, at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from families.qwen3_omni_thinker import make_config, make_processor
from transformers import Qwen3OmniMoeConfig, Qwen3OmniMoeForConditionalGeneration

NAME = "Qwen3-Omni"
MODEL = "Qwen3OmniMoeForConditionalGeneration"
HUB = "Qwen/Qwen3-Omni-30B-A3B-Instruct"
NOT_APPLICABLE = {}
NOTE = "its thinker is traced, its talker is left off"

content = toys.everything


def make():
    tokenizer = toys.make_tokenizer(toys.OMNI_SPECIAL)
    torch.manual_seed(0)
    config = Qwen3OmniMoeConfig(thinker_config=make_config(tokenizer).to_dict(), enable_audio_output=False)
    whole = Qwen3OmniMoeForConditionalGeneration(config).eval()
    toys.ready(whole.thinker, tokenizer)
    return whole, make_processor(tokenizer)
