"""The evidence budget: where each statement's scores went, the prompt's sources being one place among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.trace import tables
from omnitrace_nb.trace.grouping import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from omnitrace_nb.trace import Trace


def budget(trace: Trace) -> pd.DataFrame:
    """Divide each statement among all that its tokens' scores went to (docs/tables.md).

    At step t everything that stands before the token has a mass: each source, the rest of the prompt (`template`: the
    chat template, its sinks, and white space between sentences) and the response so far, with the beginning that it may
    have been given. A mass is the sum of the
    scores, 0 if that is negative. A step's masses, divided by their sum, are its shares; a step in which nothing scores
    above 0 is `unsupported` altogether. A statement's shares are the means over its steps, each counting the same.

    Returns:
        A row for each (signal, statement, share above 0), the largest first. The shares of a statement sum to 1; a
        statement without steps has none.
    """
    places: list[tuple[str, int, str | None]] = [
        ("question" if source.question else "source", source.id, source.modality) for source in trace.source_records
    ]
    places += [("template", -1, None), ("response", -1, None), ("unsupported", -1, None)]
    rows: dict[str, list[Any]] = {column: [] for column in tables.COLUMNS["budget"]}
    for signal, statement, shares in _by_statement(trace):
        order = np.argsort(-shares, kind="stable")
        for place in order[shares[order] > 0].tolist():
            for column, value in zip(rows.values(), (signal, statement, *places[place], shares[place]), strict=True):
                column.append(value)
    return tables.table("budget", rows, trace.signals)


def modalities(trace: Trace) -> pd.DataFrame:
    """Divide each statement's evidence, the budget's sources without the question, among their modalities.

    Returns:
        A row for each (signal, statement, modality that the prompt's evidence has), in the order of the modalities. The
        shares of a statement sum to 1; all are 0 where no source got a share.
    """
    there = {source.modality for source in trace.source_records if not source.question}
    rows: dict[str, list[Any]] = {column: [] for column in tables.COLUMNS["modalities"]}
    for signal in trace.signals:
        evidence = by_place(trace, signal)[:, : len(tables.SOURCE_MODALITIES)]
        for statement, steps in enumerate(steps_of(trace.statement_of, len(trace.statement_chars))):
            own = evidence[steps].sum(axis=0)
            total = float(own.sum()) or 1.0
            for modality, share in zip(tables.SOURCE_MODALITIES, own.tolist(), strict=True):
                if modality in there and len(steps):
                    for column, value in zip(rows.values(), (signal, statement, modality, share / total), strict=True):
                        column.append(value)
    return tables.table("modalities", rows, trace.signals)


PLACES = (*tables.SOURCE_MODALITIES, "question", "template", "response")


def by_place(trace: Trace, signal: str) -> np.ndarray:
    """Give where each step's scores went, by kind of place: shares `[T, 7]` in the order of `PLACES`.

    A row sums to 1, or is 0 where nothing scores above 0.
    """
    kinds = ["question" if source.question else source.modality for source in trace.source_records]
    of_place = np.zeros((len(kinds), len(PLACES) - 2))
    of_place[np.arange(len(kinds)), [PLACES.index(kind) for kind in kinds]] = 1
    mass = trace.mass(signal).clip(min=0)
    rest = np.column_stack(_rest(trace, signal)).clip(min=0)
    placed = np.column_stack([mass @ of_place, rest])
    total = placed.sum(axis=1, keepdims=True)
    return np.divide(placed, total, out=np.zeros_like(placed), where=total > 0)


def _by_statement(trace: Trace) -> Iterator[tuple[str, int, np.ndarray]]:
    """Give `(signal, statement, shares [S + 3])`: of each source, the template, the response, and nothing."""
    for signal in trace.signals:
        shares = _by_step(trace, signal)
        for statement, steps in enumerate(steps_of(trace.statement_of, len(trace.statement_chars))):
            if len(steps):
                yield signal, statement, shares[steps].mean(axis=0)


def _by_step(trace: Trace, signal: str) -> np.ndarray:
    """Give the shares `[T, S + 3]` of each step: of each source, the template, the response, and nothing."""
    rest = _rest(trace, signal)
    mass = np.column_stack([trace.mass(signal), *rest]).clip(min=0)
    total = mass.sum(axis=1, keepdims=True)
    shares = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    return np.column_stack([shares, total[:, 0] <= 0])


def _rest(trace: Trace, signal: str) -> tuple[np.ndarray, np.ndarray]:
    """Give what each step's scores of the template and of the response sum to: `float64 [T]` each."""
    outside = np.ones(len(trace.layout), bool)
    for source in trace.source_records:
        outside[source.positions] = False
    begun = np.arange(len(outside)) >= len(outside) - trace.layout.begun
    packed = trace.packed[signal]
    own = _sum(packed.unpack(np.flatnonzero(begun))) + _sum(trace.earlier(signal))
    return _sum(packed.unpack(np.flatnonzero(outside & ~begun))), own


def _sum(scores: np.ndarray) -> np.ndarray:
    """Sum the scores of each step; what is not finite counts as 0, as in a mass."""
    summed: np.ndarray = np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0).sum(axis=1, dtype=np.float64)
    return summed
