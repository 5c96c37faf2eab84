"""Qwen2-Audio at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    WhisperFeatureExtractor,
)

import omnitrace_nb as ot

NAME = "Qwen2-Audio"
MODEL = "Qwen2AudioForConditionalGeneration"
HUB = "Qwen/Qwen2-Audio-7B-Instruct"
NOT_APPLICABLE = {"patches": "it reads no picture", "frames": "it reads no film", "tracks": "it reads no film"}
NOTE = "25 tokens a second, at most 30 s of a sound"
SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "audio_token": "<|AUDIO|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}


def content(folder):
    return ["Listen.", ot.Audio(folder / "tone.wav"), "and", ot.Audio(folder / "tone.wav"), "What do you hear?"]


def make():
    tokenizer = toys.make_tokenizer(SPECIAL)
    torch.manual_seed(0)
    text = {"model_type": "qwen2", **toys.text_config(tokenizer)}
    text["rope_parameters"] = {"rope_type": "default", "rope_theta": 10_000.0}
    audio = {
        "num_mel_bins": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "d_model": 32,
        "max_source_positions": 1500,
        "initializer_range": toys.WIDE,
    }
    config = Qwen2AudioConfig(
        text_config=text,
        audio_config=audio,
        audio_token_index=toys.token(tokenizer, SPECIAL, "audio_token"),
        initializer_range=toys.WIDE,
    )
    model = Qwen2AudioForConditionalGeneration(config)
    extractor = WhisperFeatureExtractor(feature_size=32, sampling_rate=16_000, chunk_length=30)
    processor = Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer)
    return toys.ready(model, tokenizer), processor
