"""The live view: one anywidget; all linking runs in the browser, and Python sees what was pinned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.view.build import build
from omnitrace_nb.view.fallback import static_form
from omnitrace_nb.view.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace

STATIC = Path(__file__).parent.parent / "static"


class TraceView(anywidget.AnyWidget):
    """The linked view of a trace, for notebooks; it works without a front end too, as plain values.

    Args:
        trace: what to show.
        signals: the signals to choose from; all of the trace's if left out.
        signal: the one to show first.
        pinned: the statement to pin.

    Attributes:
        pinned: the number of the pinned statement (its `id` in `trace.statements`), or None. Clicking a statement, or
            Enter on it, sets it; setting it pins the statement in every copy of the view. Observe it with
            `view.observe(function, names="pinned")`. A *source* that is pinned by a click lights up its statements in
            that copy alone and leaves `pinned` None.
        signal: the name of the signal that is shown; set from either side too.

    Raises:
        SettingsError: an unknown keyword, or a statement that the response does not have.
        SignalError: a signal that the trace, or `signals`, does not have.

    Example:
        view = trace.view(signal="attmean")
        view.pinned = 0
    """

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"

    pinned = traitlets.Int(None, allow_none=True).tag(sync=True)
    signal = traitlets.Unicode().tag(sync=True)
    document = traitlets.Dict(read_only=True).tag(sync=True)
    # One trait an array, at the top level: nested bytes are lost by some hosts when state is saved.
    heat = traitlets.Bytes(read_only=True).tag(sync=True)
    scale = traitlets.Bytes(read_only=True).tag(sync=True)
    share = traitlets.Bytes(read_only=True).tag(sync=True)
    chars = traitlets.Bytes(read_only=True).tag(sync=True)
    peaks = traitlets.Bytes(read_only=True).tag(sync=True)
    thumbnails = traitlets.Bytes(read_only=True).tag(sync=True)
    media = traitlets.Bytes(read_only=True).tag(sync=True)

    def __init__(
        self,
        trace: Trace,
        *,
        signals: Sequence[str] | None = None,
        signal: str | None = None,
        pinned: int | None = None,
        **unknown: Any,  # noqa: ANN401 (refused below: widgets would take any keyword silently)
    ) -> None:
        """Build the view model and hand it to the front end."""
        if unknown:
            names = ", ".join(map(repr, unknown))
            raise SettingsError(
                f"TraceView has no setting {names}; it has signals, signal and pinned. Check the spelling."
            )
        self._model = build(trace, signals)
        document, buffers = self._model.state()
        super().__init__()
        with self.hold_sync():
            self.set_trait("document", document)
            for name, data in buffers.items():
                self.set_trait(name, data)
            first = signal if signal is not None or not self._model.signals else self._model.signals[0]
            if first is not None:
                self.signal = first
            self.pinned = pinned

    def __repr__(self) -> str:
        """Say what is shown."""
        return f"TraceView(signal={self.signal!r}, pinned={self.pinned!r}, statements={len(self._model.statements)})"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the widget, and what is shown where it cannot be: static HTML and text."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        shown = self._model.signals.index(self.signal) if self._model.signals else 0
        fallback = {"text/plain": plain_text(self._model, shown), "text/html": static_form(self._model, shown)}
        return {**data, **fallback}, metadata

    @traitlets.validate("pinned")
    def _valid_pinned(self, proposal: dict[str, Any]) -> int | None:
        pinned: int | None = proposal["value"]
        count = len(self._model.statements)
        if pinned is not None and not 0 <= pinned < count:
            there = f"the response's statements are 0 to {count - 1}" if count else "the response has no statement"
            raise SettingsError(f"pinned={pinned} is no statement: {there}; None unpins.")
        return pinned

    @traitlets.validate("signal")
    def _valid_signal(self, proposal: dict[str, Any]) -> str:
        signal: str = proposal["value"]
        if self._model.signals and signal not in self._model.signals:
            names = ", ".join(map(repr, self._model.signals))
            raise SignalError(f"This view has no signal {signal!r}; it has {names}.")
        return signal
