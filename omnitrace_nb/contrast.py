"""Any target, with the model: by any signal, and against another text in the target's place.

    value(j) = what source j adds to  log p(target) - log p(against)        (signals that ablate sources)
    value(j) = what source j adds to  logit(a) - logit(b)                   (captum's gradient signals)

Both texts follow the same earlier response; a and b are the first tokens in which they differ (Yin & Neubig 2022,
arXiv 2202.10419).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import targets
from omnitrace_nb.ablation import Effects
from omnitrace_nb.alignment import align
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes.captum_pass import CaptumPass
from omnitrace_nb.trace import tables

if TYPE_CHECKING:
    import pandas as pd

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.passes import Finished
    from omnitrace_nb.targets import Target, TargetLike
    from omnitrace_nb.trace import Trace


def explains_targets(signal: Signal) -> bool:
    """Tell whether a signal explains any target as a whole, and so against another text too."""
    return isinstance(signal.credit, (Effects, CaptumPass)) and not signal.controls


def attribute(trace: Trace, run: Finished, signal: Signal, target: TargetLike, against: str | None) -> pd.DataFrame:
    """Explain a target as a whole by a signal that can (`explains_targets`); see `Tracer.attribute`."""
    found = targets.find(trace, target)
    other = None if against is None else alternative(run.adapter, trace, found, against)
    if isinstance(signal.credit, Effects) and not signal.controls:
        values = _ablated(run, signal.credit, found.steps, other)
    elif isinstance(signal.credit, CaptumPass) and not signal.controls:
        values = _gradients(run, signal.credit, found.steps, other)
    else:
        raise refusal(signal)
    return tables.attribute_table(values, trace.source_records)


def refusal(signal: Signal) -> SignalError:
    """Say why a signal has no contrast."""
    why = "controls correct scores of steps, not of a contrast" if signal.controls else (
        "it says where the model looks, or how one chosen token changes, and knows no other text"
    )  # fmt: skip
    return SignalError(
        f"signal {signal.label!r} has no contrast: {why}; use one that ablates (leave_one_out, shapley, contextcite, "
        "...) or one of captum's gradients (saliency, input_x_gradient, integrated_gradients, ...)"
    )


def alternative(adapter: Adapter, trace: Trace, target: Target, text: str) -> np.ndarray:
    """Give the tokens `int64 [m]` that write another text in a target's place, in the same surroundings.

    What the target's first and last token write beyond it, such as a space, stays.

    Raises:
        SettingsError: a target in pieces, no text, the target's own text, or one that no tokens write there.
    """
    steps, response = target.steps, trace.response_record
    if not isinstance(text, str) or not text:
        raise SettingsError(f"against={text!r}: give a text to put in the target's place")
    if len(steps) != steps[-1] - steps[0] + 1:
        raise SettingsError("against= needs a target in one piece, and this one has steps between its own")
    start, end = int(response.chars[steps[0], 0]), int(response.chars[steps[-1], 1])
    wanted = response.text[start : target.chars[0]] + text + response.text[target.chars[1] : end]
    if wanted == response.text[start:end]:
        raise SettingsError(f"against={text!r} is what the response says: give another text")
    for before in ("", response.text[:start]):
        left = adapter.tokenizer.encode(before, add_special_tokens=False) if before else []
        ids = adapter.tokenizer.encode(before + wanted, add_special_tokens=False)
        own = ids[len(left) :]
        if ids[: len(left)] == left and b"".join(adapter.token_bytes(own)) == wanted.encode():
            return np.array(own, np.int64)
    raise SettingsError(f"against={text!r}: this model's tokens cannot write {wanted!r} in that place")


def _ablated(run: Finished, effects: Effects, steps: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    """Explain the sum of the target's log-probabilities, less that of the other tokens."""
    runs, weights = [run], np.zeros(run.steps)
    weights[steps] = 1
    if other is not None:
        runs.append(_saying(run, np.concatenate([run.response.token_ids[: steps[0]], other])))
        weights = np.concatenate([weights, np.zeros(steps[0]), np.full(len(other), -1.0)])
    ablators = [each.ablator(effects.operator) for each in runs]

    def values(keep: np.ndarray) -> np.ndarray:
        return np.concatenate([each.logprobs(keep) for each in ablators], axis=1)

    found: np.ndarray = effects.of(values, len(run.sources), weights[None])[0]
    if any(each.interrupted for each in runs):
        raise KeyboardInterrupt
    return found


def _saying(run: Finished, ids: np.ndarray) -> Finished:
    """Give the run with other tokens as its response."""
    zeros = np.zeros(len(ids), np.float32)
    response = align(run.adapter.token_bytes(ids.tolist()), ids, zeros, "length")
    return run.but(response=response, statements=(), statement_of=None, weights=None)


def _gradients(run: Finished, captum: CaptumPass, steps: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    against = None
    if other is not None:
        own = run.response.token_ids[steps]
        shared = min(len(own), len(other))
        differing = np.flatnonzero(own[:shared] != other[:shared])
        if not len(differing):
            raise SettingsError("one of target and against begins with the other: there is no first differing token")
        place = int(differing[0])
        steps, against = steps[place : place + 1], other[place : place + 1]
    values = captum.target(run, steps, against)
    return np.array([values[source.positions[source.positions < len(values)]].sum() for source in run.sources])
