"""What stands side by side: columns, each a trace read by one signal under one set of curation settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb import curation
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.pairing import pair
from omnitrace_nb.quoting import quoted
from omnitrace_nb.trace.grouping import steps_of
from omnitrace_nb.trace.pieces import Pieces

if TYPE_CHECKING:
    from omnitrace_nb.curation import Curated, CurationSettings
    from omnitrace_nb.pairing import Pairing
    from omnitrace_nb.trace import Trace


@dataclass(frozen=True, eq=False)
class Column:
    """One side of a comparison.

    Attributes:
        name: what it is called, different from the other sides.
        trace: what was traced.
        signal: by which of its signals it is read.
        settings: how its sources are chosen.
    """

    name: str
    trace: Trace
    signal: str
    settings: CurationSettings

    @cached_property
    def mass(self) -> np.ndarray:
        """Mean mass of each source over each statement's steps: `float64 [K, S]`; NaN for a statement without any."""
        return np.array([own.mean(axis=0) if len(own) else np.full(own.shape[1], np.nan) for own in self._steps])

    @cached_property
    def curated(self) -> tuple[Curated, ...]:
        """What curation says of each statement."""
        weights = self.settings.token_weights(self.trace.tags)
        of = self.trace.statement_of
        return tuple(
            curation.curate(own, weights[of == statement], self.settings) for statement, own in enumerate(self._steps)
        )

    @cached_property
    def credited(self) -> np.ndarray:
        """Which sources may be credited: `bool [S]`."""
        return np.array([self.settings.question or not source.question for source in self.trace.source_records], bool)

    @cached_property
    def _steps(self) -> list[np.ndarray]:
        mass = self.trace.mass(self.signal, self.settings.assign)
        mass[:, ~self.credited] = 0
        mass = np.nan_to_num(mass, nan=0.0, posinf=0.0, neginf=0.0)
        return [mass[own] for own in steps_of(self.trace.statement_of, len(self.trace.statement_chars))]


def pairings(columns: Sequence[Column]) -> dict[tuple[int, int], Pairing]:
    """Give how each pair of columns stands for each other, by their indices, left before right."""
    return {
        (left, right): pair(columns[left].trace, columns[right].trace)
        for left in range(len(columns))
        for right in range(left + 1, len(columns))
    }


def columns(
    traces: Sequence[Trace],
    signals: Sequence[str] | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[Column, ...]:
    """Make columns of traces, signals and settings; of each there is one for all columns, or one for each.

    Args:
        traces: what was traced.
        signals: by which signals they are read. Left out, a single trace is read by all of its signals, and several by
            the first signal that all have (by its own first where there is none).
        settings: changes to each trace's own curation settings, such as `[{}, {"question": False}]`.
        names: what the columns are called; made of what differs if left out.

    Raises:
        SettingsError: lists of different lengths, fewer than two columns, names or columns that are twice the same, or
            settings that do not exist.
        SignalError: a signal that a trace does not have.
    """
    _check(traces, signals, settings, names)
    given = {"traces": len(traces), "signals": len(signals or ()), "settings": len(settings or ())}
    if not traces:
        raise SettingsError("There is nothing to compare; give a trace and signals, or several traces.")
    if signals is None:
        signals = _signals(traces, many=given["settings"] < 2)  # noqa: PLR2004 (one for all, or one for each)
        given["signals"] = len(signals)
    count = max(given.values())
    if count < 2:  # noqa: PLR2004 (as above)
        there = ", ".join(map(repr, traces[0].signals)) or "none"
        raise SettingsError(
            f"One column ({next(iter(signals), 'no signal')!r}) cannot be compared; give two or more signals (this "
            f"trace has {there}), traces or settings."
        )
    for what, number in given.items():
        if number not in {0, 1, count}:
            raise SettingsError(f"{number} {what} do not fit {count} columns; give 1 for all, or {count}.")
    each = [
        (traces[at % len(traces)], signals[at % len(signals)], dict(settings[at % len(settings)]) if settings else {})
        for at in range(count)
    ]
    called = list(names) if names is not None else _names(each)
    if len(called) != count:
        raise SettingsError(f"{len(called)} names do not fit {count} columns; give {count}.")
    twice = sorted({name for name in called if called.count(name) > 1})
    if twice:
        raise SettingsError(f"{', '.join(map(quoted, twice))} stands twice; give different columns, or names=[...].")
    made = [_column(name, *own) for name, own in zip(called, each, strict=True)]
    return tuple(made)


def _check(traces: object, signals: object, settings: object, names: object) -> None:
    """Refuse what is no list of its kind."""
    given: dict[str, tuple[Any, type, str]] = {"traces": (traces, Pieces, "traces")}
    given |= {"signals": (signals, str, "names of signals")}
    given |= {"settings": (settings, Mapping, "mappings of settings"), "names": (names, str, "names")}
    for keyword, (each, kind, called) in given.items():
        listed = isinstance(each, Sequence) and not isinstance(each, (str, bytes))
        left_out = each is None and keyword != "traces"
        if not left_out and not (listed and all(isinstance(one, kind) for one in each)):
            raise SettingsError(f"{keyword}={quoted(each)} is not usable; give a list of {called}.")
    if isinstance(settings, Sequence) and not all(isinstance(key, str) for each in settings for key in each):
        raise SettingsError(f"settings={quoted(settings)} is not usable; give settings by name, such as 'gamma'.")


def _column(name: str, trace: Trace, signal: str, changed: dict[str, Any]) -> Column:
    if signal not in trace.signals:
        there = ", ".join(map(repr, trace.signals)) or "none"
        raise SignalError(
            f"{quoted(name)}: this trace has no signal {quoted(signal)}; it has {there}. Add it: tracer.add(trace, "
            f"[{quoted(signal)}])."
        )
    return Column(name, trace, signal, trace.settings.but(**changed))


def _signals(traces: Sequence[Trace], *, many: bool) -> list[str]:
    """Give the signals to read by where none were named."""
    if any(not trace.signals for trace in traces):
        raise SignalError("A trace without signals cannot be compared; trace again with signals=[...].")
    if len(traces) == 1:
        return list(traces[0].signals if many else traces[0].signals[:1])
    shared = [name for name in traces[0].signals if all(name in trace.signals for trace in traces)]
    return shared[:1] or [trace.signals[0] for trace in traces]


def _names(each: Sequence[tuple[Trace, str, dict[str, Any]]]) -> list[str]:
    """Name columns by what differs between them: model or number of the trace, signal, settings."""
    traces = list(dict.fromkeys(id(trace) for trace, _, _ in each))
    models = [trace.run.model for trace, _, _ in each]
    signals = [signal for _, signal, _ in each]
    named = []
    for (trace, signal, changed), model in zip(each, models, strict=True):
        pieces = []
        if len(traces) > 1:
            told = len(set(models)) == len(traces)
            pieces.append(model if told else f"trace {traces.index(id(trace)) + 1}")
        if len(set(signals)) > 1 or not pieces:
            pieces.append(signal)
        pieces += [f"{name}={value}" for name, value in changed.items()]
        named.append(", ".join(pieces))
    return named
