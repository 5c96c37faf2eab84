"""From a layout to sources: sentences of text, regions of pictures, time bins of sound and film."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import AUDIO, IMAGE, MODALITIES, VIDEO
from omnitrace_nb.sources.baseline import question_sources
from omnitrace_nb.sources.options import SourceOptions
from omnitrace_nb.sources.sentences import sentence_sources
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import PartRecord

# Bounds of bins and patches come from float32 seconds and pixels; a millionth of a bin decides no membership.
_EDGE = 1e-5


def build(layout: Layout, records: Sequence[PartRecord], options: SourceOptions | None = None) -> tuple[Source, ...]:
    """Cut a prompt into sources with disjoint positions, numbered in prompt order.

    A part's sources are in order of its text, its rows and columns, or its time; a film's frames come before its sound.
    Positions of the chat template belong to none, nor does white space between sentences. A region or bin that holds
    the centre of no position is no source: nothing could be credited to it.

    Args:
        layout: where each of the `n` prompt positions comes from.
        records: the parts, in order; text, size and duration are read.
        options: how finely to cut.

    Example:
        >>> from omnitrace_nb.layout import Layout
        >>> build(Layout.blank(np.arange(3)), [])  # three positions of the template
        ()
    """
    options = options or SourceOptions()
    found: list[Source] = []
    for record in records:
        found += sentence_sources(layout, record, options)
        found += _regions(layout, record, options.grid)
        found += _bins(layout, record, VIDEO, options.bin_seconds)
        found += _bins(layout, record, AUDIO, options.bin_seconds)
    numbered = [replace(source, id=index) for index, source in enumerate(found)]
    asked = question_sources(numbered, records)
    return tuple(replace(source, question=source.id in asked) for source in numbered)


def _regions(layout: Layout, record: PartRecord, grid: tuple[int, int]) -> Iterator[Source]:
    """Give the regions of a picture; a patch belongs to the region that holds its centre."""
    positions = layout.positions(record.index, IMAGE)
    if not len(positions):
        return
    boxes = layout.box[positions].astype(np.float64)
    width, height = record.size or (boxes[:, 2].max(), boxes[:, 3].max())
    rows, columns = grid
    column = _bin_of((boxes[:, 0] + boxes[:, 2]) / 2, width / columns, columns)
    row = _bin_of((boxes[:, 1] + boxes[:, 3]) / 2, height / rows, rows)
    for at in range(rows * columns):
        y, x = divmod(at, columns)
        own = positions[(row == y) & (column == x)]
        if len(own):
            place = "" if grid == (1, 1) else f", row {y + 1}, column {x + 1}"
            box = (x * width / columns, y * height / rows, (x + 1) * width / columns, (y + 1) * height / rows)
            yield _source(record, IMAGE, record.label + place, own, box=tuple(map(float, box)))


def _bins(layout: Layout, record: PartRecord, modality: int, seconds: float) -> Iterator[Source]:
    """Give the time bins of a sound, of a film's frames or of its sound; the last ends with the part."""
    positions = layout.positions(record.index, modality)
    if not len(positions):
        return
    times = layout.time[positions].astype(np.float64)
    duration = float(record.duration or times[:, 1].max())
    count = max(1, int(np.ceil(duration / seconds - _EDGE)))
    bins = _bin_of(times.mean(axis=1), seconds, count)
    for at in np.unique(bins).tolist():
        start, end = at * seconds, duration if at == count - 1 else (at + 1) * seconds
        of_film = " (sound)" if modality == AUDIO and record.kind == "video" else ""
        label = f"{record.label}, {_second(start)}-{_second(end)} s{of_film}"
        yield _source(record, modality, label, positions[bins == at], time=(start, end))


def _source(
    record: PartRecord,
    modality: int,
    label: str,
    positions: np.ndarray,
    *,
    box: tuple[float, ...] | None = None,
    time: tuple[float, float] | None = None,
) -> Source:
    left_top_right_bottom = None if box is None else (box[0], box[1], box[2], box[3])
    return Source(
        id=0,
        modality=MODALITIES[modality],
        part=record.index,
        label=label,
        positions=positions.astype(np.int32),
        box=left_top_right_bottom,
        time=time,
    )


def _bin_of(centres: np.ndarray, length: float, count: int) -> np.ndarray:
    """Give the bin that holds each centre; a centre past the end (padding) belongs to the last."""
    return np.clip(np.floor(centres / length + _EDGE), 0, count - 1).astype(np.int64)


def _second(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
