"""A film's time: when its frames are taken, and how its pictures and its sound end together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import MediaNeeds, Sound

ROUNDING = 1e-6  # seconds
_SCRAP = 0.1  # of the time between two frames: a film of 6.006 s is one of 6 s, not one with a frame more
PADDING = 0.1  # seconds; encoders fill their last block of sound with silence


def sample_times(duration: float, needs: MediaNeeds) -> tuple[np.ndarray, float]:
    """Give the times in seconds to take frames at, `k / fps` within `duration`, and the fps.

    At least one frame, at most `needs.max_frames`: a film too long for its rate is sampled at a lower, even one. What
    remains at the end, if it is less than a tenth of the time between two frames, gets no frame of its own.
    """
    fps = needs.fps
    count = max(1, math.ceil(duration * fps - _SCRAP))
    if count > needs.max_frames:
        count = needs.max_frames
        fps = count / duration
    return np.arange(count) / fps, fps


def common_end(duration: float, track: Sound | None) -> tuple[float, Sound | None]:
    """Give a film's duration and its sound, from the duration of its pictures alone.

    Sound that outlasts the pictures makes the film longer; what an encoder padded it with does not, and is cut.
    """
    if track is None or track.duration <= duration:
        return duration, track
    if track.duration > duration + PADDING:
        return track.duration, track
    kept = track.samples[: round(duration * track.sampling_rate)]
    return duration, replace(track, samples=kept, duration=duration)
