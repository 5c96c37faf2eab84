"""Precision, recall and F1 of chosen against true things, pooled (micro) and averaged over statements (macro)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = ("tp", "fp", "fn")


def f1(tp: float, fp: float, fn: float) -> tuple[float, float, float]:
    """Give precision, recall and F1 from the numbers of right, wrong and missed choices.

    Nothing chosen where nothing is true is right: all three are 1. Otherwise a ratio without a denominator is 0.

    Example:
        >>> f1(tp=1, fp=1, fn=0)
        (0.5, 1.0, 0.6666666666666666)
    """
    if tp + fp + fn == 0:
        return 1.0, 1.0, 1.0
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    return precision, recall, 2 * tp / (2 * tp + fp + fn)


def score(judged: pd.DataFrame, by: Sequence[str] = ("signal", "assign", "modality")) -> pd.DataFrame:
    """Score judged statements by group.

    Micro: `tp`, `fp` and `fn` are summed over a group's statements, then put into precision, recall and F1; statements
    with many sources count more. Macro: F1 is taken of each statement, then averaged; every statement counts the same.

    Args:
        judged: a row a judged statement, with whole numbers `tp`, `fp`, `fn` (see `judge`).
        by: the columns to group by; () for one group of all.

    Returns:
        the columns of `by`, then `statements` (how many), `tp`, `fp`, `fn`, `precision`, `recall`, `f1` (micro) and
        `macro_f1`; a row a group that occurs, in sorted order.
    """
    keys = list(by)
    groups = judged.groupby(keys, observed=True, sort=True) if keys else [((), judged)]
    rows = []
    for key, group in groups:
        tp, fp, fn = (int(group[name].sum()) for name in COUNTS)
        each = [f1(*counts)[2] for counts in group[list(COUNTS)].itertuples(index=False)]
        macro = float(np.mean(each)) if each else np.nan
        rows.append((*key, len(group), tp, fp, fn, *f1(tp, fp, fn), macro))
    columns = [*keys, "statements", *COUNTS, "precision", "recall", "f1", "macro_f1"]
    scored = pd.DataFrame(rows, columns=columns)
    kinds = {name: judged[name].dtype for name in keys}
    numbers = dict.fromkeys(("statements", *COUNTS), "int64")
    return scored.astype({**kinds, **numbers, **dict.fromkeys(columns[-4:], "float64")})


def interval_f1(chosen: np.ndarray, true: np.ndarray) -> tuple[float, float, float]:
    """Give precision, recall and F1 of seconds: of the union of intervals `[k, 2]` against that of `[m, 2]` (Time-F1).

    Example:
        >>> interval_f1(np.array([[0.0, 2.0]]), np.array([[1.0, 2.0]]))
        (0.5, 1.0, 0.6666666666666666)
    """
    edges = np.unique(np.concatenate([np.ravel(chosen), np.ravel(true)]).astype(np.float64))
    lengths, middles = np.diff(edges), (edges[:-1] + edges[1:]) / 2
    inside = [_covered(middles, np.reshape(each, (-1, 2))) for each in (chosen, true)]
    tp, fp, fn = (
        float(lengths[where].sum()) for where in (inside[0] & inside[1], inside[0] & ~inside[1], ~inside[0] & inside[1])
    )
    return f1(tp, fp, fn)


def _covered(points: np.ndarray, intervals: np.ndarray) -> np.ndarray:
    inside = (points[:, None] > intervals[:, 0]) & (points[:, None] < intervals[:, 1])
    return np.asarray(inside.any(axis=1))
