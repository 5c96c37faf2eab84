"""How far signals, or traces, agree on what each statement rests on: three numbers a statement, disagreements first.

For a statement, a column (a trace read by a signal) has a mass for each source, its mean over the statement's steps.
Two columns are compared over the sources that both have and that either may credit:

    spearman   rank correlation of the masses, equal masses sharing the mean of their ranks       -1 to 1
    top        |A & B| / |A | B| of the `k` sources with the largest masses above 0               0 to 1
    overlap    the same of the sources that curation selects, those without a partner included    0 to 1

Where a number has no meaning it is NaN: `spearman` where one side's masses are all equal, which one source is; `top`
where no mass on either side is above 0, or where there are no more than `k` sources, so that any order gives the same
set. `overlap` is 1 where neither side selects anything: both say that nothing stands out, which is agreement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.comparing import pairings
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.trace import tables
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pandas as pd

    from omnitrace_nb.comparing import Column
    from omnitrace_nb.pairing import Pairing

MEASURES = ("overlap", "top", "spearman")  # in the order that disagreements are sorted by
TOP = 3


def agreement(columns: Sequence[Column], top: int = TOP) -> pd.DataFrame:
    """Compare every two columns, statement by statement (docs/tables.md).

    Args:
        columns: two or more (`omnitrace_nb.comparing.columns`).
        top: `k`, how many sources are compared by `top`.

    Returns:
        A row for each pair of columns and of statements, the least `overlap` first, then the least `top` and
        `spearman`, NaN behind numbers; last, those without a partner.

    Raises:
        SettingsError: `top` below 1.
    """
    if not is_whole(top) or top < 1:
        raise SettingsError(f"top={quoted(top)} is not usable; give a whole number of sources, 1 or more.")
    rows: dict[str, list[Any]] = {column: [] for column in tables.COLUMNS["agreement"]}
    for (left, right), pairing in pairings(columns).items():
        for values in _pair(columns[left], columns[right], pairing, top):
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
    found = tables.table("agreement", rows)
    alone = (found["statement"] < 0) | (found["partner"] < 0)
    order = found.assign(alone=alone).sort_values(["alone", *MEASURES], kind="stable", na_position="last").index
    return found.loc[order].reset_index(drop=True)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Give the rank correlation of two rows of numbers; NaN where either has only equal ones.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 40.0]))
        1.0
    """
    if len(one) < 2 or (one == one[0]).all() or (other == other[0]).all():  # noqa: PLR2004 (one has no order)
        return float("nan")
    ranks = [_ranks(each) - (len(each) + 1) / 2 for each in (one, other)]
    return float(np.clip(ranks[0] @ ranks[1] / np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])), -1, 1))


def largest(values: np.ndarray, count: int) -> set[int]:
    """Give the indices of the `count` largest values above 0, the lower index of equals first."""
    order = np.argsort(-values, kind="stable")[:count]
    return set(order[values[order] > 0].tolist())


def jaccard(one: Collection[Any], other: Collection[Any], *, both_empty: float) -> float:
    """Give the share of what either holds that both hold.

    Example:
        >>> jaccard({1, 2}, {2, 3, 4}, both_empty=1.0)
        0.25
    """
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else both_empty


def _pair(left: Column, right: Column, pairing: Pairing, top: int) -> Iterator[tuple[Any, ...]]:
    partner = pairing.sources
    both = np.flatnonzero(partner >= 0)
    both = both[left.credited[both] | right.credited[partner[both]]]
    # Of the right's own sources, a partner has the left's number; one without has a name that no left source has.
    back = {int(partner[id_]): int(id_) for id_ in np.flatnonzero(partner >= 0)}
    nan = float("nan")
    for one, other in enumerate(pairing.statements.tolist()):
        if other < 0 or np.isnan(left.mass[one]).any() or np.isnan(right.mass[other]).any():
            yield left.name, right.name, one, other, nan, nan, nan, (), (), ()
            continue
        masses = left.mass[one][both], right.mass[other][partner[both]]
        first, second = (largest(each, top) for each in masses)
        ranked = jaccard(first, second, both_empty=nan) if len(both) > top else nan
        ours = set(np.flatnonzero(left.curated[one].selected).tolist())
        theirs = set(np.flatnonzero(right.curated[other].selected).tolist())
        overlap = jaccard(ours, {back.get(id_, (id_,)) for id_ in theirs}, both_empty=1.0)
        shared = tuple(sorted(id_ for id_ in ours if partner[id_] in theirs))
        alone = tuple(sorted(ours - set(shared))), tuple(sorted(id_ for id_ in theirs if back.get(id_) not in ours))
        yield left.name, right.name, one, other, overlap, ranked, spearman(*masses), shared, *alone
    for other in sorted(set(range(len(right.trace.statement_chars))) - set(pairing.statements.tolist())):
        yield left.name, right.name, -1, other, nan, nan, nan, (), (), ()


def _ranks(values: np.ndarray) -> np.ndarray:
    """Give ranks from 1; equals share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks
