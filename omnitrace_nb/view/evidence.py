"""What each statement rests on, as a reader would name it: selected sources, and seconds that touch as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.view.viewmodel import Evidence
from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace

Table = tuple[tuple[tuple[Evidence, ...], ...], ...]


def evidence(trace: Trace, signals: Sequence[str], statements: int) -> Table:
    """Give, for each signal and statement, what was selected: by rank, where merged seconds have their best one's."""
    spans = trace.spans
    chosen = spans[spans["selected"]].to_dict("records")
    rank = {(row["signal"], row["statement"], row["source"]): row["rank"] for row in chosen}
    found: dict[tuple[str, int], list[tuple[int, Evidence]]] = {}
    for row in trace.intervals.to_dict("records"):
        key = row["signal"], row["statement"]
        best = min(rank[*key, source] for source in row["sources"])
        label = f"{clean(row['label'])}, {_seconds(row['t0'])}-{_seconds(row['t1'])} s"
        each = Evidence(tuple(map(int, row["sources"])), label, round(float(row["p"]), 4))
        found.setdefault(key, []).append((best, each))
    for row in chosen:
        if trace.source_records[row["source"]].time is None:
            each = Evidence((int(row["source"]),), clean(row["label"]), round(float(row["p"]), 4))
            found.setdefault((row["signal"], row["statement"]), []).append((row["rank"], each))
    return tuple(
        tuple(
            tuple(each for _, each in sorted(found.get((signal, statement), []), key=lambda pair: pair[0]))
            for statement in range(statements)
        )
        for signal in signals
    )


def _seconds(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
