"""Regions of a picture, and which of its patches each one owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import IMAGE
from omnitrace_nb.sources.detections import Parcels
from omnitrace_nb.sources.making import bin_of, make

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.given import Region
    from omnitrace_nb.trace.records import PartRecord, Source

ROUNDING = 1e-3  # of a picture's side


def regions(
    layout: Layout, record: PartRecord, cut: tuple[int, int] | Sequence[Region] | Parcels, *, rest: bool = False
) -> Iterator[Source]:
    """Give the regions of a picture: cells of a grid, or own pieces.

    A patch belongs to the cell or region that holds its centre; a region smaller than a patch has the patches that it
    touches. Of regions that do not overlap, a patch belongs to the one that has most of it. Positions that show the
    whole picture at once, such as an overview's, are a source of their own.
    """
    positions = layout.positions(record.index, IMAGE)
    if not len(positions):
        return
    boxes = layout.box[positions].astype(np.float64)
    if cut != (1, 1) and (overview := at_once(boxes, record.size)).any():
        full = _around(boxes[overview])
        yield make(record, IMAGE, f"{record.label}, as a whole", positions[overview], box=full)
        positions, boxes = positions[~overview], boxes[~overview]
    if isinstance(cut, tuple):
        yield from _cells(record, positions, boxes, cut)
        return
    held = np.zeros(len(positions), bool)
    size = record.size or (boxes[:, 2].max(), boxes[:, 3].max())
    pieces = _parcels(cut, boxes, size) if isinstance(cut, Parcels) else _given(cut, boxes, size)
    for label, box, own in pieces:
        if own.any():
            held |= own
            yield make(record, IMAGE, f"{record.label}, {label}", positions[own], box=box)
    if rest and not held.all():
        yield make(record, IMAGE, f"{record.label}, the rest", positions[~held], box=_around(boxes[~held]))


def at_once(boxes: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Say which positions show all of a picture or frame: `bool [k]`; there is no telling where in it they look."""
    width, height = size or (boxes[:, 2].max(), boxes[:, 3].max())
    shares = boxes / np.array([width, height, width, height])
    return np.asarray((shares[:, :2] <= ROUNDING).all(axis=1) & (shares[:, 2:] >= 1 - ROUNDING).all(axis=1))


def _cells(record: PartRecord, positions: np.ndarray, boxes: np.ndarray, grid: tuple[int, int]) -> Iterator[Source]:
    width, height = record.size or (boxes[:, 2].max(), boxes[:, 3].max())
    for place, box, own in cells(boxes, (width, height), grid):
        yield make(record, IMAGE, record.label + place, positions[own], box=box)


def cells(
    boxes: np.ndarray, size: tuple[float, float], grid: tuple[int, int]
) -> Iterator[tuple[str, tuple[float, float, float, float], np.ndarray]]:
    """Give the cells of a grid that hold a patch's centre: what to add to a label, box, `bool [k]` of the patches."""
    (width, height), (rows, columns) = size, grid
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    cell = bin_of(y, height / rows, rows) * columns + bin_of(x, width / columns, columns)
    for at in np.unique(cell).tolist():
        row, column = divmod(at, columns)
        place = "" if grid == (1, 1) else f", row {row + 1}, column {column + 1}"
        edges = (column * width / columns, row * height / rows)
        yield place, (*edges, (column + 1) * width / columns, (row + 1) * height / rows), cell == at


def _given(
    pieces: Sequence[Region], boxes: np.ndarray, size: tuple[float, float]
) -> Iterator[tuple[str, tuple[float, ...], np.ndarray]]:
    for one in pieces:
        yield one.label, one.box, _within(one, boxes, size)


def _within(one: Region, boxes: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """Say which patches are a region's: those whose centre it holds; else those it touches."""
    left, top, right, bottom = one.box
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    if one.mask is not None:
        height, width = one.mask.shape
        column, row = (x * width / size[0]).astype(int), (y * height / size[1]).astype(int)
        inside = one.mask[row.clip(0, height - 1), column.clip(0, width - 1)]
    if inside.any():
        return np.asarray(inside, bool)
    touched = (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
    if one.mask is None:
        return np.asarray(touched, bool)
    near = zip(touched, boxes, strict=True)
    return np.array([each and _pixels(one.mask, box, size).any() for each, box in near], bool)


def _parcels(
    cut: Parcels, boxes: np.ndarray, size: tuple[float, float]
) -> Iterator[tuple[str, tuple[float, ...], np.ndarray]]:
    """Give regions in the order in which their first patch comes; those without a name are numbered so."""
    owner = np.array([_most(_pixels(cut.numbers, box, size)) for box in boxes], np.int64)
    found, first = np.unique(owner, return_index=True)
    ordered = [number for number in found[np.argsort(first)].tolist() if number in cut.labels]
    named = [cut.labels[number] for number in ordered]
    for place, (number, name) in enumerate(zip(ordered, named, strict=True), 1):
        own = owner == number
        again = f" {named[:place].count(name)}" if named.count(name) > 1 else ""
        yield f"{name}{again}" if name else f"region {place}", _around(boxes[own]), own


def _most(numbers: np.ndarray) -> int:
    """Give the number that most of a patch's pixels have."""
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[counts.argmax()])


def _pixels(picture: np.ndarray, box: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """Give what a map of a picture of `size`, which may be smaller, says of a box: at least one of its pixels.

    A patch in the padding has the nearest ones.
    """
    height, width = picture.shape
    x, y = width / size[0], height / size[1]
    left, top = min(max(int(box[0] * x), 0), width - 1), min(max(int(box[1] * y), 0), height - 1)
    right, bottom = max(round(float(box[2] * x)), left + 1), max(round(float(box[3] * y)), top + 1)
    return picture[top:bottom, left:right]


def _around(boxes: np.ndarray) -> tuple[float, float, float, float]:
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom
