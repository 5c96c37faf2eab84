"""Qwen3-VL with a mixture of experts, at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2VLImageProcessor,
    Qwen3VLMoeConfig,
    Qwen3VLMoeForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

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
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=toys.SIZE, patch_size=16),
        video_processor=Qwen3VLVideoProcessor(size=toys.FILM),
        tokenizer=tokenizer,
        chat_template=toys.VL_TEMPLATE,
    )
    return toys.ready(model, tokenizer), processor
