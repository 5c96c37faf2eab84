"""The view model: all that a view shows, as plain values and arrays; every form of the view is drawn from it alone.

`js/src/types.js` mirrors what `ViewModel.prompt` and `ViewModel.response` send. Axes: G signals, T steps, R rows (one a
statement, and last the whole response), S sources, C cells. A cell is the smallest thing that has a shade of its own: a
token of text, a patch of a picture, a slice of sound or film; it stands for one position of the prompt, or for the mean
of several.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.view.packing import pack
from omnitrace_nb.view.records import ViewSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.view.records import Checked, Evidence, Note, Said, Span, ViewPart, ViewStatement
    from omnitrace_nb.view.rows import Rows
    from omnitrace_nb.view.stepwise import Later, Stepwise

SCHEMA = 3
ONE_UNIT = 0xFFFF  # characters beyond this one take two of UTF-16's units


@dataclass(frozen=True, slots=True, eq=False)
class ViewModel:
    """What a view shows.

    Attributes:
        model: the name of the traced model.
        signals: the G signals to choose from.
        parts: the prompt, in order.
        sources: the S sources.
        statements: the response, cut.
        said: the response and its tokens.
        settings: the curation of the trace, as plain values.
        chars: `int32 [k, 2]`, characters of the text cells in their parts.
        peaks: `int8 [p]`, lowest and highest sample of even slices of sounds, the loudest being 127.
        spectrograms: `uint8 [q]`, how loud bands of frequencies are, 255 being the loudest.
        thumbnails: encoded WebP pictures, one after the other.
        originals: the encoded original of each part; empty where the trace does not keep it.
        cells: C.
        rows: heat, shares and evidence of statements, for the forms without a front end.
        later: votes, masses and heat of steps (`steps`), for front ends.
        checked: verdicts of `Tracer.verify`.
        notes: what a reader should know; `notes_of` gives what concerns one signal.
    """

    model: str
    signals: tuple[str, ...]
    parts: tuple[ViewPart, ...]
    sources: tuple[ViewSource, ...]
    statements: tuple[ViewStatement, ...]
    said: Said
    settings: dict[str, Any]
    chars: np.ndarray
    peaks: np.ndarray
    spectrograms: np.ndarray
    thumbnails: bytes
    originals: tuple[bytes, ...]
    cells: int
    rows: Rows
    later: Later
    checked: tuple[Checked, ...]
    notes: tuple[Note, ...]

    @property
    def steps(self) -> Stepwise:
        """Votes, masses and heat of steps."""
        return self.later.steps

    @property
    def stopped(self) -> str:
        """Why the response ended."""
        return self.said.stopped

    @property
    def evidence(self) -> tuple[tuple[tuple[Evidence, ...], ...], ...]:
        """For each signal and statement what was selected, best first."""
        return self.rows.evidence

    @property
    def heat(self) -> np.ndarray:
        """`uint8 [G, R, C]`, the mean score over the row's steps; 255 stands for `scale`."""
        return self.rows.heat

    @property
    def scale(self) -> np.ndarray:
        """`float32 [G, R]`, the largest mean score of each row."""
        return self.rows.scale

    @property
    def share(self) -> np.ndarray:
        """`float32 [G, R, S]`, how much of the mass on all sources is on each; a row sums to 1, or is 0."""
        return self.rows.share

    def supported(self, signal: int, source: int) -> list[int]:
        """Give the statements that rest on a source."""
        found = enumerate(self.evidence[signal])
        return [statement for statement, all_ in found if any(source in each.sources for each in all_)]

    def notes_of(self, signal: int) -> list[str]:
        """Give the notes that concern a signal."""
        name = self.signals[signal] if self.signals else ""
        return [note.text for note in self.notes if not note.signals or name in note.signals]

    def thumbnail(self, part: ViewPart, index: int) -> bytes:
        """Give one encoded thumbnail of a part."""
        start, count = part.thumbnails[index]
        return self.thumbnails[start : start + count]

    def with_room(self, room: int) -> ViewModel:
        """Give the same with only so many bytes of originals, for pages that bring them along; sound and film first."""
        kept: dict[int, bytes] = {}
        for part in sorted(self.parts, key=lambda part: part.kind == "image"):
            data = self.originals[part.index]
            if part.media and part.media.bytes == len(data) <= room:
                room -= len(data)
                kept[part.index] = data
        parts = tuple(
            part
            if part.index in kept or not part.media
            else replace(part, media=None, media_note=_left_out(part.kind, part.media.bytes))
            for part in self.parts
        )
        return replace(self, parts=parts, originals=tuple(kept.get(part.index, b"") for part in self.parts))

    def prompt(self) -> bytes:
        """Give what is sent of the prompt: one pack (see `packing`)."""
        document = {
            "schema": SCHEMA,
            "model": self.model,
            "parts": [self._part(part) for part in self.parts],
            "sources": self._sources(),
            "cells": self.cells,
        }
        arrays = {
            "chars": self._units(),
            "peaks": self.peaks.astype("i1"),
            "spectrograms": self.spectrograms,
            "thumbnails": np.frombuffer(self.thumbnails, "u1"),
        }
        return pack(document, arrays)

    def response(self) -> bytes:
        """Give what is sent of the response and its scores: one pack (see `packing`)."""
        units = utf16_offsets(self.said.text)
        document = {
            "schema": SCHEMA,
            "signals": list(self.signals),
            "text": self.said.text,
            "pieces": list(self.said.pieces),
            "tags": list(self.said.tags),
            "stopped": self.said.stopped,
            "begun": self.said.begun,
            "statements": [
                {**_plain(asdict(each)), "chars": [int(units[at]) for at in each.chars]} for each in self.statements
            ],
            "settings": self.settings,
            "checked": [_plain(asdict(each)) for each in self.checked],
            "notes": [_plain(asdict(note)) for note in (*self.notes, *self.steps.notes)],
        }
        arrays = {
            "token_chars": units[self.said.chars].astype("<i4").reshape(-1, 2),
            "statement_of": self.said.statement_of.astype("<i4"),
            "logprob": self.said.logprobs.astype("<f4"),
            **self.steps.arrays(),
        }
        return pack(document, arrays)

    def _part(self, part: ViewPart) -> dict[str, Any]:
        units = utf16_offsets(part.text or "")
        return {**_plain(asdict(part)), "unread": [[int(units[start]), int(units[end])] for start, end in part.unread]}

    def _sources(self) -> list[dict[str, Any]]:
        units = {part.index: utf16_offsets(part.text or "") for part in self.parts if part.text is not None}
        names = [each.name for each in fields(ViewSource)]
        plain = [{name: getattr(source, name) for name in names} for source in self.sources]
        for source in plain:
            if source["chars"] is not None:
                source["chars"] = [int(units[source["part"]][at]) for at in source["chars"]]
        return plain

    def _units(self) -> np.ndarray:
        chars = self.chars.astype("<i4")
        for part in self.parts:
            if part.tokens is not None:
                own = slice(part.tokens.chars, part.tokens.chars + part.tokens.cells[1])
                chars[own] = utf16_offsets(part.text or "")[chars[own]]
        return chars


def _left_out(kind: str, size: int) -> str | None:
    return None if kind == "image" else f"not included ({size / 1e6:.1f} MB)"


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
