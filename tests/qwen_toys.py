"""Toy random models of Qwen's families: what their makers in `families/` share."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image as PILImage
from toys import CORPUS, QWEN_TEMPLATE, make_generation_config, write_film

import omnitrace_nb as ot
from training.vocabulary import byte_level

WORDS = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WIDE = 0.2  # random weights large enough that every input moves every output it reaches
VL_SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "vision_start_token": "<|vision_start|>",
    "vision_end_token": "<|vision_end|>",
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
}
OMNI_SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
    "audio_bos_token": "<|audio_start|>",
    "audio_eos_token": "<|audio_end|>",
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "audio_token": "<|audio_pad|>",
}
VL_TEMPLATE = (
    QWEN_TEMPLATE.replace("<|vision_bos|><|IMAGE|><|vision_eos|>", "<|vision_start|><|image_pad|><|vision_end|>")
    .replace("<|vision_bos|><|VIDEO|><|vision_eos|>", "<|vision_start|><|video_pad|><|vision_end|>")
    .replace("<|audio_bos|><|AUDIO|><|audio_eos|>", "<|audio_start|><|audio_pad|><|audio_end|>")
)
SIZE = {"shortest_edge": 64 * 64, "longest_edge": 160 * 160}  # pixels of a picture, and of each frame
FILM = {"shortest_edge": 64 * 64, "longest_edge": 16 * 96 * 96}  # pixels of a film, all its frames together


def make_tokenizer(special):
    return byte_level(CORPUS, special, size=420, pattern=WORDS)


def token(tokenizer, special, name):
    return tokenizer.convert_tokens_to_ids(special[name])


def text_config(tokenizer, **more):
    """A language model of two layers; a third is for what enters behind the second to have an influence."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": WIDE,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]},
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **more,
    }


def vision_config(**more):
    """An encoder of two layers."""
    return {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "initializer_range": WIDE,
        **more,
    }


def experts(**more):
    """What a text configuration of a mixture of experts has besides."""
    return {"moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, **more}


def vl_tokens(tokenizer):
    """The special ids of a vision model's configuration."""
    names = ("image_token", "video_token", "vision_start_token", "vision_end_token")
    return {f"{name}_id": token(tokenizer, VL_SPECIAL, name) for name in names}


def ready(model, tokenizer):
    model = model.eval()
    model.generation_config = make_generation_config(tokenizer)
    return model


def pictures_and_films(folder):
    """Two pictures of different sizes, films of 8 and of 5 frames, and words between them."""
    tall = np.random.default_rng(3).integers(0, 255, (211, 67, 3), np.uint8)
    path = folder / "qwen_tall.png"
    if not path.exists():
        PILImage.fromarray(tall).save(path)
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Image(path),
        ot.Text("The harbour was quiet."),
        ot.Video(folder / "silent.mp4"),
        ot.Video(_short_film(folder)),
        ot.Text("What does the second picture show?"),
    ]


def everything(folder):
    """The same with a sound, a film with its sound and one without."""
    first, red, tall, words, silent, short, question = pictures_and_films(folder)
    sound, talkie = ot.Audio(folder / "tone.wav"), ot.Video(folder / "film.mp4")
    return [first, red, sound, tall, words, talkie, silent, question, short, ot.Text("What is the first sound?")]


def _short_film(folder):
    """A film of 5 frames at two a second."""
    path = folder / "qwen_short.mp4"
    if not path.exists():
        write_film(path, seconds=3, sound=False, rate=2, side=96)
    return path


def own_positions(thinker, inputs, *, track):
    """The rotary positions `[3, 1, n]` that a thinker gives its processor's own inputs."""
    positions, _ = thinker.get_rope_index(
        inputs["input_ids"],
        inputs["image_grid_thw"],
        inputs["video_grid_thw"],
        inputs["attention_mask"],
        use_audio_in_video=track,
        audio_seqlens=inputs["feature_attention_mask"].sum(-1),
        second_per_grids=torch.as_tensor(inputs["video_second_per_grid"]),
    )
    return positions
