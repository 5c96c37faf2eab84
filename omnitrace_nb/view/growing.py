"""The steps of a view that grows: those that were there are kept, and only the new ones are worked out."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.view.stepwise import MOST_HEAT, MOST_MASS, Sparse, left_out, most_of, stepwise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.cells import Cells
    from omnitrace_nb.view.stepwise import Stepwise


def longer(earlier: Stepwise, trace: Trace, signals: Sequence[str], cells: Cells) -> Stepwise:
    """Give the steps of a trace from those of its first steps, `earlier`, of the same signals and cells."""
    before = earlier.source.shape[-1]
    more = stepwise(trace.tail(before), signals, cells)
    rows, sources = len(signals) * len(trace), len(trace.source_records)
    return dataclasses.replace(
        more,
        source=np.concatenate([earlier.source, more.source], axis=-1),
        confidence=np.concatenate([earlier.confidence, more.confidence], axis=-1),
        budget=np.concatenate([earlier.budget, more.budget], axis=1),
        mass=_joined(earlier.mass, more.mass, len(signals), most_of(sources, rows, MOST_MASS)),
        heat=_joined(earlier.heat, more.heat, len(signals), most := most_of(cells.count, rows, MOST_HEAT)),
        notes=left_out(most, cells.count),
    )


def _joined(earlier: Sparse, more: Sparse, signals: int, most: int) -> Sparse:
    """Put the rows of two together, signal by signal; of each, the `most` largest values are kept."""
    parts = [
        (each.gap[start:stop].astype(np.int64), each.value[start:stop])
        for signal in range(signals)
        for each in (earlier, more)
        for start, stop in _rows(each, signal, signals)
    ]
    gaps, values = zip(*(_largest(gap, value, most) for gap, value in parts), strict=True) if parts else ((), ())
    scales = [np.split(each.scale, signals)[signal] for signal in range(signals) for each in (earlier, more)]
    return Sparse(
        np.cumsum([0, *map(len, values)]).astype(np.int32),
        np.concatenate([earlier.gap[:0], *gaps]).astype(earlier.gap.dtype),
        np.concatenate([earlier.value[:0], *values]).astype(earlier.value.dtype),
        np.concatenate([earlier.scale[:0], *scales]),
        most,
    )


def _rows(sparse: Sparse, signal: int, signals: int) -> list[tuple[int, int]]:
    count = (len(sparse.start) - 1) // signals
    bounds = sparse.start[signal * count : (signal + 1) * count + 1].tolist()
    return list(itertools.pairwise(bounds))


def _largest(gap: np.ndarray, value: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    if len(value) <= most:
        return gap, value
    kept = np.sort(np.argpartition(value, len(value) - most)[len(value) - most :])
    return np.diff(np.cumsum(gap)[kept] - 1, prepend=-1), value[kept]
