"""Heat, shares and evidence of each statement: what the forms without a front end are drawn from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.view.evidence import evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.cells import Cells
    from omnitrace_nb.view.viewmodel import Evidence


class Rows:
    """A row a statement, and last the whole response, worked out when a form first asks (G signals, R rows)."""

    def __init__(self, trace: Trace, signals: Sequence[str], cells: Cells) -> None:
        """Remember what to read."""
        self._trace = trace
        self._signals = signals
        self._cells = cells

    @cached_property
    def evidence(self) -> tuple[tuple[tuple[Evidence, ...], ...], ...]:
        """For each signal and statement what was selected, best first."""
        return evidence(self._trace, self._signals, len(self._trace.statement_chars))

    @property
    def heat(self) -> np.ndarray:
        """`uint8 [G, R, C]`, the mean score over the row's steps; 255 stands for `scale`."""
        return self._shades[0]

    @property
    def scale(self) -> np.ndarray:
        """`float32 [G, R]`, the largest mean score of each row."""
        return self._shades[1]

    @cached_property
    def share(self) -> np.ndarray:
        """`float32 [G, R, S]`, how much of the mass on all sources is on each; a row sums to 1, or is 0."""
        share = np.zeros((len(self._signals), len(self._averages), len(self._trace.source_records)), np.float32)
        for at, name in enumerate(self._signals):
            mass = self._averages @ np.maximum(np.nan_to_num(self._trace.mass(name)), 0)
            total = mass.sum(axis=1, keepdims=True)
            share[at] = mass / np.where(total > 0, total, 1)
        return share

    @cached_property
    def _shades(self) -> tuple[np.ndarray, np.ndarray]:
        heat = np.zeros((len(self._signals), len(self._averages), self._cells.count), np.uint8)
        scale = np.zeros(heat.shape[:2], np.float32)
        for at, name in enumerate(self._signals):
            scores = np.nan_to_num(self._trace.scores(name), nan=0.0, posinf=0.0, neginf=0.0)
            mean = self._cells.average(self._averages @ np.maximum(scores, 0))
            scale[at] = mean.max(axis=1, initial=0)
            heat[at] = np.round(255 * mean / np.where(scale[at] > 0, scale[at], 1)[:, None])
        return heat, scale

    @cached_property
    def _averages(self) -> np.ndarray:
        """Weights `[R, T]` that average steps: over each statement, and over the whole response."""
        of = self._trace.statement_of
        statements = len(self._trace.statement_chars)
        weights = np.zeros((statements + 1, len(of)), np.float32)
        weights[of[of >= 0], np.flatnonzero(of >= 0)] = 1
        weights[-1] = of >= 0 if (of >= 0).any() else 1
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
