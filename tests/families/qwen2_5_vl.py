"""Qwen2.5-VL at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

NAME = "Qwen2.5-VL"
MODEL = "Qwen2_5_VLForConditionalGeneration"
HUB = "Qwen/Qwen2.5-VL-7B-Instruct"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}
NOTE = "a picture or film is an even grid; time by the film's own rate"

content = toys.pictures_and_films


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config=toys.text_config(tokenizer),
            vision_config=toys.vision_config(window_size=56, fullatt_block_indexes=[1]),
            **toys.vl_tokens(tokenizer),
        )
    )
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=toys.SIZE),
        video_processor=Qwen2VLVideoProcessor(size=toys.SIZE),
        tokenizer=tokenizer,
        chat_template=toys.VL_TEMPLATE,
    )
    return toys.ready(model, tokenizer), processor
