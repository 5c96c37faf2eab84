"""Two to four columns side by side, linked: signals of one trace, or traces of other models, prompts or media."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from omnitrace_nb import comparing
from omnitrace_nb.arguments import NAMES, told
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.trace import Trace
from omnitrace_nb.view import originals
from omnitrace_nb.view.linked import LinkedWidget
from omnitrace_nb.view.packing import pack
from omnitrace_nb.view.selection import check_pinned, pinned_received, pinned_sent
from omnitrace_nb.view.sides import Sides
from omnitrace_nb.view.together import drawn_agreement, static_comparison, text_comparison
from omnitrace_nb.writing import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from omnitrace_nb.writing import Target

MOST = 4  # columns that a page has room for
MODES = ("side by side", "difference")


class CompareView(LinkedWidget):
    """The linked view of two to four columns, for notebooks; without a front end it works as plain values.

    Args:
        traces: what was traced.
        signals: by which signal each is read; one for all, or one for each column.
        settings: changes to the curation of each, such as `[{}, {"question": False}]`.
        names: what the columns are called; made of what differs if left out.
        mode: how they are shown at first.
        reference: the column that the difference is taken from, counted from 0; the last one if left out.
        pinned: the statement to pin, by its number in the first column's trace or its text.

    Attributes:
        pinned: the number of the pinned statement in the first column's trace, or None. Clicking a statement in any
            column, a dot of the agreement or a line beneath it sets it.
        signals: the signal of each column; set it to compare others.
        mode: "side by side", or "difference": every column but the reference minus the reference.
        reference: see above.
        agreement: how far the columns agree on each statement, disagreements first (docs/tables.md).

    Raises:
        SettingsError: fewer than two or more than four columns, or columns that do not fit together.
        SignalError: a signal that a trace does not have.

    Example:
        view = trace.compare("attmean", "attgrads", mode="difference")
        view.pinned = int(view.agreement["statement"].iloc[0])
    """

    _checked = frozenset({"pinned", "mode", "reference", "signals"})

    columns = traitlets.Dict(read_only=True).tag(sync=True)
    pinned = traitlets.Int(None, allow_none=True).tag(sync=True, to_json=pinned_sent, from_json=pinned_received)
    signals = traitlets.List(traitlets.Unicode()).tag(sync=True)
    mode = traitlets.Unicode(MODES[0]).tag(sync=True)
    reference = traitlets.Int().tag(sync=True)
    prompt = traitlets.Bytes(read_only=True).tag(sync=True)
    response = traitlets.Bytes(read_only=True).tag(sync=True)
    chart = traitlets.Bytes(read_only=True).tag(sync=True)

    @told(
        traces=(Trace, list, tuple),
        signals=NAMES,
        settings=(Mapping, list, tuple),
        names=NAMES,
        mode=str,
        reference=int,
        pinned=int,
    )
    def __init__(
        self,
        traces: Sequence[Trace],
        *,
        signals: Sequence[str] | None = None,
        settings: Sequence[Mapping[str, Any]] | None = None,
        names: Sequence[str] | None = None,
        mode: str = MODES[0],
        reference: int | None = None,
        pinned: int | str | None = None,
        **unknown: Any,  # noqa: ANN401 (refused below: widgets would take any keyword silently)
    ) -> None:
        """Build the columns and hand them to the front end."""
        if unknown:
            raise SettingsError(
                f"A comparison has no setting {', '.join(map(repr, unknown))}; it has signals, settings, names, mode, "
                "reference and pinned. Check the spelling."
            )
        self._traces, self._settings, self._names = tuple(traces), settings, names
        self._sides = self._made(signals)
        super().__init__()
        with self.hold_sync():
            self._hand_over()
            self.signals = [column.signal for column in self._sides.columns]
            self.mode = mode
            self.reference = len(self._sides.columns) - 1 if reference is None else reference
            self.pinned = check_pinned(pinned, self._sides.models[0])
        self.observe(self._take_signals, names="signals")
        self.on_msg(self._answer)

    @property
    def agreement(self) -> pd.DataFrame:
        """How far the columns agree on each statement, disagreements first (docs/tables.md)."""
        return self._sides.agreement.copy()

    def to_html(self, path: Target | None = None) -> str:
        """Give the comparison as one interactive page that needs no network; write it to `path` if given.

        Raises:
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.view.together import comparison_page  # noqa: PLC0415 (only this form needs it)

        state = self.get_state(["columns", "pinned", "signals", "mode", "reference", "error"])
        buffers = {name: getattr(self, name) for name in ("prompt", "response", "chart")}
        page = comparison_page(self._sides, state, buffers)
        if path is not None:
            write(path, page)
        return page

    def __repr__(self) -> str:
        """Say what is compared."""
        names = ", ".join(column.name for column in self._sides.columns)
        return f"CompareView({names}; mode={self.mode!r}, pinned={self.pinned!r})"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the widget, and what is shown where it cannot be: static HTML and text; those alone if "static"."""
        from omnitrace_nb.view.showing import current  # noqa: PLC0415 (it knows widgets)

        fallback = {"text/plain": text_comparison(self._sides), "text/html": static_comparison(self._sides)}
        if current() == "static":
            return fallback, {}
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return {**data, **fallback}, metadata

    def _made(self, signals: Sequence[str] | None) -> Sides:
        columns = comparing.columns(self._traces, signals, self._settings, self._names)
        if len(columns) > MOST:
            raise SettingsError(
                f"{len(columns)} columns do not fit side by side; give two to {MOST} (trace.charts.agreement draws "
                "more signals)."
            )
        return Sides(columns)

    def _hand_over(self) -> None:
        sides = self._sides
        self.set_trait("columns", sides.document())
        self.set_trait("prompt", b"".join(model.prompt() for model in sides.models))
        self.set_trait("response", b"".join(model.response() for model in sides.models))
        self.set_trait("chart", pack({"svg": drawn_agreement(sides)}, {}))

    def _take_signals(self, change: dict[str, Any]) -> None:
        self._sides = self._made(change["new"])
        with self.hold_sync():
            self._hand_over()

    def _answer(self, _widget: object, content: Mapping[str, Any], _buffers: object) -> None:
        """Answer the front end's question for the original of a part."""
        if content.get("type") != "media":
            return
        trace = content.get("trace")
        if isinstance(trace, int) and 0 <= trace < len(self._sides.models):
            said, buffers = originals.answer(self._sides.models[trace], content)
            self.send({**said, "trace": trace}, buffers)

    @traitlets.validate("pinned")
    def _valid_pinned(self, proposal: dict[str, Any]) -> int | None:
        return check_pinned(proposal["value"], self._sides.models[0])

    @traitlets.validate("mode")
    def _valid_mode(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in MODES:
            raise SettingsError(f"mode={proposal['value']!r} is unknown; use {' or '.join(map(repr, MODES))}.")
        return str(proposal["value"])

    @traitlets.validate("reference")
    def _valid_reference(self, proposal: dict[str, Any]) -> int:
        count = len(self._sides.columns)
        if not 0 <= proposal["value"] < count:
            raise SettingsError(f"reference={proposal['value']} is no column: there are 0 to {count - 1}.")
        return int(proposal["value"])

    @traitlets.validate("signals")
    def _valid_signals(self, proposal: dict[str, Any]) -> list[str]:
        signals: list[str] = proposal["value"]
        columns = self._sides.columns
        if len(signals) != len(columns):
            raise SettingsError(f"{len(signals)} signals do not fit {len(columns)} columns; give one for each.")
        for column, signal in zip(columns, signals, strict=True):
            if signal not in column.trace.signals:
                there = ", ".join(map(repr, column.trace.signals))
                raise SignalError(f"{column.name!r}: this trace has no signal {signal!r}; it has {there}.")
        self._made(signals)
        return signals
