"""Arguments of public calls: which one was of the wrong kind, when a call ends in an exception that is none of ours.

Looked at only then, so that a call that works costs nothing, and a fault of our own stays what it is.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from omnitrace_nb.errors import OmnitraceError, SettingsError
from omnitrace_nb.quoting import quoted

Given = ParamSpec("Given")
Result = TypeVar("Result")

_MOST = 2**63  # no number that anybody means is larger
_LISTS = (list, tuple, set, frozenset)
NAMES = (str, list, tuple)


def told(**kinds: type | tuple[type, ...]) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Make a call say which argument is of the wrong kind, in a `SettingsError`, where it would end in another error.

    Args:
        kinds: for each argument, of what type it may be; what a list may hold are the types beside list and tuple, and
            keys of mappings are strings. None is right where it is the default.

    Example:
        >>> @told(text=str)
        ... def length(text: str) -> int:
        ...     return len(text)
        >>> length(5)
        Traceback (most recent call last):
        omnitrace_nb.errors.SettingsError: length: text=5 is a int, expected str
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @functools.wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            try:
                return function(*args, **kwargs)
            except OmnitraceError:
                raise
            except Exception as error:
                wrong = _wrong(function, kinds, args, kwargs)
                if wrong is None:
                    raise
                raise SettingsError(wrong) from error

        return call

    return decorate


def _wrong(
    function: Callable[..., Any],
    kinds: Mapping[str, type | tuple[type, ...]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> str | None:
    """Say which argument is of the wrong kind; None if none is, or if the call itself was no call."""
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return None
    for name, value in bound.items():
        parameter = signature.parameters[name]
        if name not in kinds or value is parameter.default:
            continue
        kind = kinds[name]
        allowed: tuple[type, ...] = kind if isinstance(kind, tuple) else (kind,)
        each = value if parameter.kind is parameter.VAR_POSITIONAL else (value,)
        for one in each:
            if not _fits(one, allowed):
                words = " or ".join(dict.fromkeys(one_kind.__name__ for one_kind in allowed))
                call = function.__qualname__.removesuffix(".__init__")
                said = f"{call}: {name}={quoted(one)}"
                if isinstance(one, int) and isinstance(one, allowed) and abs(one) >= _MOST:
                    return f"{said} is larger than any number that is meant here: give a smaller one"
                return f"{said} is a {type(one).__name__}, expected {words}"
    return None


def _fits(value: object, allowed: tuple[type, ...]) -> bool:
    if not isinstance(value, allowed) or (isinstance(value, bool) and not {bool, object} & set(allowed)):
        return False
    if isinstance(value, int) and abs(value) >= _MOST:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value)
    if isinstance(value, _LISTS):
        inner = tuple(kind for kind in allowed if kind not in _LISTS)
        return all(isinstance(one, inner) and _fits(one, inner) for one in value)
    return True
