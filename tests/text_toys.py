"""Toy random models of transformers' text families, all with one tokenizer and one chat template."""

from __future__ import annotations

import torch

from tests.toys import QWEN_TEMPLATE, make_generation_config, make_tokenizer

NO_MEDIA = dict.fromkeys(("patches", "seconds", "frames", "tracks"), "it reads text alone")
HIDDEN = {"hiding": "what it has read of a source stays in its running state"}
STATEFUL = HIDDEN | {"gradients": "its running state gives no token back, and the prompt's last is run twice"}
WITHOUT = HIDDEN | dict.fromkeys(("rows", "gradients", "caches"), "nothing in it attends to positions")
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,
}


def toy(kind, config, own=None):
    """Give a model of a class with its tokenizer; sizes that its configuration does not know are left out."""
    tokenizer = make_tokenizer()
    tokenizer.chat_template = QWEN_TEMPLATE
    known = config()
    sizes = {name: value for name, value in SIZES.items() if hasattr(known, name)}
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    model = kind(config(**{**sizes, **ends, "vocab_size": len(tokenizer), **(own or {})})).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, tokenizer
