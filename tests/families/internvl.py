"""InternVL 3 (arXiv 2504.10479): tiles of the nearest shape of canvas, then a thumbnail; a film's frames whole."""

from __future__ import annotations

import open_toys as open_
import torch
from toys import CORPUS, WORDS, make_generation_config
from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
)

from training.vocabulary import byte_level

NAME = "InternVL 3"
MODEL = "InternVLForConditionalGeneration"
HUB = "OpenGVLab/InternVL3-8B-hf"
NOTE = "pictures cut into tiles of the canvas nearest to their shape, with a thumbnail; a film's frames whole"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<IMG_CONTEXT>\n{% elif content['type'] == 'video' %}<video>\n"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TILE, PATCH = 40, 5  # pixels; two by two patches become one token

content = open_.pictures_and_film


def make():
    """Give a random model of the real class, and its processor for tiles of 40 x 40 pixels, 4 x 4 tokens each."""
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=WORDS)
    size, half = {"height": TILE, "width": TILE}, {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size, crop_to_patches=True, max_patches=6, **half),
        video_processor=InternVLVideoProcessor(size=size, **half),
        tokenizer=tokenizer,
        image_seq_length=(TILE // PATCH // 2) ** 2,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = InternVLConfig(
        vision_config={
            **open_.ENCODER,
            "image_size": [TILE, TILE],
            "patch_size": [PATCH, PATCH],
        },
        text_config={"model_type": "qwen2", **open_.text_config(tokenizer)},
        image_token_id=processor.image_token_id,
        image_seq_length=processor.image_seq_length,
        initializer_range=0.2,
    )
    model = InternVLForConditionalGeneration(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, processor
