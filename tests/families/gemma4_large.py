"""Gemma 4, the large ones: a picture's tokens look at one another, experts, keys that are values; no sound."""

from __future__ import annotations

import torch
from families.gemma4 import make_config, make_processor, make_tokenizer
from toys import make_generation_config
from transformers import Gemma4ForConditionalGeneration

import omnitrace_nb as ot

NAME = "Gemma 4 (26B-A4B, 31B)"
MODEL = "Gemma4ForConditionalGeneration"
HUB = "google/gemma-4-26B-A4B-it"
NOTE = "tokens of one picture or frame look at one another in the layers with a window; a mixture of experts"
NONE = "nothing of the kind in the prompt, or the model does not read it"
NOT_APPLICABLE = {"seconds": NONE, "tracks": NONE}


def make():
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = make_config(
        tokenizer,
        audio=False,
        hidden_size_per_layer_input=0,
        num_kv_shared_layers=0,
        use_bidirectional_attention="vision",
        attention_k_eq_v=True,
        num_global_key_value_heads=1,
        enable_moe_block=True,
        num_experts=4,
        top_k_experts=2,
        moe_intermediate_size=32,
    )
    model = Gemma4ForConditionalGeneration(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, make_processor(tokenizer)


def content(folder):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Video(folder / "silent.mp4"),
        "What does the second picture show?",
    ]
