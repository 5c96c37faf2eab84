"""Seeing a trace: one view model, and its forms: widget, static HTML, interactive page, plain text.

A trace is read through its public face only; nothing here knows a model, and only this room knows a widget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitrace_nb.view import build as _build
from omnitrace_nb.view.showing import Display, display
from omnitrace_nb.view.viewmodel import SCHEMA, ViewModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.comparison import CompareView
    from omnitrace_nb.view.widget import TraceView

__all__ = [
    "SCHEMA",
    "CompareView",
    "Display",
    "TraceView",
    "ViewModel",
    "compare",
    "display",
    "markdown",
    "mimebundle",
    "model",
    "page",
    "png",
    "static_html",
    "text",
]


def model(trace: Trace, signals: Sequence[str] | None = None) -> ViewModel:
    """Give what a view shows of a trace: plain values and arrays (see `ViewModel`).

    Args:
        trace: what to show.
        signals: those to choose from, the first one shown first; all of the trace's if left out.

    Raises:
        SignalError: a signal that the trace does not have.
    """
    return _build.build(trace, signals)


def text(trace: Trace, signal: str | None = None) -> str:
    """Give the statements with what they rest on, as plain text."""
    from omnitrace_nb.view.plain import plain_text  # noqa: PLC0415 (each form is loaded when it is wanted)

    return plain_text(_build.build(trace, None if signal is None else [signal]))


def static_html(trace: Trace, signal: str | None = None) -> str:
    """Give HTML that needs no script and survives the sanitisers of notebooks; for reopened notebooks and exports."""
    from omnitrace_nb.view.fallback import static_form  # noqa: PLC0415 (as above)

    return static_form(_build.build(trace, None if signal is None else [signal]))


def markdown(trace: Trace, signal: str | None = None) -> str:
    """Give the response, what each statement rests on, and the sources, as Markdown for GitHub."""
    from omnitrace_nb.view.marked import markdown_text  # noqa: PLC0415 (as above)

    return markdown_text(_build.build(trace, None if signal is None else [signal]))


def png(
    trace: Trace,
    statement: int | str | None = None,
    *,
    signal: str | None = None,
    **choices: Any,  # noqa: ANN401 (passed on)
) -> bytes:
    """Give the figure of a statement, or of the whole response, as PNG; see `Trace.to_png`."""
    from omnitrace_nb.view import figure  # noqa: PLC0415 (as above)

    return figure.png(_build.build(trace, None if signal is None else [signal]), statement, **choices)


def page(
    trace: Trace, signals: Sequence[str] | None = None, *, signal: str | None = None, pinned: int | str | None = None
) -> str:
    """Give the interactive view as one HTML page that needs neither network nor kernel; see `Trace.to_html`."""
    from omnitrace_nb.view.standalone import interactive_page  # noqa: PLC0415 (as above)

    return interactive_page(_build.build(trace, signals), signal=signal, pinned=pinned)


def mimebundle(trace: Trace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what a notebook may show of a trace, as data and metadata: HTML, text, and the widget unless "static"."""
    from omnitrace_nb.view.showing import bundle  # noqa: PLC0415 (as above)

    return bundle(trace)


def compare(*traces: Trace, **options: Any) -> CompareView:  # noqa: ANN401 (those of CompareView)
    """Show two to four traces side by side, linked: other models, prompts or media; one trace's signals, or settings.

    Args:
        traces: what was traced; one alone with several `signals` or `settings`.
        options: `signals`, `settings`, `names`, `mode`, `reference`, `pinned`, as `CompareView` takes them.

    Raises:
        SettingsError: fewer than two or more than four columns, or columns that do not fit together.
        SignalError: a signal that a trace does not have.

    Example:
        ot.compare(before, after, signals=["attmean"], mode="difference")
    """
    from omnitrace_nb.view.comparison import CompareView  # noqa: PLC0415 (ipywidgets is loaded when a widget is wanted)

    return CompareView(traces, **options)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name == "TraceView":
        from omnitrace_nb.view.widget import TraceView  # noqa: PLC0415 (ipywidgets is loaded when a widget is wanted)

        return TraceView
    if name == "CompareView":
        from omnitrace_nb.view.comparison import CompareView  # noqa: PLC0415 (as above)

        return CompareView
    raise AttributeError(f"module 'omnitrace_nb.view' has no attribute {name!r}")
