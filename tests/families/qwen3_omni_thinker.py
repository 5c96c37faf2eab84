"""Qwen3-Omni's thinker alone, at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from transformers import (
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3OmniMoeProcessor,
    Qwen3OmniMoeThinkerConfig,
    Qwen3OmniMoeThinkerForConditionalGeneration,
    WhisperFeatureExtractor,
)

NAME = "Qwen3-Omni (thinker alone)"
MODEL = "Qwen3OmniMoeThinkerForConditionalGeneration"
HUB = "Qwen/Qwen3-Omni-30B-A3B-Instruct"
NOT_APPLICABLE = {}
NOTE = "13 positions a second of sound; a film's sound stands between its frames"

content = toys.everything


def make():
    tokenizer = toys.make_tokenizer(toys.OMNI_SPECIAL)
    torch.manual_seed(0)
    model = Qwen3OmniMoeThinkerForConditionalGeneration(make_config(tokenizer))
    return toys.ready(model, tokenizer), make_processor(tokenizer)


def make_config(tokenizer):
    def token(name):
        return toys.token(tokenizer, toys.OMNI_SPECIAL, name)

    return Qwen3OmniMoeThinkerConfig(
        text_config=toys.text_config(tokenizer, **toys.experts(num_hidden_layers=3)),
        vision_config=toys.vision_config(num_position_embeddings=64, deepstack_visual_indexes=[0, 1]),
        audio_config={
            "num_mel_bins": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "d_model": 32,
            "downsample_hidden_size": 8,
            "output_dim": 64,
            "initializer_range": toys.WIDE,
        },
        initializer_range=toys.WIDE,
        position_id_per_seconds=13,
        audio_token_id=token("audio_token"),
        image_token_id=token("image_token"),
        video_token_id=token("video_token"),
        audio_start_token_id=token("audio_bos_token"),
        audio_end_token_id=token("audio_eos_token"),
        vision_start_token_id=token("vision_bos_token"),
        vision_end_token_id=token("vision_eos_token"),
    )


def make_processor(tokenizer):
    return Qwen3OmniMoeProcessor(
        image_processor=Qwen2VLImageProcessor(size=toys.SIZE, patch_size=16),
        video_processor=Qwen2VLVideoProcessor(size=toys.SIZE, patch_size=16),
        feature_extractor=WhisperFeatureExtractor(feature_size=32, sampling_rate=16_000),
        tokenizer=tokenizer,
        chat_template=toys.VL_TEMPLATE,
    )
