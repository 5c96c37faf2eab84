"""What can be chosen and selected in a view, as plain values."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.numbering import index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omnitrace_nb.view.records import ViewPart
    from omnitrace_nb.view.viewmodel import ViewModel

FORMS = (
    '{"steps": [first, stop]}, {"source": id}, {"part": i, "time": [t0, t1]} in seconds, '
    '{"part": i, "box": [left, top, right, bottom]} in pixels, {"part": i, "chars": [start, end]}, or None'
)


def check_selection(selection: Mapping[str, Any] | None, model: ViewModel) -> dict[str, Any] | None:
    """Give a selection with plain numbers.

    Raises:
        SettingsError: another form, or something that the trace does not have.
    """
    if selection is None:
        return None
    keys = set(selection)
    if keys == {"steps"}:
        return {"steps": _steps(selection["steps"], len(model.said.pieces))}
    if keys == {"source"}:
        return {"source": _index(selection["source"], len(model.sources), "source")}
    if keys in ({"part", "time"}, {"part", "box"}, {"part", "chars"}):
        part = model.parts[_index(selection["part"], len(model.parts), "part")]
        if "time" in keys:
            if part.kind not in {"audio", "video"}:
                raise SettingsError(f"{part.label} has no time; select a source of it, or a part with sound or film.")
            return {"part": part.index, "time": _numbers(selection["time"], 2, "time")}
        if "chars" in keys:
            return {"part": part.index, "chars": _chars(selection["chars"], part)}
        if part.kind not in {"image", "video"}:
            raise SettingsError(f"{part.label} has no picture; a box can be selected in pictures and films.")
        return {"part": part.index, "box": _numbers(selection["box"], 4, "box")}
    raise SettingsError(f"selection={dict(selection)!r} is not known; use {FORMS}.")


def _index(value: object, count: int, noun: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
        there = f"there are 0 to {count - 1}" if count else "there is none"
        raise SettingsError(f"{value!r} is no {noun}: {there}.")
    return value


def _steps(value: object, count: int) -> list[int]:
    first, stop = (int(each) for each in _numbers(value, 2, "steps"))
    if not 0 <= first < stop <= count:
        raise SettingsError(f"steps={value!r} is no range of the response's {count} steps; give [first, stop].")
    return [first, stop]


def _chars(value: object, part: ViewPart) -> list[int]:
    length = len(part.text or "")
    if part.text is None:
        raise SettingsError(f"{part.label} has no text; characters can be selected in texts.")
    start, end = (int(each) for each in _numbers(value, 2, "chars"))
    if not 0 <= start < end <= length:
        raise SettingsError(f"chars={value!r} is no part of {part.label}, which has {length} characters.")
    return [start, end]


def _numbers(value: object, count: int, noun: str) -> list[float]:
    if (
        not isinstance(value, (list, tuple))
        or len(value) != count
        or not all(isinstance(each, Real) and not isinstance(each, bool) and math.isfinite(each) for each in value)
    ):
        raise SettingsError(f"{noun}={value!r} is not usable; give {count} numbers.")
    return [float(each) for each in value]


def check_pinned(pinned: int | str | None, model: ViewModel) -> int | None:
    """Give the number of a statement that is named by it or by its text, or None; `SettingsError` for any other."""
    return None if pinned is None else 1 + index(pinned, [each.text for each in model.statements], "pinned")


def pinned_sent(pinned: int | None, _widget: object = None) -> int | None:
    """Give the index that a front end knows a pinned statement by."""
    return None if pinned is None else pinned - 1


def pinned_received(sent: Any, _widget: object = None) -> Any:  # noqa: ANN401 (whatever a front end sends)
    """Give the number of the statement that a front end has pinned."""
    return sent + 1 if isinstance(sent, int) and not isinstance(sent, bool) else sent


def check_signal(signal: str, model: ViewModel) -> str:
    """Give the name of a signal; `SignalError` for one that the view does not have."""
    if model.signals and signal not in model.signals:
        names = ", ".join(map(repr, model.signals))
        raise SignalError(f"This view has no signal {signal!r}; it has {names}.")
    return signal
