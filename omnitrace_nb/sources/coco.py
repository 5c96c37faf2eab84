"""Masks as COCO writes them: polygons, and run lengths, plain or packed into a string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of

_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48  # of a character: five bits of a number, whether there are more
_LAST, _WIDEST = 0x3F, 60  # the largest code; bits of a number, more of which no picture needs
_MOST_CHARACTERS = 12  # of a packed count
_FARTHEST = 1e7  # pixels: of a polygon's corners
_BACK = 2  # a packed count is a difference to the one two before


def mask(segmentation: object, size: tuple[int, int]) -> np.ndarray:
    """Read a COCO segmentation as `bool [height, width]`.

    Args:
        segmentation: polygons `[[x, y, x, y, ...], ...]` in pixels, or `{"counts": ..., "size": [height, width]}`:
            run lengths down the columns, that of the outside first.
        size: `(width, height)` of the picture, for polygons.

    Raises:
        SettingsError: neither, corners that are no places, run lengths that do not fill their size, or a size beyond
            that of any picture.

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
    corners = [number_of(each) for each in flat]
    usable = len(flat) >= 6 and len(flat) % 2 == 0  # noqa: PLR2004 - three corners of two numbers
    if not usable or not all(abs(each) <= _FARTHEST for each in corners):
        raise SettingsError(f"a polygon has {len(flat)} values; give x and y, in pixels, of three corners or more.")
    return list(zip(corners[::2], corners[1::2], strict=True))


def _polygons(polygons: Sequence[list[tuple[float, float]]], size: tuple[int, int]) -> np.ndarray:
    """Give the pixels whose centre is inside any of them: left of it, edges are crossed an odd number of times."""
    width, height = _checked(*size)
    inside = np.zeros((height, width), bool)
    for polygon in polygons:
        # Only the rows that it reaches: a large picture may hold many small polygons.
        low, high = (int(np.clip(each, 0, height)) for each in (min(y for _, y in polygon), max(y for _, y in polygon)))
        high = min(high + 1, height)
        centres = np.arange(low, high) + 0.5
        crossed = np.zeros((high - low, width + 1), np.int32)
        for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
            rows = np.flatnonzero((y0 <= centres) != (y1 <= centres))
            at = x0 + (centres[rows] - y0) * (x1 - x0) / ((y1 - y0) or 1.0)
            np.add.at(crossed, (rows, np.clip(np.ceil(at - 0.5), 0, width).astype(int)), 1)
        inside[low:high] |= crossed.cumsum(axis=1)[:, :width] % 2 == 1
    return inside


def _runs(given: Mapping[Any, Any]) -> np.ndarray:
    try:
        height, width = (int(each) for each in given["size"])
        counts = given["counts"]
        runs = _counted(counts, *_checked(width, height))
    except SettingsError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise SettingsError(
            f"run lengths cannot be read ({quoted(error)}); give counts and size [height, width]."
        ) from error
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise SettingsError(f"run lengths add up to {sum(runs)}, but their size has {height} x {width} pixels.")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def _counted(counts: Any, width: int, height: int) -> list[int]:  # noqa: ANN401 - a user's
    if len(counts) > _MOST_CHARACTERS * (width * height + 2):
        raise ValueError(f"{len(counts):,} runs")
    return _unpacked(counts) if isinstance(counts, (str, bytes)) else [int(each) for each in counts]


def _checked(width: int, height: int) -> tuple[int, int]:
    """Give a size that a picture may have, before a mask of that size is made."""
    if not (width >= 0 and height >= 0 and width * height <= LIMITS.picture_pixels):
        raise SettingsError(
            f"a mask of {quoted(height)} x {quoted(width)} pixels (height, width) is none of a picture, which has "
            f"{LIMITS.picture_pixels:,} at most; give the picture's own size."
        )
    return width, height


def _unpacked(counts: str | bytes) -> list[int]:
    """Read run lengths packed as COCO does it: numbers of five bits a character, lowest first."""
    text = counts.decode() if isinstance(counts, bytes) else counts
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code <= _LAST or shift > _WIDEST:
            raise ValueError(f"{character!r} is no part of packed counts")
        value |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        runs.append(value + (runs[-_BACK] if len(runs) > _BACK else 0))
        value = shift = 0
    return runs
