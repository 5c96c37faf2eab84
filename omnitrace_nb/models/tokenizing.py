"""From the prompt's text to token ids, each with the characters it stands for.

The user's text never becomes a special token: a pasted "<|im_end|>" is read as the characters it is, so that it can
neither end a turn nor pass for a picture. An ordinary prompt gets exactly the tokenizer's own tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import ContentError, ModelError
from omnitrace_nb.layout import NOBODY
from omnitrace_nb.models.tokens import is_byte_level, special_ids, token_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from omnitrace_nb.models.matching import Prompt


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A tokenised prompt.

    Attributes:
        ids: `int64 [n]`.
        part: `int32 [n]`, index of the text part that a token stands for, -1 for the template's.
        chars: `int32 [n, 2]`, start and end in that part's characters, -1 for the template's.
        offsets: `int64 [n, 2]`, start and end in the prompt's characters.
        begun: how many, the last ones, are the response's given beginning.
    """

    ids: np.ndarray
    part: np.ndarray
    chars: np.ndarray
    offsets: np.ndarray
    begun: int = 0


def tokenize(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, *, add_special_tokens: bool) -> Tokens:
    """Tokenise a prompt; a token that stands for characters of several parts belongs to the one with most of them.

    Args:
        tokenizer: fast or slow; a slow one's tokens must give back the text byte for byte.
        prompt: what `render` gave.
        add_special_tokens: whether the tokenizer adds its own (a prompt without chat template wants them).

    Raises:
        ContentError: the text cannot be encoded (a lone surrogate).
        ModelError: no way was found to tell which characters each token stands for.
    """
    try:
        prompt.text.encode()
    except UnicodeEncodeError as error:
        raise ContentError(
            f"The text holds the lone surrogate {prompt.text[error.start]!r}, which no tokenizer can read: remove it."
        ) from error
    owner, place = _owners(prompt)
    if getattr(tokenizer, "is_fast", False):
        ids, offsets = _encode(tokenizer, prompt.text, special=add_special_tokens, split=False)
    else:
        ids, offsets = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    if len(ids) == 0 or _forged(tokenizer, ids, offsets, owner):
        ids, offsets = _in_pieces(tokenizer, prompt)
        if _forged(tokenizer, ids, offsets, owner):
            raise ModelError(
                "The text holds a special token's name, and this tokenizer cannot read it as plain characters: "
                "rephrase the text, or give the model's fast tokenizer."
            )
    offsets = _without_gaps(offsets, prompt.text)
    part, chars = _places(offsets, owner, place)
    return Tokens(ids, part, chars, offsets, _begun(offsets, prompt))


def _begun(offsets: np.ndarray, prompt: Prompt) -> int:
    """Count the tokens that begin within the response's given beginning; one that begins before is the template's."""
    if not prompt.begun:
        return 0
    own = (offsets[:, 0] >= len(prompt.text) - prompt.begun) & (offsets[:, 0] < offsets[:, 1])
    return len(offsets) - int(np.flatnonzero(own)[0]) if own.any() else 0


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str, *, first: bool = True) -> np.ndarray:
    """Tokenise a text by itself, as plain characters, `int64 [k]`.

    Args:
        tokenizer: fast or slow.
        text: some character at least.
        first: whether nothing stands before it: tokenizers of sentencepiece's kind put a space there.

    Raises:
        ModelError: a slow tokenizer whose tokens do not give the text back.
    """
    return _plain(tokenizer, text, first=first)[0]


def placed(prompt: Prompt, ids: np.ndarray, pieces: Sequence[bytes]) -> Tokens:
    """Place tokens that another tokenised, from the bytes that each writes: together they must be the prompt's text.

    Raises:
        ModelError: they are not.
    """
    if b"".join(pieces) != prompt.text.encode():
        raise ModelError(
            f"The tokens of {prompt.text[:40]!r} write {b''.join(pieces)[:40]!r}, so they cannot be traced back to its "
            "characters: change the text, or write an adapter (docs/adapters.md)."
        )
    offsets = _offsets(pieces, prompt.text)
    part, chars = _places(offsets, *_owners(prompt))
    return Tokens(ids, part, chars, offsets, _begun(offsets, prompt))


def _owners(prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
    """Give the part of each character of the prompt, and which of the part's characters it is."""
    owner = np.full(len(prompt.text), NOBODY, np.int32)
    place = np.zeros(len(prompt.text), np.int32)
    for span in prompt.spans:
        owner[span.start : span.end] = span.part
        place[span.start : span.end] = np.arange(span.first, span.first + span.end - span.start)
    return owner, place


def _encode(
    tokenizer: PreTrainedTokenizerBase, text: str, *, special: bool, split: bool
) -> tuple[np.ndarray, np.ndarray]:
    backend = tokenizer.backend_tokenizer
    before = backend.encode_special_tokens
    try:
        encoded = tokenizer(
            text,
            add_special_tokens=special,
            split_special_tokens=split,
            return_offsets_mapping=True,
            padding=False,
            truncation=False,
            verbose=False,
        )
    finally:
        backend.encode_special_tokens = before
    return np.asarray(encoded["input_ids"], np.int64), np.asarray(encoded["offset_mapping"], np.int64).reshape(-1, 2)


def _forged(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray, offsets: np.ndarray, owner: np.ndarray) -> bool:
    """Tell whether a special token stands, wholly or in part, for the user's characters."""
    suspects = np.flatnonzero(np.isin(ids, list(special_ids(tokenizer))))
    return any((owner[start:end] != NOBODY).any() for start, end in offsets[suspects])


def _in_pieces(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise the text between the template's own special tokens, reading no special token in it."""
    ids: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    at = 0
    for start, end, special in [*_template_specials(tokenizer, prompt), (len(prompt.text), len(prompt.text), None)]:
        found, where = _plain(tokenizer, prompt.text[at:start], first=at == 0)
        ids.append(found)
        offsets.append(where + at)
        if special is not None:
            ids.append(np.array([special], np.int64))
            offsets.append(np.array([[start, end]], np.int64))
        at = end
    return np.concatenate(ids), np.concatenate(offsets)


def _template_specials(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> list[tuple[int, int, int]]:
    """Give start, end and id of each special token that the template itself writes."""
    contents = {
        token.content: int(i) for i, token in tokenizer.added_tokens_decoder.items() if int(i) in special_ids(tokenizer)
    }
    names = sorted(contents, key=len, reverse=True)
    found = []
    for start, end in prompt.template_pieces():
        at = start
        while at < end:
            name = next((name for name in names if name and prompt.text.startswith(name, at, end)), None)
            if name is not None:
                found.append((at, at + len(name), contents[name]))
            at += len(name) if name else 1
    return found


def _plain(tokenizer: PreTrainedTokenizerBase, text: str, *, first: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise a piece of a prompt as plain text."""
    if not text:
        return np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    if not getattr(tokenizer, "is_fast", False):
        return _plain_slow(tokenizer, text)
    if not first and not is_byte_level(tokenizer):
        # Sentencepiece puts a space before the first word of what it is given: a newline before keeps it away.
        ids, offsets = _encode(tokenizer, "\n" + text, special=False, split=True)
        own = offsets[:, 1] > 1
        if (offsets[own, 0] >= 1).all():
            return ids[own], offsets[own] - 1
    return _encode(tokenizer, text, special=False, split=True)


def _plain_slow(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise by a tokenizer that knows no offsets: its tokens' bytes say where each stands."""
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    pieces = token_bytes(tokenizer, ids)
    if b"".join(pieces) != text.encode():
        raise ModelError(
            f"The slow tokenizer {type(tokenizer).__name__} does not give back the text from its tokens, so they "
            "cannot be traced back to characters: give the model's fast tokenizer."
        )
    return np.asarray(ids, np.int64), _offsets(pieces, text)


def _offsets(pieces: Sequence[bytes], text: str) -> np.ndarray:
    """Give the characters `[k, 2]` of a text that each of the pieces of its bytes stands for."""
    character = np.repeat(np.arange(len(text)), [len(each.encode()) for each in text])
    ends = np.cumsum([len(piece) for piece in pieces])
    offsets = np.zeros((len(pieces), 2), np.int64)
    for number, (end, piece) in enumerate(zip(ends, pieces, strict=True)):
        # A token that writes nothing yet is the beginning of the character that the next one completes.
        first = min(end - len(piece), len(character) - 1)
        offsets[number] = character[first], character[max(end - 1, first)] + 1
    return offsets


def _without_gaps(offsets: np.ndarray, text: str) -> np.ndarray:
    """Give a token the spaces before it where the tokenizer's offsets leave them out."""
    offsets = offsets.copy()
    reached = np.maximum.accumulate(np.concatenate([[0], offsets[:, 1]]))[:-1]
    for number in np.flatnonzero((reached < offsets[:, 0]) & (offsets[:, 0] < offsets[:, 1])):
        if text[reached[number] : offsets[number, 0]].isspace():
            offsets[number, 0] = reached[number]
    return offsets


def _places(offsets: np.ndarray, owner: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    part = np.full(len(offsets), NOBODY, np.int32)
    chars = np.full((len(offsets), 2), -1, np.int32)
    written = np.flatnonzero(offsets[:, 0] < offsets[:, 1])
    firsts, lasts = offsets[written, 0], offsets[written, 1] - 1
    same = owner[firsts] == owner[lasts]
    part[written[same]] = owner[firsts[same]]
    owned = same & (owner[firsts] != NOBODY)
    chars[written[owned]] = np.stack([place[firsts[owned]], place[lasts[owned]] + 1], axis=1)
    for number in written[~same]:
        inside = slice(*offsets[number])
        part[number] = np.bincount(owner[inside][owner[inside] != NOBODY]).argmax()
        held = place[inside][owner[inside] == part[number]]
        chars[number] = held[0], held[-1] + 1
    return part, chars
