"""Qwen3.5 with a mixture of experts, at toy size."""

from __future__ import annotations

import qwen_toys as toys
import torch
from families.qwen3_5 import LINEAR, NOT_APPLICABLE
from families.qwen3_vl import make_processor
from transformers import Qwen3_5MoeConfig, Qwen3_5MoeForConditionalGeneration

NAME = "Qwen3.5 (mixture of experts)"
MODEL = "Qwen3_5MoeForConditionalGeneration"
HUB = "Qwen/Qwen3.5-35B-A3B"
NOTE = "as Qwen3.5"

content = toys.pictures_and_films

__all__ = ["HUB", "MODEL", "NAME", "NOTE", "NOT_APPLICABLE", "content", "make"]


def make():
    tokenizer = toys.make_tokenizer(toys.VL_SPECIAL)
    torch.manual_seed(0)
    model = Qwen3_5MoeForConditionalGeneration(
        Qwen3_5MoeConfig(
            text_config=toys.text_config(
                tokenizer, **LINEAR, **toys.experts(shared_expert_intermediate_size=32) | {"head_dim": 32}
            ),
            vision_config=toys.vision_config(num_position_embeddings=64),
            **toys.vl_tokens(tokenizer),
        )
    )
    return toys.ready(model, tokenizer), make_processor(tokenizer)
