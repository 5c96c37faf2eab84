"""Resampling by PyAV, block by block, so that a long recording is never held at its own rate."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

_BLOCK = 1 << 16


class Resampler:
    """Takes mono `float32` blocks at `rate_in` Hz and gives them at `rate_out` Hz, neither shifted nor stretched.

    What it has made is held once, 4 bytes a sample.

    Attributes:
        taken: samples taken so far, at `rate_in`.
    """

    def __init__(self, rate_in: int, rate_out: int, seconds: float = 0.0) -> None:
        """Prepare for about so many `seconds`, more or fewer; equal rates pass through unchanged."""
        self.rate_in, self.rate_out, self.taken = rate_in, rate_out, 0
        # The system gives memory only to what is written: room that is not used costs nothing.
        self._made = np.empty(max(_BLOCK, round(seconds * rate_out) + _BLOCK), np.float32)
        self._count = 0
        self._filter = None if rate_in == rate_out else av.AudioResampler(format="fltp", layout="mono", rate=rate_out)

    def push(self, samples: np.ndarray) -> None:
        """Take `samples`: `float32 [n]`."""
        for start in range(0, len(samples), _BLOCK):
            block = np.ascontiguousarray(samples[start : start + _BLOCK], np.float32)
            if self._filter is None:
                self._keep(block)
            else:
                frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = self.rate_in, self.taken, Fraction(1, self.rate_in)
                self._keep_all(self._filter.resample(frame))
            self.taken += block.size

    def silence(self, count: int) -> None:
        """Take `count` silent samples."""
        for start in range(0, count, _BLOCK):
            self.push(np.zeros(min(_BLOCK, count - start), np.float32))

    def finish(self) -> np.ndarray:
        """Give everything: `float32 [round(taken * rate_out / rate_in)]`."""
        if self._filter is not None and self.taken:
            self._keep_all(self._filter.resample(None))
        wanted = round(self.taken * self.rate_out / self.rate_in)
        self._keep(np.zeros(max(0, wanted - self._count), np.float32))
        return self._made[:wanted]

    def _keep_all(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self._keep(frame.to_ndarray()[0])

    def _keep(self, block: np.ndarray) -> None:
        end = self._count + block.size
        if end > self._made.size:
            larger = np.empty(2 * end, np.float32)
            larger[: self._count] = self._made[: self._count]
            self._made = larger
        self._made[self._count : end] = block
        self._count = end


def resample(samples: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    """Give mono samples `float32 [n]` at another rate: `float32 [round(n * rate_out / rate_in)]`."""
    resampler = Resampler(rate_in, rate_out, len(samples) / rate_in)
    resampler.push(samples)
    return resampler.finish()
