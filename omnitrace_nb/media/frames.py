"""Films given as frames: an array, or a list of pictures, with their rate and perhaps their sound."""

from __future__ import annotations

import hashlib
import math
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import Film
from omnitrace_nb.media.pictures import array_pixels, hash_array, image_pixels
from omnitrace_nb.media.samples import array_sound
from omnitrace_nb.media.timing import ROUNDING, common_end, sample_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.content.parts import Video
    from omnitrace_nb.media.loaded import MediaNeeds


def array_film(part: Video, name: str, needs: MediaNeeds, *, sound: bool) -> Film:
    """Give the film of frames that were given as an array or as a list of pictures; see `load`.

    Raises:
        MediaError: no or an impossible fps, no frames, frames of several sizes, or values that no picture has.
    """
    frames = part.source
    if isinstance(frames, (str, bytes, Path)):
        raise TypeError("a file is no array of frames")
    _check_frames(frames, name)
    rate = _check_fps(part.fps, name)
    if part.audio is None and part.sampling_rate is not None:
        raise MediaError(f"{name} has a sampling_rate but no audio: give audio=samples, or leave sampling_rate out")
    count = len(frames)
    times, fps = sample_times(count / rate, needs)
    picks = np.minimum((times * rate + ROUNDING).astype(np.int64), count - 1)
    kept = np.stack([_frame_pixels(frames[pick], f"{name}, frame {pick}") for pick in picks])
    track = None
    if sound and part.audio is not None:
        track = array_sound(part.audio, part.sampling_rate, f"The sound of {name}", needs.sampling_rate)
    duration, track = common_end(count / rate, track)
    return Film(kept, times, fps, duration, track, (kept.shape[2], kept.shape[1]))


def hash_frames(frames: np.ndarray | Sequence[PILImage.Image | np.ndarray]) -> str:
    """Give the sha256 of an array of frames, or of all pictures of a list."""
    if isinstance(frames, np.ndarray):
        return hash_array(frames)
    hashes = [hash_array(np.asarray(frame)) for frame in frames]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _check_frames(frames: np.ndarray | Sequence[PILImage.Image | np.ndarray], name: str) -> None:
    if len(frames) == 0:
        raise MediaError(f"{name} is a film with no frames: give at least one")
    if len(frames) > LIMITS.frames:
        raise MediaError(
            f"{name} has {len(frames):,} frames, the limit is {LIMITS.frames:,}: keep every second or third"
        )
    if isinstance(frames, np.ndarray):
        if frames.ndim == 3 and frames.shape[2] in {3, 4}:  # noqa: PLR2004 - looks like one coloured picture
            raise MediaError(
                f"{name} is an array of shape {frames.shape}, one picture: a film is array[None], or ot.Image"
            )
        if frames.ndim not in {3, 4} or (frames.ndim == 4 and frames.shape[3] not in {1, 3, 4}):  # noqa: PLR2004
            turned = frames.ndim == 4 and frames.shape[1] in {1, 3, 4}  # noqa: PLR2004 - channels in front
            raise MediaError(
                f"{name} is an array of shape {frames.shape}; a film is [frames, height, width, 3]"
                + (": put the channels last with array.transpose(0, 2, 3, 1)" if turned else "")
            )
        return
    for place, frame in enumerate(frames):
        if not isinstance(frame, (PILImage.Image, np.ndarray)):
            raise MediaError(f"{name}, frame {place} is a {type(frame).__name__}, expected a PIL.Image or an array")
    sizes = {frame.size if isinstance(frame, PILImage.Image) else frame.shape[1::-1] for frame in frames}
    if len(sizes) > 1:
        raise MediaError(f"{name} has frames of different (width, height): {sorted(sizes)}; make them alike")


def _check_fps(fps: object, name: str) -> float:
    if fps is None:
        raise MediaError(f"{name} is given as frames, whose rate is not known: give fps=... in frames a second")
    rate = float(fps) if isinstance(fps, Real) and not isinstance(fps, bool) else math.nan
    if not 0 < rate <= LIMITS.highest_fps:
        raise MediaError(f"{name} has fps={fps!r}, expected a number above 0, at most {LIMITS.highest_fps:g}")
    return rate


def _frame_pixels(frame: PILImage.Image | np.ndarray, name: str) -> np.ndarray:
    return array_pixels(frame, name) if isinstance(frame, np.ndarray) else image_pixels(frame, name)
