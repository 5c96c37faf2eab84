"""Spectrograms small enough to be kept with every trace: an hour of sound takes no more room than half a minute.

They are made once, from the sound that the model heard, so that a view can show them without its original, which may be
too long to decode in a browser, or gone.
"""

from __future__ import annotations

import numpy as np

from omnitrace_nb.trace.records import HIGHEST_HERTZ

BANDS = 48
MOST_COLUMNS = 320
DEPTH = 70.0  # decibels below the loudest
LEVELS = 32  # of the 256: few, so that they pack well
_WINDOW = 0.032  # seconds
_SHORTEST = 0.01  # seconds of a column


def spectrogram(samples: np.ndarray, rate: int) -> np.ndarray:
    """Give how loud each band of frequencies is over time: `uint8 [BANDS, k]`, `k <= MOST_COLUMNS`, highest first.

    Bands are even on the mel scale from 0 Hz to `HIGHEST_HERTZ`; a column is the mean power of an even slice of time.
    255 is the loudest value, 0 is `DEPTH` decibels below it or less. `samples` is `float32 [n]` at `rate` Hz.
    """
    size = 2 ** round(np.log2(_WINDOW * rate))
    count = min(MOST_COLUMNS, int(np.ceil(samples.size / (_SHORTEST * rate))))
    edges = np.arange(count + 1) * samples.size // max(count, 1)
    shape = np.hanning(size).astype(np.float32)
    power = np.zeros((size // 2 + 1, count), np.float32)
    for column in range(count):
        start, stop = edges[column], max(edges[column + 1], edges[column] + 1)
        each = max(1, (stop - start) // size)  # windows side by side; the first one's middle is in the slice
        at = start + ((2 * np.arange(each) + 1) * (stop - start)) // (2 * each)
        windows = np.lib.stride_tricks.sliding_window_view(_around(samples, at[0], at[-1], size), size)
        power[:, column] = (np.abs(np.fft.rfft(windows[at - at[0]] * shape)) ** 2).mean(axis=0)
    loud = _filters(size, rate) @ power
    most = loud.max(initial=0.0)
    if most <= 0:
        return np.zeros((BANDS, count), np.uint8)
    decibels = 10 * np.log10(np.maximum(loud / most, 1e-12))
    levels = np.round((LEVELS - 1) * np.clip(1 + decibels / DEPTH, 0, 1))
    return np.round(levels * (255 / (LEVELS - 1))).astype(np.uint8)[::-1]


def _around(samples: np.ndarray, first: int, last: int, size: int) -> np.ndarray:
    """Give the samples of all windows of `size` whose middles lie from `first` to `last`; silence beyond the sound."""
    begin, end = first - size // 2, last - size // 2 + size
    inside = samples[max(begin, 0) : min(end, samples.size)]
    return np.pad(inside, (max(-begin, 0), max(end - samples.size, 0)))


def _filters(size: int, rate: int) -> np.ndarray:
    """Give the weight of each frequency in each band, `float32 [BANDS, size // 2 + 1]`; a row sums to 1, or is 0."""
    mels = np.linspace(0, 2595 * np.log10(1 + HIGHEST_HERTZ / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.arange(size // 2 + 1) * rate / size
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.clip(np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)), 0, None)
    # A band between two frequencies of the transform is the nearer one of them.
    nearest = np.argmin(np.abs(hertz - middle), axis=1)
    bare = (weights.sum(axis=1) == 0) & (middle[:, 0] <= rate / 2)
    weights[bare, nearest[bare]] = 1
    return (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
