"""Films given as frames: an array, or a list of pictures or their files, with their rate and perhaps their sound."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.content.files import read_file
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.stored import Stored
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import Film
from omnitrace_nb.media.pictures import array_pixels, hash_array, image_pixels, picture_file, smaller, upright_size
from omnitrace_nb.media.samples import array_sound
from omnitrace_nb.media.sampling import check_start, rate_of, stretch, wanted
from omnitrace_nb.media.timing import ROUNDING, common_end, sample_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.content.parts import Video
    from omnitrace_nb.media.loaded import MediaNeeds

    Frame = PILImage.Image | np.ndarray | str | Path | bytes

FILES = (str, Path, bytes)  # what a frame may be given as besides a picture


def array_film(part: Video, name: str, needs: MediaNeeds, *, sound: bool) -> Film:
    """Give the film of frames that were given as an array or as a list of pictures; see `load`.

    Raises:
        MediaError: no or an impossible fps, no frames, frames of several sizes, or values that no picture has.
    """
    frames = part.source
    if isinstance(frames, (str, bytes, Path, Stored)) or hasattr(frames, "read"):
        raise TypeError("a file is no array of frames")
    _check_frames(frames, name)
    if part.fps is None:
        raise MediaError(f"{name} is given as frames, whose rate is not known: give fps=... in frames a second")
    rate = rate_of(part.fps, name)
    if part.audio is None and part.sampling_rate is not None:
        raise MediaError(f"{name} has a sampling_rate but no audio: give audio=samples, or leave sampling_rate out")
    count, asked = len(frames), stretch(part, name)
    check_start(asked[0], count / rate, name)
    start, end = asked[0], min(asked[1], count / rate)
    needs = wanted(replace(part, fps=None), needs, name)
    times, fps = sample_times(end - start, needs)
    picks = np.minimum(((times + start) * rate + ROUNDING).astype(np.int64), count - 1)
    size = _size(frames[0], f"{name}, frame 0")
    most = min(needs.frame_pixels or LIMITS.frame_pixels, LIMITS.film_pixels // len(picks))
    kept = np.stack([_frame_pixels(frames[pick], f"{name}, frame {pick}", most) for pick in picks])
    track = None
    if sound and part.audio is not None:
        track = array_sound(part.audio, part.sampling_rate, f"The sound of {name}", needs.sampling_rate, asked)
    duration, track = common_end(end - start, track)
    return Film(kept, times, fps, duration, track, size, start, max(count / rate, start + duration))


def hash_frames(frames: np.ndarray | Sequence[Frame]) -> str:
    """Give the sha256 of an array of frames, or of all pictures of a list."""
    if isinstance(frames, np.ndarray):
        return hash_array(frames)
    hashes = [
        read_file(frame, "image", f"frame {place}").sha256()
        if isinstance(frame, FILES)
        else hash_array(np.asarray(frame))
        for place, frame in enumerate(frames)
    ]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _check_frames(frames: np.ndarray | Sequence[Frame], name: str) -> None:
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
        if not isinstance(frame, (PILImage.Image, np.ndarray, *FILES)):
            raise MediaError(
                f"{name}, frame {place} is a {type(frame).__name__}, expected a path, a PIL.Image or an array"
            )
    sizes = {_size(frame, f"{name}, frame {place}") for place, frame in enumerate(frames)}
    if len(sizes) > 1:
        raise MediaError(f"{name} has frames of different (width, height): {sorted(sizes)}; make them alike")


def _size(frame: Frame, name: str) -> tuple[int, int]:
    """Give a frame's `(width, height)`, upright, of a file by its header."""
    if isinstance(frame, np.ndarray):
        return frame.shape[1::-1]
    image = picture_file(frame, name) if isinstance(frame, FILES) else frame
    return upright_size(image)


def _frame_pixels(frame: Frame, name: str, most: int) -> np.ndarray:
    """Decode a frame; a file is opened for it alone, so that its pixels are not held in two sizes."""
    if isinstance(frame, np.ndarray):
        return smaller(array_pixels(frame, name), most)
    image = picture_file(frame, name) if isinstance(frame, FILES) else frame
    return smaller(image_pixels(image, name), most)
