"""Qwen2.5-Omni thinkers of random weights at the real sizes, their processors, and mixed prompts of a wanted length."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)

import omnitrace_nb as ot
from omnitrace_nb import media
from training.vocabulary import CHAT_TEMPLATE, EXTRA, SPECIAL, train_tokenizer

if TYPE_CHECKING:
    from omnitrace_nb.models import Adapter

SENTENCE = "The harbour was quiet in the morning. Mia sells honey. "
SHARE = 0.6  # of a prompt's positions that are media's
RATE = 16_000
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "7B": {
        "text": {
            "vocab_size": 152_064,
            "hidden_size": 3584,
            "intermediate_size": 18_944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        "vision": {
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 3584,
        },
        "audio": {
            "encoder_layers": 32,
            "encoder_attention_heads": 20,
            "encoder_ffn_dim": 5120,
            "d_model": 1280,
            "output_dim": 3584,
        },
    },
    "toy": {
        "text": {
            "vocab_size": 4096,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        "vision": {
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [0],
        },
        "audio": {
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "d_model": 32,
            "output_dim": 64,
        },
    },
}


def thinker(size: str, device: str, dtype: torch.dtype) -> tuple[Any, Qwen2_5OmniProcessor]:
    """Give a thinker of one of `SIZES` with its processor; the weights are drawn where they are to stay."""
    sizes = SIZES[size]
    processor = _processor(_tokenizer(sizes["text"]["vocab_size"]))

    def token(name: str) -> int:
        return int(processor.tokenizer.convert_tokens_to_ids(SPECIAL[name]))

    # At a small width, weights as small as the real ones' would give outputs that no longer depend on the input.
    drawn = {"initializer_range": 0.02 if size == "7B" else 0.2}
    config = Qwen2_5OmniThinkerConfig(
        text_config={**sizes["text"], **drawn, "max_position_embeddings": 32_768},
        vision_config={**sizes["vision"], **drawn},
        audio_config={**sizes["audio"], **drawn, "num_mel_bins": 128},
        **drawn,
        audio_token_index=token("audio_token"),
        image_token_index=token("image_token"),
        video_token_index=token("video_token"),
        audio_start_token_id=token("audio_bos_token"),
        audio_end_token_id=token("audio_eos_token"),
        vision_start_token_id=token("vision_bos_token"),
        vision_end_token_id=token("vision_eos_token"),
    )
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Qwen2_5OmniThinkerForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(usual)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=token("eos_token"), pad_token_id=token("pad_token")
    )
    return model.eval(), processor


def mixture(adapter: Adapter, length: int) -> list[Any]:
    """Give a prompt of about `length` positions: pictures, a sound, a film with sound, text, and a question."""
    units = max(1, round(SHARE * length / 900))
    seconds = 4 * units
    rng = np.random.default_rng(0)
    pictures = [ot.Image(rng.integers(0, 256, (336, 336, 3), np.uint8)) for _ in range(units)]
    sound = ot.Audio(_noise(rng, seconds), RATE)
    frames = rng.integers(0, 256, (2 * seconds, 308, 308, 3), np.uint8)
    film = ot.Video(frames, fps=2.0, audio=_noise(rng, seconds), sampling_rate=RATE)
    seen = [*pictures, sound, film]
    room = length - _positions(adapter, [ot.Text(SENTENCE), *seen, ot.Text("What is it?")])
    each = len(adapter.tokenizer(SENTENCE)["input_ids"])
    return [ot.Text(SENTENCE * (1 + max(0, room // each))), *seen, ot.Text("What is it?")]


def _positions(adapter: Adapter, content: list[Any]) -> int:
    return len(adapter.encode(media.load(content, adapter.needs, adapter.modalities)).layout)


def _noise(rng: np.random.Generator, seconds: int) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, seconds * RATE).astype(np.float32)


def _tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Give a tokenizer in which every id of the vocabulary writes something."""
    trained = train_tokenizer()
    state = json.loads(trained.backend_tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    vocabulary |= {f"Ġw{number}": number for number in range(len(vocabulary), size)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        pad_token=SPECIAL["pad_token"],
        eos_token=SPECIAL["eos_token"],
        extra_special_tokens={name: token for name, token in SPECIAL.items() if name not in EXTRA},
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def _processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5OmniProcessor:
    return Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(),
        video_processor=Qwen2VLVideoProcessor(),
        feature_extractor=WhisperFeatureExtractor(feature_size=128, sampling_rate=RATE, chunk_length=300),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )
