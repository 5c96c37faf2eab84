"""Steps by statement, in one pass over the steps, however many statements there are."""

from __future__ import annotations

import numpy as np


def steps_of(statement_of: np.ndarray, statements: int) -> list[np.ndarray]:
    """Give the steps of each statement, in order: `int64 [k]` each; -1 stands for none.

    Example:
        >>> [own.tolist() for own in steps_of(np.array([1, -1, 0, 1]), 3)]
        [[2], [0, 3], []]
    """
    order = np.argsort(statement_of, kind="stable")
    bounds = np.searchsorted(statement_of[order], np.arange(statements + 1))
    return np.split(order, bounds)[1:-1]
