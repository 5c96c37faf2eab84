"""What each statement rests on, as a reader would name it: selected sources, and seconds that touch as one.

The number is the score of the curation (`trace.spans`), which it ranks by; seconds that touch have the sum of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.view.viewmodel import Evidence
from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace

Table = tuple[tuple[tuple[Evidence, ...], ...], ...]


def evidence(trace: Trace, signals: Sequence[str], statements: int) -> Table:
    """Give, for each signal and statement, what was selected, highest score first."""
    spans = trace.spans
    chosen = spans[spans["selected"]].to_dict("records")
    score = {(row["signal"], row["statement"], row["source"]): float(row["score"]) for row in chosen}
    found: dict[tuple[str, int], list[Evidence]] = {}
    for row in trace.intervals.to_dict("records"):
        key = row["signal"], row["statement"]
        total = sum(score[*key, source] for source in row["sources"])
        label = f"{clean(row['label'])}, {_seconds(row['t0'])}-{_seconds(row['t1'])} s"
        found.setdefault(key, []).append(Evidence(tuple(map(int, row["sources"])), label, round(total, 4)))
    for row in chosen:
        if trace.source_records[row["source"]].time is None:
            each = Evidence((int(row["source"]),), clean(row["label"]), round(float(row["score"]), 4))
            found.setdefault((row["signal"], row["statement"]), []).append(each)
    return tuple(
        tuple(
            tuple(sorted(found.get((signal, statement), []), key=lambda each: (-each.score, each.sources)))
            for statement in range(statements)
        )
        for signal in signals
    )


def _seconds(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
