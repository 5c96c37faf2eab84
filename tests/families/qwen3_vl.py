"""Qwen3-VL at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

NAME = "Qwen3-VL"
MODEL = "Qwen3VLForConditionalGeneration"
HUB = "Qwen/Qwen3-VL-8B-Instruct"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}
NOTE = "visual features enter at several depths; the seconds written between frames are nobody's"

content = toys.pictures_and_films


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(
            text_config=toys.text_config(tokenizer, head_dim=16, num_hidden_layers=3),
            vision_config=toys.vision_config(num_position_embeddings=64, deepstack_visual_indexes=[0, 1]),
            **toys.vl_tokens(tokenizer),
        )
    )
    return toys.ready(model, tokenizer), make_processor(tokenizer)


def make_processor(tokenizer):
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=toys.SIZE, patch_size=16),
        video_processor=Qwen3VLVideoProcessor(size=toys.FILM),
        tokenizer=tokenizer,
        chat_template=toys.VL_TEMPLATE,
    )
