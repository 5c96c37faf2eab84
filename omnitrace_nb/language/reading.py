"""One reading of a text: where its sentences and clauses are, and which part of speech each word is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.language.blocks import Block, blocks
from omnitrace_nb.language.clauses import clause_starts
from omnitrace_nb.language.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacy.language import Language
    from spacy.tokens import Doc

Interval = tuple[int, int]

# Lone surrogates cannot be hashed by spaCy; controls only mislead it. One character for one, so offsets stay.
_UNREADABLE = re.compile(r"[\ud800-\udfff]")
_BLANK = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[])(?:[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]|[Dd]r|Mrs?|Ms|Prof|St|Gen|Col|Sen|Rep|Jr|Sr|vs|etc|[Nn]o|[Ff]igs?|[Ee]qs?|[Ss]ec|[Cc]h"
    r"|[Vv]ol|[Aa]pprox|[Ee]st|al|cf|ca|pp?)\.$"
)
_MARKER_ALONE = re.compile(r"\(?(?:\d{1,3}|[A-Za-z])[.)]$")
_CLOSED = re.compile(r"[.!?\u2026:;\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965]['\"\u2019\u201d\u00bb)\]*_]*$")
_ALWAYS_ENDS = re.compile(r"[\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965]+['\"\u2019\u201d\u00bb)\]]*\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text, read.

    Attributes:
        sentences: start and end of each sentence, without white space around it.
        clauses: the same text cut finer, at coordinated clauses (see `omnitrace_nb.language.clauses`).
        words: `int32 [w, 2]`, start and end of each word.
        tags: `[w]`, the Universal POS tag of each word; a list marker is "PUNCT"; "" from a pipeline without tags.
    """

    sentences: tuple[Interval, ...] = ()
    clauses: tuple[Interval, ...] = ()
    words: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    tags: tuple[str, ...] = ()


def read(text: str, nlp: Language | None = None, *, wrapped: bool = False) -> Reading:
    """Read a text of any length: spaCy's sentences, never across a line break, list markers kept with their item.

    spaCy's boundaries are kept but for those inside a number, a word or a common abbreviation, those that would leave
    a marker or mere signs (quotes, emoji) alone, and those that neither follow a closing sign nor precede a capital.
    The closing signs of Chinese, Japanese, Arabic, Urdu and Hindi always end a sentence.

    Args:
        text: any string; lone surrogates and control characters do no harm.
        nlp: a spaCy pipeline; by default the installed English one.
        wrapped: take a line that goes on in lower case for a part of the line before it.
    """
    found = list(blocks(text, wrapped=wrapped))
    if not found:
        return Reading()
    readable = _BLANK.sub(" ", _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text))
    sentences: list[Interval] = []
    cuts: list[int] = []
    words: list[Interval] = []
    tags: list[str] = []
    docs = pipeline(nlp).pipe((readable[block.body : block.end] for block in found), batch_size=64)
    for block, doc in zip(found, docs, strict=True):
        own = list(_sentences(text, block, doc))
        if block.joined and own and not _CLOSED.search(text[: block.start].rstrip()[-8:]):
            sentences[-1] = (sentences[-1][0], own.pop(0)[1])
        sentences += own
        cuts += [block.body + start for start in clause_starts(doc)]
        if block.body > block.start:
            marker = text[block.start : block.body].rstrip()
            words.append((block.start, block.start + len(marker)))
            tags.append("PUNCT")
        words += [(block.body + word.idx, block.body + word.idx + len(word)) for word in doc]
        tags += [word.pos_ for word in doc]
    return Reading(
        sentences=tuple(sentences),
        clauses=tuple(_cut_at(text, sentences, cuts)),
        words=np.array(words, np.int32).reshape(-1, 2),
        tags=tuple(tags),
    )


def _sentences(text: str, block: Block, doc: Doc) -> Iterator[Interval]:
    """Give the sentences of a block; the first takes the block's marker with it."""
    starts = {block.body + sent.start_char for sent in doc.sents}
    starts |= {end.end() for end in _ALWAYS_ENDS.finditer(text, block.body, block.end)}
    first = block.start
    for start in sorted(starts):
        if start > first and start < block.end and _is_boundary(text, first, start, block.end):
            yield _trim(text, first, start)
            first = start
    yield _trim(text, first, block.end)


def _is_boundary(text: str, first: int, start: int, end: int) -> bool:
    """Judge a boundary before `start`, in a sentence that began at `first` of a block that ends at `end`."""
    before, after = text[first:start].rstrip(), text[start:end].lstrip()
    if _ALWAYS_ENDS.search(before[-3:] + " ") and _ALWAYS_ENDS.fullmatch(before[-1:]):
        return any(char.isalnum() for char in after)
    if not text[start - 1].isspace() and not text[start].isspace():
        return False
    if not _says_something(before) or not any(char.isalnum() for char in after):
        return False
    if _MARKER_ALONE.fullmatch(before) or _ABBREVIATION.search(before[-12:]):
        return False
    return bool(_CLOSED.search(before[-8:])) or after[0].isupper()


def _says_something(piece: str) -> bool:
    return any(char.isalnum() for char in piece)


def _cut_at(text: str, sentences: list[Interval], cuts: list[int]) -> Iterator[Interval]:
    """Cut sentences at the given characters."""
    at = iter(sorted(cuts))
    cut = next(at, None)
    for start, end in sentences:
        first = start
        while cut is not None and cut < end:
            if cut > first and _says_something(text[first:cut]):
                yield _trim(text, first, cut)
                first = cut
            cut = next(at, None)
        yield _trim(text, first, end)


def _trim(text: str, start: int, end: int) -> Interval:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
