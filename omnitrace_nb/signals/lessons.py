"""What one prompt teaches of attention heads: what they look at, what ablation says, and weights that join the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.passes.flow_heads import head_attention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.passes import Finished, Per
    from omnitrace_nb.signals.learned import Over

_NOTHING = 1e-4  # nats: less is rounding
_ROUNDS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One prompt of `S` sources and `T` steps, and `m` sets of sources kept.

    Attributes:
        shape: the numbers of layers and heads.
        looks: `[layers * heads, T, P]`, what each head gives each of `P` places in each step.
        owned: `[P, S]`, 1 where a place belongs to a source.
        clamped: whether places are clamped at 0 once heads are added up.
        kept: `[m, S]`, 1 where a source was kept.
        groups: the steps of each target that changes, and whose numbers are finite.
        targets: `[targets, m]`, the targets' log-probabilities, centred and of length 1.
    """

    shape: tuple[int, int]
    looks: Tensor
    owned: Tensor
    clamped: bool
    kept: Tensor
    groups: tuple[np.ndarray, ...]
    targets: Tensor

    @classmethod
    def of(cls, run: Finished, over: Over, operator: str, kept: np.ndarray, per: Per) -> Lesson:
        """Read the heads of a run in one forward, and hide its sources by the sets `bool [m, S]`."""
        positions = np.unique(np.concatenate([source.positions for source in run.sources]))
        owned = torch.zeros(len(positions), len(run.sources))
        for column, source in enumerate(run.sources):
            owned[np.searchsorted(positions, source.positions), column] = 1
        looks = head_attention(run, positions, _after(run) if over == "excess" else None)
        layers, heads = looks.shape[:2]
        looks = looks.flatten(0, 1)
        if over == "attention":  # nothing is clamped, so that masses say it all
            looks, owned = looks @ owned, torch.eye(len(run.sources))
        said = run.ablator(operator).logprobs(kept)
        finite = looks.isfinite().all(dim=2).all(dim=0).numpy()
        groups, targets = [], []
        for steps in run.groups(per):
            told = said[:, steps].sum(1)
            told = told - told.mean()
            if finite[steps].all() and np.linalg.norm(told) > _NOTHING:  # NaN is not
                groups.append(steps)
                targets.append(told / np.linalg.norm(told))
        return cls(
            (layers, heads),
            looks.nan_to_num(),
            owned,
            over == "excess",
            torch.from_numpy(kept).float(),
            tuple(groups),
            torch.tensor(np.array(targets).reshape(-1, len(kept)), dtype=torch.float32),
        )

    def correlations(self, weights: Tensor) -> Tensor:
        """Correlate each target with what weights `[layers * heads]` predict of it: `[targets]`."""
        places = torch.einsum("h,htp->tp", weights, self.looks)
        masses = (places.relu() if self.clamped else places) @ self.owned
        predicted = torch.stack([masses[steps].sum(0) for steps in self.groups]) @ self.kept.T
        predicted = predicted - predicted.mean(1, keepdim=True)
        return (predicted * self.targets).sum(1) / predicted.norm(dim=1).clamp(min=1e-12)


def fitted(lessons: Sequence[Lesson], penalty: float) -> tuple[np.ndarray, float, float]:
    """Give the weights `[layers, heads]` of the highest mean correlation, and that of the plain mean and of them.

    Weights are measured in units in which every head is as loud as any other, so that a quiet head that knows is not
    drowned; `penalty` is taken off for their squared distance to the plain mean there, both of length 1.
    """
    loud = torch.stack([lesson.looks.square().mean((1, 2)) for lesson in lessons]).mean(0).sqrt()
    if not loud.any():  # nothing is looked at more than usual
        return np.full(lessons[0].shape, 1 / len(loud)), 0.0, 0.0
    loud = loud.clamp(min=float(loud.max()) * 1e-6)
    start = loud / loud.norm()
    free = start.clone().requires_grad_()
    optimiser: Any = torch.optim.LBFGS([free], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        away = (free / free.norm() - start).square().sum()
        value = penalty * away - _correlation(lessons, free / loud)
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        weights = free.detach() / loud
        before, after = (float(_correlation(lessons, each)) for each in (start / loud, weights))
    return (weights / weights.abs().sum()).double().reshape(lessons[0].shape).numpy(), before, after


def _correlation(lessons: Sequence[Lesson], weights: Tensor) -> Tensor:
    return torch.cat([lesson.correlations(weights) for lesson in lessons]).mean()


def _after(run: Finished) -> np.ndarray:
    """Give the rows that `Step.after` averages."""
    rows = run.baseline["after"] if isinstance(run.baseline, Mapping) else run.baseline
    return np.array([run.prompt - 1]) if rows is None or not len(rows) else rows
