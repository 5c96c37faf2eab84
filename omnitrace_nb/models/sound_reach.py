"""Which seconds of a sound an encoder's tokens stand for, where each of them hears more than its share.

Every moment goes to one token: of an encoder that looks back, to the one that hears it first; of one that looks both
ways, to the one whose centre is nearest.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from transformers import SequenceFeatureExtractor


def first_heard(newest: np.ndarray, duration: float) -> np.ndarray:
    """Give the seconds `[k, 2]` that each token is the first to hear.

    Args:
        newest: `[k]`, ascending, the latest second that each token hears.
        duration: the sound's, in seconds.

    Example:
        >>> first_heard(np.array([0.5, 1.0, 1.5]), duration=1.25).tolist()
        [[0.0, 0.5], [0.5, 1.0], [1.0, 1.25]]
    """
    return _between(np.concatenate([[0.0], newest]), duration)


def centred_seconds(centres: np.ndarray, duration: float) -> np.ndarray:
    """Give the seconds `[k, 2]` nearer to each token's centre (`[k]`, ascending) than to any other's.

    Example:
        >>> centred_seconds(np.array([0.0, 1.0, 2.0]), duration=2.25).tolist()
        [[0.0, 0.5], [0.5, 1.5], [1.5, 2.25]]
    """
    halfway = (centres[:-1] + centres[1:]) / 2
    return _between(np.concatenate([[0.0], halfway, [max(duration, float(centres[-1]))]]), duration)


def longest_read(extractor: SequenceFeatureExtractor) -> float:
    """Give how many seconds of a sound an extractor reads if nothing else is asked of it; it cuts off the rest."""
    called: Any = inspect.signature(type(extractor).__call__).parameters
    return float(called["max_length"].default / extractor.sampling_rate)


def _between(edges: np.ndarray, duration: float) -> np.ndarray:
    starts, ends = edges[:-1], edges[1:]
    # What lies beyond the sound keeps its own times, as the silence that it is filled up with.
    ends = np.where(starts < duration, np.minimum(ends, duration), ends)
    return np.stack([starts, ends], axis=-1).astype(np.float32)
