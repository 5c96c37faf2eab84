"""Samples: what values, rates and durations a sound may have, and sounds given as arrays."""

from __future__ import annotations

import math

import numpy as np

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import Sound
from omnitrace_nb.media.resample import resample
from omnitrace_nb.media.sampling import check_start
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of


def array_sound(
    samples: np.ndarray, sampling_rate: object, name: str, rate: int, part: tuple[float, float] = (0.0, math.inf)
) -> Sound:
    """Give the sound of an array `[n]` or `[channels, n]`, at `rate` Hz: all of it, or `part`, in seconds.

    Raises:
        MediaError: no or an impossible sampling rate, another shape, no samples, none in the part, NaN, or floats
            outside -1..1.
    """
    if sampling_rate is None:
        raise MediaError(f"{name} is an array, whose sampling rate is not known: give sampling_rate=... in Hz")
    given = check_rate(sampling_rate, name)
    if samples.ndim not in {1, 2} or (samples.ndim == 2 and samples.shape[0] > LIMITS.channels):  # noqa: PLR2004
        turned = samples.ndim == 2 and samples.shape[1] <= LIMITS.channels  # noqa: PLR2004 - see the message
        raise MediaError(
            f"{name} is an array of shape {samples.shape}; a sound is [samples] or [channels, samples]"
            + (": give array.T" if turned else "")
        )
    if samples.size == 0:
        raise MediaError(f"{name} has 0 samples (an array of shape {samples.shape}): there is nothing to hear")
    whole = samples.shape[-1] / given
    check_seconds(whole, name)
    check_start(part[0], whole, name)
    first, stop = round(part[0] * given), round(min(part[1], whole) * given)
    floats = as_floats(np.atleast_2d(samples)[:, first:stop], name)
    check_values(floats, name)
    mono = floats.mean(axis=0, dtype=np.float32)
    return Sound(resample(mono, given, rate), rate, mono.size / given, first / given, whole)


def check_rate(rate: object, name: str) -> int:
    """Give a sampling rate in Hz as an int, if it can be one."""
    hertz = number_of(rate)
    if not hertz.is_integer():
        raise MediaError(f"{name} has the sampling rate {quoted(rate)}, expected a whole number of Hz, such as 16000")
    if not LIMITS.lowest_rate <= hertz <= LIMITS.highest_rate:
        raise MediaError(
            f"{name} has a sampling rate of {quoted(rate)} Hz, "
            f"expected {LIMITS.lowest_rate:,} to {LIMITS.highest_rate:,}"
        )
    return int(hertz)


def check_seconds(seconds: float, name: str) -> None:
    """Refuse what lasts longer than the limit."""
    if seconds > LIMITS.seconds:
        raise MediaError(f"{name} lasts {seconds:,.0f} s, the limit is {LIMITS.seconds:,.0f} s: cut it")


def as_floats(samples: np.ndarray, name: str) -> np.ndarray:
    """Give samples as `float32`, integers scaled to -1..1 by their full scale."""
    match samples.dtype.name:
        case "float16" | "float32" | "float64":
            return samples.astype(np.float32)
        case "int16" | "int32" | "int8":
            return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
        case "uint8":
            return (samples.astype(np.float32) - 128) / 128
    raise MediaError(
        f"{name} is an array of {samples.dtype}; expected floats within -1..1, or int16, int32, int8 or uint8 at full "
        "scale"
    )


def check_values(samples: np.ndarray, name: str) -> None:
    """Refuse NaN, infinite values, and integers that were turned into floats without scaling."""
    bad = np.flatnonzero(~np.isfinite(samples).all(axis=0))
    if bad.size:
        raise MediaError(
            f"{name} holds {bad.size:,} NaN or infinite samples, the first at sample {bad[0]:,}: "
            "replace them, for example with numpy.nan_to_num"
        )
    peak = float(np.abs(samples).max(initial=0))
    if peak > LIMITS.peak:
        raise MediaError(
            f"{name} has float samples up to {peak:g}, expected -1..1: divide by full scale "
            "(32768 for samples of 16 bits), or give them as int16"
        )
