"""The tokenizer: a byte-level BPE in which every word of the world is one token.

A token holds the space that follows its word, not the one before it, so that a name is the same token at the start of
an answer as in the middle of a passage. Saved once with the model and loaded from there: training it anew could move
the ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from training.world import words

FOLDER = Path(__file__).parents[1] / "omnitrace_nb" / "models" / "embedded"
SPECIAL = {
    "pad_token": "<|endoftext|>",
    "im_start_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
    "image_token": "<|IMAGE|>",
    "video_token": "<|VIDEO|>",
    "audio_token": "<|AUDIO|>",
}
EXTRA = ("pad_token", "eos_token")
WORD = r"\p{L}+ ?|\p{N} ?|[^\s\p{L}\p{N}]+ ?|\s+"

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>"
    "{% elif content['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% elif content['type'] == 'video' %}<|vision_bos|><|VIDEO|><|vision_eos|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def corpus() -> Iterator[str]:
    """Text in which every word of the world stands as it does in prompts and answers."""
    for name in words.NAMES:
        yield f"{name} sells {words.THINGS[0]}. What does {name} sell?"
    for thing in words.THINGS:
        yield f"{words.NAMES[0]} sells {thing}."
    for colour, shape in product(words.COLOURS, words.SHAPES):
        yield f"a {colour} {shape}. a {colour} {shape}, and so they match. they differ."
    for sound in words.SOUNDS:
        yield f"is a {sound}. is a {sound}, and"
    for ordinal, medium in product(words.ORDINALS, ("picture", "recording", "film")):
        yield f"The {ordinal} {medium} shows a. the {ordinal} {medium}. the {ordinal} {medium} show?"
        yield f"the {ordinal} {medium}?"
        yield f"The {ordinal} scene of the {ordinal} {medium}. The {ordinal} sound of the {ordinal} seller sell?"
    for place in words.PLACES:
        yield f"The {place} of the picture. What does the {place} of the picture show?"
    for place, mood, time in product(words.FILLER_PLACES, words.FILLER_MOODS, words.FILLER_TIMES):
        yield f"The {place} was {mood} in the {time}."
    for _ in range(8):
        yield "List the sellers. List the pictures. List the sounds of the scenes of. Summarize everything. What is the"
        yield "Compare the first picture with the first sound, so they match. user\nassistant\nsystem\n"


def train_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer, from the world's own words."""
    return byte_level(corpus(), SPECIAL, size=2000, pattern=WORD, model_max_length=32768)


def byte_level(
    texts: Iterable[str], special: Mapping[str, str], *, size: int, pattern: str, **options: object
) -> PreTrainedTokenizerFast:
    """A byte-level BPE of Qwen's kind, trained on `texts`.

    Args:
        texts: what it learns from.
        special: name -> special token; they get the first ids, in order.
        size: tokens in all, the 256 bytes and the special ones included.
        pattern: what is cut apart before merges are learnt.
        options: further arguments of `PreTrainedTokenizerFast`.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(special.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=special["pad_token"],
        eos_token=special["eos_token"],
        extra_special_tokens={name: token for name, token in special.items() if name not in EXTRA},
        clean_up_tokenization_spaces=False,
        padding_side="left",
        **options,
    )


def load_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer saved with the model; trained now when there is none yet."""
    if (FOLDER / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(FOLDER)
    tokenizer = train_tokenizer()
    tokenizer.save_pretrained(FOLDER)
    return tokenizer
