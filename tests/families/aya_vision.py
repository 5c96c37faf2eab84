"""Aya Vision at toy size: read without any code of its own."""

from __future__ import annotations

import open_toys as open_
import torch
from transformers import (
    AyaVisionConfig,
    AyaVisionForConditionalGeneration,
    AyaVisionProcessor,
    GotOcr2ImageProcessor,
)

NAME = "Aya Vision"
MODEL = "AyaVisionForConditionalGeneration"
HUB = "CohereLabs/aya-vision-8b"
NOT_APPLICABLE = {"seconds": "it reads no sound", "frames": "it reads no film", "tracks": "it reads no film"}
NOTE = "no code: a position stands for the whole of its part"


def make():
    names = {"tile": "TILE", "thumbnail": "TILE_GLOBAL", "start": "<|START_OF_IMG|>", "end": "<|END_OF_IMG|>"}
    tokenizer = open_.make_tokenizer(image="<image>", patch="<|IMG_PATCH|>", **names)
    torch.manual_seed(0)
    config = AyaVisionConfig(
        text_config={
            "model_type": "cohere2",
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            **open_.text_config(tokenizer),
        },
        vision_config={"model_type": "siglip_vision_model", "image_size": 56, "patch_size": 14, **open_.ENCODER},
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
    )
    processor = AyaVisionProcessor(
        GotOcr2ImageProcessor(size={"height": 56, "width": 56}, max_patches=4, crop_to_patches=True),
        tokenizer,
        patch_size=14,
        img_size=56,
        downsample_factor=2,
        chat_template=open_.template(image="<image>"),
    )
    return open_.ready(AyaVisionForConditionalGeneration(config), tokenizer), processor
