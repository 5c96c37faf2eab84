"""Shots: a film cut where its picture changes at once, through PySceneDetect, on the frames that the model is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.sources.given import Interval

if TYPE_CHECKING:
    from omnitrace_nb.sources.ways import Shots

SHORTEST = 0.5  # seconds
LONGEST_SIDE = 256  # pixels in which frames are compared, as PySceneDetect does itself


def shots(frames: np.ndarray, times: np.ndarray, duration: float, way: Shots) -> list[Interval]:
    """Give the shots of a film, in order; together they are the whole of it.

    A cut is placed at the first frame behind it, so that it is known as exactly as frames are dense.

    Args:
        frames: `uint8 [n, height, width, 3]`.
        times: seconds of each, `[n]`.
        duration: of the film, in seconds.
        way: how much neighbouring frames must differ, in the mean of hue, saturation and brightness (0-255).

    Raises:
        SettingsError: PySceneDetect is not installed.
    """
    try:
        from scenedetect import ContentDetector, FrameTimecode  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise SettingsError(
            'video="shots" needs PySceneDetect: pip install "omnitrace-nb[film]", or give intervals of your own.'
        ) from error
    detector = ContentDetector(threshold=way.threshold, min_scene_len=0)
    every = max(1, max(frames.shape[1:3], default=1) // LONGEST_SIDE)
    starts = [0.0]
    for at, frame in enumerate(frames):
        # Blue, green, red; the detector only counts frames, their times are ours.
        cuts = detector.process_frame(FrameTimecode(at, 1.0), np.ascontiguousarray(frame[::every, ::every, ::-1]))
        starts += [float(times[cut.frame_num]) for cut in cuts if times[cut.frame_num] - starts[-1] >= SHORTEST - 1e-6]
    ends = [*starts[1:], duration]
    return [
        Interval(start, end, f"shot {number}")
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
        if start < end
    ]
