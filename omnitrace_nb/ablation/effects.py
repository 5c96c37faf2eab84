"""Effects of sources as a signal: an explainer, an operator and what is drawn, put together as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.ablation import needs
from omnitrace_nb.ablation.ablator import OPERATORS
from omnitrace_nb.ablation.explainers import EXPLAINERS, Values
from omnitrace_nb.errors import OmnitraceError, SettingsError, SignalError
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.passes.finished import Finished, Per
    from omnitrace_nb.planning import Need, Shape
    from omnitrace_nb.trace.records import Ablations

_LINEAR = frozenset({"leave_one_out", "shapley", "kernel_shap"})
_SEEDS = 2**32


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
        SignalError: an unknown method or operator.
        SettingsError: samples or seed that are no whole number in their range, an unknown `per`.
    """

    method: str
    operator: str = "mask"
    samples: int | None = None
    seed: int = 0
    per: Per | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could use."""
        if self.method not in tuple(EXPLAINERS):
            raise SignalError(f"unknown method {self.method!r} of ablation: there are {', '.join(EXPLAINERS)}")
        if self.operator not in tuple(OPERATORS):
            raise SignalError(f"unknown operator {self.operator!r}: there are {', '.join(map(repr, OPERATORS))}")
        if self.samples is not None and not (is_whole(self.samples) and self.samples >= 1):
            raise SettingsError(f"samples={self.samples!r}: expected at least 1, a whole number")
        if not (is_whole(self.seed) and 0 <= self.seed < _SEEDS):
            raise SettingsError(f"seed={self.seed!r}: expected a whole number from 0 to {_SEEDS - 1}")
        if self.per not in (None, "step", "statement", "response"):
            raise SettingsError(f"per={self.per!r}: expected 'step', 'statement' or 'response'")
        for name in ("samples", "seed"):  # numpy's numbers are no plain values
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else int(given))

    @property
    def name(self) -> str:
        """What its signal is called: the method, with the settings that are not the usual ones."""
        usual = asdict(Effects(self.method))
        own = [f"{name}={value}" for name, value in asdict(self).items() if value != usual[name]]
        return f"ablate({self.method}, {', '.join(own)})" if own else self.method

    @classmethod
    def told(cls, notes: Mapping[str, Any]) -> Effects | None:
        """Read back what a run's notes of a signal say (every field, by name); None where they say nothing."""
        names = [each.name for each in fields(cls)]
        if not set(names) <= set(notes):
            return None
        try:
            return cls(**{name: notes[name] for name in names})
        except OmnitraceError:
            return None

    @property
    def usual_per(self) -> Per:
        """What is explained at once: `per`, or the method's default."""
        return self.per or ("step" if self.method in _LINEAR else "statement")

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

        What is explained per statement or response is divided evenly over its steps: summing them gives it back. The
        run's notes tell every setting, so that the trace can explain other targets (see `told`).
        """
        groups = run.groups(self.usual_per)
        effects = self.by_step(run.ablator(self.operator).logprobs, len(run.sources), groups, run.steps)
        if run.interrupted and not np.isfinite(effects).all():
            return np.full((run.steps, run.prompt), np.nan, np.float32)
        run.reports[self.name] = asdict(self)
        return run.spread(effects)

    def need(self, shape: Shape) -> Need:
        """Say what its ablations take, before they are run."""
        return needs.need(self, shape)

    def by_step(self, values: Values, sources: int, groups: Sequence[np.ndarray], steps: int) -> np.ndarray:
        """Give the effects `float64 [T, S]` of targets (the steps of each), divided evenly over their steps."""
        targets, effects = np.zeros((len(groups), steps)), np.zeros((steps, sources))
        for row, own in zip(targets, groups, strict=True):
            row[own] = 1
        for each, own in zip(self.of(values, sources, targets), groups, strict=True):
            effects[own] = each / len(own)
        return effects


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
