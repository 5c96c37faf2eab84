"""Regions that are not all of their box: masks and superpixels, as the patches that they own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import IMAGE

if TYPE_CHECKING:
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import Source


def own_cells(layout: Layout, source: Source) -> tuple[int, ...] | None:
    """Give a region's patches by their place in the picture's grid; None where that is all of its box."""
    positions = layout.positions(source.part, IMAGE)
    grid = layout.grids.get(source.part)
    if grid is None or int(np.prod(grid)) != len(positions) or not len(others(layout, source)):
        return None
    return tuple(np.searchsorted(positions, np.sort(source.positions)).tolist())


def others(layout: Layout, source: Source) -> np.ndarray:
    """Give the boxes of the patches that lie in a region's box without being its: `float64 [k, 4]`, pixels."""
    if source.modality != "image" or source.box is None:
        return np.zeros((0, 4))
    foreign = np.setdiff1d(layout.positions(source.part, IMAGE), source.positions)
    boxes = layout.box[foreign].astype(np.float64)
    left, top, right, bottom = source.box
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    return boxes[(x >= left) & (x < right) & (y >= top) & (y < bottom)]
