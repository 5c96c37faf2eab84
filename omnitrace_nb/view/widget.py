"""The live view: one anywidget; all linking runs in the browser, and Python sees what was pinned, selected and set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from omnitrace_nb.arguments import NAMES, told
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.trace import Trace
from omnitrace_nb.view import originals
from omnitrace_nb.view.build import build, settings_of
from omnitrace_nb.view.fallback import static_form
from omnitrace_nb.view.linked import LinkedWidget
from omnitrace_nb.view.plain import plain_text
from omnitrace_nb.view.selection import check_pinned, check_selection, check_signal, pinned_received, pinned_sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


class TraceView(LinkedWidget):
    """The linked view of a trace, for notebooks; it works without a front end too, as plain values.

    Args:
        trace: what to show.
        signals: the signals to choose from; all of the trace's if left out.
        signal: the one to show first.
        pinned: the statement to pin, by its number or its text.
        settings: settings of the curation to begin with, such as `{"gamma": 1.0}`; the trace's own if left out.
        playground: whether the panel of the settings is open.

    Attributes:
        pinned: the number of the pinned statement (its `id` in `trace.statements`), or None. Clicking a statement, or
            Enter on it, sets it; setting it pins the statement in every copy of the view. Observe it with
            `view.observe(function, names="pinned")`.
        selection: what else is pinned, or None: `{"steps": [first, stop]}` (tokens dragged over), `{"source": id}`,
            `{"part": i, "time": [t0, t1]}` in seconds, `{"part": i, "box": [left, top, right, bottom]}` in pixels, or
            `{"part": i, "chars": [start, end]}` in characters of a text.
            Setting one of `pinned` and `selection` clears the other.
        settings: the curation's settings, all of them, by name (see `CurationSettings`); some may be set alone.
        playground: whether the panel is open in which the settings are changed and every vote is shown.
        signal: the name of the signal that is shown.
        spans: the spans (docs/tables.md) of that signal under those settings, as the view shows them.

    Raises:
        SettingsError: an unknown keyword, a setting out of range, or what the trace does not have.
        SignalError: a signal that the trace, or `signals`, does not have.

    Example:
        view = trace.view(signal="attmean")
        view.pinned = 1
    """

    _checked = frozenset({"pinned", "selection", "settings", "signal"})

    pinned = traitlets.Int(None, allow_none=True).tag(sync=True, to_json=pinned_sent, from_json=pinned_received)
    selection = traitlets.Dict(None, allow_none=True).tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    playground = traitlets.Bool().tag(sync=True)
    signal = traitlets.Unicode().tag(sync=True)
    # Bytes stand at the top level: nested ones are lost by some hosts when state is saved.
    prompt = traitlets.Bytes(read_only=True).tag(sync=True)
    response = traitlets.Bytes(read_only=True).tag(sync=True)
    # How far a trace is that is being made (`view.live`): {"running": bool, "steps": int, "most": int, "words": str}
    live = traitlets.Dict().tag(sync=True)

    @told(trace=Trace, signals=NAMES, signal=str, pinned=int, settings=Mapping, playground=bool)
    def __init__(
        self,
        trace: Trace,
        *,
        signals: Sequence[str] | None = None,
        signal: str | None = None,
        pinned: int | str | None = None,
        settings: Mapping[str, Any] | None = None,
        playground: bool = False,
        **unknown: Any,  # noqa: ANN401 (refused below: widgets would take any keyword silently)
    ) -> None:
        """Build the view model and hand it to the front end."""
        if unknown:
            names = ", ".join(map(repr, unknown))
            raise SettingsError(
                f"TraceView has no setting {names}; it has signals, signal, pinned, settings and playground. "
                "Check the spelling."
            )
        self._trace = trace
        self._signals = None if signals is None else tuple(signals)
        self._model = build(trace, signals)
        super().__init__()
        with self.hold_sync():
            self.set_trait("prompt", self._model.prompt())
            self.set_trait("response", self._model.response())
            first = signal if signal is not None or not self._model.signals else self._model.signals[0]
            if first is not None:
                self.signal = first
            self.pinned = check_pinned(pinned, self._model)
            self.settings = dict(settings or {})
            self.playground = playground
        self.on_msg(self._answer)

    @property
    def spans(self) -> pd.DataFrame:
        """The spans of the signal shown, under the settings shown (docs/tables.md)."""
        spans = self._trace.curate(**self.settings)
        return spans[spans["signal"] == self.signal].reset_index(drop=True)

    @told(trace=Trace)
    def show(self, trace: Trace) -> None:
        """Show another trace of the same prompt in this view, such as the same one with more tokens."""
        model = build(trace, [name for name in self._signals or () if name in trace.signals] or None)
        if trace.continues(self._trace) and model.signals == self._model.signals:
            model.later.continue_from(self._model.later)
        self._trace, self._model = trace, model
        with self.hold_sync():
            self.set_trait("response", model.response())
            if self.pinned is not None and self.pinned > len(model.statements):
                self.pinned = None
            if self.selection is not None and self.selection.get("steps", [0, 0])[1] > len(model.said.pieces):
                self.selection = None
            if self.signal not in model.signals:
                self.signal = model.signals[0] if model.signals else ""

    def __repr__(self) -> str:
        """Say what is shown."""
        return f"TraceView(signal={self.signal!r}, pinned={self.pinned!r}, statements={len(self._model.statements)})"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the widget, and what is shown where it cannot be: static HTML and text."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        shown = self._model.signals.index(self.signal) if self._model.signals else 0
        fallback = {"text/plain": plain_text(self._model, shown), "text/html": static_form(self._model, shown)}
        return {**data, **fallback}, metadata

    def _answer(self, _widget: object, content: Mapping[str, Any], _buffers: object) -> None:
        """Answer the front end's question for the original of a part."""
        if content.get("type") == "media":
            said, buffers = originals.answer(self._model, content)
            self.send(said, buffers)

    @traitlets.validate("pinned")
    def _valid_pinned(self, proposal: dict[str, Any]) -> int | None:
        return check_pinned(proposal["value"], self._model)

    @traitlets.validate("selection")
    def _valid_selection(self, proposal: dict[str, Any]) -> dict[str, Any] | None:
        return check_selection(proposal["value"], self._model)

    @traitlets.validate("settings")
    def _valid_settings(self, proposal: dict[str, Any]) -> dict[str, Any]:
        return settings_of(self._trace.settings.but(**proposal["value"]))

    @traitlets.validate("signal")
    def _valid_signal(self, proposal: dict[str, Any]) -> str:
        return check_signal(proposal["value"], self._model)

    @traitlets.observe("pinned")
    def _pinned_alone(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self.selection = None

    @traitlets.observe("selection")
    def _selection_alone(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self.pinned = None
