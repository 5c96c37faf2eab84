"""Regions that are not all of their box: masks and superpixels, as the patches that they own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import IMAGE
from omnitrace_nb.view.painting import picture

if TYPE_CHECKING:
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import Source
    from omnitrace_nb.view.painting import Painted


def own_cells(layout: Layout, source: Source) -> tuple[int, ...] | None:
    """Give a region's patches by their place in the picture's grid; None where that is all of its box.

    Of a picture seen in tiles, they are the cells of its painting of which the region's positions cover most.
    """
    positions = layout.positions(source.part, IMAGE)
    grid = layout.grids.get(source.part)
    if not len(others(layout, source)):
        return None
    if grid is None or int(np.prod(grid)) != len(positions):
        found = picture(positions, layout.box[positions])
        return None if found is None else _covered(found[0], len(layout), source)
    return tuple(np.searchsorted(positions, np.sort(source.positions)).tolist())


def _covered(painted: Painted, count: int, source: Source) -> tuple[int, ...]:
    own = np.zeros((1, count), np.float32)
    own[0, source.positions] = 1
    return tuple(np.flatnonzero(painted.sums(own)[0] > painted.sums(np.ones_like(own))[0] / 2).tolist())


def others(layout: Layout, source: Source) -> np.ndarray:
    """Give the boxes of the patches that lie in a region's box without being its: `float64 [k, 4]`, pixels."""
    if source.modality != "image" or source.box is None:
        return np.zeros((0, 4))
    foreign = np.setdiff1d(layout.positions(source.part, IMAGE), source.positions)
    boxes = layout.box[foreign].astype(np.float64)
    left, top, right, bottom = source.box
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    within = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    own = layout.box[source.positions].astype(np.float64)
    # A picture may be seen several times over, at once and in patches: only what shares nothing with the region counts.
    return boxes[within][~(_centred(own, boxes[within]) | _centred(boxes[within], own).T).any(axis=0)]


def _centred(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Say which boxes hold the centre of which: `bool [outer, inner]`."""
    x, y = (inner[:, 0] + inner[:, 2]) / 2, (inner[:, 1] + inner[:, 3]) / 2
    left, top, right, bottom = outer.T[:, :, None]
    found: np.ndarray = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return found
