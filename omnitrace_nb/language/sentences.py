"""Sentences of any text: spaCy's boundaries within a line, corrected where they would cut a number or strand a sign.

What is of another language than the pipeline is cut by its marks alone (`omnitrace_nb.language.boundaries`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from omnitrace_nb.language import boundaries
from omnitrace_nb.language.blocks import Block, blocks
from omnitrace_nb.language.foreign import foreign
from omnitrace_nb.language.marks import ALWAYS, CLOSERS, SOFT
from omnitrace_nb.language.pipeline import SENTENCES, parse, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from spacy.language import Language
    from spacy.tokens import Doc

Interval = tuple[int, int]

_TITLES = (
    r"[Dd]r|Mrs?|Ms|Prof|St|Gen|Col|Sen|Rep|Jr|Sr|vs|[Nn]o|[Ff]igs?|[Ee]qs?|[Ss]ec|[Cc]h|[Vv]ol|[Aa]pprox|cf|ca|pp?"
)
_ABBREVIATION = re.compile(rf"(?:^|[\s(\[])(?:[A-HJ-Z]|[ei]\.[eg]|{_TITLES})\.$")
_MARKER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z])[.)]$")
# Possessive, so that a long run of marks is gone through once.
_CLOSED = re.compile(rf"(?P<sign>[.\u2026:;{SOFT}{ALWAYS}])[{CLOSERS}]*+$")
_ALWAYS_SIGN = re.compile(rf"[{ALWAYS}]")
_TAIL = 16


def sentences(text: str, nlp: Language | None = None, *, wrapped: bool = False) -> tuple[Interval, ...]:
    r"""Give start and end of each sentence of a text of any length, in order, without white space around it.

    No sentence crosses a line break, and a list marker stays with its item. spaCy's boundaries are kept but for those
    inside a number, a word or a common abbreviation, those that would leave a marker or mere signs (quotes, emoji)
    alone, and those that neither follow a closing sign nor precede a capital. The full stops of scripts that have their
    own (Chinese, Japanese, Arabic, Hindi, Armenian, Amharic, ...) always end a sentence, but not within a quote.
    Lines of another language than the pipeline's, by their script or their commonest words, are cut without it.

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
    languages = [_language(text[block.body : block.end], text, nlp) for block in cut]
    read = [text[block.body : block.end] for block, other in zip(cut, languages, strict=True) if other is None]
    docs = parse(map(readable, read), nlp, SENTENCES) if read else iter(())
    for block, other in zip(cut, languages, strict=True):
        own = list(_told_apart(text, block, next(docs)) if other is None else _marked(text, block, other))
        if block.joined and not _CLOSED.search(text[max(0, block.start - _TAIL) : block.start].rstrip()):
            found[-1] = found[-1][0], own.pop(0)[1]
        found += own
    return tuple(found)


def _language(line: str, text: str, nlp: Language | None) -> str | None:
    """Give the language of a line that the pipeline does not read: not its own, or of signs alone."""
    return foreign(line, text, nlp) if says_something(line) else "xx"


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


def _told_apart(text: str, block: Block, doc: Doc) -> Iterator[Interval]:
    """Give the sentences of a block by a pipeline's boundaries, as far as they are judged to be some."""
    always = set(boundaries.ends(text, block.body, block.end))
    starts = {block.body + sent.start_char for sent in doc.sents} | always
    return _between(text, block, starts, lambda first, start: _is_boundary(text, first, start, always))


def _marked(text: str, block: Block, language: str) -> Iterator[Interval]:
    """Give the sentences of a block by its marks alone."""
    ends = boundaries.ends(text, block.body, block.end, language)
    return _between(text, block, ends, lambda first, end: not _MARKER.fullmatch(text[first:end].strip()))


def _between(
    text: str, block: Block, starts: Iterable[int], is_boundary: Callable[[int, int], bool]
) -> Iterator[Interval]:
    """Give what lies between starts that are boundaries and strand no signs; the first takes the block's marker."""
    first = block.start
    last = next((at for at in range(block.end - 1, block.body - 1, -1) if text[at].isalnum()), -1)
    for start in sorted(starts):
        body = max(first, block.body)
        if first < start <= last and says_something(text[body:start]) and is_boundary(body, start):
            yield trim(text, first, start)
            first = start
    yield trim(text, first, block.end)


def _is_boundary(text: str, first: int, start: int, always: Collection[int]) -> bool:
    """Judge a pipeline's boundary before `start`, in a sentence whose words begin at `first`."""
    before = text[first:start].rstrip()
    tail = before[-_TAIL:]
    closed = _CLOSED.search(tail)
    if closed and _ALWAYS_SIGN.match(closed["sign"]):
        return first + len(before) in always
    if not text[start - 1].isspace() and not text[start].isspace():
        return False
    if _MARKER.fullmatch(before) or _ABBREVIATION.search(tail):
        return False
    return closed is not None or text[start : start + _TAIL].lstrip()[:1].isupper()
