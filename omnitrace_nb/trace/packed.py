"""Scores kept in half the room: float16 with one float32 scale a step, so that tiny gradients survive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Every float16 as a float32, by its bits: looking a value up is four times as fast as NumPy's conversion.
FLOATS = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)

_EXPONENT, _MINUS_ZERO = np.uint16(0x7C00), np.uint16(0x8000)


@dataclass(frozen=True, slots=True, eq=False)
class PackedScores:
    """Scores of one signal.

    Attributes:
        halves: `float16 [T, n + T]`, each row divided by its scale, so within -1..1.
        scales: `float32 [T]`, the largest finite magnitude of each row; 1 for a row without any.
    """

    halves: np.ndarray
    scales: np.ndarray

    def unpack(self, columns: slice | np.ndarray) -> np.ndarray:
        """Give the scores of some columns: `float32 [T, columns]`."""
        bits = self.halves.view(np.uint16)[:, columns]
        unpacked = np.empty(bits.shape, np.float32)
        for row, own, scale in zip(bits, unpacked, self.scales, strict=True):
            np.multiply(FLOATS[row], scale, out=own)
        return unpacked

    def odd(self, columns: slice) -> tuple[int, bool]:
        """Count the scores of some columns that are no numbers, and tell whether any of the others is negative."""
        bits = self.halves.view(np.uint16)[:, columns]
        broken = (bits & _EXPONENT) == _EXPONENT
        return int(np.count_nonzero(broken)), bool(((bits > _MINUS_ZERO) & ~broken).any())

    def rows(self, steps: slice) -> PackedScores:
        """Give the scores of some steps."""
        return PackedScores(self.halves[steps], self.scales[steps])


def pack(scores: np.ndarray) -> PackedScores:
    """Pack scores `[T, m]`.

    A value comes back within 2**-11 of itself if it is at least 2**-14 of its row's largest, else within 2**-25 of that
    largest. NaN and infinities stay what they are.

    Example:
        >>> float(pack(np.array([[1e-20, 5e-21]], np.float32)).unpack(slice(None))[0, 1] / 1e-21)
        5.0
    """
    scores = np.asarray(scores, np.float32)
    packed = PackedScores(np.empty(scores.shape, np.float16), np.ones(len(scores), np.float32))
    for step, row in enumerate(scores):
        largest = np.abs(row, where=np.isfinite(row), out=np.zeros_like(row)).max(initial=0.0)
        if largest > 0:
            packed.scales[step] = largest
        packed.halves[step] = row / packed.scales[step]
    return packed
