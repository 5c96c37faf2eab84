"""SmolVLM's first version, whose classes are Idefics 3's (arXiv 2408.12637): the same tiles, no film."""

from __future__ import annotations

import open_toys as open_
import torch
from families.smolvlm import PATCH, SHUFFLE, SPECIAL, TEMPLATE, TILE
from toys import CORPUS, WORDS, make_generation_config
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessor, Idefics3Processor

from training.vocabulary import byte_level

NAME = "SmolVLM 1, Idefics 3"
MODEL = "Idefics3ForConditionalGeneration"
HUB = "HuggingFaceTB/SmolVLM-Instruct"
NOTE = "pictures cut into rows and columns of tiles, then whole"
NOT_APPLICABLE = {
    "seconds": "it reads no sound",
    "frames": "it reads no film",
    "tracks": "it reads no film",
}

content = open_.pictures


def make():
    """Give a random model of the real class, and its processor for tiles of 32 x 32 pixels, 4 x 4 tokens each."""
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=WORDS)
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessor(size={"longest_edge": 3 * TILE}, max_image_size={"longest_edge": TILE}),
        tokenizer=tokenizer,
        image_seq_len=(TILE // PATCH // SHUFFLE) ** 2,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    config = Idefics3Config(
        vision_config={
            **open_.ENCODER,
            "image_size": TILE,
            "patch_size": PATCH,
        },
        text_config={"model_type": "llama", **open_.text_config(tokenizer)},
        scale_factor=SHUFFLE,
        image_token_id=processor.image_token_id,
        initializer_range=0.2,
    )
    model = Idefics3ForConditionalGeneration(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, processor
