"""The view model: all that a view shows, as plain values and arrays; every form of the view is drawn from it alone.

`js/src/types.js` mirrors what `ViewModel.state` sends. Axes: G signals, R rows (one a statement, and last the whole
response), S sources, C cells. A cell is the smallest thing that has a shade of its own: a token of text, a patch of
a picture, a slice of sound or film; it stands for one position of the prompt, or for the mean of several.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = 2
COMPRESS_FROM = 64_000  # bytes; smaller arrays are sent as they are
ONE_UNIT = 0xFFFF  # characters beyond this one take two of UTF-16's units

Span = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's cells, one a token; `chars` is the first row of `ViewModel.chars` that is theirs."""

    cells: Span
    chars: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a picture, row by row, or of a film's thumbnails, one grid after the other.

    `extent` is where the grid lies, as shares of width and height.
    """

    cells: Span
    rows: int
    columns: int
    extent: Box


@dataclass(frozen=True, slots=True)
class Strip:
    """Cells along time: cell i lasts from `edges[i]` to `edges[i + 1]`, in seconds."""

    cells: Span
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MediaBytes:
    """Where in `ViewModel.media` a part's playable bytes are (start, count)."""

    bytes: Span
    mime: str


@dataclass(frozen=True, slots=True)
class ViewPart:
    """A part of the prompt. Spans are `(start, count)`; `thumbnails` in bytes, `peaks` in values.

    `detail` is its size or duration in words; `media_note` says why there is nothing to play.
    """

    index: int
    kind: str
    role: str
    label: str
    detail: str
    text: str | None = None
    size: tuple[int, int] | None = None
    duration: float | None = None
    thumbnails: tuple[Span, ...] = ()
    thumbnail_times: tuple[float, ...] = ()
    peaks: Span | None = None
    media: MediaBytes | None = None
    media_note: str | None = None
    tokens: Tokens | None = None
    patches: Grid | None = None
    frames: Grid | None = None
    strip: Strip | None = None
    sound: Strip | None = None


@dataclass(frozen=True, slots=True)
class ViewSource:
    """A source: `chars` in its part's text, `box` as shares of width and height, `time` in seconds."""

    id: int
    part: int
    modality: str
    label: str
    excerpt: str
    chars: Span | None = None
    box: Box | None = None
    time: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ViewStatement:
    """A statement and the number of its steps."""

    id: int
    text: str
    steps: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A verdict of `Tracer.verify` on a piece of evidence, as a sign, and in a sentence with its numbers."""

    verdict: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a statement rests on: a selected source, or selected seconds that touch, with its score (see `evidence`)."""

    sources: tuple[int, ...]
    label: str
    score: float
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader should know, in a sentence; of those `signals` alone, or of all if it names none."""

    text: str
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ViewModel:
    """What a view shows.

    Attributes:
        model: the name of the traced model.
        signals: the G signals to choose from.
        parts: the prompt, in order.
        sources: the S sources.
        statements: the response.
        stopped: why the response ended.
        evidence: for each signal and statement what was selected, best first.
        heat: `uint8 [G, R, C]`, mean score over the row's steps; 255 stands for `scale`. Negative and NaN scores are 0.
        scale: `float32 [G, R]`, the largest mean score of each row.
        share: `float32 [G, R, S]`, how much of the mass on all sources is on each; a row sums to 1, or is 0.
        chars: `int32 [k, 2]`, characters of the text cells in their parts.
        peaks: `int8 [p]`, lowest and highest sample of even slices of sounds, the loudest being 127.
        thumbnails: encoded WebP pictures, one after the other.
        media: encoded sounds and films, as far as they are small enough to send.
        notes: what a reader should know; `said` gives what concerns one signal.
    """

    model: str
    signals: tuple[str, ...]
    parts: tuple[ViewPart, ...]
    sources: tuple[ViewSource, ...]
    statements: tuple[ViewStatement, ...]
    stopped: str
    evidence: tuple[tuple[tuple[Evidence, ...], ...], ...]
    heat: np.ndarray
    scale: np.ndarray
    share: np.ndarray
    chars: np.ndarray
    peaks: np.ndarray
    thumbnails: bytes
    media: bytes
    notes: tuple[Note, ...]

    def supported(self, signal: int, source: int) -> list[int]:
        """Give the statements that rest on a source."""
        found = enumerate(self.evidence[signal])
        return [statement for statement, all_ in found if any(source in each.sources for each in all_)]

    def said(self, signal: int) -> list[str]:
        """Give the notes that concern a signal."""
        name = self.signals[signal] if self.signals else ""
        return [note.text for note in self.notes if not note.signals or name in note.signals]

    def thumbnail(self, part: ViewPart, index: int) -> bytes:
        """Give one encoded thumbnail of a part."""
        start, count = part.thumbnails[index]
        return self.thumbnails[start : start + count]

    def state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Give what is sent to a front end: a JSON document, and bytes by name."""
        arrays = {
            "heat": self.heat.astype(np.uint8),
            "scale": self.scale.astype("<f4"),
            "share": np.round(self.share * 65_535).astype("<u2"),
            "chars": self._units(),
            "peaks": self.peaks.astype(np.int8),
        }
        buffers = {name: array.tobytes() for name, array in arrays.items()}
        encoding = {}
        for name in ("heat", "share", "chars"):
            encoding[name] = "raw"
            if len(buffers[name]) >= COMPRESS_FROM:
                buffers[name], encoding[name] = zlib.compress(buffers[name], 6), "deflate"
        document = {
            "schema": SCHEMA,
            "model": self.model,
            "signals": list(self.signals),
            "parts": [_plain(asdict(part)) for part in self.parts],
            "sources": [self._source(source) for source in self.sources],
            "statements": [asdict(statement) for statement in self.statements],
            "stopped": self.stopped,
            "evidence": [[[_plain(asdict(each)) for each in row] for row in signal] for signal in self.evidence],
            "cells": self.heat.shape[2],
            "notes": [_plain(asdict(note)) for note in self.notes],
            "encoding": encoding,
        }
        return document, {**buffers, "thumbnails": self.thumbnails, "media": self.media}

    def _source(self, source: ViewSource) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(asdict(source))
        if source.chars is not None:
            units = utf16_offsets(self.parts[source.part].text or "")
            plain["chars"] = [int(units[at]) for at in source.chars]
        return plain

    def _units(self) -> np.ndarray:
        chars = self.chars.astype("<i4")
        for part in self.parts:
            if part.tokens is not None:
                own = slice(part.tokens.chars, part.tokens.chars + part.tokens.cells[1])
                chars[own] = utf16_offsets(part.text or "")[chars[own]]
        return chars


def utf16_offsets(text: str) -> np.ndarray:
    """Give where each character begins, and where the text ends, in the units that browsers count: `int64 [len + 1]`.

    Example:
        >>> utf16_offsets("a😀b").tolist()
        [0, 1, 3, 4]
    """
    code_points = np.frombuffer(text.encode("utf-32-le", "replace"), "<u4")
    return np.concatenate(([0], np.cumsum(1 + (code_points > ONE_UNIT), dtype=np.int64)))


def _plain(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def concatenate(pieces: Sequence[bytes]) -> tuple[bytes, tuple[Span, ...]]:
    """Give bytes in one row, and where each piece is."""
    spans, at = [], 0
    for piece in pieces:
        spans.append((at, len(piece)))
        at += len(piece)
    return b"".join(pieces), tuple(spans)
