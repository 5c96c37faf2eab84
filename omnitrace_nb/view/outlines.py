"""What stands in a part's header, and what is drawn along its seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from omnitrace_nb.trace.records import PartRecord

MOST_SLICES, MOST_COLUMNS = 4000, 1280  # of the outline and spectrogram of a sound of which a part was read


def detail(part: PartRecord) -> str:
    """Give a part's size and seconds in words, and how much of them was read."""
    said = [clean(part.title)] if part.title and part.title != part.label else []
    if part.size:
        said.append(_pixels(part.size) + (f", read at {_pixels(part.read_size)}" if part.read_size else ""))
    if part.duration is not None:
        start, end = part.read or (0.0, 0.0)
        said.append(f"{_tenths(part.duration)} s" + (f", read {_tenths(start)}-{_tenths(end)} s" if part.read else ""))
    if part.frames == 1:
        said.append("1 frame")
    elif part.frames is not None and part.fps:
        said.append(f"{part.frames:,} frames, {part.fps:.3g} a second")
    return " \N{MIDDLE DOT} ".join(said)


def peaks(part: PartRecord) -> np.ndarray:
    """Give the lowest and highest sample of even slices of a part's seconds, one after the other: `int8 [2 k]`."""
    if part.peaks is None or not len(part.peaks):
        return np.zeros(0, np.int8)
    found = _along(part, np.nan_to_num(np.asarray(part.peaks, np.float64)), MOST_SLICES)
    return np.round(127 * found / max(float(np.abs(found).max()), 1e-9)).astype(np.int8).reshape(-1)


def spectrogram(part: PartRecord) -> np.ndarray:
    """Give how loud bands of frequencies are over a part's seconds: `uint8 [bands, k]`; empty if it has no sound."""
    if part.spectrogram is None:
        return np.zeros((0, 0), np.uint8)
    return np.ascontiguousarray(_along(part, part.spectrogram.T, MOST_COLUMNS).T)


def _along(part: PartRecord, outline: np.ndarray, most: int) -> np.ndarray:
    """Give what is known along the seconds that were read, `[k, ...]`, along all of them: 0 where nothing was read."""
    if part.read is None or not part.duration or not len(outline):
        return outline
    start, end = (at / part.duration for at in part.read)
    count = min(most, math.ceil(len(outline) / max(end - start, 1e-9)))
    middles = ((np.arange(count) + 0.5) / count - start) / max(end - start, 1e-9)
    inside = (middles >= 0) & (middles < 1)
    spread = np.zeros((count, *outline.shape[1:]), outline.dtype)
    spread[inside] = outline[(middles[inside] * len(outline)).astype(int)]
    return spread


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} \N{MULTIPLICATION SIGN} {size[1]}"


def _tenths(seconds: float) -> str:
    return f"{seconds:.1f}".removesuffix(".0")
