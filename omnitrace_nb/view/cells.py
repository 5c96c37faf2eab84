"""From positions of the prompt to cells, the smallest things that have a shade of their own.

Text has a cell a token and pictures a cell a patch; a picture seen in tiles is painted as one (`painting`). Sound and
film are cut into at most `MOST_SLICES` slices of time, and a film's patches are kept for its thumbnails only, so that
an hour costs a view no more than a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import IMAGE, TEXT, VIDEO
from omnitrace_nb.view.painting import Painted, joined, paint, picture
from omnitrace_nb.view.records import Box, Grid, Span, Strip, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import PartRecord

    Group = Painted | Sequence[np.ndarray] | np.ndarray

MOST_SLICES = 600
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(eq=False)
class Cells:
    """The cells in order; a group is a run of them: their positions `int64 [k]`, several for each, or a painting."""

    layout: Layout
    groups: list[Group] = field(default_factory=list)
    chars: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def average(self, rows: np.ndarray) -> np.ndarray:
        """Give the mean of `rows [R, n]` over the positions of each cell, of paintings their sum: `[R, C]`."""
        columns = [np.zeros((len(rows), 0), rows.dtype)]
        for group in self.groups:
            if isinstance(group, np.ndarray) and len(group) and (np.diff(group) == 1).all():
                columns.append(rows[:, group[0] : group[-1] + 1])
            elif isinstance(group, np.ndarray):
                columns.append(rows[:, group])
            elif isinstance(group, Painted):
                columns.append(group.sums(rows))
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
        if grid is None:
            return self._painted(part, [self.layout.positions(part.index, IMAGE)])
        return self._place(part, grid[0].reshape(-1), grid)

    def frames(self, part: PartRecord) -> Grid | None:
        """Add the patches of the frames that a film's thumbnails show."""
        grid = self._grid(part, VIDEO)
        positions = self.layout.positions(part.index, VIDEO)
        if not part.thumbnail_times or not len(positions):
            return None
        begun = self.layout.time[positions if grid is None else grid[:, 0, 0], 0]
        starts = np.unique(begun[np.isfinite(begun)]) if grid is None else begun
        if not len(starts):
            return None
        shown = np.clip(np.searchsorted(starts, np.asarray(part.thumbnail_times) + 1e-4, "right") - 1, 0, None)
        if grid is None:
            return self._painted(part, [positions[begun == starts[at]] for at in shown])
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

    def _add(self, group: Group) -> Span:
        self.groups.append(group)
        start, self.count = self.count, self.count + len(group)
        return start, len(group)

    def _place(self, part: PartRecord, positions: np.ndarray, grid: np.ndarray) -> Grid:
        boxes = self.layout.box[grid[0].reshape(-1)].astype(np.float64)
        extent = WHOLE
        if part.size and np.isfinite(boxes).all():
            extent = _share((*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)), part.size)
        return Grid(self._add(positions), grid.shape[1], grid.shape[2], extent)

    def _painted(self, part: PartRecord, pictures: list[np.ndarray]) -> Grid | None:
        """Add pictures (one, or a film's frames) of positions in no one grid; None where they lie nowhere in it."""
        found = picture(pictures[0], self.layout.box[pictures[0]])
        if found is None or not part.size:
            return None
        _, rows, columns, bounds = found
        painted = [paint(each, self.layout.box[each], rows, columns, bounds) for each in pictures]
        return Grid(self._add(joined(painted)), rows, columns, _share(bounds, part.size))

    def _grid(self, part: PartRecord, modality: int) -> np.ndarray | None:
        """Give positions as `[steps, rows, columns]`; None where the layout knows no grid."""
        positions = self.layout.positions(part.index, modality)
        shape = self.layout.grids.get(part.index)
        if shape is None or not len(positions) or int(np.prod(shape)) != len(positions):
            return None
        return positions.reshape(shape)


def _share(bounds: Sequence[float], size: tuple[int, int]) -> Box:
    """Give pixels as shares of width and height."""
    left, top, right, bottom = (float(edge) / length for edge, length in zip(bounds, (*size, *size), strict=True))
    return left, top, right, bottom
