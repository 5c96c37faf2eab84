"""Pictures and films read larger than they are, in a given size, or within pixels for a whole film."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.parts import Audio, Image, Video
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import Film, Picture
from omnitrace_nb.media.sampling import count_of, fitting
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import Media

_MERGED = 2  # frames that Qwen's models merge into one
_ROOM = 1.05  # times min_pixels: the least that total_pixels leaves a frame, as qwen-vl-utils has it


@dataclass(frozen=True, slots=True)
class Size:
    """In which size a part is to be read, where that is neither its own nor a smaller one: see `content.parts`."""

    name: str
    resized: tuple[int, int] | None = None
    least: int | None = None

    @classmethod
    def of(cls, part: Image | Video, name: str) -> Size:
        """Read the settings of a part.

        Raises:
            MediaError: a size, or a count of pixels, that cannot be; fewer `max_pixels` than `min_pixels`.
        """
        least = count_of(part.min_pixels, "min_pixels", name)
        if isinstance(part, Video):
            count_of(part.total_pixels, "total_pixels", name)
        most = count_of(part.max_pixels, "max_pixels", name)
        if least is not None and most is not None and most < least:
            raise MediaError(
                f"{name} has max_pixels={most}, below min_pixels={quoted(least)}: the most must be at least that"
            )
        if least is not None and least > LIMITS.picture_pixels:
            raise MediaError(
                f"{name} has min_pixels={quoted(least)}, the limit is {LIMITS.picture_pixels:,}: give fewer"
            )
        resized = None if part.resized is None else _size(part.resized, name)
        return cls(name, resized, least)

    def apply(self, content: Media) -> Media:
        """Give a picture or film in this size; its `original_size` stays."""
        if isinstance(content, Picture):
            target = self._target(content.original_size, content.pixels.shape[1::-1], LIMITS.picture_pixels)
            return Picture(_scaled(content.pixels, target), content.original_size)
        if isinstance(content, Film):
            own, count = content.frames.shape[2:0:-1], len(content.frames)
            target = self._target(content.original_size, own, LIMITS.film_pixels // count)
            if target != own:
                frames = np.stack([_scaled(frame, target) for frame in content.frames])
                return replace(content, frames=frames, size=content.original_size)
        return content

    def _target(self, original: tuple[int, int], own: tuple[int, ...], most: int) -> tuple[int, int]:
        """Give the size `(width, height)` of what is `own` now and was `original`."""
        width, height = own
        target = self.resized or (width, height)
        if not self.resized and self.least and math.prod(original) < self.least:
            scale = math.sqrt(self.least / math.prod(original))
            target = math.ceil(original[0] * scale), math.ceil(original[1] * scale)
        if math.prod(target) > most:
            raise MediaError(
                f"{self.name} would be read at {target[0]:,} x {target[1]:,} pixels, the limit is {most:,}: give fewer"
            )
        return target


def frame_limit(part: Image | Audio | Video, content: Media) -> int | None:
    """Give the most pixels of a frame: the user's, and what `total_pixels` leaves each frame of a film."""
    most = None if isinstance(part, Audio) else part.max_pixels
    if not isinstance(part, Video) or not isinstance(content, Film) or part.total_pixels is None or part.resized:
        return most
    share = max(part.total_pixels * _MERGED // len(content.frames), int((part.min_pixels or 0) * _ROOM), 1)
    return min(share, most or LIMITS.frame_pixels)


def needs_own_size(original: tuple[int, int], read: tuple[int, int] | None) -> bool:
    """Say whether a size in which something was read is none that a most of pixels explains."""
    if read is None:
        return False
    even = fitting(original, math.prod(read))
    return math.prod(read) > math.prod(original) or max(abs(even[0] - read[0]), abs(even[1] - read[1])) > 1


def _size(given: object, name: str) -> tuple[int, int]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:  # noqa: PLR2004 - two sides
        raise MediaError(f"{name} has resized={quoted(given)}, expected (width, height) in pixels")
    width, height = (count_of(side, "a side of resized", name) or 0 for side in given)
    if not 0 < width * height <= LIMITS.picture_pixels:
        raise MediaError(
            f"{name} has resized={quoted(given)}, expected (width, height) of at most {LIMITS.picture_pixels:,} pixels"
        )
    return width, height


def _scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels.shape[1::-1] == size:
        return pixels
    return np.array(PILImage.fromarray(pixels).resize(size, PILImage.Resampling.BICUBIC))
