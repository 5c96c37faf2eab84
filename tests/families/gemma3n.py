"""Gemma 3n: embeddings of each layer, layers that share keys and values, sliding windows, a convolutional eye."""

from __future__ import annotations

import torch
from toys import CORPUS, make_generation_config
from transformers import (
    Gemma3nAudioFeatureExtractor,
    Gemma3nConfig,
    Gemma3nForConditionalGeneration,
    Gemma3nProcessor,
    SiglipImageProcessor,
)

import omnitrace_nb as ot
from training.vocabulary import byte_level

NAME = "Gemma 3n"
MODEL = "Gemma3nForConditionalGeneration"
HUB = "google/gemma-3n-E4B-it"
NOTE = "a picture is 16 x 16 tokens of its stretched square; a sound of at most 30 s, 160 ms a token"
NO_FILM = "nothing of the kind in the prompt, or the model does not read it"
NOT_APPLICABLE = {"frames": NO_FILM, "tracks": NO_FILM}

# As in the checkpoints: the tokens of pictures and of sound stand behind the text's, in vocabularies of their own.
BOS = "<bos>"
TEXT = {
    "pad_token": "<pad>",
    "eos_token": "<eos>",
    "bos_token": BOS,
    "turn_token": "<start_of_turn>",
    "end_token": "<end_of_turn>",
    "boi_token": "<start_of_image>",
    "boa_token": "<start_of_audio>",
}
SEEN = {"eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
HEARD = {"eoa_token": "<end_of_audio>", "audio_token": "<audio_soft_token>"}
SPARE = 4  # tokens of each of these vocabularies

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}<image_soft_token>{% elif item['type'] == 'audio' %}<audio_soft_token>"
    "{% else %}{{ item['text'] | trim }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def make_tokenizer():
    tokenizer = byte_level(CORPUS, TEXT, size=400, pattern=r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+", bos_token=BOS)
    for tokens in (SEEN, HEARD):
        names = [*tokens.values(), *(f"<unused_{len(tokenizer) + k}>" for k in range(SPARE - len(tokens)))]
        tokenizer.add_tokens(names, special_tokens=True)
    tokenizer._set_model_specific_special_tokens({**SEEN, **HEARD})
    return tokenizer


def make_config(tokenizer, *, window=24):
    text = len(tokenizer) - 2 * SPARE
    return Gemma3nConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "vocab_size_per_layer_input": text,
            "hidden_size": 64,
            "hidden_size_per_layer_input": 8,
            "intermediate_size": 64,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0],
            "sliding_window": window,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "laurel_rank": 4,
            "altup_num_inputs": 2,
            "max_position_embeddings": 2048,
            "initializer_range": 0.15,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
        },
        vision_config={
            "architecture": "test_resnet",
            "hidden_size": 96,
            "vocab_size": SPARE,
            "vocab_offset": text,
        },
        audio_config={
            "vocab_size": SPARE,
            "vocab_offset": text + SPARE,
            "input_feat_size": 32,
            "hidden_size": 32,
            "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 2,
            "sscp_conv_channel_size": (8, 4),
            "initializer_range": 0.2,
        },
        audio_soft_tokens_per_image=188,
        vision_soft_tokens_per_image=64,
        image_token_id=tokenizer.image_token_id,
        audio_token_id=tokenizer.audio_token_id,
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
        boa_token_id=tokenizer.boa_token_id,
        eoa_token_id=tokenizer.eoa_token_id,
        initializer_range=0.15,
    )


def make():
    torch.manual_seed(2)
    tokenizer = make_tokenizer()
    model = Gemma3nForConditionalGeneration(make_config(tokenizer)).eval()
    for layer in model.model.language_model.layers:
        # It begins as 0, with which no embedding of a layer would reach anything.
        torch.nn.init.normal_(layer.altup.correct_output_scale)
    model.generation_config = make_generation_config(tokenizer)
    processor = Gemma3nProcessor(
        Gemma3nAudioFeatureExtractor(feature_size=32),
        SiglipImageProcessor(
            size={"height": 256, "width": 256}, image_mean=[0.0] * 3, image_std=[1.0] * 3, do_convert_rgb=True
        ),
        tokenizer,
        chat_template=TEMPLATE,
        image_seq_length=64,
    )
    return model, processor


def content(folder):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(folder / "red.png"),
        ot.Audio(folder / "tone.wav"),
        "What does the second picture show?",
    ]
