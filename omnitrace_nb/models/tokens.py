"""The exact bytes that each generated token writes.

Text is made from ids alone, never by tokenising again: a token may hold part of a character, and only bytes say which.
The bytes of a response's tokens, one after the other, are the response's text in UTF-8.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def token_bytes(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[bytes]:
    """Give the bytes of each id of a response, from its first token on; special and unknown ids write none.

    Byte-level BPE and sentencepiece (with byte fallback) are read from the vocabulary; any other tokenizer through its
    decoder, which turns longer and longer beginnings of the response into text.
    """
    special = special_ids(tokenizer)
    decoders = _decoders(tokenizer)
    names = [decoder["type"] for decoder in decoders]
    if names == ["ByteLevel"]:
        return [b"" if i in special else _byte_level(_token(tokenizer, i)) for i in ids]
    if names and set(names) <= {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}:
        written = [b"" if i in special else _sentencepiece(_token(tokenizer, i), decoders) for i in ids]
        return _without_first_space(written, decoders)
    return _by_decoding(tokenizer, [int(i) for i in ids])


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Give the ids of every special token, named ones and those that the tokenizer's file marks as special."""
    marked = {int(i) for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(marked | {int(i) for i in tokenizer.all_special_ids})


def is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether the tokenizer is a byte-level one, whose pieces never depend on what stands before them."""
    return [decoder["type"] for decoder in _decoders(tokenizer)] == ["ByteLevel"]


def _decoders(tokenizer: PreTrainedTokenizerBase) -> list[dict[str, Any]]:
    decoder = tokenizer.backend_tokenizer.decoder if getattr(tokenizer, "is_fast", False) else None
    if decoder is None:
        return []
    state = json.loads(decoder.__getstate__())
    return state["decoders"] if state["type"] == "Sequence" else [state]


def _token(tokenizer: PreTrainedTokenizerBase, index: int) -> str:
    return tokenizer.convert_ids_to_tokens(int(index)) or ""


@lru_cache(maxsize=1)
def _bytes_of_characters() -> dict[str, int]:
    """Give the byte behind each character of a byte-level vocabulary (GPT-2's table)."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(256 + number): byte for number, byte in enumerate(hidden)}


def _byte_level(token: str) -> bytes:
    table = _bytes_of_characters()
    if all(character in table for character in token):
        return bytes(table[character] for character in token)
    return token.encode()


def _sentencepiece(token: str, decoders: list[dict[str, Any]]) -> bytes:
    names = {decoder["type"] for decoder in decoders}
    if "ByteFallback" in names and (match := BYTE_TOKEN.fullmatch(token)):
        return bytes([int(match[1], 16)])
    for decoder in decoders:
        if decoder["type"] == "Replace" and "String" in decoder["pattern"]:
            token = token.replace(decoder["pattern"]["String"], decoder["content"])
        elif decoder["type"] == "Metaspace":
            token = token.replace(decoder["replacement"], " ")
    return token.encode()


def _without_first_space(written: list[bytes], decoders: list[dict[str, Any]]) -> list[bytes]:
    """Drop the space that sentencepiece puts before a text's first word, as the decoder does."""
    strips = any(
        (decoder["type"] == "Strip" and decoder["content"] == " " and decoder["start"] > 0)
        or (decoder["type"] == "Metaspace" and decoder.get("prepend_scheme") != "never")
        for decoder in decoders
    )
    first = next((number for number, piece in enumerate(written) if piece), None)
    if strips and first is not None:
        written[first] = written[first].removeprefix(b" ")
    return written


def _by_decoding(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> list[bytes]:
    whole = tokenizer.decode(ids, skip_special_tokens=True)
    edges = [0]
    for count in range(1, len(ids) + 1):
        beginning = tokenizer.decode(ids[:count], skip_special_tokens=True)
        edges.append(max(edges[-1], shared(beginning, whole)))
    return [whole[start:end].encode() for start, end in pairwise(edges)]


def shared(one: str | bytes, other: str | bytes) -> int:
    """Give the length of the beginning that two texts, or the bytes of two, share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))
