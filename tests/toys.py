"""Toy random models of transformers' own classes with a byte-level tokenizer made here, and small films."""

from __future__ import annotations

import wave

import av
import numpy as np
import torch
from PIL import Image
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)

from training.vocabulary import SPECIAL, byte_level

# The template of Qwen/Qwen2.5-Omni-7B, its counters for `add_vision_id` left out.
QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "<|vision_bos|><|IMAGE|><|vision_eos|>"
    "{% elif content['type'] == 'audio' or 'audio' in content or 'audio_url' in content %}"
    "<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% elif content['type'] == 'video' or 'video' in content %}<|vision_bos|><|VIDEO|><|vision_eos|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

CORPUS = [
    "You are a helpful assistant. system user assistant\n",
    "The harbour was quiet. The market was busy in the morning. Mia sells honey, Hugo sells clocks.",
    "What does the second picture show? What is the first sound? Describe the film, then list everything.",
    "Ein Käse für Zoë; 北京的天气很好。 🙂 naïve café — “quoted” text, 12.5 % of 300 km/h.\n\n",
] * 3
WORDS = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def make_tokenizer():
    """A byte-level BPE of Qwen's kind, some of whose tokens hold several characters and some only part of one."""
    return byte_level(CORPUS, SPECIAL, size=420, pattern=WORDS)


def make_omni_config(tokenizer):
    def token(name):
        return tokenizer.convert_tokens_to_ids(SPECIAL[name])

    wide = 0.2  # random weights large enough that every input moves every output it reaches
    return Qwen2_5OmniThinkerConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "initializer_range": wide,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]},
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "window_size": 56,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1],
            "initializer_range": wide,
        },
        audio_config={
            "num_mel_bins": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "d_model": 32,
            "n_window": 100,
            "output_dim": 64,
            "max_source_positions": 1500,
            "initializer_range": wide,
        },
        initializer_range=wide,
        audio_token_index=token("audio_token"),
        image_token_index=token("image_token"),
        video_token_index=token("video_token"),
        audio_start_token_id=token("audio_bos_token"),
        audio_end_token_id=token("audio_eos_token"),
        vision_start_token_id=token("vision_bos_token"),
        vision_end_token_id=token("vision_eos_token"),
        position_id_per_seconds=25,
        seconds_per_chunk=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def make_omni_processor(tokenizer, *, image_size=None, frame_size=None, mel_bins=32):
    """Qwen's processor; sizes left out are transformers' own defaults, those of the real models."""
    return Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(**({"size": image_size} if image_size else {})),
        video_processor=Qwen2VLVideoProcessor(**({"size": frame_size} if frame_size else {})),
        feature_extractor=WhisperFeatureExtractor(feature_size=mel_bins, sampling_rate=16_000, chunk_length=300),
        tokenizer=tokenizer,
        chat_template=QWEN_TEMPLATE,
    )


def make_omni(tokenizer):
    """A random thinker of two hundred thousand parameters, and its processor for pictures of 56 to 140 pixels."""
    torch.manual_seed(0)
    model = Qwen2_5OmniThinkerForConditionalGeneration(make_omni_config(tokenizer)).eval()
    model.generation_config = make_generation_config(tokenizer)
    size = {"shortest_edge": 56 * 56, "longest_edge": 140 * 140}
    return model, make_omni_processor(tokenizer, image_size=size, frame_size=size)


def make_text(tokenizer):
    """A random Llama of fifty thousand parameters."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model


def make_generation_config(tokenizer):
    return GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False)


def write_media(folder):
    """Write `red.png` (160 x 120), `tone.wav` (3 s, mono, 16 kHz), `film.mp4` (4 s, sound) and `silent.mp4`."""
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 0] = np.linspace(80, 255, 160).astype(np.uint8)
    Image.fromarray(picture).save(folder / "red.png")
    tone = (np.sin(2 * np.pi * 440 * np.arange(3 * 16_000) / 16_000) * 12_000).astype("<i2")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone.tobytes())
    write_film(folder / "film.mp4", seconds=4, sound=True)
    write_film(folder / "silent.mp4", seconds=4, sound=False)


def write_film(path, *, seconds, sound, rate=10, side=112):
    """Write H.264 (and AAC): each second has its own grey, and its own pitch."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=rate)
        pictures.width = pictures.height = side
        pictures.pix_fmt = "yuv420p"
        track = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number in range(seconds * rate):
            grey = np.full((side, side, 3), 40 + 50 * (number // rate), np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(pictures.encode())
        if track is not None:
            time = np.arange(seconds * 16_000) / 16_000
            samples = (0.3 * np.sin(2 * np.pi * 220 * (1 + np.floor(time)) * time)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = 16_000
            container.mux(track.encode(frame))
            container.mux(track.encode())
