"""Columns side by side as a view shows them: one view model a trace, what stands for what, and what differs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb import agreement as agreeing
from omnitrace_nb.charts.frames import BETWEEN, MEASURED
from omnitrace_nb.comparing import pairings
from omnitrace_nb.view.build import build, settings_of
from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from omnitrace_nb.comparing import Column
    from omnitrace_nb.pairing import Pairing
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.view.viewmodel import ViewModel

MOST_ROWS = 200  # of the list of differences in one view

NOTHING = (float("nan"),) * 3


@dataclass(frozen=True, slots=True)
class Row:
    """What the columns say of one statement.

    Attributes:
        ids: index of the statement in each column, -1 where there is none; the first column's is never -1.
        text: of the first column's.
        numbers: the least overlap, top and rank correlation of any two columns; NaN where there is none.
        shared: labels of the sources that all columns select.
        alone: for each column, labels of those it selects and not all do.
    """

    ids: tuple[int, ...]
    text: str
    numbers: tuple[float, float, float]
    shared: tuple[str, ...]
    alone: tuple[tuple[str, ...], ...]


@dataclass(eq=False)
class Sides:
    """Columns, compared."""

    columns: Sequence[Column]

    @cached_property
    def traces(self) -> list[Trace]:
        """The traces, each once."""
        return list({id(column.trace): column.trace for column in self.columns}.values())

    @cached_property
    def models(self) -> list[ViewModel]:
        """The view model of each trace, with the signals of its columns."""
        return [
            build(trace, list(dict.fromkeys(column.signal for column in self.columns if column.trace is trace)))
            for trace in self.traces
        ]

    @cached_property
    def pairings(self) -> dict[tuple[int, int], Pairing]:
        """How each two columns stand for each other."""
        return pairings(self.columns)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """The table of agreement (docs/tables.md)."""
        return agreeing.agreement(self.columns)

    @cached_property
    def rows(self) -> list[Row]:
        """A row a statement of the first column, disagreements first."""
        table = self.agreement_of_first
        numbers = table.groupby("statement", sort=False)[list(agreeing.MEASURES)].min()
        order = list(dict.fromkeys(table["statement"].tolist()))
        count = len(self.columns[0].trace.statement_chars)
        rest = [number for number in range(1, 1 + count) if number not in numbers.index]
        return [self._row(number - 1, tuple(numbers.loc[number].tolist())) for number in order] + [
            self._row(number - 1, NOTHING) for number in rest
        ]

    @cached_property
    def agreement_of_first(self) -> pd.DataFrame:
        """The same table with `statement` as the first column numbers it, without rows that it has no statement for."""
        table = self.agreement
        names = [column.name for column in self.columns]
        number = np.full(len(table), -1)
        for at, (left, statement, partner) in enumerate(
            zip(table["left"], table["statement"], table["partner"], strict=True)
        ):
            if statement < 0 or partner < 0:
                continue
            column = names.index(left)
            back = statement - 1 if column == 0 else _back(self.pairings[0, column].statements, statement - 1)
            number[at] = back + 1 if back >= 0 else back
        return table.assign(statement=number)[number >= 0]

    @cached_property
    def notes(self) -> list[str]:
        """What cannot be compared, in words."""
        notes = []
        for (left, right), pairing in self.pairings.items():
            pair = f"{self.columns[left].name}{BETWEEN}{self.columns[right].name}"
            notes += [clean(f"{pair}: {note}") for note in pairing.notes]
        return notes

    def document(self) -> dict[str, Any]:
        """Give what the front end needs besides the view models."""
        return {
            "columns": [
                {
                    "name": clean(column.name),
                    "trace": self.traces.index(column.trace),
                    "signal": column.signal,
                    "settings": settings_of(column.settings),
                }
                for column in self.columns
            ],
            "pairs": {
                f"{left} {right}": {"sources": pairing.sources.tolist(), "statements": pairing.statements.tolist()}
                for (left, right), pairing in self.pairings.items()
                if self.columns[left].trace is not self.columns[right].trace
            },
            "measures": [MEASURED[name] for name in agreeing.MEASURES],
            "rows": [
                {
                    "id": row.ids[0],
                    "text": clean(row.text),
                    "numbers": [None if np.isnan(number) else round(number, 4) for number in row.numbers],
                    "shared": list(map(clean, row.shared)),
                    "alone": [
                        list(map(clean, labels)) if own >= 0 else None
                        for own, labels in zip(row.ids, row.alone, strict=True)
                    ],
                }
                for row in self.rows[:MOST_ROWS]
            ],
            "notes": self.notes,
        }

    def _row(self, id_: int, numbers: tuple[float, float, float]) -> Row:
        ids = [id_] + [int(self.pairings[0, at].statements[id_]) for at in range(1, len(self.columns))]
        chosen: list[dict[Any, str]] = []
        for at, (column, own) in enumerate(zip(self.columns, ids, strict=True)):
            selected = np.flatnonzero(column.curated[own].selected).tolist() if own >= 0 else []
            # Sources are told apart by the first column's numbers; one that it does not have is its column's own.
            partner = None if at == 0 else self.pairings[0, at].sources
            keys = [each if partner is None else _back(partner, each) for each in selected]
            labels = [column.trace.source_records[each].label for each in selected]
            chosen.append(
                {
                    (key if key >= 0 else (at, each)): label
                    for key, each, label in zip(keys, selected, labels, strict=True)
                }
            )
        there = [own for own, statement in zip(chosen, ids, strict=True) if statement >= 0]
        shared = set(there[0]).intersection(*there[1:]) if len(there) > 1 else set()
        trace = self.columns[0].trace
        start, end = trace.statement_chars[id_]
        return Row(
            tuple(ids),
            " ".join(trace.response[start:end].split()),
            numbers,
            tuple(label for key, label in chosen[0].items() if key in shared),
            tuple(tuple(label for key, label in own.items() if key not in shared) for own in chosen),
        )


def pairs_drawn(sides: Sides) -> list[str]:
    """Name the pairs of columns, left before right."""
    names = [column.name for column in sides.columns]
    return [BETWEEN.join(pair) for pair in itertools.combinations(names, 2)]


def _back(partner: np.ndarray, own: int) -> int:
    found = np.flatnonzero(partner == own)
    return int(found[0]) if len(found) else -1
