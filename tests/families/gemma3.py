"""Gemma 3: tokens of a picture look at one another, in every layer."""

from __future__ import annotations

import torch
from toys import CORPUS, make_generation_config
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
)

import omnitrace_nb as ot
from training.vocabulary import byte_level

NAME = "Gemma 3"
MODEL = "Gemma3ForConditionalGeneration"
HUB = "google/gemma-3-4b-it"
NOTE = "a picture is 16 x 16 tokens of its stretched square, which look at one another; crops of long pictures"
NONE = "nothing of the kind in the prompt, or the model does not read it"
NOT_APPLICABLE = {"seconds": NONE, "frames": NONE, "tracks": NONE}

BOS = "<bos>"
SPECIAL = {
    "pad_token": "<pad>",
    "eos_token": "<eos>",
    "bos_token": BOS,
    "turn_token": "<start_of_turn>",
    "end_token": "<end_of_turn>",
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "image_token": "<image_soft_token>",
}

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}<start_of_image>{% else %}{{ item['text'] | trim }}{% endif %}"
    "{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def make_config(tokenizer):
    return Gemma3Config(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
            "sliding_window": 24,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "query_pre_attn_scalar": 2,
            "max_position_embeddings": 2048,
            "initializer_range": 0.15,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 128,
            "patch_size": 8,
        },
        mm_tokens_per_image=64,
        image_token_id=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        initializer_range=0.15,
    )


def make():
    torch.manual_seed(3)
    words = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=words, bos_token=BOS)
    model = Gemma3ForConditionalGeneration(make_config(tokenizer)).eval()
    # It begins as 0, with which no picture would reach anything.
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight)
    model.generation_config = make_generation_config(tokenizer)
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": 128, "width": 128}),
        tokenizer,
        chat_template=TEMPLATE,
        image_seq_length=64,
    )
    return model, processor


def content(folder):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        "What does the second picture show?",
    ]
