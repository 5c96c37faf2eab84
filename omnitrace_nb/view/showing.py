"""What a notebook cell shows of a trace: the live widget, or only the static form (for docs, GitHub and exports)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import WeakKeyDictionary

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.view import build, hosts
from omnitrace_nb.view.fallback import static_form
from omnitrace_nb.view.plain import plain_text

if TYPE_CHECKING:
    from types import TracebackType

    from omnitrace_nb.trace import Trace

Mode = Literal["auto", "widget", "static"]
MODES: tuple[str, ...] = get_args(Mode)
VARIABLE = "OMNITRACE_NB_DISPLAY"


@dataclass
class _Setting:
    mode: str = "auto"


_setting = _Setting()
_seen: WeakKeyDictionary[Trace, object] = WeakKeyDictionary()


class Display:
    """What `display` returns: nothing to keep; as `with ot.display("static"):` it restores the former mode."""

    def __init__(self, former: str) -> None:
        """Remember what to restore."""
        self._former = former

    def __enter__(self) -> None:
        """Leave the mode as `display` has set it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the former mode."""
        _setting.mode = self._former

    def __repr__(self) -> str:
        """Say which mode holds."""
        return f"traces are shown as {current()!r}"


def display(mode: Mode) -> Display:
    """Choose what notebook cells show of traces from here on.

    Args:
        mode: "widget": the live view, with the static form for when the notebook is opened without a kernel; "static":
            the static form alone, which every export keeps (executed notebooks in docs, GitHub, `nbconvert`); "auto":
            "static" if the environment variable OMNITRACE_NB_DISPLAY says so, else "widget".

    Raises:
        SettingsError: another mode.

    Example:
        >>> with display("static"):
        ...     current()
        'static'
    """
    _check(mode)
    former, _setting.mode = _setting.mode, mode
    return Display(former)


def current() -> str:
    """Give the mode that holds: "widget" or "static"."""
    chosen = _setting.mode if _setting.mode != "auto" else os.environ.get(VARIABLE, "auto")
    _check(chosen)
    return "widget" if chosen == "auto" else chosen


def bundle(trace: Trace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what a notebook may show of a trace: `(data, metadata)` by MIME type; text where the cell has its view."""
    if (cell := _seen.get(trace)) is not None and cell == hosts.cell():
        return {"text/plain": repr(trace)}, {}
    if current() == "static":
        model = build.build(trace)
        return {"text/plain": plain_text(model), "text/html": static_form(model)}, {}
    from omnitrace_nb.view.widget import TraceView  # noqa: PLC0415 (ipywidgets is loaded when a widget is wanted)

    return TraceView(trace)._repr_mimebundle_()


def seen(trace: Trace) -> None:
    """Remember that the running cell shows a trace already; as the cell's last line, it is not shown once more."""
    _seen[trace] = hosts.cell()


def _check(chosen: object) -> None:
    if not isinstance(chosen, str) or chosen not in MODES:
        given = repr(chosen) if isinstance(chosen, str) else f"of {type(chosen).__name__}"
        raise SettingsError(
            f"display mode {given} is unknown; use one of {', '.join(map(repr, MODES))} (a trace shows itself as a "
            "cell's last line, or by trace.view())."
        )
