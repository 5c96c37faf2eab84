"""Effects of sources as a signal: an explainer, an operator and what is drawn, put together as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.ablation.explainers import EXPLAINERS, Values
from omnitrace_nb.errors import SettingsError, SignalError

if TYPE_CHECKING:
    from omnitrace_nb.passes.finished import Finished, Per
    from omnitrace_nb.trace.records import Ablations

_LINEAR = frozenset({"leave_one_out", "shapley", "kernel_shap"})


@dataclass(frozen=True, slots=True)
class Effects:
    """How a signal makes effects of ablations; calling it on a run gives the signal's scores.

    Attributes:
        method: a name in `EXPLAINERS`.
        operator: how sources are ablated, see `Ablator`.
        samples: permutations of "shapley", sets of the others; None for the method's default. "leave_one_out" has none.
        seed: of what is drawn.
        per: what is explained at once, "step", "statement" or "response"; None for the method's default: "step" for
            methods whose effects of steps add up to those of a statement, "statement" for the others.

    Raises:
        SignalError: an unknown method.
        SettingsError: samples below 1.
    """

    method: str
    operator: str = "mask"
    samples: int | None = None
    seed: int = 0
    per: Per | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could use."""
        if self.method not in EXPLAINERS:
            raise SignalError(f"unknown method {self.method!r} of ablation: there are {', '.join(EXPLAINERS)}")
        if self.samples is not None and self.samples < 1:
            raise SettingsError(f"samples={self.samples}: expected at least 1")
        if self.per not in {None, "step", "statement", "response"}:
            raise SettingsError(f"per={self.per!r}: expected 'step', 'statement' or 'response'")

    def of(self, values: Values, sources: int, targets: np.ndarray) -> np.ndarray:
        """Give the effects `float64 [k, S]` of `S` sources on targets (weights over tokens, `[k, T]`), in nats.

        Args:
            values: sets of kept sources `bool [m, S]` -> log-probabilities `[m, T]`: an `Ablator`'s `logprobs`, or
                `stored(record)`.
            sources: `S`.
            targets: 1 for each token of a statement and 0 elsewhere, say.
        """
        samples = self.drawn(sources)
        return EXPLAINERS[self.method](values, sources, np.asarray(targets, float), samples=samples, seed=self.seed)

    def drawn(self, sources: int) -> int:
        """Give the number of samples for `S` sources.

        By default 10 permutations for "shapley", 64 sets for "contextcite", and for "kernel_shap" and "lime" two sets a
        source, at least 64.
        """
        if self.samples is not None:
            return self.samples
        return {"shapley": 10, "contextcite": 64}.get(self.method, max(64, 2 * sources))

    def __call__(self, run: Finished) -> np.ndarray:
        """Give the scores `[T, n]` of a run: each step's effects, spread on the sources' positions.

        What is explained per statement or response is divided evenly over its steps: summing them gives it back.
        """
        groups = run.groups(self.per or ("step" if self.method in _LINEAR else "statement"))
        targets = np.zeros((len(groups), run.steps))
        for row, steps in zip(targets, groups, strict=True):
            row[steps] = 1
        found = self.of(run.ablator(self.operator).logprobs, len(run.sources), targets)
        effects = np.zeros((run.steps, len(run.sources)))
        for each, steps in zip(found, groups, strict=True):
            effects[steps] = each / len(steps)
        if run.interrupted and not np.isfinite(found).all():
            return np.full((run.steps, run.prompt), np.nan, np.float32)
        return run.spread(effects)


def stored(record: Ablations) -> Values:
    """Give the function of kept sources that a trace's record holds; no model is needed.

    Raises:
        SignalError: when it is asked for a set that was not run.
    """
    known = {
        row.tobytes(): logprobs for row, logprobs in zip(np.asarray(record.keep, bool), record.logprobs, strict=True)
    }

    def values(keep: np.ndarray) -> np.ndarray:
        try:
            found = [known[row.tobytes()] for row in np.asarray(keep, bool)]
        except KeyError:
            raise SignalError(
                f"the trace holds {len(known)} sets of sources ablated by {record.operator!r}, but not all of those "
                "that this signal wants: add the signal to the trace with the model, by tracer.add"
            ) from None
        return np.array(found, np.float64).reshape(len(keep), record.logprobs.shape[1])

    return values
