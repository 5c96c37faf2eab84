"""Every signal over a finished run: what the decode has shown already is taken, the rest is run."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from omnitrace_nb.capture import decode
from omnitrace_nb.capture.layers import Layers
from omnitrace_nb.capture.signal import is_ours
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.batches import run_passes, sequences_at_once
from omnitrace_nb.passes.guarding import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.passes.finished import Finished


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What signals say of a run of `n` prompt positions and `T` steps.

    Attributes:
        scores: label -> `float32 [T, n + T]`; row t scores every earlier position; entries from `n + t` on are 0.
        notes: label -> what a reader of its scores must know: how many rows there are (`steps`), whether its passes
            were interrupted (`interrupted`), why there are none (`failed`), steps whose scores were not finite and
            stand as 0 (`not_finite`), what of the model attention does not show (`unread`), and what its passes cost
            (`forwards`, `backwards`, `tokens`); besides, whatever the signal itself reports.
        seconds: label -> wall time of its passes.
    """

    scores: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def score(
    run: Finished,
    signals: Sequence[Signal],
    known: Mapping[str, np.ndarray] | None = None,
    *,
    forgiving: bool = False,
) -> Scored:
    """Score a finished run with every signal.

    A signal that reads decoding and is not in `known` is read from a second decode of the same tokens, one for all of
    them. A KeyboardInterrupt keeps the steps done; the signals after it are left out, with scores of 0.

    Args:
        run: the run.
        signals: labels must differ.
        known: name -> raw scores `[T, n + T]` of signals without their controls, from the run's own decode, by the
            names that `told_apart` gives.
        forgiving: leave a signal that fails with scores of 0 and say why in its notes, rather than lose the others: for
            a SignalError or too little memory.

    Raises:
        SignalError: two signals of one label; a signal that this model or run cannot give, or that gave no scores.
    """
    labels = [signal.label for signal in signals]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise SignalError(f"two signals are called {twice[0]!r}: give one of them another label by .named(...)")
    run.reading = run.reading or tuple(each.bare for each in signals if each.online and each.controls)
    raw, passed = _read(run, signals, known or {}), dict[object, np.ndarray]()
    result, unread = Scored(), Layers.of(run.adapter.decoder()).unread
    for signal in signals:
        before, started = copy(run.cost), time.perf_counter()
        note: dict[str, Any] = {"steps": run.steps}
        if signal.online and unread:
            note["unread"] = unread
        try:
            found = _controlled(run, signal, raw, passed, note)
        except KeyboardInterrupt:
            run.interrupted = True
            note = {"steps": run.steps}
            found = _cut(_unreached(run), run, note)
        except (SignalError, torch.OutOfMemoryError) as error:
            if not forgiving:
                raise
            note = {"steps": 0, "failed": str(error)}
            found = np.zeros((run.steps, run.width), np.float32)
        result.scores[signal.label] = found.astype(np.float32, copy=False)
        result.notes[signal.label] = note | run.reports.get(signal.name, {}) | run.cost.since(before)
        if not signal.online or signal.controls:
            result.seconds[signal.label] = time.perf_counter() - started
    return result


def told_apart(signals: Sequence[Signal]) -> dict[object, Signal]:
    """Give the signals to read from a decode, without controls, by what they compute: no two have one name.

    A signal of another function than the one before it that has its name is called "name (2)", and so on.
    """
    found: dict[object, Signal] = {}
    for signal in signals:
        if signal.online and _key(signal) not in found:
            taken = {each.name for each in found.values()}
            numbered = (f"{signal.name} ({number})" for number in count(2))
            name = next(each for each in chain([signal.name], numbered) if each not in taken)
            found[_key(signal)] = replace(signal, name=name, controls=(), label="")
    return found


def _key(signal: Signal) -> object:
    return signal.score, signal.reads


def _read(run: Finished, signals: Sequence[Signal], known: Mapping[str, np.ndarray]) -> dict[object, np.ndarray]:
    """Give the raw scores of the signals that read decoding, from the run's own decode or a second one."""
    online = told_apart(signals)
    raw = run.replayed | {key: known[each.name] for key, each in online.items() if each.name in known}
    if run.steps and any(key not in raw for key in online):
        wanted = [each for each in (*online.values(), *run.reading) if _key(each) not in raw]
        raw |= _replayed(run, told_apart(wanted))
    return raw


def _controlled(
    run: Finished,
    signal: Signal,
    raw: Mapping[object, np.ndarray],
    passed: dict[object, np.ndarray],
    note: dict[str, Any],
) -> np.ndarray:
    """Give a signal's scores `[T, n + T]` with its controls applied, and note what there is to say of them."""
    if signal.online:
        found = raw[_key(signal)] if run.steps else np.zeros((0, run.width), np.float32)
    else:
        key = signal.explain or signal.credit
        if key not in passed:
            passed[key] = _passed(run, signal.bare)
        found = passed[key]
    found = _cut(found, run, note)
    below = signal.bare
    for control in signal.controls:
        with guarded(run, control.apply, f"control {control.name!r}"):
            given = found if is_ours(control.apply) else found.copy()
            found = _cut(_checked(signal, run, control.apply(given, run, below)), run, note)
        below |= control
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        note["not_finite"] = bad.tolist()
        found = found.copy()
        found[bad] = 0
    return found


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


def _unreached(run: Finished) -> np.ndarray:
    return np.full((run.steps, run.width), np.nan, np.float32)


def _replayed(run: Finished, signals: Mapping[object, Signal]) -> dict[object, np.ndarray]:
    tokens = run.response.token_ids
    try:
        again = decode(
            run.adapter,
            run.encoded,
            list(signals.values()),
            run.baseline,
            first_step=run.first_step,
            progress=run.progress,
            forced=tokens,
            edit=run.edit,
        )
    except KeyboardInterrupt:
        run.interrupted = True
        return {key: _unreached(run) for key in signals}
    run.cost.add(forwards=len(tokens), tokens=run.width - 1)
    scores = {key: again.scores[signal.name] for key, signal in signals.items()}
    if len(again.token_ids) == len(tokens):
        run.replayed |= scores
        return scores
    run.interrupted = True
    missing = len(tokens) - len(again.token_ids)
    return {key: np.pad(each, ((0, missing), (0, missing)), constant_values=np.nan) for key, each in scores.items()}


def _passed(run: Finished, signal: Signal) -> np.ndarray:
    if run.interrupted:
        return _unreached(run)
    if signal.credit is None:
        return _checked(signal, run, _explained(run, signal))
    with guarded(run, signal.credit, f"signal {signal.name!r}"):
        return _checked(signal, run, signal.credit(run))


def _explained(run: Finished, signal: Signal) -> np.ndarray:
    forced, scores = run.forced, _unreached(run)
    with guarded(run, signal.explain, f"signal {signal.name!r}"), forced.running():
        found, whole = run_passes(
            lambda steps: signal.explained(forced, steps, run.width),
            run.steps,
            batch=sequences_at_once(run.width),
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
    if isinstance(found, torch.Tensor):
        found = found.detach().float().cpu().numpy()
    if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != run.steps or found.shape[1] > run.width:  # noqa: PLR2004
        form = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
        raise SignalError(
            f"signal {signal.label!r} gave {form}: expected an array of shape ({run.steps}, q), a score for each step "
            f"and each of the first q positions, at most {run.width}"
        )
    missing = run.width - found.shape[1]
    rows = np.isnan(found).all(axis=1, keepdims=True) if found.size else np.zeros((len(found), 1), bool)
    return np.concatenate([found, np.where(rows, np.nan, np.zeros((len(found), missing), np.float32))], axis=1)
