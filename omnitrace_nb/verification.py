"""Propose, then verify: what a signal proposes is hidden from the model, and the statement's loss decides.

For a statement with steps T and a source j, with log p the teacher-forced log-probability of the response's tokens:

    drop(j) = sum over t in T of  log p_t(all sources) - log p_t(all but j)        (leave-one-out, in nats)
    margin  = the largest |drop(r)| of as many random sources r as were proposed, at least `DRAWN` of them where so many
              are left; never less than `FLOOR`, which it is where none is left

A proposed source is "verified" if its drop exceeds the margin, "contradicted" if the statement gains more than the
margin without it, else "not verified"; either only if the 95 % bootstrap interval of the drop, over the statement's
tokens, does not reach as far to the other side of 0 as the drop lies on its own. A drop is one effect at a time: of two
sources that say the same, neither is missed alone.
"""

from __future__ import annotations

import time
from copy import copy
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.trace.records import Check, Verification
from omnitrace_nb.values import is_whole
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.passes import Finished
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.trace.records import Source

FLOOR = 0.1  # nats: a tenth of the probability
DRAWN = 5  # the largest of one or two random drops would hang on the seed
RESAMPLES = 2000
ENDS = (2.5, 97.5)  # percentiles
ALIKE = 2.0  # a random source is at most so many times longer or shorter
CHANCE = "random"  # a signal whose picks are no proposals, unless they are asked for

Proposals = dict[int, dict[int, tuple[str, ...]]]


def verify(
    trace: Trace,
    run: Finished,
    *,
    top: int = 5,
    operator: str = "mask",
    signal: str | Signal | Sequence[str | Signal] | None = None,
    seed: int = 0,
) -> Trace:
    """Check what signals proposed; see `Tracer.verify`."""
    signals = _signals(trace, signal)
    for name, value, least in (("top", top, 1), ("seed", seed, 0)):
        if not is_whole(value) or value < least:
            raise SettingsError(f"{name}={value!r}: expected a whole number of at least {least}")
    started, before = time.perf_counter(), copy(run.cost)
    rng = np.random.default_rng(seed)
    proposed = proposals(trace, signals, int(top))
    drawn = {
        statement: matched(sorted(own), trace.source_records, rng, barred=own) for statement, own in proposed.items()
    }
    wanted = sorted({source for statement in proposed for source in (*proposed[statement], *drawn[statement])})
    ablator = run.ablator(operator)
    drops = _drops(ablator.logprobs(_without(wanted, len(trace.source_records))), wanted)
    spent = run.cost.since(before)
    verification = Verification(
        operator=operator,
        signals=signals,
        top=int(top),
        seed=int(seed),
        forwards=spent.get("forwards", 0),
        tokens=spent.get("tokens", 0),
        seconds=round(time.perf_counter() - started, 3),
        interrupted=run.interrupted,
        checks=tuple(
            check
            for statement, own in proposed.items()
            for check in _judged(statement, own, drawn[statement], _within(drops, trace, statement), rng)
        ),
    )
    record = ablator.record
    return trace.with_verification(verification, {operator: record} if len(record.keep) else {})


def proposals(trace: Trace, signals: Sequence[str], top: int) -> Proposals:
    """Give, for each statement, the sources that each signal's curation selected, at most its `top` best ranked.

    index of the statement -> source -> the signals that proposed it.
    """
    spans = trace.spans
    spans = spans[spans["selected"] & spans["signal"].isin(signals)]
    spans = spans.groupby(["signal", "statement"], observed=True, sort=False).head(top)
    found: Proposals = {}
    for signal, statement, source in zip(spans["signal"], spans["statement"], spans["source"], strict=True):
        own = found.setdefault(int(statement) - 1, {})
        own[int(source)] = (*own.get(int(source), ()), str(signal))
    return {statement: found[statement] for statement in sorted(found)}


def matched(
    proposed: Sequence[int], sources: Sequence[Source], rng: np.random.Generator, *, barred: Mapping[int, object]
) -> list[int]:
    """Draw a source of like length for each proposed one, none twice, none that is barred or part of the question.

    For fewer than `DRAWN` proposed sources, these have further turns. A source is alike if it has at least half and at
    most twice as many positions; without such a one, the nearest in length is taken. Fewer are given where there are
    fewer.
    """
    left = [source.id for source in sources if source.id not in barred and not source.question]
    lengths = np.array([len(source.positions) for source in sources], np.float64)
    drawn = []
    for source in islice(cycle(proposed), min(max(len(proposed), DRAWN), len(left))):
        gaps = np.abs(np.log(lengths[left] / lengths[source]))
        alike = np.flatnonzero(gaps <= max(np.log(ALIKE), gaps.min()))
        drawn.append(left.pop(int(rng.choice(alike))))
    return drawn


def interval(drops: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Give the 95 % percentile bootstrap interval of the sum of drops `[k]`, resampling tokens; NaN for fewer than 2.

    An effect that sits on a single token is missing from a third of the samples, so its interval reaches down to 0.
    """
    count = len(drops)
    if count < 2:  # noqa: PLR2004 - one token cannot be resampled
        return np.nan, np.nan
    sums = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES) @ drops
    low, high = np.percentile(sums, ENDS)
    return float(low), float(high)


def verdict(drop: float, low: float, high: float, margin: float) -> str:
    """Judge a drop with its interval (NaN: none) against what is no evidence; a smaller margin never takes one back.

    Example:
        >>> verdict(2.0, 0.5, 3.5, margin=0.1), verdict(0.05, 0.0, 0.1, margin=0.1), verdict(-1.0, -2.0, -0.1, 0.1)
        ('verified', 'not verified', 'contradicted')
    """
    if drop > margin and not low <= -drop:
        return "verified"
    if -drop > margin and not high >= -drop:
        return "contradicted"
    return "not verified"


def _signals(trace: Trace, wanted: str | Signal | Sequence[str | Signal] | None) -> tuple[str, ...]:
    given = [name for name in trace.signals if name.split("|")[0] != CHANCE] if wanted is None else wanted
    each_of = given if isinstance(given, (tuple, list)) else [given]
    names = tuple(str(getattr(each, "label", each)) for each in each_of)
    if not names:
        raise SignalError(
            f"this trace has no signal that proposes anything (signals: {', '.join(trace.signals) or 'none'}): add one "
            f'with tracer.add(trace, "excess"); {CHANCE!r} is verified if asked for by signal='
        )
    for name in names:
        if name not in trace.signals:
            there = ", ".join(map(repr, trace.signals)) or "none"
            raise SignalError(f"signal={name!r}: this trace has {there}; add it with tracer.add(trace, {name!r})")
    return names


def _without(wanted: Sequence[int], sources: int) -> np.ndarray:
    """Give masks: everything kept, then everything but each wanted source, `bool [1 + k, S]`; none if none is."""
    keep = np.ones((1 + len(wanted), sources), bool)
    keep[1 + np.arange(len(wanted)), list(wanted)] = False
    return keep if len(wanted) else keep[:0]


def _drops(logprobs: np.ndarray, wanted: Sequence[int]) -> dict[int, np.ndarray]:
    """Give the drop of each token, `[T]`, without each source; those not reached or not finite are left out."""
    drops = {source: logprobs[0] - row for source, row in zip(wanted, logprobs[1:], strict=True)} if len(wanted) else {}
    reached = {source: each for source, each in drops.items() if not np.isnan(each).all()}
    broken = [source for source, each in reached.items() if not np.isfinite(each).all()]
    if broken:
        warn(f"the log-probabilities without sources {broken} are not finite: statements that need them are not judged")
    return {source: each for source, each in reached.items() if source not in broken}


def _within(drops: Mapping[int, np.ndarray], trace: Trace, statement: int) -> dict[int, np.ndarray]:
    """Give the drops of a statement's tokens."""
    return {source: each[trace.statement_of == statement] for source, each in drops.items()}


def _judged(
    statement: int,
    proposed: Mapping[int, tuple[str, ...]],
    drawn: Sequence[int],
    drops: Mapping[int, np.ndarray],
    rng: np.random.Generator,
) -> list[Check]:
    """Judge a statement's proposals by its tokens' drops, if all that they are held against was run."""
    if any(source not in drops for source in (*proposed, *drawn)):
        return []
    margin = max([FLOOR, *(abs(float(drops[source].sum())) for source in drawn)])
    checks = []
    for source in (*proposed, *drawn):
        drop, (low, high) = float(drops[source].sum()), interval(drops[source], rng)
        said = verdict(drop, low, high, margin) if source in proposed else ""
        checks.append(Check(statement, source, proposed.get(source, ()), drop, low, high, said))
    return checks
