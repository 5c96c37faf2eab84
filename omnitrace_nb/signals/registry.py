"""The registry: names to signals."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeVar

from omnitrace_nb.capture.signal import Reading, Signal
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SIGNALS: dict[str, Signal] = {}
_Function = TypeVar("_Function", bound="Callable[..., object]")
_READINGS: tuple[Reading, ...] = ("mean", "last", "gradient", "baseline")


def register(name: str, *, reads: Iterable[Reading] | Reading = ()) -> Callable[[_Function], _Function]:
    """Make the decorated function a signal; its docstring's first line is the summary.

    With `reads`, the function is `Step -> [p]` and runs at every decoding step. Without, it is
    `(TeacherForced, steps [b]) -> [b, q]` and runs over the finished response, in batches.

    Registering a name again replaces it, so that a notebook cell can be run twice.

    Args:
        name: what users write.
        reads: what the function uses of a `Step`: "mean", "last", "gradient", "baseline".

    Raises:
        SignalError: an unusable name, or a reading that no step has.
    """
    wanted: frozenset[Reading] = frozenset([reads] if isinstance(reads, str) else reads)
    if not name.isidentifier():
        raise SignalError(f"signal name {name!r}: expected a Python identifier, such as 'my_signal'")
    if unknown := wanted - set(_READINGS):
        raise SignalError(f"signal {name!r} reads {sorted(unknown)}: expected some of {list(_READINGS)}")

    def add(function: _Function) -> _Function:
        summary = (function.__doc__ or name).strip().splitlines()[0]
        _SIGNALS[name] = Signal(
            name,
            summary,
            wanted,
            score=function if wanted else None,  # type: ignore[arg-type]
            explain=None if wanted else function,  # type: ignore[arg-type]
        )
        return function

    return add


def get(name: str) -> Signal:
    """Give the signal of a name.

    Raises:
        SignalError: no such signal; the message lists those there are.
    """
    try:
        return _SIGNALS[name]
    except (KeyError, TypeError):
        near = difflib.get_close_matches(str(name), _SIGNALS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SignalError(f"unknown signal {name!r}: {hint}there are {', '.join(names())}") from None


def names() -> tuple[str, ...]:
    """Give the names of all signals, in alphabetical order."""
    return tuple(sorted(_SIGNALS))
