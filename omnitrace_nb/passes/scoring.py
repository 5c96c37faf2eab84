"""Every signal over a finished run: what the decode has shown already is taken, the rest is run."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.capture import decode
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.batches import run_passes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.passes.finished import Finished

PASS_TOKENS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What signals say of a run of `n` prompt positions and `T` steps.

    Attributes:
        scores: label -> `float32 [T, n + T]`; row t scores every earlier position; entries from `n + t` on are 0.
        notes: label -> what a reader of its scores must know: how many rows there are (`steps`), whether its passes
            were interrupted (`interrupted`), steps whose scores were not finite and stand as 0 (`not_finite`), and what
            its passes cost (`forwards`, `backwards`, `tokens`); besides, whatever the signal itself reports.
        seconds: label -> wall time of its passes.
    """

    scores: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def score(run: Finished, signals: Sequence[Signal], known: Mapping[str, np.ndarray] | None = None) -> Scored:
    """Score a finished run with every signal.

    A signal that reads decoding and is not in `known` is read from a second decode of the same tokens, one for all of
    them. A KeyboardInterrupt keeps the steps done; the signals after it are left out, with scores of 0.

    Args:
        run: the run.
        signals: labels must differ.
        known: name -> raw scores `[T, n + T]` of signals without their controls, from the run's own decode.

    Raises:
        SignalError: two signals of one label; a signal that this model or run cannot give, or that gave no scores.
    """
    labels = [signal.label for signal in signals]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise SignalError(f"two signals are called {twice[0]!r}: give one of them another label by .named(...)")
    raw = {**run.replayed, **(known or {})}
    run.reading = run.reading or tuple(each.bare for each in signals if each.online and each.controls)
    passed: dict[object, np.ndarray] = {}
    result = Scored()
    again = {each.name: each.bare for each in signals if each.online and each.name not in raw}
    if again and run.steps:
        again |= {each.name: each for each in run.reading if each.name not in raw}
        raw |= _replayed(run, list(again.values()))
    for signal in signals:
        before, started = copy(run.cost), time.perf_counter()
        if signal.online:
            found = raw[signal.name] if run.steps else np.zeros((0, run.width), np.float32)
        else:
            key = signal.explain or signal.credit
            if key not in passed:
                passed[key] = _passed(run, signal.bare)
            found = passed[key]
        note: dict[str, Any] = {"steps": run.steps}
        found = _cut(found, run, note)
        below = signal.bare
        for control in signal.controls:
            found = _cut(_checked(signal, run, control.apply(found, run, below)), run, note)
            below |= control
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(bad):
            note["not_finite"] = bad.tolist()
            found = found.copy()
            found[bad] = 0
        result.scores[signal.label] = found.astype(np.float32, copy=False)
        result.notes[signal.label] = note | run.reports.get(signal.name, {}) | run.cost.since(before)
        if not signal.online or signal.controls:
            result.seconds[signal.label] = time.perf_counter() - started
    return result


def _cut(found: np.ndarray, run: Finished, note: dict[str, Any]) -> np.ndarray:
    """Put 0 in the rows after an interruption, and note it."""
    if not run.interrupted or (reached := min(_reached(found), note["steps"])) == run.steps:
        return found
    note |= {"steps": reached, "interrupted": True}
    return np.concatenate([found[:reached], np.zeros((run.steps - reached, run.width), np.float32)])


def _reached(found: np.ndarray) -> int:
    """Give the number of steps up to the last that has scores."""
    rows = np.flatnonzero(~np.isnan(found).all(axis=1))
    return int(rows[-1]) + 1 if len(rows) else 0


def _replayed(run: Finished, signals: Sequence[Signal]) -> dict[str, np.ndarray]:
    tokens = run.response.token_ids
    try:
        again = decode(
            run.adapter,
            run.encoded,
            signals,
            run.baseline,
            first_step=run.first_step,
            progress=run.progress,
            forced=tokens,
            edit=run.edit,
        )
    except KeyboardInterrupt:
        run.interrupted = True
        return {signal.name: np.full((run.steps, run.width), np.nan, np.float32) for signal in signals}
    run.cost.add(forwards=len(tokens), tokens=run.width - 1)
    if len(again.token_ids) == len(tokens):
        run.replayed |= again.scores
        return again.scores
    run.interrupted = True
    missing = len(tokens) - len(again.token_ids)
    return {
        name: np.pad(each, ((0, missing), (0, missing)), constant_values=np.nan) for name, each in again.scores.items()
    }


def _passed(run: Finished, signal: Signal) -> np.ndarray:
    if run.interrupted:
        return np.full((run.steps, run.width), np.nan, np.float32)
    return _checked(signal, run, _explained(run, signal) if signal.credit is None else signal.credit(run))


def _explained(run: Finished, signal: Signal) -> np.ndarray:
    forced, scores = run.forced, np.full((run.steps, run.width), np.nan, np.float32)
    with forced.running():
        found, whole = run_passes(
            lambda steps: signal.explained(forced, steps, run.width),
            run.steps,
            batch=max(1, PASS_TOKENS // run.width),
            label=signal.label,
            progress=run.progress,
        )
    run.interrupted = run.interrupted or not whole
    for row, each in zip(scores, found, strict=False):
        row[:] = 0
        row[: len(each)] = each.detach().float().cpu().numpy()
    return scores


def _checked(signal: Signal, run: Finished, found: object) -> np.ndarray:
    """Give scores `[T, n + T]`, whatever of it was left out to the right being 0."""
    if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != run.steps or found.shape[1] > run.width:  # noqa: PLR2004
        form = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
        raise SignalError(
            f"signal {signal.label!r} gave {form}: expected an array of shape ({run.steps}, q), a score for each step "
            f"and each of the first q positions, at most {run.width}"
        )
    missing = run.width - found.shape[1]
    rows = np.isnan(found).all(axis=1, keepdims=True) if found.size else np.zeros((len(found), 1), bool)
    return np.concatenate([found, np.where(rows, np.nan, np.zeros((len(found), missing), np.float32))], axis=1)
