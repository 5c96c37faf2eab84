"""Qwen3.5 at toy size: a layer of linear attention, and one that attends."""

from __future__ import annotations

import qwen_toys as toys
import torch
from families.qwen3_vl import make_processor
from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

from tests.text_toys import STATEFUL

NAME = "Qwen3.5"
MODEL = "Qwen3_5ForConditionalGeneration"
HUB = "Qwen/Qwen3.5-27B"
NOT_APPLICABLE = STATEFUL | {"seconds": "it reads no sound", "tracks": "it reads no sound"}
NOTE = "hybrid: linear attention; layers that attend are traced; pictures and films as in Qwen3-VL"

content = toys.pictures_and_films


LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    model = Qwen3_5ForConditionalGeneration(
        Qwen3_5Config(
            text_config=toys.text_config(tokenizer, head_dim=32, **LINEAR),
            vision_config=toys.vision_config(num_position_embeddings=64),
            **toys.vl_tokens(tokenizer),
        )
    )
    return toys.ready(model, tokenizer), make_processor(tokenizer)
