"""Sentences of any text: spaCy's boundaries within a line, corrected where they would cut a number or strand a sign."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from omnitrace_nb.language.blocks import Block, blocks
from omnitrace_nb.language.pipeline import SENTENCES, parse, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacy.language import Language
    from spacy.tokens import Doc

Interval = tuple[int, int]

_TITLES = (
    r"[Dd]r|Mrs?|Ms|Prof|St|Gen|Col|Sen|Rep|Jr|Sr|vs|[Nn]o|[Ff]igs?|[Ee]qs?|[Ss]ec|[Cc]h|[Vv]ol|[Aa]pprox|cf|ca|pp?"
)
_ABBREVIATION = re.compile(rf"(?:^|[\s(\[])(?:[A-HJ-Z]|[ei]\.[eg]|{_TITLES})\.$")
_MARKER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z])[.)]$")
_CLOSERS = r"['\"\u2019\u201d\u00bb)\]*_]*"
_ALWAYS = r"[\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965]"
_CLOSED = re.compile(rf"(?:[.!?\u2026:;]|{_ALWAYS}){_CLOSERS}$")
_ALWAYS_ENDS = re.compile(rf"{_ALWAYS}+{_CLOSERS}\s*")
_TAIL = 16


def sentences(text: str, nlp: Language | None = None, *, wrapped: bool = False) -> tuple[Interval, ...]:
    r"""Give start and end of each sentence of a text of any length, in order, without white space around it.

    No sentence crosses a line break, and a list marker stays with its item. spaCy's boundaries are kept but for those
    inside a number, a word or a common abbreviation, those that would leave a marker or mere signs (quotes, emoji)
    alone, and those that neither follow a closing sign nor precede a capital. The closing signs of Chinese, Japanese,
    Arabic, Urdu and Hindi always end a sentence.

    Args:
        text: any string; lone surrogates and control characters do no harm.
        nlp: a spaCy pipeline; by default the installed English one.
        wrapped: take a line that goes on in lower case for a part of the line before it.

    Example:
        >>> sentences("1. It cost 3.5 francs. Why?\n- Ask her.")
        ((0, 22), (23, 27), (28, 38))
    """
    text = readable_lines(text)
    found: list[Interval] = []
    cut = list(blocks(text, wrapped=wrapped))
    docs = parse((readable(text[block.body : block.end]) for block in cut), nlp, SENTENCES) if cut else iter(())
    for block, doc in zip(cut, docs, strict=True):
        own = list(_sentences(text, block, doc))
        if block.joined and not _CLOSED.search(text[max(0, block.start - _TAIL) : block.start].rstrip()):
            found[-1] = found[-1][0], own.pop(0)[1]
        found += own
    return tuple(found)


def readable_lines(text: str) -> str:
    """Give the text with controls that are no white space to Python (NUL, a byte-order mark) made white space."""
    return re.sub(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff]", " ", text)


def trim(text: str, start: int, end: int) -> Interval:
    """Give the interval without white space around it."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def says_something(piece: str) -> bool:
    """Say whether a piece of text holds a letter or digit of any script."""
    return any(char.isalnum() for char in piece)


def _sentences(text: str, block: Block, doc: Doc) -> Iterator[Interval]:
    """Give the sentences of a block; the first takes the block's marker with it."""
    starts = {block.body + sent.start_char for sent in doc.sents}
    starts |= {end.end() for end in _ALWAYS_ENDS.finditer(text, block.body, block.end)}
    first = block.start
    last = next((at for at in range(block.end - 1, block.body - 1, -1) if text[at].isalnum()), -1)
    for start in sorted(starts):
        if first < start <= last and _is_boundary(text, max(first, block.body), start):
            yield trim(text, first, start)
            first = start
    yield trim(text, first, block.end)


def _is_boundary(text: str, first: int, start: int) -> bool:
    """Judge a boundary before `start`, in a sentence whose words begin at `first`."""
    before = text[first:start].rstrip()
    if not says_something(before):
        return False
    tail = before[-_TAIL:]
    closed = _CLOSED.search(tail)
    if closed and re.match(_ALWAYS, closed.group()):
        return True
    if not text[start - 1].isspace() and not text[start].isspace():
        return False
    if _MARKER.fullmatch(before) or _ABBREVIATION.search(tail):
        return False
    return closed is not None or text[start : start + _TAIL].lstrip()[:1].isupper()
