"""Where somebody speaks: voice activity by Silero's model, which comes with its package and needs no network."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.speech.needing import needed
from omnitrace_nb.speech.transcript import Segment
from omnitrace_nb.values import number_of

RATES = (8_000, 16_000)


def voice_activity(
    samples: np.ndarray,
    sampling_rate: int,
    *,
    threshold: float = 0.5,
    shortest: float = 0.25,
    pause: float = 0.3,
) -> tuple[Segment, ...]:
    """Give the stretches of a sound in which somebody speaks, without what is said.

    Itself a way to cut sounds: `sources={"audio": voice_activity}`; with settings of your own, by `functools.partial`.

    Args:
        samples: `float32 [n]`, mono.
        sampling_rate: 8,000 or 16,000 Hz, or a multiple of 16,000, of which every so many-th sample is read.
        threshold: probability of speech, 0-1, above which a stretch begins.
        shortest: seconds; shorter stretches are left out.
        pause: seconds of silence that part two stretches.

    Raises:
        SettingsError: another sampling rate or setting, or `silero-vad` is not installed.
    """
    if (
        not isinstance(sampling_rate, Integral)
        or sampling_rate <= 0
        or (sampling_rate not in RATES and sampling_rate % RATES[-1])
    ):
        raise SettingsError(
            "voice activity reads sounds of 8,000 or 16,000 samples a second, not of "
            f"{quoted(sampling_rate) if not isinstance(sampling_rate, Integral) else format(sampling_rate, ',')}: "
            "resample it."
        )
    settings = {"threshold": threshold, "shortest": shortest, "pause": pause}
    lengths = number_of(shortest), number_of(pause)
    if not 0 < number_of(threshold) < 1 or not all(0 <= each < math.inf for each in lengths):
        given = ", ".join(f"{name}={quoted(each)}" for name, each in settings.items())
        raise SettingsError(f"{given}: expected a probability between 0 and 1, and seconds.")
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise SettingsError(
            f"voice activity reads mono samples, an array [n] of numbers, not {samples.dtype} {samples.shape}."
        )
    torch: Any = needed("torch", "speech")
    found = needed("silero_vad", "speech").get_speech_timestamps(
        torch.from_numpy(samples.astype("float32")),
        _detector(),
        threshold=threshold,
        sampling_rate=sampling_rate,
        min_speech_duration_ms=round(shortest * 1000),
        min_silence_duration_ms=round(pause * 1000),
    )
    return tuple(Segment(each["start"] / sampling_rate, each["end"] / sampling_rate, "") for each in found)


@lru_cache(maxsize=1)
def _detector() -> Any:  # noqa: ANN401 - silero-vad ships no types
    silero: Any = needed("silero_vad", "speech")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the format in which the package keeps its model
        return silero.load_silero_vad()
