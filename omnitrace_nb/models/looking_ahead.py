"""Positions that look at one another: in some models those of one picture see its later ones too."""

from __future__ import annotations

import numpy as np


def block_starts(ahead: np.ndarray) -> np.ndarray:
    """Give the first position of each one's block, `int64 [n]`, of neighbours that look at one another (`bool [n]`).

    Example:
        >>> block_starts(np.array([False, True, True, False, True])).tolist()
        [0, 1, 1, 3, 4]
    """
    within = ahead & np.concatenate([[False], ahead[:-1]])
    starts: np.ndarray = np.maximum.accumulate(np.where(within, 0, np.arange(len(ahead))))
    return starts
