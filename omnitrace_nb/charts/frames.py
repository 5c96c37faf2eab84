"""What charts are drawn from: small tables, never longer than altair's limit of 5,000 rows, whatever a trace holds.

What is too long for a chart is drawn in bands: means over consecutive statements or steps, each counting the same; and
sources beyond the most important ones stand as one. A statement is numbered from 1, as in the view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from omnitrace_nb.agreement import MEASURES
from omnitrace_nb.budget import PLACES, by_place
from omnitrace_nb.comparing import Column
from omnitrace_nb.trace.tables import SOURCE_MODALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace

MOST_STATEMENTS = 60
MOST_SOURCES = 60
MOST_STEPS = 600
MOST_PAIRS = 240  # of agreement: three numbers each
LONGEST = 60  # characters of a statement or label
BINS = 20
OTHERS = "other sources"
BETWEEN = " / "
MEASURED = {"overlap": "same sources selected", "top": "same top sources", "spearman": "rank correlation"}

Band = tuple[int, int]


def bands(count: int, most: int) -> list[Band]:
    """Cut `0 .. count` into at most `most` runs of about the same length, as `(start, stop)`.

    Example:
        >>> bands(5, 3)
        [(0, 2), (2, 4), (4, 5)]
    """
    size = max(1, -(-count // most))
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def matrix(trace: Trace, signal: str) -> pd.DataFrame:
    """Give a row a (statement, source): share of the statement's mass on all sources, rank if it is selected."""
    shares = _shares(trace, signal)
    column = Column(signal, trace, signal, trace.settings)
    kept, rest = _most_important(shares)
    rows: list[dict[str, Any]] = []
    for place, (start, stop) in enumerate(bands(len(shares), MOST_STATEMENTS)):
        share = shares[start:stop].mean(axis=0)
        curated = column.curated[start] if stop == start + 1 else None
        said = _said(trace, start, stop)
        for id_ in kept:
            source = trace.source_records[id_]
            chosen = bool(curated is not None and curated.selected[id_])
            rows.append({
                "row": place, "statement": stop if stop == start + 1 else -1, "said": said, "source": id_,
                "label": _short(source.label), "modality": source.modality, "share": float(share[id_]),
                "selected": chosen, "rank": int(curated.rank[id_]) if curated is not None and chosen else 0,
            })  # fmt: skip
        if len(rest):
            rows.append({
                "row": place, "statement": stop if stop == start + 1 else -1, "said": said, "source": -1,
                "label": f"{len(rest):,} {OTHERS}", "modality": "others", "share": float(share[rest].sum()),
                "selected": False, "rank": 0,
            })  # fmt: skip
    names = ["row", "statement", "said", "source", "label", "modality", "share", "selected", "rank"]
    return pd.DataFrame(rows, columns=names)


def modalities(trace: Trace, signal: str) -> pd.DataFrame:
    """Give a row a (statement, modality): its share of the statement's evidence, as in `trace.modalities`."""
    table = trace.modalities
    table = table[table["signal"] == signal]
    shares = table.pivot_table(index="statement", columns="modality", values="share", observed=True)
    shares = shares.reindex(range(1, 1 + len(trace.statement_chars))).fillna(0.0)
    rows = [
        (place, _said(trace, start, stop), modality, float(shares[modality].to_numpy()[start:stop].mean()))
        for place, (start, stop) in enumerate(bands(len(shares), MOST_STATEMENTS))
        for modality in SOURCE_MODALITIES
        if modality in shares.columns
    ]
    return pd.DataFrame(rows, columns=["row", "said", "modality", "share"])


def steps(trace: Trace, signal: str) -> pd.DataFrame:
    """Give a row a (step, place with a share): where the step's scores went (`omnitrace_nb.budget.PLACES`)."""
    shares = by_place(trace, signal)
    rows = []
    for start, stop in bands(len(shares), MOST_STEPS):
        mean = shares[start:stop].mean(axis=0)
        token = _tokens(trace, start, stop)
        for order, place in enumerate(PLACES):
            if mean[order] > 0:
                rows.append((start, stop, token, place, order, float(mean[order])))
    return pd.DataFrame(rows, columns=["start", "stop", "token", "place", "order", "share"])


def statement_starts(trace: Trace) -> pd.DataFrame:
    """Give a row a statement with steps: where it begins and ends on the axis of steps; none if they are too many."""
    table = trace.statements
    table = table[table["steps"] > 0]
    if len(table) > MOST_STATEMENTS:
        table = table.iloc[:0]
    numbers = zip(table["first"].tolist(), table["last"].tolist(), table["id"].tolist(), strict=True)
    rows = [(first, last, _said(trace, id_ - 1, id_)) for first, last, id_ in numbers]
    return pd.DataFrame(rows, columns=["start", "stop", "said"])


def confidence(trace: Trace, signal: str) -> pd.DataFrame:
    """Give a row a step that has a source: its confidence, the mass of that source, and the source's modality."""
    votes = trace.votes(signal)
    sources = trace.source_records
    rows = []
    for start, stop in bands(len(votes), MOST_STEPS):
        own = votes.iloc[start:stop]
        own = own[own["source"] >= 0]
        if len(own):
            source = sources[int(own["source"].mode().iloc[0])]
            modality, label = ("question" if source.question else source.modality), _short(source.label)
            rows.append((
                start, stop, _tokens(trace, start, stop), float(own["confidence"].mean()), modality, label,
                int(own["statement"].iloc[0]),
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=["start", "stop", "token", "confidence", "modality", "label", "statement"])


def positions(trace: Trace, signals: Sequence[str], bins: int = BINS) -> pd.DataFrame:
    """Give a row a (signal, bin of the prompt): the share of the credited sources that lies in it.

    The prompt's positions are laid from 0 to 1. Each selected (statement, source) counts 1, spread evenly over the
    source's positions; uniform would be `1 / bins` in each bin.
    """
    n = max(len(trace.layout), 1)
    edges = np.linspace(0, 1, bins + 1)
    spans = trace.spans
    rows = []
    for signal in signals:
        density = np.zeros(n)
        chosen = spans[(spans["signal"] == signal) & spans["selected"]]
        for id_ in chosen["source"].tolist():
            own = trace.source_records[id_].positions
            density[own] += 1 / len(own)
        total = density.sum()
        # A position covers 1/n of the axis; what of it lies before an edge counts there.
        covered = np.interp(edges * n, np.arange(n + 1), np.concatenate(([0], np.cumsum(density))))
        share = np.diff(covered) / (total or 1)
        middle = float((density @ ((np.arange(n) + 0.5) / n)) / total) if total else float("nan")
        rows += [
            (signal, float(edges[at]), float(edges[at + 1]), float(share[at]), 1 / bins, middle) for at in range(bins)
        ]
    return pd.DataFrame(rows, columns=["signal", "start", "stop", "share", "uniform", "mean"])


def cost(trace: Trace) -> pd.DataFrame:
    """Give a row for the decode, which all signals that read it share, and one for each signal with passes of its own.

    Forwards, backwards and tokens are those of the passes; the decode has none besides its steps.
    """
    seconds = trace.run.seconds
    alone = [name for name in trace.signals if name in seconds]
    shared = [name for name in trace.signals if name not in seconds]
    decode = sum(seconds.get(name, 0.0) for name in ("prefill", "decode"))
    reading = ", ".join(shared) if len(shared) <= 4 else f"{len(shared)} signals"  # noqa: PLR2004 (one line's length)
    rows = [(f"decode ({reading})" if shared else "decode", decode, 0, 0, 0, f"{len(trace):,} steps", tuple(shared))]
    for name in alone:
        note = trace.run.signals.get(name, {})
        forwards, backwards, tokens = (int(note.get(key, 0)) for key in ("forwards", "backwards", "tokens"))
        passes = [f"{forwards:,} forwards" if forwards else "", f"{backwards:,} backwards" if backwards else ""]
        words = ", ".join(filter(None, passes)) or "no passes"
        rows.append((name, float(seconds[name]), forwards, backwards, tokens, words, (name,)))
    names = ["what", "seconds", "forwards", "backwards", "tokens", "passes", "signals"]
    return pd.DataFrame(rows, columns=names)


def agreement(trace: Trace, table: pd.DataFrame) -> pd.DataFrame:
    """Give a row a (pair, statement, measure that is a number) of a table of agreement, disagreements first.

    Args:
        trace: whose statements the table's `statement` numbers.
        table: of `omnitrace_nb.agreement`.
    """
    table = table[(table["statement"] >= 0) & (table["partner"] >= 0)].head(MOST_PAIRS)
    rows = []
    for row in table.to_dict("records"):
        id_ = int(row["statement"])
        pair = f"{row['left']}{BETWEEN}{row['right']}"
        about = (id_, _said(trace, id_ - 1, id_), pair)
        for measure in MEASURES:
            value = float(row[measure])
            if not np.isnan(value):
                words = f"Statement {id_}, {pair}: {MEASURED[measure]} {value:.2f}"
                rows.append((*about, measure, value, words))
    return pd.DataFrame(rows, columns=["statement", "said", "pair", "measure", "value", "words"])


def _shares(trace: Trace, signal: str) -> np.ndarray:
    """Give the share of each source in each statement's mass, negative and NaN masses being 0: `[K, S]`."""
    mass = np.maximum(np.nan_to_num(trace.mass(signal)), 0)
    shares = np.zeros((len(trace.statement_chars), mass.shape[1]))
    for statement, share in enumerate(shares):
        own = mass[trace.statement_of == statement].sum(axis=0)
        share[:] = own / own.sum() if own.sum() > 0 else 0
    return shares


def _most_important(shares: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Give the sources that are shown, in order, and the rest."""
    if shares.shape[1] <= MOST_SOURCES:
        return list(range(shares.shape[1])), np.zeros(0, np.int64)
    order = np.argsort(-shares.max(axis=0, initial=0), kind="stable")
    return sorted(order[: MOST_SOURCES - 1].tolist()), np.sort(order[MOST_SOURCES - 1 :])


def _said(trace: Trace, start: int, stop: int) -> str:
    """Name a statement by its number and words, or a band of them by their numbers."""
    if stop > start + 1:
        return f"{start + 1:,}-{stop:,}"
    first, last = trace.statement_chars[start]
    return f"{start + 1}  {_short(' '.join(trace.response[first:last].split()))}"


def _tokens(trace: Trace, start: int, stop: int) -> str:
    tokens = trace.response_record.tokens[start:stop]
    return _short("".join(tokens).strip() or "(special)")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
