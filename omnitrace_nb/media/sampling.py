"""What of a medium is read: which seconds, how many frames a second, how many pixels; as the user or the model wants.

What is read from its second 10 on is decoded from a second 0 of its own, so that no model needs to know; `restored`
gives its positions the seconds and pixels of the original again.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.content.parts import Audio, Image, Video
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.media.loaded import LoadedPart, MediaNeeds
    from omnitrace_nb.trace.records import Source

# Pixels that a view and cuts by content have a use for, however few the model uses.
PICTURE_SHOWN, FRAME_SHOWN = 4_000_000, 100_000


def wanted(part: Image | Audio | Video, needs: MediaNeeds, name: str) -> MediaNeeds:
    """Give what is to be read of a part: what the user wishes, else what the model wants.

    Raises:
        MediaError: a rate or a count that cannot be.
    """
    pixels = count_of(getattr(part, "max_pixels", None), "max_pixels", name)
    frames = count_of(getattr(part, "max_frames", None), "max_frames", name)
    fps = getattr(part, "fps", None)
    return replace(
        needs,
        fps=needs.fps if fps is None else rate_of(fps, name),
        max_frames=needs.max_frames if frames is None else frames,
        picture_pixels=_least(pixels, needs.picture_pixels, PICTURE_SHOWN),
        frame_pixels=_least(pixels, needs.frame_pixels, FRAME_SHOWN),
    )


def stretch(part: Audio | Video, name: str) -> tuple[float, float]:
    """Give the seconds that a user wishes to be read, `inf` for "to the end".

    Raises:
        MediaError: no seconds, negative ones, or an end before the start.
    """
    start = _second(part.start, 0.0, "start", name)
    end = _second(part.end, math.inf, "end", name)
    if end <= start:
        raise MediaError(f"{name} has start={start:g} and end={end:g}: the end must come after the start, in seconds")
    return start, end


def check_start(start: float, seconds: float, name: str) -> None:
    """Refuse a start behind the last of a medium's seconds."""
    if start >= seconds:
        raise MediaError(f"{name} lasts {seconds:g} s, but start={start:g} was given: there is nothing after it")


def rate_of(fps: object, name: str) -> float:
    """Give a number of frames a second, if it can be one."""
    rate = number_of(fps)
    if not 0 < rate <= LIMITS.highest_fps:
        raise MediaError(f"{name} has fps={quoted(fps)}, expected a number above 0, at most {LIMITS.highest_fps:g}")
    return rate


def count_of(value: object, argument: str, name: str) -> int | None:
    """Give a setting that counts something, if it can be one; None for None."""
    if value is None:
        return None
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise MediaError(f"{name} has {argument}={quoted(value)}, expected a whole number of at least 1")
    return int(value)


def fitting(size: tuple[int, int], most: float | None) -> tuple[int, int]:
    """Give the size `(width, height)` of a picture made smaller, of even scale, until it has at most `most` pixels."""
    width, height = size
    if most is None or width * height <= most:
        return size
    scale = math.sqrt(most / (width * height))
    narrow, low = max(1, int(width * scale)), max(1, int(height * scale))
    # A line of one pixel cannot become thinner; what is left must come off its length.
    return min(narrow, max(1, int(most / low))), min(low, max(1, int(most / narrow)))


def restored(layout: Layout, loaded: Sequence[LoadedPart]) -> Layout:
    """Give a layout in the seconds and pixels of the originals, from one in those that were decoded."""
    box, time = layout.box, layout.time
    for one in loaded:
        content = one.content
        if isinstance(content, Sound | Film) and content.start:
            time = np.where((layout.part == one.index)[:, None], time + np.float32(content.start), time)
        if isinstance(content, Picture) and content.original_size != content.pixels.shape[1::-1]:
            scale = np.divide(content.original_size, content.pixels.shape[1::-1]).astype(np.float32)
            box = np.where((layout.part == one.index)[:, None], box * np.tile(scale, 2), box)
    return layout if box is layout.box and time is layout.time else replace(layout, box=box, time=time)


def as_decoded(source: Source, content: object) -> Source:
    """Give a source with its seconds and its box in those of its part as it was decoded: `restored`, backwards."""
    time, box = source.time, source.box
    if time is not None and isinstance(content, Sound | Film) and content.start:
        time = (time[0] - content.start, time[1] - content.start)
    if box is not None and isinstance(content, Picture):
        across, down = np.divide(content.pixels.shape[1::-1], content.original_size).tolist()
        box = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    return replace(source, time=time, box=box)


def _least(asked: int | None, used: int | None, shown: int) -> int | None:
    """Give the most pixels that are read: no more than asked, nor than anybody has a use for."""
    return min(filter(None, (asked, None if used is None else max(used, shown))), default=None)


def _second(value: object, otherwise: float, argument: str, name: str) -> float:
    if value is None:
        return otherwise
    second = number_of(value)
    if not second >= 0:
        raise MediaError(f"{name} has {argument}={quoted(value)}, expected a number of seconds, at least 0")
    return second
