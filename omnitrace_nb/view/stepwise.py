"""What a front end computes from: votes, masses and heat of every step.

With them any token, any range and any setting of the curation is drawn without asking Python. Axes: G signals, T steps,
S sources, C cells. Votes are exact. Masses and heat are quantised, negative and NaN ones being 0, and of each step only
the largest are kept where a prompt is so long that all would not fit; Python has all.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.budget import PLACES, by_place
from omnitrace_nb.curation import ASSIGNMENTS
from omnitrace_nb.view.records import Note
from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.cells import Cells

# Values kept in one view, all signals and steps together; a value is one to three bytes on the wire.
MOST_HEAT = 130_000
MOST_MASS = 60_000
HEAT_LEVELS = 255
MASS_LEVELS = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """Rows of which the largest values are kept, as shares of the row's largest.

    Attributes:
        start: `int32 [rows + 1]`, where each row's values begin.
        gap: `uint16` or `uint32 [k]`, columns in rising order, each as the distance from the one before it in the row
            (the first: from -1).
        value: `uint8` or `uint16 [k]`, of the type's largest value.
        scale: `float32 [rows]`, what that stands for.
        most: how many values a row may have; the number of columns if nothing was left out.
    """

    start: np.ndarray
    gap: np.ndarray
    value: np.ndarray
    scale: np.ndarray
    most: int

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Give the arrays by the names that the front end reads."""
        each = {"start": self.start, "gap": self.gap, "value": self.value, "scale": self.scale}
        return {f"{name}_{key}": array.astype(array.dtype.newbyteorder("<")) for key, array in each.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Stepwise:
    """The steps of a view.

    Attributes:
        source: `int32 [G, 3, 2, T]`, the source that each step votes for, -1 for none, by assignment rule (the order of
            `ASSIGNMENTS`) and without or with the question's sources.
        confidence: `float64 [G, 3, 2, T]`, the mass of that source.
        mass: rows `G * T`, columns `S`.
        heat: rows `G * T`, columns `C`.
        budget: `float32 [G, T, 7]`, where each step's scores went (`omnitrace_nb.budget.PLACES`).
        notes: what had to be left out.
    """

    source: np.ndarray
    confidence: np.ndarray
    mass: Sparse
    heat: Sparse
    budget: np.ndarray
    notes: tuple[Note, ...]

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays by the names that the front end reads."""
        return {
            "vote_source": self.source.astype("<i4"),
            "vote_confidence": self.confidence.astype("<f8"),
            "budget": np.round(self.budget * MASS_LEVELS).astype("<u2"),
            **self.mass.arrays("mass"),
            **self.heat.arrays("heat"),
        }


def stepwise(trace: Trace, signals: Sequence[str], cells: Cells) -> Stepwise:
    """Give the steps of a trace as some of its signals see them."""
    steps, sources = len(trace), len(trace.source_records)
    rules = list(itertools.product(ASSIGNMENTS, (False, True)))
    source = np.full((len(signals), len(rules), steps), -1, np.int32)
    confidence = np.zeros((len(signals), len(rules), steps))
    budget = np.zeros((len(signals), steps, len(PLACES)), np.float32)
    rows = len(signals) * steps
    mass = _Kept(sources, rows, MOST_MASS, MASS_LEVELS)
    heat = _Kept(cells.count, rows, MOST_HEAT, HEAT_LEVELS)
    for at, name in enumerate(signals):
        with trace.reading(name):
            heat.add(cells.average(_positive(trace.scores(name))))
            mass.add(_positive(trace.mass(name)))
            budget[at] = by_place(trace, name)
            for rule, (assign, question) in enumerate(rules):
                voted = trace.votes(name, assign=assign, question=question)
                source[at, rule], confidence[at, rule] = voted["source"], voted["confidence"]
    shape = (len(signals), len(ASSIGNMENTS), 2, steps)
    return Stepwise(
        source.reshape(shape),
        confidence.reshape(shape),
        mass.sparse(),
        heat.sparse(),
        budget,
        left_out(heat.most, cells.count),
    )


def left_out(most: int, cells: int) -> tuple[Note, ...]:
    """Say that only the largest shades of each step are kept, if so."""
    if most >= cells:
        return ()
    kept = f"For size, the shades of each step are its {most:,} largest of {cells:,} scores"
    return (Note(f"{kept}; the numbers of sources are of all."),)


def _positive(values: np.ndarray) -> np.ndarray:
    """Give values with 0 for those that are below it or no numbers."""
    positive: np.ndarray = np.fmax(values, 0)
    if np.isinf(positive.max(initial=0)):
        positive[np.isinf(positive)] = 0
    return positive


def oddities(trace: Trace, signals: Sequence[str]) -> list[Note]:
    """Say which scores cannot be shown as they are (no numbers, negative ones), and what scores do not cover."""
    notes, signed = [], []
    unread: dict[str, list[str]] = {}
    for name in signals:
        if said := trace.run.signals.get(name, {}).get("unread"):
            unread.setdefault(str(said), []).append(name)
        broken, negative = trace.odd(name)
        if broken:
            notes.append(Note(f"{name}: {broken} scores are no numbers and count as 0.", (name,)))
        if negative:
            signed.append(name)
    if signed:
        notes.append(Note(f"Negative scores are not shown, only support is ({', '.join(signed)}).", tuple(signed)))
    notes += [Note(f"{clean(said)}.", tuple(names)) for said, names in unread.items()]
    return notes


class Later:
    """The steps of a view, worked out when a front end first asks for them."""

    def __init__(self, trace: Trace, signals: Sequence[str], cells: Cells) -> None:
        """Remember what to read."""
        self._read = trace, signals, cells
        self._earlier: Stepwise | None = None

    def continue_from(self, earlier: Later) -> None:
        """Take over the steps of a view of the same run's first steps and the same signals."""
        self._earlier = earlier.steps

    @cached_property
    def steps(self) -> Stepwise:
        """The steps."""
        if self._earlier is None:
            return stepwise(*self._read)
        from omnitrace_nb.view.growing import longer  # noqa: PLC0415 (growing knows stepwise)

        earlier, self._earlier = self._earlier, None
        return longer(earlier, *self._read)


def most_of(columns: int, rows: int, most: int) -> int:
    """Give how many values each of so many rows may have, for `most` in all."""
    return max(min(columns, most // max(rows, 1)), 1)


class _Kept:
    """Rows as they come; of each, at most so many values that all rows together stay within a number."""

    def __init__(self, columns: int, rows: int, most: int, levels: int) -> None:
        self.most = most_of(columns, rows, most)
        self.levels = levels
        self.columns = columns
        self.counts: list[np.ndarray] = []
        self.gaps: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.scales: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        """Take rows `[m, columns]` without negative values."""
        scale = rows.max(axis=1, initial=0)
        for row, largest in zip(rows, scale, strict=True):
            column = np.arange(self.columns)
            if self.most < self.columns:
                column = np.sort(np.argpartition(row, self.columns - self.most)[self.columns - self.most :])
            level = np.round(self.levels * (row[column] / (largest if largest > 0 else 1))).astype(np.int32)
            column, level = column[level > 0], level[level > 0]
            self.counts.append(np.array([len(column)]))
            self.gaps.append(np.diff(column, prepend=-1))
            self.values.append(level)
        self.scales.append(scale)

    def sparse(self) -> Sparse:
        """Give the rows taken."""
        counts = np.concatenate([np.zeros(1, np.int64), *self.counts])
        gaps = np.concatenate([np.zeros(0, np.int64), *self.gaps])
        values = np.concatenate([np.zeros(0, np.int64), *self.values])
        return Sparse(
            np.cumsum(counts).astype(np.int32),
            gaps.astype(np.uint16 if self.columns < 1 << 16 else np.uint32),
            values.astype(np.uint8 if self.levels == HEAT_LEVELS else np.uint16),
            np.concatenate([np.zeros(0), *self.scales]).astype(np.float32),
            self.most,
        )
