"""Phi-4-multimodal: pictures in crops of 448 pixels and whole, sound of 80 ms a token."""

from __future__ import annotations

import torch
from toys import CORPUS, make_generation_config
from transformers import (
    Phi4MultimodalConfig,
    Phi4MultimodalFeatureExtractor,
    Phi4MultimodalForCausalLM,
    Phi4MultimodalImageProcessor,
    Phi4MultimodalProcessor,
)

import omnitrace_nb as ot
from training.vocabulary import byte_level

NAME = "Phi-4-multimodal"
MODEL = "Phi4MultimodalForCausalLM"
HUB = "microsoft/Phi-4-multimodal-instruct"
NOTE = 'crops and the whole picture, folded back to its pixels; 80 ms of sound a token; needs revision="refs/pr/70"'
NO_FILM = "nothing of the kind in the prompt, or the model does not read it"
NOT_APPLICABLE = {"frames": NO_FILM, "tracks": NO_FILM}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "eos_token": "<|end|>",
    "system_token": "<|system|>",
    "user_token": "<|user|>",
    "assistant_token": "<|assistant|>",
    "image_token": "<|image|>",
    "audio_token": "<|audio|>",
}

# As the checkpoint's, it takes a message's content for a string.
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
)


def make_config(tokenizer):
    wide = 0.2
    return Phi4MultimodalConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=wide,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.pad_token_id,
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "image_token_id": tokenizer.image_token_id,
            "feature_layer": -2,
        },
        audio_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_blocks": 2,
            "num_attention_heads": 2,
            "ext_pw_out_channel": 32,
            "depthwise_separable_out_channel": 32,
            "nemo_conv_channels": 16,
            "input_size": 80,
            "audio_token_id": tokenizer.audio_token_id,
            "initializer_range": wide,
        },
    )


def make(seed=0):
    torch.manual_seed(seed)
    words = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
    tokenizer = byte_level(CORPUS, SPECIAL, size=400, pattern=words)
    model = Phi4MultimodalForCausalLM(make_config(tokenizer)).eval()
    for separator in (
        model.model.embed_tokens_extend.image_embed.sub_img_feature_extensor,
        model.model.embed_tokens_extend.image_embed.global_img_feature_extensor,
    ):
        torch.nn.init.normal_(separator)
    for name, weight in model.model.embed_tokens_extend.image_embed.named_parameters():
        if name.endswith("self_attn.out_proj.weight"):
            weight.data *= 0.01  # random attention would mix a picture's places until none is its own
    model.generation_config = make_generation_config(tokenizer)
    processor = Phi4MultimodalProcessor(
        Phi4MultimodalImageProcessor(), Phi4MultimodalFeatureExtractor(), tokenizer, chat_template=TEMPLATE
    )
    return model, processor


def content(folder):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Audio(folder / "tone.wav"),
        "What does the second picture show?",
    ]
