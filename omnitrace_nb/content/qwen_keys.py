"""Keys of blocks in messages for Qwen's models, in our settings: as `qwen-vl-utils` (0.0.14) means them.

| Qwen | ours |
|---|---|
| `fps`, `max_frames`, `max_pixels`, `min_pixels`, `total_pixels` | the same |
| `nframes` | so many frames, rounded to an even number, evenly spread: `max_frames`, at the highest `fps` |
| `video_start`, `video_end` | `start`, `end`, in seconds |
| `resized_width`, `resized_height` | `resized`; the least and most pixels do not count then, as there |
| `sample_fps` of a list of frames | `fps` |

Qwen's own rounding to multiples of 28 or 32 pixels, and its limits where nothing is said, are the processor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.content.given import PLACES
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.tensors import is_tensor
from omnitrace_nb.errors import ContentError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FRAMES_TOGETHER = 2  # frames that Qwen's models merge into one


def translated(block: Mapping[str, object], kind: str, name: str) -> dict[str, object]:
    """Give a block with our keys in place of Qwen's.

    Raises:
        ContentError: keys that contradict each other, or a value that cannot be.
    """
    ours = dict(block)
    if kind in {"image", "video"}:
        _resize(ours, name)
    if kind == "video":
        _count_frames(ours, name)
        for theirs, key in (("video_start", "start"), ("video_end", "end"), ("sample_fps", "fps")):
            if theirs in ours:
                if key in ours:
                    raise ContentError(f'{name} has both "{theirs}" and "{key}": give one of them')
                ours[key] = ours.pop(theirs)
    return ours


def _resize(block: dict[str, object], name: str) -> None:
    sides = [block.pop(key, None) for key in ("resized_width", "resized_height")]
    there = sum(side is not None for side in sides)
    if not there:
        return
    if there < len(sides):
        raise ContentError(f'{name} has one of "resized_width" and "resized_height": give both, in pixels')
    width, height = (_whole(side, "resized_width and resized_height", name) for side in sides)
    block["resized"] = (width, height)
    block.pop("min_pixels", None)
    block.pop("max_pixels", None)


def _count_frames(block: dict[str, object], name: str) -> None:
    if "nframes" not in block:
        return
    if "fps" in block:
        raise ContentError(f'{name} has both "nframes" and "fps": give one of them')
    count = round(_whole(block.pop("nframes"), "nframes", name) / _FRAMES_TOGETHER) * _FRAMES_TOGETHER
    if not count:
        raise ContentError(f"{name} has nframes=1, expected at least {_FRAMES_TOGETHER}")
    content = next((block[place] for place in ("video", *PLACES) if place in block), None)
    if isinstance(content, (list, tuple)):
        return  # of frames that are given one by one, all are read, as there
    block["max_frames"] = count
    if not is_tensor(content) and not isinstance(content, np.ndarray):  # whose fps is their own
        block["fps"] = LIMITS.highest_fps


def _whole(value: object, key: str, name: str) -> int:
    number = number_of(value)
    if not 1 <= number <= LIMITS.picture_pixels:
        raise ContentError(f"{name} has {key}={quoted(value)}, expected a whole number of at least 1")
    return round(number)
