"""Bias controls: corrections of what a signal says, put behind it by `|`.

    >>> from omnitrace_nb import controls, signals
    >>> (signals.get("attmean") | controls.per_token | controls.without_sinks).label
    'attmean|per_token|without_sinks'

A control is a function of the scores, the finished run and the signal, so a new one is a few lines:

    >>> halved = controls.Control("halved", "a half of every score", lambda scores, run, signal: scores / 2)
    >>> (signals.get("attmean") | halved).label
    'attmean|halved'
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Control
from omnitrace_nb.controls.arithmetic import clamped, detrend, detrended, per_token, sinks, sinks_above, without_sinks
from omnitrace_nb.controls.subtraction import minus, minus_null, minus_swapped
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    import pandas as pd

_CONTROLS = {each.name: each for each in (per_token, without_sinks, detrended, minus_null, minus_swapped, clamped)}


@told(name=str)
def get(name: str) -> Control:
    """Give the control of a name, as it stands behind the bar in a signal's label.

    Raises:
        SignalError: no such control; the message lists those there are.
    """
    if name not in _CONTROLS:
        near = difflib.get_close_matches(name, _CONTROLS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SignalError(
            f"unknown control {name!r}: {hint}there are {', '.join(names())}; one with other settings is made by "
            "ot.controls.minus, .detrend or .sinks_above"
        )
    return _CONTROLS[name]


def names() -> tuple[str, ...]:
    """Give the names of all controls, in alphabetical order."""
    return tuple(sorted(_CONTROLS))


def table() -> pd.DataFrame:
    """Give a row a control: name, summary (its formula)."""
    import pandas as pd  # noqa: PLC0415 - controls are used without tables too

    return pd.DataFrame({"name": names(), "summary": [_CONTROLS[name].summary for name in names()]})


def __dir__() -> tuple[str, ...]:
    return tuple(__all__)


list = table  # noqa: A001 - read as `ot.controls.list()`


__all__ = [
    "Control",
    "clamped",
    "detrend",
    "detrended",
    "get",
    "list",
    "minus",
    "minus_null",
    "minus_swapped",
    "names",
    "per_token",
    "sinks",
    "sinks_above",
    "without_sinks",
]
