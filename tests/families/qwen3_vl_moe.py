"""Qwen3-VL with a mixture of experts, at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from families.qwen3_vl import make_processor
from transformers import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

NAME = "Qwen3-VL (mixture of experts)"
MODEL = "Qwen3VLMoeForConditionalGeneration"
HUB = "Qwen/Qwen3-VL-30B-A3B-Instruct"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}
NOTE = "as Qwen3-VL"

content = toys.pictures_and_films


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    model = Qwen3VLMoeForConditionalGeneration(
        Qwen3VLMoeConfig(
            text_config=toys.text_config(tokenizer, **toys.experts(num_hidden_layers=3)),
            vision_config=toys.vision_config(num_position_embeddings=64, deepstack_visual_indexes=[0, 1]),
            **toys.vl_tokens(tokenizer),
        )
    )
    return toys.ready(model, tokenizer), make_processor(tokenizer)
