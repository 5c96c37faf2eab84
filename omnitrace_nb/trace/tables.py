"""The tables of a trace, each with its columns and their types in one place (docs/tables.md says what they mean).

Statements are numbered from 1, as views show them; parts, sources and steps from 0. Whole numbers are `int64`, -1 where
there is none; other numbers are `float64`, NaN where there is none; text is pandas' `string`, missing where there is
none; `signal` and `modality` are categories. An empty table has the same columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from omnitrace_nb.layout import MODALITIES, TEMPLATE
from omnitrace_nb.numbering import numbers
from omnitrace_nb.trace.grouping import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from omnitrace_nb.curation import Curated
    from omnitrace_nb.trace.records import PartRecord, Response, Source, Verification

SOURCE_MODALITIES = tuple(name for index, name in enumerate(MODALITIES) if index != TEMPLATE)

STATEMENTS = frozenset({"statement", "partner"})  # columns that number statements

BUDGET_KINDS = ("source", "question", "response", "template", "unsupported")

INT, FLOAT, TEXT, BOOL, CATEGORY, TUPLE = "int64", "float64", "string", "bool", "category", "object"

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "sources": {
        "id": INT, "modality": CATEGORY, "part": INT, "label": TEXT, "tokens": INT, "start": INT, "end": INT,
        "left": FLOAT, "top": FLOAT, "right": FLOAT, "bottom": FLOAT, "t0": FLOAT, "t1": FLOAT, "question": BOOL,
        "text": TEXT, "speaker": TEXT, "document": TEXT, "title": TEXT,
    },
    "steps": {
        "step": INT, "id": INT, "token": TEXT, "start": INT, "end": INT, "statement": INT, "pos": TEXT, "weight": FLOAT,
        "logprob": FLOAT,
    },
    "statements": {
        "id": INT, "text": TEXT, "start": INT, "end": INT, "first": INT, "last": INT, "steps": INT,
        "thinking": BOOL,
    },
    "spans": {
        "signal": CATEGORY, "statement": INT, "source": INT, "modality": CATEGORY, "label": TEXT, "p": FLOAT,
        "mass": FLOAT, "run": FLOAT, "score": FLOAT, "rank": INT, "selected": BOOL, "verdict": TEXT, "drop": FLOAT,
        "drop_low": FLOAT, "drop_high": FLOAT,
    },
    "checks": {
        "statement": INT, "source": INT, "modality": CATEGORY, "label": TEXT, "tokens": INT, "signals": TUPLE,
        "drop": FLOAT, "drop_low": FLOAT, "drop_high": FLOAT, "verdict": TEXT,
    },
    "attribute": {
        "source": INT, "modality": CATEGORY, "label": TEXT, "value": FLOAT, "share": FLOAT, "rank": INT,
    },
    "intervals": {
        "signal": CATEGORY, "statement": INT, "part": INT, "label": TEXT, "t0": FLOAT, "t1": FLOAT, "sources": TUPLE,
        "p": FLOAT,
    },
    "votes": {
        "step": INT, "statement": INT, "source": INT, "confidence": FLOAT, "weight": FLOAT, "vote": FLOAT,
    },
    "budget": {
        "signal": CATEGORY, "statement": INT, "kind": CATEGORY, "source": INT, "modality": CATEGORY, "share": FLOAT,
    },
    "modalities": {"signal": CATEGORY, "statement": INT, "modality": CATEGORY, "share": FLOAT},
    "agreement": {
        "left": TEXT, "right": TEXT, "statement": INT, "partner": INT, "overlap": FLOAT, "top": FLOAT,
        "spearman": FLOAT, "shared": TUPLE, "only_left": TUPLE, "only_right": TUPLE,
    },
}  # fmt: skip


def table(name: str, columns: Mapping[str, Any], signals: Sequence[str] = ()) -> pd.DataFrame:
    """Make a table with exactly its documented columns and types; statements are given by their indices."""
    kinds = COLUMNS[name]
    made = {column: _series(column, kind, columns[column], signals) for column, kind in kinds.items()}
    return pd.DataFrame(made, columns=list(kinds))


def _series(column: str, kind: str, values: Iterable[Any], signals: Sequence[str]) -> pd.Series[Any]:
    values = numbers(values) if column in STATEMENTS else list(values)
    if kind == CATEGORY:
        categories = {"modality": SOURCE_MODALITIES, "kind": BUDGET_KINDS}.get(column, signals)
        return pd.Series(pd.Categorical(values, categories=list(categories)))
    if kind == TEXT:
        return pd.Series(pd.array(values, dtype="string"))
    return pd.Series(values, dtype=kind)


def sources_table(sources: Sequence[Source], parts: Sequence[PartRecord]) -> pd.DataFrame:
    """Give a row a source."""
    texts = {part.index: part.text for part in parts}
    boxes = np.array([source.box or (np.nan,) * 4 for source in sources], np.float64).reshape(-1, 4)
    times = np.array([source.time or (np.nan,) * 2 for source in sources], np.float64).reshape(-1, 2)
    chars = np.array([source.chars or (-1, -1) for source in sources], np.int64).reshape(-1, 2)
    return table(
        "sources",
        {
            "id": [source.id for source in sources],
            "modality": [source.modality for source in sources],
            "part": [source.part for source in sources],
            "label": [source.label for source in sources],
            "tokens": [len(source.positions) for source in sources],
            **dict(zip(("start", "end"), chars.T, strict=True)),
            **dict(zip(("left", "top", "right", "bottom"), boxes.T, strict=True)),
            **dict(zip(("t0", "t1"), times.T, strict=True)),
            "question": [source.question for source in sources],
            "text": [(texts[s.part] or "")[slice(*s.chars)] if s.chars else s.words or None for s in sources],
            "speaker": [source.speaker or None for source in sources],
            "document": [source.document for source in sources],
            "title": [source.title for source in sources],
        },
    )


def steps_table(response: Response, statement: np.ndarray, tags: Sequence[str], weights: np.ndarray) -> pd.DataFrame:
    """Give a row a generated token."""
    return table(
        "steps",
        {
            "step": range(len(response.token_ids)),
            "id": response.token_ids,
            "token": response.tokens,
            "start": response.chars[:, 0],
            "end": response.chars[:, 1],
            "statement": statement,
            "pos": [tag or None for tag in tags],
            "weight": weights,
            "logprob": response.logprobs,
        },
    )


def statements_table(response: Response, statements: Sequence[tuple[int, int]], of_step: np.ndarray) -> pd.DataFrame:
    """Give a row a statement, in an index from 1 as `id` is; `first` to `last` (left out) are its steps."""
    own = steps_of(of_step, len(statements))
    made = table(
        "statements",
        {
            "id": range(1, 1 + len(statements)),
            "text": [response.text[start:end] for start, end in statements],
            "start": [start for start, _ in statements],
            "end": [end for _, end in statements],
            "first": [steps[0] if len(steps) else -1 for steps in own],
            "last": [steps[-1] + 1 if len(steps) else -1 for steps in own],
            "steps": [len(steps) for steps in own],
            "thinking": [response.thinks(start) for start, _ in statements],
        },
    )
    made.index += 1
    return made


def spans_table(
    curated: Iterable[tuple[str, int, Curated, np.ndarray]],
    sources: Sequence[Source],
    signals: Sequence[str],
    verification: Verification | None = None,
) -> pd.DataFrame:
    """Give a row for each (signal, statement, source with votes), best first.

    `curated` yields signal, statement, what curation says, and each source's mean mass over the statement's steps.
    """
    rows: dict[str, list[Any]] = {column: [] for column in COLUMNS["spans"]}
    checks = {(each.statement, each.source): each for each in (verification.checks if verification else ())}
    for signal, statement, found, mass in curated:
        order = np.flatnonzero(found.rank)
        for source in order[np.argsort(found.rank[order])].tolist():
            about = sources[source].modality, sources[source].label
            numbers = found.p[source], mass[source], found.run[source], found.score[source]
            placed = found.rank[source], found.selected[source]
            check = checks.get((statement, source))
            checked = (check.verdict or None, check.drop, check.low, check.high) if check else (None, *[np.nan] * 3)
            values = (signal, statement, source, *about, *numbers, *placed, *checked)
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
    return table("spans", rows, signals)


def checks_table(verification: Verification | None, sources: Sequence[Source]) -> pd.DataFrame:
    """Give a row for each (statement, source) that was checked; what all of them cost is in its `attrs`."""
    checks = verification.checks if verification else ()
    own = [sources[each.source] for each in checks]
    made = table(
        "checks",
        {
            "statement": [each.statement for each in checks],
            "source": [each.source for each in checks],
            "modality": [source.modality for source in own],
            "label": [source.label for source in own],
            "tokens": [len(source.positions) for source in own],
            "signals": [each.signals for each in checks],
            "drop": [each.drop for each in checks],
            "drop_low": [each.low for each in checks],
            "drop_high": [each.high for each in checks],
            "verdict": [each.verdict or None for each in checks],
        },
    )
    if verification:
        made.attrs = {name: getattr(verification, name) for name in ("operator", "forwards", "tokens", "seconds")}
    return made


def attribute_table(values: np.ndarray, sources: Sequence[Source]) -> pd.DataFrame:
    """Give a row a source with its value `[S]` for a target."""
    positive = np.maximum(values, 0)
    order = np.argsort(-values, kind="stable")
    return table(
        "attribute",
        {
            "source": [source.id for source in sources],
            "modality": [source.modality for source in sources],
            "label": [source.label for source in sources],
            "value": values,
            "share": positive / (positive.sum() or 1.0),
            "rank": np.argsort(order) + 1,
        },
    )


def intervals_table(spans: pd.DataFrame, sources: Sequence[Source], parts: Sequence[PartRecord]) -> pd.DataFrame:
    """Merge the selected time bins of each (signal, statement, part), frames and sound together, where they touch."""
    labels = {part.index: part.label for part in parts}
    signals = list(spans["signal"].cat.categories)
    rows: dict[str, list[Any]] = {column: [] for column in COLUMNS["intervals"]}
    chosen = spans[spans["selected"]]
    shares: dict[tuple[str, int], dict[int, float]] = {}
    for signal, statement, id_, p in zip(
        *(chosen[name].tolist() for name in ("signal", "statement", "source", "p")), strict=True
    ):
        shares.setdefault((signal, statement), {})[id_] = p
    for signal, statement in sorted(shares, key=lambda key: (signals.index(key[0]), key[1])):
        share = shares[signal, statement]
        timed = sorted((sources[id_].part, *sources[id_].time, id_) for id_ in share if sources[id_].time)  # type: ignore[misc]
        for part, t0, t1, own in merge(timed):
            values = (signal, statement - 1, part, labels[part], t0, t1, own, sum(share[id_] for id_ in own))
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
    return table("intervals", rows, signals)


_TOUCHING = 1e-6


def merge(timed: Sequence[tuple[int, float, float, int]]) -> list[tuple[int, float, float, tuple[int, ...]]]:
    """Merge sorted `(part, t0, t1, source)` where one begins before or as another ends (to a millionth of a second)."""
    merged: list[tuple[int, float, float, tuple[int, ...]]] = []
    for part, t0, t1, source in timed:
        if merged and merged[-1][0] == part and t0 <= merged[-1][2] + _TOUCHING:
            _, start, end, own = merged[-1]
            merged[-1] = (part, start, max(end, t1), tuple(sorted((*own, source))))
        else:
            merged.append((part, t0, t1, (source,)))
    return merged
