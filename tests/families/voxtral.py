"""Voxtral at toy size, with mistral-common's own tokenizer: the bytes, and the specials of the real one."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

import qwen_toys as toys
import torch
from transformers import (
    MistralCommonBackend,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
    WhisperFeatureExtractor,
)

import omnitrace_nb as ot

NAME = "Voxtral"
MODEL = "VoxtralForConditionalGeneration"
HUB = "mistralai/Voxtral-Mini-3B-2507"
NOT_APPLICABLE = {"patches": "it reads no picture", "frames": "it reads no film", "tracks": "it reads no film"}
NOTE = "12.5 tokens a second, whole windows of 30 s; needs mistral-common"
FIRST = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]"),
    *("[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[ARGS]"),
    "[CALL_ID]",
)
SPECIAL = dict(enumerate(FIRST)) | {24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]"}
SPECIALS = 40
WORDS = ("the", "in", "ar", "what", "sound", " you", " the", "ea", "he", " h", "ou", "Listen", "an")


def content(folder):
    return [ot.Text("Listen."), ot.Audio(folder / "tone.wav"), ot.Text("and"), ot.Audio(folder / "tone.wav"), "What?"]


def make_tokenizer(folder):
    """Write a tokenizer of mistral-common's newest kind with a vocabulary of bytes and a few words, and load it."""
    pieces = [bytes([byte]) for byte in range(256)]
    for word in map(str.encode, WORDS):
        pieces += [word[:end] for end in range(2, len(word) + 1) if word[:end] not in pieces]
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
        for rank, piece in enumerate(pieces)
    ]
    specials = [
        {"rank": rank, "token_str": SPECIAL.get(rank, f"<SPECIAL_{rank}>"), "is_control": True}
        for rank in range(SPECIALS)
    ]
    about = {
        "config": {
            "pattern": r"\s?\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|\s+",
            "num_vocab_tokens": len(pieces),
            "default_vocab_size": len(pieces) + SPECIALS,
            "default_num_special_tokens": SPECIALS,
            "version": "v11",
        },
        "vocab": vocabulary,
        "special_tokens": specials,
        "audio": {
            "sampling_rate": 16_000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 32, "hop_length": 160, "window_size": 400},
            "chunk_length_s": 30.0,
        },
    }
    path = Path(folder) / "tekken.json"
    path.write_text(json.dumps(about))
    return MistralCommonBackend.from_pretrained(str(folder))


def make():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = make_tokenizer(folder)
    torch.manual_seed(0)
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 8192,
        "initializer_range": toys.WIDE,
        "pad_token_id": 11,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    audio = {
        "num_mel_bins": 32,
        "hidden_size": 32,
        "intermediate_size": 128,  # four frames of the encoder become one token
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_source_positions": 1500,
        "initializer_range": toys.WIDE,
    }
    config = VoxtralConfig(text_config=text, audio_config=audio, audio_token_id=24)
    model = VoxtralForConditionalGeneration(config)
    extractor = WhisperFeatureExtractor(feature_size=32, sampling_rate=16_000, chunk_length=30)
    return toys.ready(model, tokenizer), VoxtralProcessor(extractor, tokenizer)
