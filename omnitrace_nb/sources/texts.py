"""Pieces of a text part, and which of its positions each one owns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb import language
from omnitrace_nb.layout import TEXT
from omnitrace_nb.sources.given import pieces_of, span
from omnitrace_nb.statements import most_overlapping
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord

_WORD = re.compile(r"\S+")
_LINE = re.compile(r"[^\r\n]*\S[^\r\n]*")
_PARAGRAPH = re.compile(r"\S(?:.*?\S)?(?=\s*\n[^\S\n]*\n|\s*\Z)", re.DOTALL)
_SECTION = re.compile(r"(?:\A|^(?=\#{1,6}\s))(?:.*?\S)(?=\s*(?:^\#{1,6}\s|\Z))", re.DOTALL | re.MULTILINE)
_PATTERNS = {"word": _WORD, "line": _LINE, "paragraph": _PARAGRAPH, "section": _SECTION}


def text_sources(
    layout: Layout, record: PartRecord, records: Sequence[PartRecord], options: SourceOptions
) -> Iterator[Source]:
    """Give the pieces of a text part, in order (ids are given later).

    A token that straddles two pieces goes to the one that has most of its characters, the earlier of equals; of own
    spans, which may overlap, to each. A token of white space between pieces goes to none.
    """
    positions = layout.positions(record.index, TEXT)
    if not len(positions) or record.text is None or not record.text.strip():
        return
    chars = layout.chars[positions]
    # A token of a few bytes may have an empty interval inside its character; it counts as that character.
    chars = np.stack([chars[:, 0], np.maximum(chars[:, 1], chars[:, 0] + 1)], axis=1)
    given = pieces_of(options.text, record, records) if options.own("text") else None
    if given is not None:
        yield from _given(record, given, positions, chars)
    elif options.text == "token":
        for number, (position, (start, end)) in enumerate(zip(positions, chars.tolist(), strict=True), 1):
            if record.text[start:end].strip():
                yield _source(record, f"{record.label}, token {number}", np.array([position]), (start, end))
    else:
        yield from _cut(record, record.text, options, positions, chars)


def _given(record: PartRecord, given: Sequence[Any], positions: np.ndarray, chars: np.ndarray) -> Iterator[Source]:
    for piece in given:
        start, end, label = span(piece, record)
        own = positions[(chars[:, 0] < end) & (chars[:, 1] > start)]
        if len(own):
            yield _source(record, f"{record.label}, {label}", own, (start, end))


def _cut(
    record: PartRecord, text: str, options: SourceOptions, positions: np.ndarray, chars: np.ndarray
) -> Iterator[Source]:
    intervals = _intervals(text, options)
    owner = most_overlapping(chars, np.array(intervals, np.int32).reshape(-1, 2))
    # Grouped by one sort: a long text has thousands of sentences.
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(intervals) + 1))
    unit = options.text if isinstance(options.text, str) else "sentence" if options.own("text") else "match"
    for index, chars_of in enumerate(intervals):
        own = positions[order[bounds[index] : bounds[index + 1]]]
        if len(own):
            label = record.label if unit == "part" else f"{record.label}, {unit} {index + 1}"
            yield _source(record, label, own, chars_of)


def _intervals(text: str, options: SourceOptions) -> tuple[language.Interval, ...]:
    if isinstance(options.text, re.Pattern):
        return tuple(match.span() for match in options.text.finditer(text) if match.group().strip())
    unit = options.text if isinstance(options.text, str) else "sentence"  # of parts without own spans
    if unit in _PATTERNS:
        found = (_trimmed(text, *match.span()) for match in _PATTERNS[unit].finditer(text))
        return tuple(each for each in found if each[0] < each[1])
    if unit == "part":
        return (_trimmed(text, 0, len(text)),)
    sentences = language.sentences(text, options.nlp, wrapped=True)
    return language.clauses(text, sentences, options.nlp) if unit == "clause" else sentences


def _trimmed(text: str, start: int, end: int) -> language.Interval:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _source(record: PartRecord, label: str, own: np.ndarray, chars: tuple[int, int]) -> Source:
    return Source(id=0, modality="text", part=record.index, label=label, positions=own.astype(np.int32), chars=chars)
