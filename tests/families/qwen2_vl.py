"""Qwen2-VL at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

NAME = "Qwen2-VL"
MODEL = "Qwen2VLForConditionalGeneration"
HUB = "Qwen/Qwen2-VL-7B-Instruct"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}
NOTE = "a picture or film is an even grid"

content = toys.pictures_and_films


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2}
    model = Qwen2VLForConditionalGeneration(
        Qwen2VLConfig(
            text_config=toys.text_config(tokenizer),
            vision_config={**vision, "initializer_range": toys.WIDE},
            **toys.vl_tokens(tokenizer),
        )
    )
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=toys.SIZE),
        video_processor=Qwen2VLVideoProcessor(size=toys.SIZE),
        tokenizer=tokenizer,
        chat_template=toys.VL_TEMPLATE,
    )
    return toys.ready(model, tokenizer), processor
