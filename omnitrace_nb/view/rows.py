"""Heat, shares and evidence of each statement: what the forms without a front end are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.trace.grouping import steps_of
from omnitrace_nb.view.evidence import evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.cells import Cells
    from omnitrace_nb.view.records import Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Shades:
    """One row by one signal: `heat uint8 [C]`, whose 255 stands for `scale`, and `share float32 [S]`."""

    heat: np.ndarray
    scale: float
    share: np.ndarray


class Rows:
    """A row a statement, and last the whole response, worked out when a form first asks (G signals, R rows)."""

    def __init__(self, trace: Trace, signals: Sequence[str], cells: Cells) -> None:
        """Remember what to read."""
        self._trace = trace
        self._signals = signals
        self._cells = cells
        self._known: dict[tuple[int, int], Shades] = {}
        self._shares: dict[tuple[int, int], np.ndarray] = {}
        self._masses: dict[int, np.ndarray] = {}
        self._read: dict[int, np.ndarray] = {}

    @cached_property
    def evidence(self) -> tuple[tuple[tuple[Evidence, ...], ...], ...]:
        """For each signal and statement what was selected, best first."""
        return evidence(self._trace, self._signals, len(self._trace.statement_chars))

    @property
    def heat(self) -> np.ndarray:
        """`uint8 [G, R, C]`, the mean score over the row's steps; 255 stands for `scale`."""
        return self._stacked("heat", (self._cells.count,), np.uint8)

    @property
    def scale(self) -> np.ndarray:
        """`float32 [G, R]`, the largest mean score of each row."""
        return self._stacked("scale", (), np.float32)

    @property
    def share(self) -> np.ndarray:
        """`float32 [G, R, S]`, how much of the mass on all sources is on each; a row sums to 1, or is 0."""
        return self._stacked("share", (len(self._trace.source_records),), np.float32)

    def shades(self, signal: int, row: int) -> Shades:
        """Give one row's; nothing is worked out of the others."""
        if (signal, row) not in self._known:
            scores = self._positive(signal)
            own = self._steps(row)
            mean = self._cells.average(scores[own].sum(axis=0, keepdims=True) / max(len(own), 1))[0]
            scale = float(mean.max(initial=0))
            heat = np.round(255 * mean / (scale or 1.0)).astype(np.uint8)
            self._known[signal, row] = Shades(heat, scale, self.share_of(signal, row))
        return self._known[signal, row]

    def share_of(self, signal: int, row: int) -> np.ndarray:
        """Give one row's shares alone, `float32 [S]`: from the masses, which the trace has at hand."""
        if (signal, row) not in self._shares:
            if signal not in self._masses:
                self._masses[signal] = self._trace.mass(self._signals[signal])
            mass = self._masses[signal][self._steps(row)]
            total = np.where(np.isfinite(mass) & (mass > 0), mass, 0).sum(axis=0)
            self._shares[signal, row] = (total / (total.sum() or 1.0)).astype(np.float32)
        return self._shares[signal, row]

    def _stacked(self, name: str, shape: tuple[int, ...], kind: type) -> np.ndarray:
        rows = len(self._trace.statement_chars) + 1
        stacked: np.ndarray = np.zeros((len(self._signals), rows, *shape), kind)
        for signal in range(len(self._signals)):
            for row in range(rows):
                stacked[signal, row] = getattr(self.shades(signal, row), name)
        return stacked

    def _steps(self, row: int) -> np.ndarray:
        """Give the steps of a statement; last, those of the whole response, or all where none is in a statement."""
        if row < len(self._groups):
            return self._groups[row]
        of = self._trace.statement_of
        return np.flatnonzero(of >= 0) if (of >= 0).any() else np.arange(len(of))

    @cached_property
    def _groups(self) -> list[np.ndarray]:
        return steps_of(self._trace.statement_of, len(self._trace.statement_chars))

    def _positive(self, signal: int) -> np.ndarray:
        """Give a signal's scores `[T, n]` without what cannot be shown."""
        if signal not in self._read:
            scores = np.nan_to_num(self._trace.scores(self._signals[signal]), nan=0.0, posinf=0.0, neginf=0.0)
            self._read[signal] = np.maximum(scores, 0)
        return self._read[signal]
