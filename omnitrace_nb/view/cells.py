"""From positions of the prompt to cells, the smallest things that have a shade of their own.

Text has a cell a token and pictures a cell a patch. Sound and film are cut into at most `MOST_SLICES` slices of time,
and a film's patches are kept for its thumbnails only, so that an hour costs a view no more than a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import IMAGE, TEXT, VIDEO
from omnitrace_nb.view.records import Box, Grid, Span, Strip, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import PartRecord

MOST_SLICES = 600
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(eq=False)
class Cells:
    """The cells in order; a group is a run of them: their positions `int64 [k]`, or several positions for each."""

    layout: Layout
    groups: list[Sequence[np.ndarray] | np.ndarray] = field(default_factory=list)
    chars: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def average(self, rows: np.ndarray) -> np.ndarray:
        """Give the mean of `rows [R, n]` over the positions of each cell: `[R, C]`."""
        columns = [np.zeros((len(rows), 0), rows.dtype)]
        for group in self.groups:
            if isinstance(group, np.ndarray) and len(group) and (np.diff(group) == 1).all():
                columns.append(rows[:, group[0] : group[-1] + 1])
            elif isinstance(group, np.ndarray):
                columns.append(rows[:, group])
            else:
                columns.append(np.stack([rows[:, own].mean(axis=1) for own in group], axis=1))
        return np.concatenate(columns, axis=1)

    def tokens(self, part: PartRecord) -> Tokens | None:
        """Add the tokens of a text."""
        positions = self.layout.positions(part.index, TEXT)
        if part.kind != "text" or not len(positions):
            return None
        first = sum(map(len, self.chars))
        self.chars.append(np.clip(self.layout.chars[positions], 0, len(part.text or "")))
        return Tokens(self._add(positions), first)

    def patches(self, part: PartRecord) -> Grid | None:
        """Add the patches of a picture."""
        grid = self._grid(part, IMAGE)
        return None if grid is None else self._place(part, grid[0].reshape(-1), grid)

    def frames(self, part: PartRecord) -> Grid | None:
        """Add the patches of the frames that a film's thumbnails show."""
        grid = self._grid(part, VIDEO)
        if grid is None or not part.thumbnail_times:
            return None
        time = self.layout.time[grid[:, 0, 0]]
        shown = np.clip(
            np.searchsorted(time[:, 0], np.asarray(part.thumbnail_times) + 1e-4, "right") - 1, 0, len(grid) - 1
        )
        return self._place(part, grid[shown].reshape(-1), grid)

    def strip(self, part: PartRecord, modality: int) -> Strip | None:
        """Add a part's slices of time, of its frames (`VIDEO`) or its sound (`AUDIO`)."""
        positions = self.layout.positions(part.index, modality)
        times = self.layout.time[positions].astype(np.float64)
        positions, times = positions[np.isfinite(times).all(axis=1)], times[np.isfinite(times).all(axis=1)]
        if not len(positions):
            return None
        starts = np.unique(times[:, 0])
        end = max(part.duration or 0.0, float(times[:, 1].max()))
        if len(starts) > MOST_SLICES:
            starts = np.linspace(starts[0], end, MOST_SLICES, endpoint=False)
        slice_of = np.searchsorted(starts, times.mean(axis=1), "right") - 1
        own = [positions[slice_of == at] for at in range(len(starts))]
        kept = [at for at, each in enumerate(own) if len(each)]
        edges = (*(round(float(starts[at]), 4) for at in kept), round(float(times[:, 1].max()), 4))
        return Strip(self._add([own[at] for at in kept]), edges)

    def _add(self, group: Sequence[np.ndarray] | np.ndarray) -> Span:
        self.groups.append(group)
        start, self.count = self.count, self.count + len(group)
        return start, len(group)

    def _place(self, part: PartRecord, positions: np.ndarray, grid: np.ndarray) -> Grid:
        boxes = self.layout.box[grid[0].reshape(-1)].astype(np.float64)
        extent = WHOLE
        if part.size and np.isfinite(boxes).all():
            bounds = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
            scaled = np.asarray(bounds) / (*part.size, *part.size)
            extent = (float(scaled[0]), float(scaled[1]), float(scaled[2]), float(scaled[3]))
        return Grid(self._add(positions), grid.shape[1], grid.shape[2], extent)

    def _grid(self, part: PartRecord, modality: int) -> np.ndarray | None:
        """Give positions as `[steps, rows, columns]`; None where the layout knows no grid."""
        positions = self.layout.positions(part.index, modality)
        shape = self.layout.grids.get(part.index)
        if shape is None or not len(positions) or int(np.prod(shape)) != len(positions):
            return None
        return positions.reshape(shape)
