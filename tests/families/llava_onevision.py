"""LLaVA-OneVision (arXiv 2408.03326): a picture cut to its best resolution, unpadded, with newline tokens."""

from __future__ import annotations

import open_toys as open_
import torch
from toys import CORPUS, WORDS, make_generation_config
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
)

import omnitrace_nb as ot
from training.vocabulary import byte_level

NAME = "LLaVA-OneVision"
MODEL = "LlavaOnevisionForConditionalGeneration"
HUB = "llava-hf/llava-onevision-qwen2-7b-ov-hf"
NOTE = "pictures cut into tiles of their best resolution, with a thumbnail; a prompt's one picture alone is cut"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "image_token": "<image>",
    "video_token": "<video>",
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} "
    "{% for content in message['content'] if content['type'] == 'image' %}<image>{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'video' %}<video>{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'text' %}\n{{ content['text'] }}{% endfor %}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TILE, PATCH = 30, 7  # as in the real models (384 and 14), patches leave a strip of each tile unseen


def make():
    """Give a random model of the real class, and its processor for tiles of 30 x 30 pixels, 4 x 4 patches each."""
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=WORDS)
    best = [[TILE * rows, TILE * columns] for rows in (1, 2, 3) for columns in (1, 2, 3)]
    processor = LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(
            size={"height": TILE, "width": TILE}, image_grid_pinpoints=best, image_mean=[0.5] * 3, image_std=[0.5] * 3
        ),
        video_processor=LlavaOnevisionVideoProcessor(
            size={"height": TILE, "width": TILE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
        ),
        tokenizer=tokenizer,
        num_image_tokens=(TILE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = LlavaOnevisionConfig(
        vision_config={
            "model_type": "siglip_vision_model",
            **open_.ENCODER_SIZES,
            "image_size": TILE,
            "patch_size": PATCH,
            "vision_use_head": False,
        },
        text_config={"model_type": "qwen2", **open_.text_config(tokenizer)},
        image_token_index=processor.image_token_id,
        video_token_index=processor.video_token_id,
        image_grid_pinpoints=best,
        vision_aspect_ratio=processor.vision_aspect_ratio,
        initializer_range=0.2,
    )
    model = LlavaOnevisionForConditionalGeneration(config).eval()
    with torch.no_grad():  # what a patch shows outweighs where it stands, as it does in trained encoders
        model.model.vision_tower.embeddings.patch_embedding.weight.mul_(4)
    model.generation_config = make_generation_config(tokenizer)
    return model, processor


def content(folder):
    """Give a prompt of everything that it reads."""
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Video(folder / "silent.mp4"),
        "What?",
    ]
