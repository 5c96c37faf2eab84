"""Decoder objects, as columns of sounds and films of Hugging Face's datasets library give them (torchcodec's).

They are known by what they can do, so that torchcodec need not be installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.tensors import as_array
from omnitrace_nb.errors import MediaError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of

# All that torchcodec raises on damaged files, and what an object that only looks like its raises.
_FAILURES = (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, ArithmeticError)
_AXES = 4
_CHANNELS = {1, 3, 4}


def is_sound_decoder(given: object) -> bool:
    """Say whether something decodes a sound as torchcodec's `AudioDecoder` does."""
    return not isinstance(given, type) and callable(getattr(given, "get_all_samples", None))


def is_film_decoder(given: object) -> bool:
    """Say whether something decodes a film as torchcodec's `VideoDecoder` does."""
    return not isinstance(given, type) and callable(getattr(given, "get_frames_played_at", None))


def decoded_sound(decoder: Any, name: str) -> tuple[np.ndarray, int]:  # noqa: ANN401 - see is_sound_decoder
    """Give all samples, `[channels, n]`, and their rate in Hz."""
    try:
        samples = decoder.get_all_samples()
        return as_array(samples.data, name), samples.sample_rate
    except _FAILURES as error:
        raise _failed(name, error) from error


def decoded_film(decoder: Any, fps: Any, name: str) -> tuple[np.ndarray, float]:  # noqa: ANN401
    """Give frames, `uint8 [n, height, width, 3]`, evenly spread in time, and how many a second they are.

    All of them, or `fps` a second; fewer where they would be more than `LIMITS.film_pixels`.
    """
    wished = np.inf if fps is None else number_of(fps)
    if fps is not None and not 0 < wished <= LIMITS.highest_fps:
        raise MediaError(f"{name} has fps={quoted(fps)}, expected a number above 0, at most {LIMITS.highest_fps:g}")
    try:
        about = decoder.metadata
        begin, end = float(about.begin_stream_seconds), float(about.end_stream_seconds)
        rate = min(wished, float(about.average_fps))
        most = max(1, min(LIMITS.frames, LIMITS.film_pixels // max(1, int(about.height) * int(about.width))))
        count = max(1, round((end - begin) * rate))
        if count > most:
            count, rate = most, most / (end - begin)
        times = begin + np.arange(count) / rate
        frames = as_array(decoder.get_frames_played_at(seconds=times[times < end].tolist()).data, name)
    except _FAILURES as error:
        if isinstance(error, MediaError):
            raise
        raise _failed(name, error) from error
    if frames.ndim == _AXES and frames.shape[1] in _CHANNELS and frames.shape[3] not in _CHANNELS:
        frames = frames.transpose(0, 2, 3, 1)
    return frames, rate


def _failed(name: str, error: Exception) -> MediaError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return MediaError(f"{name} is a decoder that fails ({said[:300]}): give the path or the bytes of its file")
