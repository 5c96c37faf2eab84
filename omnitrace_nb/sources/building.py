"""From a layout to sources: pieces of text, regions of pictures, intervals of sound and film."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import AUDIO, IMAGE, MODALITIES, VIDEO
from omnitrace_nb.sources.baseline import question_sources
from omnitrace_nb.sources.given import Region, interval, pieces_of, region
from omnitrace_nb.sources.options import SourceOptions
from omnitrace_nb.sources.texts import text_sources
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import PartRecord

# Bounds of bins and patches come from float32 seconds and pixels; a millionth of a bin decides no membership.
_EDGE = 1e-5


def build(layout: Layout, records: Sequence[PartRecord], options: SourceOptions | None = None) -> tuple[Source, ...]:
    """Cut a prompt into sources, numbered in prompt order; their positions are disjoint unless own pieces overlap.

    A part's sources are in order of its text, its rows and columns, or its time; a film's frames come before its sound.
    Positions of the chat template belong to none, nor does white space between sentences. A region or bin that holds
    the centre of no position is no source: nothing could be credited to it.

    Args:
        layout: where each of the `n` prompt positions comes from.
        records: the parts, in order; text, size and duration are read.
        options: how to cut.

    Raises:
        SettingsError: own pieces outside their part.

    Example:
        >>> from omnitrace_nb.layout import Layout
        >>> build(Layout.blank(np.arange(3)), [])  # three positions of the template
        ()
    """
    options = options or SourceOptions()
    found: list[Source] = []
    for record in records:
        found += text_sources(layout, record, records, options)
        found += _regions(layout, record, records, options)
        if record.kind != "video" or options.video_sources != "audio":
            found += _bins(layout, record, records, VIDEO, options)
        if record.kind != "video" or options.video_sources != "visual":
            found += _bins(layout, record, records, AUDIO, options)
    numbered = [replace(source, id=index) for index, source in enumerate(found)]
    asked = question_sources(numbered, records)
    return tuple(replace(source, question=source.id in asked) for source in numbered)


def overlapping(sources: Sequence[Source]) -> bool:
    """Say whether any position belongs to several sources."""
    owned = np.concatenate([np.zeros(0, np.int64), *(source.positions for source in sources)])
    return len(np.unique(owned)) < len(owned)


def _regions(
    layout: Layout, record: PartRecord, records: Sequence[PartRecord], options: SourceOptions
) -> Iterator[Source]:
    """Give the regions of a picture; a patch belongs to the region that holds its centre."""
    positions = layout.positions(record.index, IMAGE)
    if not len(positions):
        return
    boxes = layout.box[positions].astype(np.float64)
    width, height = record.size or (boxes[:, 2].max(), boxes[:, 3].max())
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    given = pieces_of(options.image, record, records) if options.own("image") else None
    if given is not None:
        for number, piece in enumerate(given, 1):
            one = region(piece, record, number)
            own = positions[_within(one, boxes, x, y)]
            if len(own):
                yield _source(record, IMAGE, f"{record.label}, {one.label}", own, box=one.box)
        return
    rows, columns = options.grid
    cell = _bin_of(y, height / rows, rows) * columns + _bin_of(x, width / columns, columns)
    for at in range(rows * columns):
        row, column = divmod(at, columns)
        own = positions[cell == at]
        if len(own):
            place = "" if (rows, columns) == (1, 1) else f", row {row + 1}, column {column + 1}"
            edges = (column * width / columns, row * height / rows)
            box = (*edges, (column + 1) * width / columns, (row + 1) * height / rows)
            yield _source(record, IMAGE, record.label + place, own, box=tuple(map(float, box)))


def _within(one: Region, boxes: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Say which patches are a region's: those whose centre it holds; else those it touches."""
    left, top, right, bottom = one.box
    if one.mask is not None:
        height, width = one.mask.shape
        inside = one.mask[np.clip(y.astype(int), 0, height - 1), np.clip(x.astype(int), 0, width - 1)]
    else:
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    if not inside.any():
        inside = (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
    return np.asarray(inside, bool)


def _bins(
    layout: Layout, record: PartRecord, records: Sequence[PartRecord], modality: int, options: SourceOptions
) -> Iterator[Source]:
    """Give the intervals of a sound, of a film's frames or of its sound; the last bin ends with the part."""
    positions = layout.positions(record.index, modality)
    if not len(positions):
        return
    times = layout.time[positions].astype(np.float64)
    duration = float(record.duration or times[:, 1].max())
    kind = "video" if record.kind == "video" else "audio"
    of_film = " (sound)" if modality == AUDIO and kind == "video" else ""
    given = pieces_of(getattr(options, kind), record, records) if options.own(kind) else None
    if given is None:
        count = max(1, int(np.ceil(duration / options.bin_seconds - _EDGE)))
        bins = _bin_of(times.mean(axis=1), options.bin_seconds, count)
        cut = [
            (at * options.bin_seconds, duration if at == count - 1 else (at + 1) * options.bin_seconds, "", bins == at)
            for at in np.unique(bins).tolist()
        ]
    else:
        middle = times.mean(axis=1)
        read = [interval(piece, record) for piece in given]
        cut = [(start, end, label, (middle >= start - _EDGE) & (middle < end)) for start, end, label in read]
    for start, end, label, own in cut:
        if not own.any():
            continue
        said = f"{record.label}, {_second(start)}-{_second(end)} s{of_film}" + (f", {label}" if label else "")
        for place, box, part in _cells(layout, record, modality, positions[own], options.video_grid):
            yield _source(record, modality, said + place, part, time=(start, end), box=box)


def _cells(
    layout: Layout, record: PartRecord, modality: int, positions: np.ndarray, grid: tuple[int, int]
) -> Iterator[tuple[str, tuple[float, ...] | None, np.ndarray]]:
    """Cut the frames of an interval into a grid; anything else stays whole."""
    if modality != VIDEO or grid == (1, 1):
        yield "", None, positions
        return
    boxes = layout.box[positions].astype(np.float64)
    width, height = record.size or (boxes[:, 2].max(), boxes[:, 3].max())
    rows, columns = grid
    cell = _bin_of((boxes[:, 1] + boxes[:, 3]) / 2, height / rows, rows) * columns
    cell += _bin_of((boxes[:, 0] + boxes[:, 2]) / 2, width / columns, columns)
    for at in np.unique(cell).tolist():
        row, column = divmod(at, columns)
        box = (column * width / columns, row * height / rows, (column + 1) * width / columns, (row + 1) * height / rows)
        yield f", row {row + 1}, column {column + 1}", box, positions[cell == at]


def _source(
    record: PartRecord,
    modality: int,
    label: str,
    positions: np.ndarray,
    *,
    box: tuple[float, ...] | None = None,
    time: tuple[float, float] | None = None,
) -> Source:
    left_top_right_bottom = None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
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
