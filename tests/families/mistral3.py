"""Mistral 3 at toy size: read without any code of its own."""

from __future__ import annotations

import open_toys as open_
import torch
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PixtralImageProcessor,
    PixtralProcessor,
)

NAME = "Mistral Small 3.1 (Pixtral's eye)"
MODEL = "Mistral3ForConditionalGeneration"
HUB = "mistralai/Mistral-Small-3.1-24B-Instruct-2503"
NOT_APPLICABLE = {"seconds": "it reads no sound", "frames": "it reads no film", "tracks": "it reads no film"}
NOTE = "no code: a position stands for the whole of its part"


def make():
    tokenizer = open_.make_tokenizer(image="[IMG]", row_end="[IMG_BREAK]", image_end="[IMG_END]")
    torch.manual_seed(0)
    config = Mistral3Config(
        text_config={"model_type": "mistral", **open_.text_config(tokenizer)},
        vision_config={"model_type": "pixtral", "image_size": 112, "patch_size": 14, **open_.ENCODER},
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        spatial_merge_size=2,
    )
    processor = PixtralProcessor(
        PixtralImageProcessor(size={"longest_edge": 112}, patch_size={"height": 14, "width": 14}),
        tokenizer,
        patch_size=14,
        spatial_merge_size=2,
        chat_template=open_.template(image="[IMG]"),
    )
    return open_.ready(Mistral3ForConditionalGeneration(config), tokenizer), processor
