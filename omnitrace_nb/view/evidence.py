"""What each statement rests on, as a reader would name it: selected sources, and seconds that touch as one.

The number is the score of the curation (`trace.spans`), which it ranks by; seconds that touch have the sum of theirs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from omnitrace_nb.view.records import Checked, Evidence, Mark, Note
from omnitrace_nb.view.words import clean, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.trace import Trace

Table = tuple[tuple[tuple[Evidence, ...], ...], ...]

# Shapes, not colours alone. Of seconds shown as one, the first of these verdicts is shown.
SIGNS = {"verified": "\N{CHECK MARK}", "contradicted": "\N{BALLOT X}", "not verified": "\N{WHITE CIRCLE}"}


def evidence(trace: Trace, signals: Sequence[str], statements: int) -> Table:
    """Give, for each signal and statement, what was selected, highest score first."""
    spans = trace.spans
    read = ["signal", "statement", "source", "label", "score", "verdict", "drop", "drop_low", "drop_high"]
    chosen = spans.loc[spans["selected"], read].to_dict("records")
    known = {(row["signal"], row["statement"], row["source"]): row for row in chosen}
    found: dict[tuple[str, int], list[Evidence]] = {}
    for row in trace.intervals.to_dict("records"):
        key = row["signal"], row["statement"]
        own = [known[*key, source] for source in row["sources"]]
        total = sum(float(each["score"]) for each in own)
        label = f"{clean(row['label'])}, {seconds(row['t0'])}-{seconds(row['t1'])} s{_tracks(trace, row)}"
        found.setdefault(key, []).append(Evidence(tuple(map(int, row["sources"])), label, round(total, 4), _mark(own)))
    for row in chosen:
        if trace.source_records[row["source"]].time is None:
            each = Evidence((int(row["source"]),), clean(row["label"]), round(float(row["score"]), 4), _mark([row]))
            found.setdefault((row["signal"], row["statement"]), []).append(each)
    return tuple(
        tuple(
            tuple(sorted(found.get((signal, statement + 1), []), key=lambda each: (-each.score, each.sources)))
            for statement in range(statements)
        )
        for signal in signals
    )


def _tracks(trace: Trace, interval: Mapping[Any, Any]) -> str:
    """Say which of a film's tracks seconds are of, as its sources' labels do; nothing for a sound and for frames."""
    if trace.parts[interval["part"]].kind != "video":
        return ""
    modalities = {trace.source_records[source].modality for source in interval["sources"]}
    if modalities == {"audio"}:
        return " (sound)"
    return " (picture and sound)" if "audio" in modalities else ""


def checked(trace: Trace) -> tuple[Checked, ...]:
    """Give the mark of every source that was checked for a statement, whatever is selected now."""
    rows = trace.checks
    rows = rows[rows["verdict"].isin(list(SIGNS))]
    found = []
    for row in rows.to_dict("records"):
        verdict = str(row["verdict"])
        found.append(Checked(int(row["statement"]) - 1, int(row["source"]), Mark(verdict, SIGNS[verdict], _words(row))))
    return tuple(found)


def legend(trace: Trace) -> list[Note]:
    """Say what the marks stand for, if there are any."""
    about = trace.verification
    if about is None:
        return []
    signs = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items())
    cost = {0: "no new forwards", 1: "1 forward"}.get(about.forwards, f"{about.forwards} forwards")
    stopped = ", interrupted" if about.interrupted else ""
    return [Note(f"{signs}: by hiding sources ({clean(about.operator)}; {cost}{stopped}).")]


def _mark(rows: Sequence[Mapping[Any, Any]]) -> Mark | None:
    """Give the mark of spans shown as one."""
    for verdict, sign in SIGNS.items():
        for row in rows:
            if str(row["verdict"]) == verdict:
                return Mark(verdict, sign, _words(row))
    return None


def _words(row: Mapping[Any, Any]) -> str:
    drop = float(row["drop"])
    said = f"{row['verdict']}: {_change(drop, str(row['verdict']))} without it"
    low, high = float(row["drop_low"]), float(row["drop_high"])
    return said if math.isnan(low) else f"{said} (drop, 95 %: {_nats(low)} to {_nats(high)})"


def _change(drop: float, verdict: str) -> str:
    way = "less likely" if drop >= 0 else "more likely"
    if float(_nats(drop)):
        return f"{_nats(abs(drop))} nats {way}"
    # A drop that is told from 0 is no "no change", however small.
    return "no change" if verdict == "not verified" else f"under 0.01 nats {way}"


def _nats(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # -0.00 would be read as a sign
