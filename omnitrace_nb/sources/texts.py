"""Pieces of a text part, and which of its positions each one owns."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb import language
from omnitrace_nb.layout import TEXT
from omnitrace_nb.statements import most_overlapping
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.given import Span
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord

_WORD = re.compile(r"\S+")
_LINE = re.compile(r"[^\r\n]*\S[^\r\n]*")
_PARAGRAPH = re.compile(r"\S(?:.*?\S)?(?=\s*\n[^\S\n]*\n|\s*\Z)", re.DOTALL)
_SECTION = re.compile(r"(?:\A|^(?=\#{1,6}\s))(?:.*?\S)(?=\s*(?:^\#{1,6}\s|\Z))", re.DOTALL | re.MULTILINE)
_PATTERNS = {"word": _WORD, "line": _LINE, "paragraph": _PARAGRAPH, "section": _SECTION}


def text_sources(
    layout: Layout,
    record: PartRecord,
    records: Sequence[PartRecord],
    way: Any,  # noqa: ANN401 - see the docstring
    options: SourceOptions,
) -> Iterator[Source]:
    """Give the pieces of a text part, in order (ids are given later); `way` is a unit, a pattern, or spans.

    A token that straddles two pieces goes to the one that has most of its characters, the earlier of equals; of own
    spans, which may overlap, to each. A token of white space between pieces goes to none.
    """
    positions = layout.positions(record.index, TEXT)
    if not len(positions) or record.text is None or not record.text.strip():
        return
    text = _as_read(record)
    chars = layout.chars[positions]
    # A token of a few bytes may have an empty interval inside its character; it counts as that character.
    chars = np.stack([chars[:, 0], np.maximum(chars[:, 1], chars[:, 0] + 1)], axis=1)
    if isinstance(way, list):
        yield from _given(record, way, positions, chars, rest=options.rest)
    elif way == "token":
        for number, (position, (start, end)) in enumerate(zip(positions, chars.tolist(), strict=True), 1):
            if record.text[start:end].strip():
                yield _source(record, f"{record.label}, token {number}", np.array([position]), (start, end))
    elif way in {"part", "turn"} or (way == "document" and (record.document or record.title)):
        label = _turn(record, records) if way == "turn" else record.label
        yield from _cut(record, [_trimmed(text, 0, len(text))], lambda _: label, positions, chars)
    else:
        unit = "match" if isinstance(way, re.Pattern) else "sentence" if way == "document" else way
        intervals = _intervals(text, way, options)
        yield from _cut(record, intervals, lambda number: f"{record.label}, {unit} {number}", positions, chars)


def _given(
    record: PartRecord, given: Sequence[Span], positions: np.ndarray, chars: np.ndarray, *, rest: bool
) -> Iterator[Source]:
    held = np.zeros(len(positions), bool)
    for piece in given:
        own = (chars[:, 0] < piece.end) & (chars[:, 1] > piece.start)
        held |= own
        if own.any():
            yield _source(record, f"{record.label}, {piece.label}", positions[own], (piece.start, piece.end))
    if not rest:
        return
    text = record.text or ""
    for run in np.split(np.flatnonzero(~held), np.flatnonzero(np.diff(np.flatnonzero(~held)) > 1) + 1):
        start, end = _trimmed(text, int(chars[run, 0].min(initial=len(text))), int(chars[run, 1].max(initial=0)))
        if start < end:
            yield _source(record, f"{record.label}, characters {start}-{end}", positions[run], (start, end))


def _as_read(record: PartRecord) -> str:
    """Give a part's text with line breaks for what the model does not read, so that no piece reaches over it."""
    text = record.text or ""
    for start, end in record.unread:
        text = text[:start] + "\n" * (end - start) + text[end:]
    return text


def _turn(record: PartRecord, records: Sequence[PartRecord]) -> str:
    """Name the message of a chat that a text is of, and the text itself where it is not its only one.

    Parts that were given without messages have one for each run of a role.
    """
    if record.turn is not None:
        texts = [each for each in records if each.turn == record.turn and each.kind == "text"]
        return f"turn {record.turn} ({record.role})" + (f", {record.label}" if len(texts) > 1 else "")
    number = 0
    own: list[PartRecord] = []
    for before, each in zip([None, *records], records, strict=False):
        if before is None or before.role != each.role:
            number, own = number + 1, []
        own.append(each)
        if each.index == record.index:
            break
    rest = itertools.takewhile(lambda each: each.role == record.role, records[record.index + 1 :])
    texts = [each for each in (*own, *rest) if each.kind == "text"]
    return f"turn {number} ({record.role})" + (f", {record.label}" if len(texts) > 1 else "")


def _cut(
    record: PartRecord,
    intervals: Sequence[language.Interval],
    label: Callable[[int], str],
    positions: np.ndarray,
    chars: np.ndarray,
) -> Iterator[Source]:
    owner = most_overlapping(chars, np.array(intervals, np.int32).reshape(-1, 2))
    # Grouped by one sort: a long text has thousands of sentences.
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(intervals) + 1))
    for index, chars_of in enumerate(intervals):
        own = positions[order[bounds[index] : bounds[index + 1]]]
        if len(own):
            yield _source(record, label(index + 1), own, chars_of)


def _intervals(text: str, way: str | re.Pattern[str], options: SourceOptions) -> tuple[language.Interval, ...]:
    if isinstance(way, re.Pattern):
        return tuple(match.span() for match in way.finditer(text) if match.group().strip())
    if way in _PATTERNS:
        found = (_trimmed(text, *match.span()) for match in _PATTERNS[way].finditer(text))
        return tuple(each for each in found if each[0] < each[1])
    sentences = language.sentences(text, options.nlp, wrapped=True)
    return language.clauses(text, sentences, options.nlp) if way == "clause" else sentences


def _trimmed(text: str, start: int, end: int) -> language.Interval:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _source(record: PartRecord, label: str, own: np.ndarray, chars: tuple[int, int]) -> Source:
    return Source(
        id=0,
        modality="text",
        part=record.index,
        label=label,
        positions=own.astype(np.int32),
        chars=chars,
        document=record.document,
        title=record.title,
    )
