"""Where a trace is shown while it is made: one view in a notebook, the growing text in a terminal (docs/live.md)."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from omnitrace_nb.view import hosts, showing
from omnitrace_nb.view.inbox import Inbox
from omnitrace_nb.view.widget import TraceView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.trace import Trace


def display_here() -> Display:
    """Give the display for where this code runs: a notebook or a terminal."""
    if not hosts.notebook():
        return TerminalDisplay(sys.stdout)
    return StaticDisplay() if showing.current() == "static" else NotebookDisplay()


class Display:
    """Where a trace is shown while it is made; what a display does not need to do, it leaves as it is here."""

    def begin(self, trace: Trace, most: int) -> None:
        """Show the prompt, before the model reads it; there will be at most `most` tokens."""

    def grow(self, trace: Trace) -> None:
        """Show the trace so far."""

    def count(self, steps: int) -> None:
        """Say how many tokens there are, between two calls of `grow`."""

    def score(self, signals: Sequence[str]) -> None:
        """Say that the response is whole, and which signals are worked out now."""

    def asked(self) -> bool:
        """Tell whether the user has asked for a stop; called after every token and between batches of passes."""
        return False

    def finish(self, trace: Trace) -> None:
        """Show the whole trace; nothing runs any more."""

    def fail(self, words: str) -> None:
        """Say why there will be no trace."""


class NotebookDisplay(Display):
    """One `TraceView` that fills, with a line that says how far it is and a button that stops."""

    def __init__(self) -> None:
        """Wait for something to show."""
        self._stop = threading.Event()  # set in whatever thread the host handles messages in
        self._view: TraceView | None = None
        self._inbox: Inbox | None = None
        self._handle: Any = None
        self._most = 0

    def begin(self, trace: Trace, most: int) -> None:
        """Display the view."""
        from IPython.display import display  # noqa: PLC0415 (hosts put their own in its place)

        self._most = most
        self._view = TraceView(trace)
        self._view.on_msg(self._hear)
        self._tell(f"reading the prompt: {len(trace.layout):,} positions")
        self._inbox = Inbox(self._view.model_id)
        self._handle = display(self._view, **({"display_id": True} if hosts.kernel() else {}))

    def grow(self, trace: Trace) -> None:
        """Show the trace so far in the same view."""
        if self._view is not None:
            self._view.show(trace)
            self.count(len(trace))

    def count(self, steps: int) -> None:
        """Say how many tokens there are."""
        self._tell(f"token {steps:,} of at most {self._most:,}", steps)

    def score(self, signals: Sequence[str]) -> None:
        """Say which signals are worked out."""
        self._tell(f"the response is there; working out {', '.join(signals)}")

    def asked(self) -> bool:
        """Read what the front end has sent, and tell whether it was a stop."""
        if self._inbox is not None:
            self._inbox.read()
        return self._stop.is_set()

    def finish(self, trace: Trace) -> None:
        """Show the whole trace in the same view, and keep its static form for when the notebook is opened again."""
        self._close()
        if self._view is None:
            return
        self._view.show(trace)
        self._tell("", len(trace), running=False)
        showing.seen(trace)
        if self._handle is not None:
            self._handle.update(self._view)

    def fail(self, words: str) -> None:
        """Say in the view why there is no trace."""
        self._close()
        self._tell(f"There is no trace: {words}", running=False)

    def _tell(self, words: str, steps: int = 0, *, running: bool = True) -> None:
        if self._view is not None:
            self._view.live = {"running": running, "steps": steps, "most": self._most, "words": words}

    def _hear(self, _view: object, content: Mapping[str, Any], _buffers: object) -> None:
        if content.get("type") == "stop":
            self._stop.set()

    def _close(self) -> None:
        if self._inbox is not None:
            self._inbox.close()


class StaticDisplay(Display):
    """The finished trace alone, as `ot.display("static")` asks for."""

    def finish(self, trace: Trace) -> None:
        """Show the static form."""
        from IPython.display import display  # noqa: PLC0415 (hosts put their own in its place)

        display(trace)
        showing.seen(trace)


class TerminalDisplay(Display):
    """The text of the response as it grows, written to a stream; Ctrl-C stops and keeps it."""

    def __init__(self, out: TextIO) -> None:
        """Write there."""
        self._out = out
        self._written = ""

    def grow(self, trace: Trace) -> None:
        """Write what has come since the last time; a character half of whose bytes are there waits for the rest."""
        self._write(trace.response.rstrip("\N{REPLACEMENT CHARACTER}"))

    def score(self, signals: Sequence[str]) -> None:  # noqa: ARG002 (passes have bars of their own)
        """Leave the line to the bars of the passes."""
        self._out.write("\n")

    def finish(self, trace: Trace) -> None:
        """Write the rest."""
        self._write(trace.response)
        self._out.write("\n")
        self._out.flush()

    def fail(self, words: str) -> None:  # noqa: ARG002 (the error follows)
        """Leave the line to the error."""
        if self._written:
            self._out.write("\n")

    def _write(self, text: str) -> None:
        if text.startswith(self._written):
            self._out.write(text[len(self._written) :])
            self._out.flush()
            self._written = text
