"""Masks as COCO writes them: polygons, and run lengths, plain or packed into a string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from omnitrace_nb.errors import SettingsError

_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48  # of a character: five bits of a number, whether there are more
_BACK = 2  # a packed count is a difference to the one two before


def mask(segmentation: object, size: tuple[int, int]) -> np.ndarray:
    """Read a COCO segmentation as `bool [height, width]`.

    Args:
        segmentation: polygons `[[x, y, x, y, ...], ...]` in pixels, or `{"counts": ..., "size": [height, width]}`:
            run lengths down the columns, that of the outside first.
        size: `(width, height)` of the picture, for polygons.

    Raises:
        SettingsError: neither, or run lengths that do not fill their size.

    Example:
        >>> mask({"counts": [1, 2, 1], "size": [2, 2]}, (2, 2)).astype(int).tolist()
        [[0, 1], [1, 0]]
    """
    if isinstance(segmentation, Mapping):
        return _runs(segmentation)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, (str, bytes)) and segmentation:
        return _polygons([_polygon(each) for each in segmentation], size)
    raise SettingsError("a COCO segmentation is neither a list of polygons nor a mapping of counts and size.")


def _polygon(points: Any) -> list[tuple[float, float]]:  # noqa: ANN401 - a user's
    flat = np.asarray(points, dtype=object).ravel().tolist()
    usable = len(flat) >= 6 and len(flat) % 2 == 0  # noqa: PLR2004 - three corners of two numbers
    if not usable or not all(isinstance(each, Real) and np.isfinite(float(each)) for each in flat):
        raise SettingsError(f"a polygon has {len(flat)} values; give x and y, in pixels, of three corners or more.")
    return [(float(flat[at]), float(flat[at + 1])) for at in range(0, len(flat), 2)]


def _polygons(polygons: Sequence[list[tuple[float, float]]], size: tuple[int, int]) -> np.ndarray:
    """Give the pixels whose centre is inside any of them: left of it, edges are crossed an odd number of times."""
    width, height = size
    centres = np.arange(height) + 0.5
    inside = np.zeros((height, width), bool)
    for polygon in polygons:
        crossed = np.zeros((height, width + 1), np.int64)
        for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
            rows = np.flatnonzero((y0 <= centres) != (y1 <= centres))
            at = x0 + (centres[rows] - y0) * (x1 - x0) / ((y1 - y0) or 1.0)
            np.add.at(crossed, (rows, np.clip(np.ceil(at - 0.5), 0, width).astype(int)), 1)
        inside |= crossed.cumsum(axis=1)[:, :width] % 2 == 1
    return inside


def _runs(given: Mapping[Any, Any]) -> np.ndarray:
    try:
        height, width = (int(each) for each in given["size"])
        counts = given["counts"]
        runs = _unpacked(counts) if isinstance(counts, (str, bytes)) else [int(each) for each in counts]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SettingsError(f"run lengths cannot be read ({error!r}); give counts and size [height, width].") from error
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise SettingsError(f"run lengths add up to {sum(runs)}, but their size has {height} x {width} pixels.")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def _unpacked(counts: str | bytes) -> list[int]:
    """Read run lengths packed as COCO does it: numbers of five bits a character, lowest first."""
    text = counts.decode() if isinstance(counts, bytes) else counts
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _FIRST
        value |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        runs.append(value + (runs[-_BACK] if len(runs) > _BACK else 0))
        value = shift = 0
    return runs
