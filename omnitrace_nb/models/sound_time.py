"""Which seconds of a sound an encoder's tokens stand for, where each stands for equally many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart


def even_seconds(tokens: int, each: float, duration: float) -> np.ndarray:
    """Give the seconds `[tokens, 2]` of tokens of `each` seconds; the last ones that a sound fills end with it.

    Tokens wholly beyond the sound, which stand for the silence it is filled up with, keep their own times.

    Example:
        >>> even_seconds(3, 0.5, duration=1.2).tolist()
        [[0.0, 0.5], [0.5, 1.0], [1.0, 1.2000000476837158]]
    """
    starts = np.arange(tokens) * each
    ends = np.where(starts < duration, np.minimum(starts + each, duration), starts + each)
    return np.stack([starts, ends], axis=-1).astype(np.float32)


def check_sounds(media: Sequence[LoadedPart], longest: float, model: str) -> None:
    """Refuse a sound of which a processor would cut off the end, unasked.

    Raises:
        ModelError: naming the part, its length and the longest that is read, in seconds.
    """
    for loaded in media:
        if isinstance(loaded.content, Sound) and loaded.content.duration > longest + 1e-6:
            raise ModelError(
                f"Part {loaded.index + 1} is a sound of {loaded.content.duration:.1f} s, but {model} reads at most "
                f"{longest:g} s of a sound and would cut off the rest: cut it into parts, such as "
                f"ot.Audio(path, start=0, end={longest:g})."
            )
