"""gpt-oss at toy size: attention sinks, and every other layer sees a window."""

from __future__ import annotations

from transformers import GptOssConfig, GptOssForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "gpt-oss"
MODEL = "GptOssForCausalLM"
HUB = "openai/gpt-oss-20b"
NOTE = "attention sinks, so its own eager attention is run and rows sum to less than 1"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        GptOssForCausalLM,
        GptOssConfig,
        {"head_dim": 8, "sliding_window": 16, "num_local_experts": 4, "num_experts_per_tok": 2},
    )
