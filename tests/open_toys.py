"""Toy random models that need no code of their own: what their makers in `families/` share."""

from __future__ import annotations

import qwen_toys
from prompts import picture

import omnitrace_nb as ot

SPECIAL = {"pad_token": "<|endoftext|>", "im_start_token": "<|im_start|>", "eos_token": "<|im_end|>"}
ENCODER_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
ENCODER = {**ENCODER_SIZES, "initializer_range": qwen_toys.WIDE}
ready = qwen_toys.ready


def make_tokenizer(**special):
    return qwen_toys.make_tokenizer({**SPECIAL, **special})


def template(**placeholders):
    """A chat template in which each kind of medium is written as its placeholder."""
    items = "".join(
        f"{{% if item['type'] == '{kind}' %}}{placeholder}{{% endif %}}" for kind, placeholder in placeholders.items()
    )
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for item in message['content'] %}"
        + items
        + "{% if item['type'] == 'text' %}{{ item['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def text_config(tokenizer):
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "initializer_range": qwen_toys.WIDE,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


def pictures(folder):
    """A prompt with two pictures of different shapes."""
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Image(picture(50, 150).pixels),
        "What?",
    ]


def pictures_and_film(folder):
    """The same with a film between them."""
    first, second, *rest = pictures(folder)
    return [first, second, ot.Video(folder / "silent.mp4"), *rest]
