"""Numbers as users give them."""

from __future__ import annotations

import math
from numbers import Real


def number_of(value: object) -> float:
    """Give a real number as a float; NaN for what is none, infinity for what is beyond all floats."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value == abs(value) else -math.inf
