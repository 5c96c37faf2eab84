"""Intervals of a sound, of a film's frames and of its sound, and which positions each one owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import AUDIO, VIDEO
from omnitrace_nb.sources.given import Interval
from omnitrace_nb.sources.making import EDGE, bin_of, make
from omnitrace_nb.sources.pictures import at_once, cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord, Source


def intervals(
    layout: Layout, record: PartRecord, modality: int, pieces: Sequence[Interval] | None, options: SourceOptions
) -> Iterator[Source]:
    """Give the intervals of a sound (`AUDIO`), of a film's frames (`VIDEO`) or of its sound: bins without own pieces.

    A position belongs to the interval that holds the middle of its time; the last bin ends with the part. Positions
    that stand for the whole part, of which is not known which seconds they hear or show, are a source of their own.
    """
    positions = layout.positions(record.index, modality)
    if not len(positions):
        return
    times = layout.time[positions].astype(np.float64)
    duration = float(record.duration or times[:, 1].max())
    sound = " (sound)" if modality == AUDIO and record.kind == "video" else ""
    whole = (times[:, 0] <= EDGE) & (times[:, 1] >= duration - EDGE)
    if whole.any() and (pieces is not None or duration > options.bin_seconds + EDGE):
        label = f"{record.label}{sound}, as a whole"
        yield make(record, modality, label, positions[whole], interval=Interval(0.0, duration))
        positions, times = positions[~whole], times[~whole]
    middle = times.mean(axis=1)
    cut = _bins(middle, duration, options.bin_seconds) if pieces is None else _given(middle, duration, pieces, options)
    for interval, own in cut:
        if not own.any():
            continue
        said = f"{record.label}, {second(interval.t0)}-{second(interval.t1)} s{sound}"
        said += f", {interval.label}" if interval.label else ""
        for place, box, part in _cut(layout, record, modality, positions[own], options.video_grid):
            yield make(record, modality, said + place, part, interval=interval, box=box)


def _bins(middle: np.ndarray, duration: float, seconds: float) -> Iterator[tuple[Interval, np.ndarray]]:
    count = max(1, int(np.ceil(duration / seconds - EDGE)))
    bins = bin_of(middle, seconds, count)
    for at in np.unique(bins).tolist():
        yield Interval(at * seconds, duration if at == count - 1 else (at + 1) * seconds), bins == at


def _given(
    middle: np.ndarray, duration: float, pieces: Sequence[Interval], options: SourceOptions
) -> Iterator[tuple[Interval, np.ndarray]]:
    # What lies behind the end is padding, and belongs to what ends there, as in bins.
    within = np.minimum(middle, duration - 2 * EDGE)
    between = _between(pieces, duration) if options.rest else []
    for each in sorted([*pieces, *between], key=lambda each: each.t0) if between else pieces:
        yield each, (within >= each.t0 - EDGE) & (within < each.t1 - EDGE)


def _between(pieces: Sequence[Interval], duration: float) -> list[Interval]:
    """Give what no piece holds."""
    found, done = [], 0.0
    for each in sorted(pieces, key=lambda each: each.t0):
        if each.t0 > done + EDGE:
            found.append(Interval(done, each.t0))
        done = max(done, each.t1)
    return [*found, Interval(done, duration)] if done < duration - EDGE else found


def _cut(
    layout: Layout, record: PartRecord, modality: int, positions: np.ndarray, grid: tuple[int, int]
) -> Iterator[tuple[str, tuple[float, ...] | None, np.ndarray]]:
    """Cut the frames of an interval into a grid; anything else stays whole."""
    if modality != VIDEO or grid == (1, 1):
        yield "", None, positions
        return
    boxes = layout.box[positions].astype(np.float64)
    if (overview := at_once(boxes, record.size)).any():
        yield ", as a whole", None, positions[overview]
        positions, boxes = positions[~overview], boxes[~overview]
    width, height = record.size or (boxes[:, 2].max(initial=0), boxes[:, 3].max(initial=0))
    for place, box, own in cells(boxes, (width, height), grid):
        yield place, box, positions[own]


def second(value: float) -> str:
    """Give seconds to the hundredth, as short as they can be."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
