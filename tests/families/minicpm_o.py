"""MiniCPM-o 4.5: a stand-in of its interface (`standin_minicpmo.py`); test_minicpm_o.py runs its own code."""

from __future__ import annotations

import torch
from standin_minicpmo import PictureReader, StandIn, StandInConfig, StandInProcessor, StandInTokenizer
from toys import CORPUS, WORDS, make_generation_config
from transformers import WhisperFeatureExtractor

from training.vocabulary import byte_level

NAME = "MiniCPM-o 4.5"
MODEL = "MiniCPMO (its own remote code)"
HUB = "openbmb/MiniCPM-o-4_5"
NOTE = "run here: a stand-in of its interface, and its own code by OMNITRACE_MINICPMO; a position shows its whole slice"
NOT_APPLICABLE = {}

SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "unknown_token": "<unk>",
    "im_start": "<image>",
    "im_end": "</image>",
    "slice_start": "<slice>",
    "slice_end": "</slice>",
    "im_id_start": "<image_id>",
    "im_id_end": "</image_id>",
    "audio_start": "<|audio_start|>",
    "audio_end": "<|audio_end|>",
    "tts_start": "<|tts_bos|>",
}
# Of the checkpoint's structure: a message's content is one string, and an answer begins as it was asked for.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% if use_tts_template is defined and use_tts_template %}<|tts_bos|>{% endif %}{% endif %}"
)


def make_tokenizer():
    made = byte_level(CORPUS, SPECIAL, size=430, pattern=WORDS)
    return StandInTokenizer(
        tokenizer_object=made.backend_tokenizer,
        pad_token=made.pad_token,
        eos_token=made.eos_token,
        unk_token=SPECIAL["unknown_token"],
        chat_template=TEMPLATE,
    )


def make_config(tokenizer):
    return StandInConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        initializer_range=0.2,
        tie_word_embeddings=False,
        init_tts=False,
    )


def make():
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    model = StandIn(make_config(tokenizer)).eval()
    model.llm.generation_config = make_generation_config(tokenizer)
    return model, StandInProcessor(PictureReader(), WhisperFeatureExtractor(feature_size=80), tokenizer)
