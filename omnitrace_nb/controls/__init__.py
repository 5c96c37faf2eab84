"""Bias controls: corrections of what a signal says, put behind it by `|`.

    >>> from omnitrace_nb import controls, signals
    >>> (signals.get("attmean") | controls.per_token | controls.without_sinks).label
    'attmean|per_token|without_sinks'

A control is a function of the scores, the finished run and the signal, so a new one is a few lines:

    >>> halved = controls.Control("halved", "a half of every score", lambda scores, run, signal: scores / 2)
    >>> (signals.get("attmean") | halved).label
    'attmean|halved'
"""

from omnitrace_nb.capture.signal import Control
from omnitrace_nb.controls.arithmetic import detrend, detrended, per_token, sinks, sinks_above, without_sinks
from omnitrace_nb.controls.subtraction import minus, minus_null, minus_swapped

__all__ = [
    "Control",
    "detrend",
    "detrended",
    "minus",
    "minus_null",
    "minus_swapped",
    "per_token",
    "sinks",
    "sinks_above",
    "without_sinks",
]
