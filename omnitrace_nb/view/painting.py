"""Pictures that a model sees several times, in tiles and as a thumbnail, painted as one.

Each position lays its score evenly over its box, and a cell of the picture has the sum of what lies on it. So a picture
shows neither tiles nor their order, a thumbnail's position is as faint as it is large, and the cells of a box together
have what the positions in it have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Edges come from float32 pixels: a hundredth of a cell is none.
_EDGE = 1e-2

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """Cells with the positions that lie on each, and how much of each position does.

    Attributes:
        positions: `int64 [m]`, in the prompt, those of a cell next to each other.
        weights: `float32 [m]`, the share of the position's box that lies in the cell.
        cells: `int64 [m]`, in rising order.
        count: the number of cells.
    """

    positions: np.ndarray
    weights: np.ndarray
    cells: np.ndarray
    count: int

    def __len__(self) -> int:
        """Give the number of cells."""
        return self.count

    def sums(self, rows: np.ndarray) -> np.ndarray:
        """Give for `rows [R, n]` of scores the sum on each cell: `[R, cells]`."""
        painted = np.zeros((len(rows), self.count), rows.dtype)
        if len(self.cells):
            found, starts = np.unique(self.cells, return_index=True)
            painted[:, found] = np.add.reduceat(rows[:, self.positions] * self.weights, starts, axis=1)
        return painted


def picture(positions: np.ndarray, boxes: np.ndarray) -> tuple[Painted, int, int, Bounds] | None:
    """Give the painting of a picture's positions `[k]`, with its rows, columns and bounds; None if it has but one cell.

    `boxes` are `[k, 4]`. Positions that lie nowhere, or each on the whole picture, say nothing about any place in it.
    """
    if not len(boxes) or not np.isfinite(boxes).all() or (boxes == boxes[0]).all():
        return None
    rows, columns, bounds = raster(boxes)
    return paint(positions, boxes, rows, columns, bounds), rows, columns, bounds


def raster(boxes: np.ndarray) -> tuple[int, int, Bounds]:
    """Give rows, columns and bounds of even cells as fine as most of the boxes `[k, 4]`, and at most as many."""
    bounds = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    left, top, right, bottom = map(float, bounds)
    width, height = np.median(boxes[:, 2:] - boxes[:, :2], axis=0)
    columns, rows = max(1, round((right - left) / float(width))), max(1, round((bottom - top) / float(height)))
    shrunk = min(1.0, float(np.sqrt(len(boxes) / (rows * columns))))
    columns = max(1, min(int(columns * shrunk), len(boxes)))
    return max(1, min(int(rows * shrunk), len(boxes) // columns)), columns, (left, top, right, bottom)


def paint(positions: np.ndarray, boxes: np.ndarray, rows: int, columns: int, bounds: Bounds) -> Painted:
    """Lay positions `[k]` with boxes `[k, 4]` on a raster, whose cells are numbered row by row."""
    left, top, right, bottom = bounds
    scale = np.array([columns / (right - left), rows / (bottom - top)] * 2)
    placed = (boxes.astype(np.float64) - np.array([left, top, left, top])) * scale
    first = np.clip(np.floor(placed[:, :2] + _EDGE).astype(int), 0, [columns - 1, rows - 1])
    last = np.minimum(np.ceil(placed[:, 2:] - _EDGE).astype(int), [columns, rows])
    last = np.maximum(last, first + 1)
    wide, many = last[:, 0] - first[:, 0], (last - first).prod(axis=1)
    of = np.repeat(np.arange(len(boxes)), many)
    step = np.arange(len(of)) - np.repeat(np.cumsum(many) - many, many)
    column, row = first[of, 0] + step % wide[of], first[of, 1] + step // wide[of]
    across = np.minimum(placed[of, 2], column + 1) - np.maximum(placed[of, 0], column)
    down = np.minimum(placed[of, 3], row + 1) - np.maximum(placed[of, 1], row)
    # A sliver that lies within what is no edge counts too: every score is painted whole.
    share = np.maximum(across, _EDGE / 2) * np.maximum(down, _EDGE / 2)
    weights = share / np.bincount(of, share, len(boxes))[of]
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    return Painted(positions[of[order]], weights[order].astype(np.float32), cell[order], rows * columns)


def joined(paintings: list[Painted]) -> Painted:
    """Put the cells of several paintings one after the other."""
    starts = np.cumsum([0, *(each.count for each in paintings)])
    return Painted(
        np.concatenate([each.positions for each in paintings]),
        np.concatenate([each.weights for each in paintings]),
        np.concatenate([each.cells + start for each, start in zip(paintings, starts, strict=False)]),
        int(starts[-1]),
    )
