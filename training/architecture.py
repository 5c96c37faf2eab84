"""The embedded model's shape: transformers' own Qwen2.5-Omni thinker and processor, at toy size.

Rotary frequencies are dealt to time, height and width in turn (`mrope_section` of ones): at toy size a block of low
frequencies alone would hardly tell the left of a picture from its right.
"""

from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)

from training.beginnings import lean
from training.vocabulary import CHAT_TEMPLATE

HIDDEN = 128
ENCODER = 96
MEL_BINS = 64
SECONDS = 30
INITIALIZER_RANGE = 0.08
PICTURE_PIXELS = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
FILM_PIXELS = {"shortest_edge": 56 * 56, "longest_edge": 56 * 56}


def thinker_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5OmniThinkerConfig:
    """The configuration.

    Every `initializer_range` is 0.08: with transformers' 0.02 so small a model grounds nothing.
    """

    def token(text: str) -> int:
        return tokenizer.convert_tokens_to_ids(text)

    return Qwen2_5OmniThinkerConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 8192,
            "initializer_range": INITIALIZER_RANGE,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1] * 16},
            "tie_word_embeddings": False,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": ENCODER,
            "intermediate_size": 2 * ENCODER,
            "num_heads": 4,
            "window_size": 56,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": [1],
            "initializer_range": INITIALIZER_RANGE,
        },
        audio_config={
            "num_mel_bins": MEL_BINS,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 2 * ENCODER,
            "d_model": ENCODER,
            "n_window": 50,
            "output_dim": HIDDEN,
            "max_source_positions": 1500,
            "initializer_range": INITIALIZER_RANGE,
        },
        initializer_range=INITIALIZER_RANGE,
        audio_token_index=token("<|AUDIO|>"),
        image_token_index=token("<|IMAGE|>"),
        video_token_index=token("<|VIDEO|>"),
        audio_start_token_id=token("<|audio_bos|>"),
        audio_end_token_id=token("<|audio_eos|>"),
        vision_start_token_id=token("<|vision_bos|>"),
        vision_end_token_id=token("<|vision_eos|>"),
        user_token_id=tokenizer("user")["input_ids"][0],
        position_id_per_seconds=25,
        seconds_per_chunk=2,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5OmniThinkerForConditionalGeneration:
    """The model with fresh weights (`training.beginnings`)."""
    model = Qwen2_5OmniThinkerForConditionalGeneration(thinker_config(tokenizer))
    lean(model)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        max_new_tokens=400,
        do_sample=False,
    )
    return model


def new_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5OmniProcessor:
    """The processor: pictures of 4 to 16 tokens, films of 4 and sound of 25 tokens a second, at most 30 s of it."""
    return Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(size=PICTURE_PIXELS, patch_size=14, temporal_patch_size=2, merge_size=2),
        video_processor=Qwen2VLVideoProcessor(size=FILM_PIXELS, patch_size=14, temporal_patch_size=2, merge_size=2),
        feature_extractor=WhisperFeatureExtractor(feature_size=MEL_BINS, sampling_rate=16_000, chunk_length=SECONDS),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )
