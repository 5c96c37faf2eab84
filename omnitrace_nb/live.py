"""Showing a trace while it is made: partial traces at a bounded cost, and a stop that keeps what is there.

What it is shown on (a notebook's view, a terminal) is a `Display`; `omnitrace_nb.view.live` has them. What goes wrong
there does not end the run.
"""

from __future__ import annotations

import time
import warnings
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from omnitrace_nb.passes import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from omnitrace_nb.capture import Signal
    from omnitrace_nb.capture.loop import Decoded
    from omnitrace_nb.partial import Partial
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.live import Display

INTERVAL = 0.3  # seconds between two updates, at least
SHARE = 0.06  # of the wall time that updates may take


def shown_while_made(make: Callable[[], Partial], most: int, *, live: bool) -> Live | Silent:
    """Give what shows a run of at most `most` tokens where the user is, or nowhere unless `live`."""
    if not live:
        return Silent()
    from omnitrace_nb.view.live import display_here  # noqa: PLC0415 (widgets are loaded when they are wanted)

    return Live(display_here(), make(), most)


class Silent:
    """A run that is not shown."""

    decoded = None

    @property
    def seconds(self) -> dict[str, float]:
        """Nothing it costs."""
        return {}

    def __enter__(self) -> Self:
        """Nothing to show."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to say."""

    def scoring(self, _signals: Sequence[Signal]) -> AbstractContextManager[None]:
        """Nothing to watch."""
        return nullcontext()

    def finish(self, trace: Trace) -> None:
        """Nothing to show."""


class Live:
    """One run, shown while it goes on: `with Live(...) as live:`.

    Args:
        display: where.
        partial: makes the traces.
        most: the longest response, in tokens.
        clock: seconds, as `time.perf_counter` gives them.

    Attributes:
        seconds: "live": what showing has cost so far, in seconds of the model's decode.
    """

    def __init__(
        self, display: Display, partial: Partial, most: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Remember what to show."""
        self.seconds = {"live": 0.0}
        self._display, self._partial, self._most, self._clock = display, partial, most, clock
        self._broken = self._deaf = False
        self._pace = Pace()
        self._counting = 0.0  # when to count next

    def __enter__(self) -> Self:
        """Show the prompt."""
        self._try(lambda: self._display.begin(self._partial.trace([]), self._most))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that the run broke off, if it did."""
        if error is not None:
            self._try(lambda: self._display.fail(_words(error)))

    def decoded(self, steps: Sequence[Decoded]) -> None:
        """Show the steps so far, if it is time to.

        Raises:
            KeyboardInterrupt: the user has asked for a stop.
        """
        self._look()
        now = self._clock()
        grows = self._pace.allows(now, len(steps))
        if self._broken or not (grows or now >= self._counting):
            return
        if grows:
            self._try(lambda: self._display.grow(self._partial.trace(steps)))
            self._pace.took(self._clock() - now, self._clock(), len(steps))
        else:
            self._try(lambda: self._display.count(len(steps)))
        done = self._clock()
        self.seconds["live"] += done - now
        self._counting = done + INTERVAL

    def scoring(self, signals: Sequence[Signal]) -> AbstractContextManager[None]:
        """Say which of these signals are worked out now; a stop within the block ends that."""
        if waiting := [each.label for each in signals if not self._partial.has(each)]:
            self._try(lambda: self._display.score(waiting))
        return watched(self._look)

    def finish(self, trace: Trace) -> None:
        """Show the whole trace; a KeyboardInterrupt meanwhile does not lose it."""
        with suppress(KeyboardInterrupt):
            self._try(lambda: self._display.finish(trace))

    def _look(self) -> None:
        """Raise a KeyboardInterrupt if the user has asked for a stop."""
        asked = False
        if not self._deaf:
            try:
                asked = self._display.asked()
            except Exception as error:  # noqa: BLE001 (of a kernel: told)
                self._deaf = True
                _warn(f"live=True cannot hear its stop button ({_words(error)}): interrupt the kernel instead")
        if asked:
            raise KeyboardInterrupt

    def _try(self, show: Callable[[], None]) -> None:
        """Show something; whatever goes wrong there must not cost the user the run."""
        try:
            show()
        except Exception as error:  # noqa: BLE001 (of a front end, a callback, a kernel: all are told)
            self._broken = True
            _warn(f"live=True could not show the trace ({_words(error)}); the run goes on without it")


class Pace:
    """When the next update may come: at most so often, and once the time since the last one pays for it.

    What it will cost is foreseen from the last two: an update of more steps takes longer, at most in proportion.
    """

    def __init__(self) -> None:
        """Begin with an update at once."""
        self._cost, self._slope, self._steps, self._ended = 0.0, 0.0, 0, float("-inf")

    def allows(self, now: float, steps: int) -> bool:
        """Tell whether an update of so many steps may come now."""
        foreseen = self._cost + self._slope * (steps - self._steps)
        return now - self._ended >= max(INTERVAL, foreseen * (1 / SHARE - 1))

    def took(self, seconds: float, now: float, steps: int) -> None:
        """Take note of what an update has cost."""
        if self._steps and steps > self._steps:
            slope = (seconds - self._cost) / (steps - self._steps)
            self._slope = min(max(slope, 0.0), seconds / steps)
        self._cost, self._steps, self._ended = seconds, steps, now


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=2)


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted before there was a token"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
