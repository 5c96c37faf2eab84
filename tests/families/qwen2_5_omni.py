"""Qwen2.5-Omni whole, without its talker, at toy size."""

from __future__ import annotations

import qwen_toys
import torch
import toys
from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

NAME = "Qwen2.5-Omni"
MODEL = "Qwen2_5OmniForConditionalGeneration"
HUB = "Qwen/Qwen2.5-Omni-7B"
NOT_APPLICABLE = {}
NOTE = "its thinker is traced, its talker is left off; a film's sound stands between its frames, 2 seconds at a time"

content = qwen_toys.everything


def make():
    tokenizer = toys.make_tokenizer()
    torch.manual_seed(0)
    config = Qwen2_5OmniConfig(thinker_config=toys.make_omni_config(tokenizer).to_dict(), enable_audio_output=False)
    whole = Qwen2_5OmniForConditionalGeneration(config).eval()
    qwen_toys.ready(whole.thinker, tokenizer)
    size = {"shortest_edge": 56 * 56, "longest_edge": 140 * 140}
    return whole, toys.make_omni_processor(tokenizer, image_size=size, frame_size=size)
