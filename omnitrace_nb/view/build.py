"""From a trace to its view model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import AUDIO, VIDEO
from omnitrace_nb.view.cells import Cells
from omnitrace_nb.view.evidence import evidence, legend
from omnitrace_nb.view.viewmodel import (
    Box,
    MediaBytes,
    Note,
    Span,
    ViewModel,
    ViewPart,
    ViewSource,
    ViewStatement,
    concatenate,
)
from omnitrace_nb.view.words import clean, excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.trace.records import PartRecord, Source

MOST_MEDIA = 2_000_000  # bytes of playable media in one view, all parts together


def build(trace: Trace, signals: Sequence[str] | None = None) -> ViewModel:
    """Give the view model of a trace; see `omnitrace_nb.view.viewmodel`."""
    names = tuple(signals) if signals else trace.signals
    cells = Cells(trace.layout)
    thumbnails, thumbnail_spans = concatenate([each for part in trace.parts for each in part.thumbnails])
    media, media_spans = concatenate(_media(trace.parts))
    peaks = [_peaks(part) for part in trace.parts]
    parts, at, first = [], 0, 0
    for part, own, span in zip(trace.parts, peaks, media_spans, strict=True):
        shown = thumbnail_spans[first : first + len(part.thumbnails)]
        parts.append(_part(part, cells, shown, (at, len(own)), span))
        at, first = at + len(own), first + len(part.thumbnails)
    table = trace.statements
    statements = tuple(
        ViewStatement(int(id_), clean(text), int(steps))
        for id_, text, steps in zip(table["id"], table["text"], table["steps"], strict=True)
    )
    averages = _averages(trace, len(statements))
    heat, scale, share, notes = _scores(trace, names, cells, averages)
    return ViewModel(
        model=clean(trace.run.model),
        signals=names,
        parts=tuple(parts),
        sources=tuple(_source(source, trace.parts) for source in trace.source_records),
        statements=statements,
        stopped=trace.response_record.stopped,
        evidence=evidence(trace, names, len(statements)),
        heat=heat,
        scale=scale,
        share=share,
        chars=np.concatenate([np.zeros((0, 2), np.int32), *cells.chars]),
        peaks=np.concatenate([np.zeros(0, np.int8), *peaks]),
        thumbnails=thumbnails,
        media=media,
        notes=(*legend(trace), *notes),
    )


def _part(part: PartRecord, cells: Cells, thumbnails: tuple[Span, ...], peaks: Span, media: Span) -> ViewPart:
    timed = part.kind in {"audio", "video"}
    return ViewPart(
        index=part.index,
        kind=part.kind,
        role=part.role,
        label=clean(part.label),
        detail=_detail(part),
        text=None if part.text is None else clean(part.text),
        size=part.size,
        duration=part.duration,
        thumbnails=thumbnails,
        thumbnail_times=tuple(map(float, part.thumbnail_times)),
        peaks=peaks if peaks[1] else None,
        media=MediaBytes(media, part.mime or "") if media[1] else None,
        media_note=_media_note(part) if timed and not media[1] else None,
        tokens=cells.tokens(part),
        patches=cells.patches(part),
        frames=cells.frames(part),
        strip=cells.strip(part, VIDEO) if part.kind == "video" else None,
        sound=cells.strip(part, AUDIO) if timed else None,
    )


def _detail(part: PartRecord) -> str:
    said = []
    if part.size:
        said.append(f"{part.size[0]} \N{MULTIPLICATION SIGN} {part.size[1]}")
    if part.duration is not None:
        said.append(f"{part.duration:.1f}".removesuffix(".0") + " s")
    return " \N{MIDDLE DOT} ".join(said)


def _media(parts: Sequence[PartRecord]) -> list[bytes]:
    """Give the playable bytes of each part, in order as long as there is room; empty for the others."""
    room, kept = MOST_MEDIA, []
    for part in parts:
        own = part.media if part.kind in {"audio", "video"} and part.media else b""
        kept.append(own if len(own) <= room else b"")
        room -= len(kept[-1])
    return kept


def _media_note(part: PartRecord) -> str:
    if part.media is None:
        return "not kept in this trace"
    return f"not included ({len(part.media) / 1e6:.1f} MB)"


def _peaks(part: PartRecord) -> np.ndarray:
    if part.peaks is None or not len(part.peaks):
        return np.zeros(0, np.int8)
    peaks = np.nan_to_num(np.asarray(part.peaks, np.float64))
    return np.round(127 * peaks / max(float(np.abs(peaks).max()), 1e-9)).astype(np.int8).reshape(-1)


def _source(source: Source, parts: Sequence[PartRecord]) -> ViewSource:
    part = parts[source.part]
    words = excerpt((part.text or "")[slice(*source.chars)]) if source.chars else ""
    box: Box | None = None
    if source.box is not None:
        width, height = part.size or (source.box[2], source.box[3])
        left, top, right, bottom = source.box
        box = (left / width, top / height, right / width, bottom / height)
    return ViewSource(
        source.id, source.part, source.modality, clean(source.label), words, source.chars, box, source.time
    )


def _averages(trace: Trace, statements: int) -> np.ndarray:
    """Give weights `[R, T]` that average steps: over each statement, and over the whole response."""
    of = trace.steps["statement"].to_numpy()
    weights = np.zeros((statements + 1, len(of)), np.float32)
    for row in range(statements):
        weights[row] = of == row
    weights[-1] = of >= 0 if (of >= 0).any() else 1
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)


def _scores(
    trace: Trace, names: Sequence[str], cells: Cells, averages: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Give heat, scale and share of every signal, and what had to be left out of them."""
    rows, sources = len(averages), len(trace.source_records)
    heat = np.zeros((len(names), rows, cells.count), np.uint8)
    scale = np.zeros((len(names), rows), np.float32)
    share = np.zeros((len(names), rows, sources), np.float32)
    notes, signed = [], []
    for at, name in enumerate(names):
        scores = trace.scores(name)
        if not np.isfinite(scores).all():
            many = np.count_nonzero(~np.isfinite(scores))
            notes.append(Note(f"{name}: {many} scores are no numbers and count as 0.", (name,)))
        scores = np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)
        if (scores < 0).any():
            signed.append(name)
        mean = cells.average(averages @ np.maximum(scores, 0))
        scale[at] = mean.max(axis=1, initial=0)
        heat[at] = np.round(255 * mean / np.where(scale[at] > 0, scale[at], 1)[:, None])
        mass = averages @ np.maximum(np.nan_to_num(trace.mass(name)), 0)
        total = mass.sum(axis=1, keepdims=True)
        share[at] = mass / np.where(total > 0, total, 1)
    if signed:
        listed = ", ".join(signed)
        notes.append(Note(f"Negative scores are not shown, only support is ({listed}).", tuple(signed)))
    if not trace.signals:
        notes.append(Note("This trace has no signal, so nothing can be shaded."))
    return heat, scale, share, tuple(notes)
