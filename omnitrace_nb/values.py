"""Numbers as users give them."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeGuard


def number_of(value: object) -> float:
    """Give a real number as a float; NaN for what is none, infinity for what is beyond all floats.

    Compared with its bounds, NaN is outside all of them.

    Example:
        >>> number_of(2), number_of("2"), number_of(True), number_of(10**400)
        (2.0, nan, nan, inf)
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value == abs(value) else -math.inf


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether something is a whole number, of Python's or numpy's; true and false are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)
