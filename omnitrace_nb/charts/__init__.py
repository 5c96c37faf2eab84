"""Charts of a trace: altair charts that draw offline in notebooks and stay as pictures in exports (docs/charts.md).

trace.charts.sources()
trace.charts.modalities() | trace.charts.steps("attmean")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitrace_nb.arguments import NAMES, told
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace

__all__ = ["Charts", "offline"]

_NO_SIGNAL = "This trace has no signal."
_NO_STATEMENT = "The response has no statement."


class Charts:
    """The charts of one trace; each is a fresh `alt.Chart`, or several joined, to be changed as any other."""

    def __init__(self, trace: Trace) -> None:
        """Remember what is drawn."""
        self._trace = trace

    def __repr__(self) -> str:
        """Name the charts."""
        return f"<charts of a trace: {', '.join(f'{name}()' for name in CHARTS)}>"

    @told(signal=str)
    def sources(self, signal: str | None = None) -> Any:  # noqa: ANN401 (an alt.LayerChart; altair is loaded when used)
        """Draw statements x sources: each source's share of the statement's mass, the selected ones outlined.

        Args:
            signal: by which signal; the trace's first if left out, here and below.

        Raises:
            SignalError: a signal that the trace does not have.
        """
        frames, drawings = _loaded()
        name = self._signal(signal)
        frame = frames.matrix(self._trace, name) if name else None
        return drawings.matrix(frame, name) if _some(frame) else drawings.nothing(self._why())

    @told(signal=str)
    def modalities(self, signal: str | None = None) -> Any:  # noqa: ANN401 (an alt.Chart)
        """Draw each statement's evidence by modality (`trace.modalities`)."""
        frames, drawings = _loaded()
        name = self._signal(signal)
        frame = frames.modalities(self._trace, name) if name else None
        return drawings.modalities(frame, name) if _some(frame) else drawings.nothing(self._why())

    @told(signal=str)
    def steps(self, signal: str | None = None) -> Any:  # noqa: ANN401 (an alt.LayerChart)
        """Draw where the scores of each step went: modalities, question, template, the response's own words."""
        frames, drawings = _loaded()
        name = self._signal(signal)
        frame = frames.steps(self._trace, name) if name else None
        if not _some(frame):
            return drawings.nothing(self._why())
        return drawings.steps(frame, frames.statement_starts(self._trace), name)

    @told(signal=str)
    def confidence(self, signal: str | None = None) -> Any:  # noqa: ANN401 (an alt.LayerChart)
        """Draw each step's confidence, the mass of its source (`trace.votes`), by that source's modality."""
        frames, drawings = _loaded()
        name = self._signal(signal)
        frame = frames.confidence(self._trace, name) if name else None
        if not _some(frame):
            return drawings.nothing(self._why())
        return drawings.confidence(frame, frames.statement_starts(self._trace), name)

    @told(signal=NAMES)
    def positions(self, signal: str | Sequence[str] | None = None) -> Any:  # noqa: ANN401 (layered or faceted)
        """Draw where in the prompt the credited sources lie, 0 to 1, against uniform (the paper's Figure 3a).

        Args:
            signal: one signal, or several side by side; all of the trace's if left out.

        Raises:
            SignalError: a signal that the trace does not have.
        """
        frames, drawings = _loaded()
        names = list(self._trace.signals) if signal is None else [signal] if isinstance(signal, str) else list(signal)
        for name in names:
            self._signal(name)
        return (
            drawings.positions(frames.positions(self._trace, names), names) if names else drawings.nothing(_NO_SIGNAL)
        )

    def cost(self) -> Any:  # noqa: ANN401 (an alt.LayerChart)
        """Draw what the decode and each signal took: seconds, forwards and backwards."""
        frames, drawings = _loaded()
        return drawings.cost(frames.cost(self._trace))

    @told(signals=str, top=int)
    def agreement(self, *signals: str, top: int = 3) -> Any:  # noqa: ANN401 (an alt.HConcatChart)
        """Draw how far signals agree on each statement (`trace.agreement`), disagreements first.

        Args:
            signals: two or more; all of the trace's if left out. Of more than four, each is compared with the first.
            top: how many sources with the largest masses are compared.

        Raises:
            SettingsError: fewer than two signals.
            SignalError: a signal that the trace does not have.
        """
        frames, drawings = _loaded()
        table = self._trace.agreement(*signals, top=top)
        names = signals or self._trace.signals
        if len(names) > drawings.MOST_TOGETHER:
            table = table[table["left"] == names[0]]
        frame = frames.agreement(self._trace, table)
        if not _some(frame):
            return drawings.nothing("No statement has numbers that can be compared.")
        return drawings.agreement(frame, names, top, left_out=max(0, len(table) - frames.MOST_PAIRS))

    def _signal(self, signal: str | None) -> str:
        """Give the signal asked for, or the first; "" if there is none."""
        there = self._trace.signals
        if signal is not None and signal not in there:
            listed = ", ".join(map(repr, there)) or "none"
            raise SignalError(f"This trace has no signal {signal!r}; it has {listed}.")
        return signal or next(iter(there), "")

    def _why(self) -> str:
        if not self._trace.signals:
            return _NO_SIGNAL
        return "No step has a source with a mass above 0." if self._trace.statement_chars else _NO_STATEMENT


CHARTS = ("sources", "modalities", "steps", "confidence", "positions", "cost", "agreement")


def _some(frame: Any) -> bool:  # noqa: ANN401 (a table or None)
    return frame is not None and len(frame) > 0


def _loaded() -> Any:  # noqa: ANN401 (two modules)
    """Import what draws: altair takes a second, and most traces are not charted."""
    from omnitrace_nb.charts import drawings, frames  # noqa: PLC0415 (as it says)

    return frames, drawings


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name == "offline":
        from omnitrace_nb.charts.showing import offline  # noqa: PLC0415 (as above)

        return offline
    raise AttributeError(f"module 'omnitrace_nb.charts' has no attribute {name!r}")
