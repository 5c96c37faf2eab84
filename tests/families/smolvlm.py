"""SmolVLM 2 (arXiv 2504.05299): rows and columns of tiles, each with its own marker, then the whole picture."""

from __future__ import annotations

import open_toys as open_
import torch
from toys import CORPUS, WORDS, make_generation_config
from transformers import (
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from training.vocabulary import byte_level

NAME = "SmolVLM 2"
MODEL = "SmolVLMForConditionalGeneration"
HUB = "HuggingFaceTB/SmolVLM2-2.2B-Instruct"
NOTE = "pictures cut into rows and columns of tiles, then whole; a film is frames with their times, in words"
NOT_APPLICABLE = {"seconds": "it reads no sound", "tracks": "it reads no sound"}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<end_of_utterance>",
    "fake_image_token": "<fake_token_around_image>",
    "image_token": "<image>",
    "global_image_token": "<global-img>",
    "video_token": "<video>",
    **{f"row_{row}_col_{column}": f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)},
}
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}<image>{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
TILE, PATCH, SHUFFLE = 32, 4, 2  # pixels, pixels, patches a side of a token

content = open_.pictures_and_film


def make():
    """Give a random model of the real class, and its processor for tiles of 32 x 32 pixels, 4 x 4 tokens each."""
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=WORDS)
    sizes = {"size": {"longest_edge": 3 * TILE}, "max_image_size": {"longest_edge": TILE}}
    processor = SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(**sizes),
        video_processor=SmolVLMVideoProcessor(**sizes),
        tokenizer=tokenizer,
        image_seq_len=(TILE // PATCH // SHUFFLE) ** 2,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = SmolVLMConfig(
        vision_config={
            **open_.ENCODER,
            "image_size": TILE,
            "patch_size": PATCH,
        },
        text_config={"model_type": "llama", **open_.text_config(tokenizer)},
        scale_factor=SHUFFLE,
        image_token_id=processor.image_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
    )
    model = SmolVLMForConditionalGeneration(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, processor
