"""Gemma 4, the small ones: embeddings of each layer, layers that share keys and values, sound, film."""

from __future__ import annotations

import torch
from toys import CORPUS, make_generation_config
from transformers import (
    Gemma4AudioFeatureExtractor,
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4ImageProcessorPil,
    Gemma4Processor,
    Gemma4VideoProcessor,
)

import omnitrace_nb as ot
from training.vocabulary import byte_level

NAME = "Gemma 4 (E2B, E4B)"
MODEL = "Gemma4ForConditionalGeneration"
HUB = "google/gemma-4-E4B-it"
NOTE = "pooled patches that keep the picture's shape; frames with their time; 40 ms of sound a token, at most 30 s"
NOT_APPLICABLE = {"tracks": "nothing of the kind in the prompt, or the model does not read it"}

BOS = "<bos>"
SPECIAL = {
    "pad_token": "<pad>",
    "eos_token": "<eos>",
    "bos_token": BOS,
    "turn_token": "<|turn>",
    "end_token": "<turn|>",
    "boi_token": "<|image>",
    "eoi_token": "<image|>",
    "image_token": "<|image|>",
    "boa_token": "<|audio>",
    "eoa_token": "<audio|>",
    "audio_token": "<|audio|>",
    "video_token": "<|video|>",
}

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}\n\n<|image|>\n\n{% elif item['type'] == 'audio' %}<|audio|>"
    "{% elif item['type'] == 'video' %}\n\n<|video|>\n\n{% else %}{{ item['text'] | trim }}{% endif %}"
    "{% endfor %}<turn|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)


def make_tokenizer():
    words = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
    return byte_level(CORPUS, SPECIAL, size=420, pattern=words, bos_token=BOS)


def make_config(tokenizer, *, audio=True, **text):
    return Gemma4Config(
        text_config={
            "vocab_size": len(tokenizer),
            "vocab_size_per_layer_input": len(tokenizer),
            "hidden_size": 64,
            "hidden_size_per_layer_input": 8,
            "intermediate_size": 64,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 24,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "global_head_dim": 16,
            "final_logit_softcapping": 30.0,
            "max_position_embeddings": 4096,
            "initializer_range": 0.15,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            **text,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "patch_size": 4,
            "pooling_kernel_size": 3,
            "position_embedding_size": 256,
            "initializer_range": 0.15,
        },
        audio_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "subsampling_conv_channels": [32, 4],
            "output_proj_dims": 32,
            "initializer_range": 0.2,
        }
        if audio
        else None,
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("boi", "eoi", "image", "video")},
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("boa", "audio")},
        eoa_token_index=tokenizer.eoa_token_id,
        initializer_range=0.15,
    )


def make_processor(tokenizer):
    """The family's processor, for patches of 4 pixels."""
    return Gemma4Processor(
        Gemma4AudioFeatureExtractor(feature_size=32),
        Gemma4ImageProcessorPil(patch_size=4, max_soft_tokens=70),
        tokenizer,
        Gemma4VideoProcessor(patch_size=4, max_soft_tokens=70),
        chat_template=TEMPLATE,
    )


def make():
    torch.manual_seed(4)
    tokenizer = make_tokenizer()
    model = Gemma4ForConditionalGeneration(make_config(tokenizer)).eval()
    model.generation_config = make_generation_config(tokenizer)
    return model, make_processor(tokenizer)


def content(folder):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Audio(folder / "tone.wav"),
        ot.Video(folder / "silent.mp4"),
        "What does the second picture show?",
    ]
