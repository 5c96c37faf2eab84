"""MiniCPM-V 4.6: an overview, then slices of the picture's own shape; sixteen patches (or four) become one token."""

from __future__ import annotations

import open_toys as open_
import torch
from toys import CORPUS, WORDS, make_generation_config
from transformers import (
    MiniCPMV4_6Config,
    MiniCPMV4_6ForConditionalGeneration,
    MiniCPMV4_6ImageProcessor,
    MiniCPMV4_6Processor,
    MiniCPMV4_6VideoProcessor,
)

from training.vocabulary import byte_level

NAME = "MiniCPM-V 4.6"
MODEL = "MiniCPMV4_6ForConditionalGeneration"
HUB = "openbmb/MiniCPM-V-4.6"
NOTE = "an overview, then slices of the picture's own shape, of films too; three layers in four have no softmax"
NOT_APPLICABLE = {
    "seconds": "it reads no sound",
    "tracks": "it reads no sound",
    "gradients": "layers without softmax keep a state, from which the prompt's last token cannot be taken back",
    "hiding": "layers without softmax keep a state, from which no position can be hidden",
}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "image_start_token": "<image>",
    "image_end_token": "</image>",
    "slice_start_token": "<slice>",
    "slice_end_token": "</slice>",
    "image_id_start_token": "<image_id>",
    "image_id_end_token": "</image_id>",
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|image_pad|>\n{% elif content['type'] == 'video' %}<|video_pad|>\n"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SLICE, PATCH = 64, 4  # pixels
LAYERS = ("linear_attention", "full_attention")

content = open_.pictures_and_film


def make(layers=LAYERS, downsample="16x"):
    """Give a random model of the real class, and its processor for slices of about 64 x 64 pixels, 4 x 4 tokens."""
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=WORDS)
    sizes = {"scale_resolution": SLICE, "patch_size": PATCH, "max_slice_nums": 6, "downsample_mode": downsample}
    processor = MiniCPMV4_6Processor(
        image_processor=MiniCPMV4_6ImageProcessor(**sizes),
        video_processor=MiniCPMV4_6VideoProcessor(**sizes),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = MiniCPMV4_6Config(
        vision_config={
            **open_.ENCODER_SIZES,
            "image_size": SLICE,
            "patch_size": PATCH,
        },
        text_config={
            "model_type": "qwen3_5_text",
            **open_.text_config(tokenizer),
            "num_hidden_layers": len(layers),
            "layer_types": list(layers),
            "head_dim": 32,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
        },
        insert_layer_id=0,
        image_size=SLICE,
        image_token_id=processor.image_token_id,
        video_token_id=processor.video_token_id,
        downsample_mode=downsample,
        initializer_range=0.2,
    )
    model = MiniCPMV4_6ForConditionalGeneration(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, processor
