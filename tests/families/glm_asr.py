"""GLM-ASR at toy size: read without any code of its own."""

from __future__ import annotations

import open_toys as open_
import torch
from transformers import (
    GlmAsrConfig,
    GlmAsrForConditionalGeneration,
    GlmAsrProcessor,
    WhisperFeatureExtractor,
)

NAME = "GLM-ASR"
MODEL = "GlmAsrForConditionalGeneration"
HUB = "zai-org/GLM-ASR-Nano-2512"
NOT_APPLICABLE = {"patches": "it reads no picture", "frames": "it reads no film", "tracks": "it reads no film"}
NOTE = "no code: a position stands for the whole of its part"


def make():
    tokenizer = open_.make_tokenizer(audio="<|pad|>")
    torch.manual_seed(0)
    config = GlmAsrConfig(
        text_config={"model_type": "llama", **open_.text_config(tokenizer)},
        audio_config={"num_mel_bins": 128, **open_.ENCODER, "intermediate_size": 128},
        audio_token_id=tokenizer.convert_tokens_to_ids("<|pad|>"),
    )
    processor = GlmAsrProcessor(
        WhisperFeatureExtractor(feature_size=128),
        tokenizer,
        audio_token="<|pad|>",  # noqa: S106 - a token of a tokenizer
        chat_template=open_.template(audio="<|pad|>"),
    )
    return open_.ready(GlmAsrForConditionalGeneration(config), tokenizer), processor
