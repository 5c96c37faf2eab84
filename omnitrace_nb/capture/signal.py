"""What a signal may read of a run, and what a signal is: the small contract between `capture` and `signals`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.capture.teacher import TeacherForced

Reading = Literal["mean", "last", "gradient", "baseline"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What was seen while one token was chosen, after `p` positions: float32 tensors on the model's device.

    Only what the run's signals declare in `reads` is filled; the rest is None.

    Attributes:
        mean: `[p]`, attention of the step's query row, averaged over every layer and head (reads "mean").
        last: `[heads, p]`, the last layer's rows (reads "last").
        row: `[heads, p]`, the last layer's rows that `gradient` belongs to; `last`, unless the first step averages the
            prompt's rows (reads "gradient").
        gradient: `[heads, p]`, the gradient of the chosen token's raw logit in those rows (reads "gradient").
        baseline: `[p]`, `mean` averaged over the run's baseline rows of the prompt; 0 at generated positions (reads
            "baseline").
    """

    mean: Tensor | None = None
    last: Tensor | None = None
    row: Tensor | None = None
    gradient: Tensor | None = None
    baseline: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One way to score every earlier position for a step: the paper's `a_t(i)`.

    A signal has one of two functions: `score` reads the decode as it runs and costs no pass of its own; `explain` runs
    passes over the finished response. Make one with `omnitrace_nb.signals.register`.

    Attributes:
        name: what users write.
        summary: one line for tables and error messages.
        reads: what `score` uses of a `Step`.
        score: `Step` -> `[p]`.
        explain: the teacher-forced model and some steps `[b]` -> `[b, q]`, with `q` at most prompt plus response.
    """

    name: str
    summary: str
    reads: frozenset[Reading] = frozenset()
    score: Callable[[Step], Tensor] | None = None
    explain: Callable[[TeacherForced, Tensor], Tensor] | None = None

    def scored(self, step: Step, positions: int) -> Tensor:
        """Give the scores `[p]` of one step; `SignalError` if `score` gave anything else."""
        assert self.score is not None  # noqa: S101 - the loop runs only signals that have it
        found = self.score(step)
        if not isinstance(found, Tensor) or found.shape != (positions,):
            raise SignalError(
                f"signal {self.name!r} gave {_form(found)}: expected a tensor of shape ({positions},), a score for "
                "each position before the step's token"
            )
        return found

    def explained(self, forced: TeacherForced, steps: Tensor, width: int) -> Tensor:
        """Give the scores `[b, q]` of some steps; `SignalError` if `explain` gave anything else."""
        assert self.explain is not None  # noqa: S101 - passes are run only for signals that have it
        found = self.explain(forced, steps)
        if (
            not isinstance(found, Tensor)
            or found.ndim != 2  # noqa: PLR2004 - steps and positions
            or len(found) != len(steps)
            or found.shape[1] > width
        ):
            raise SignalError(
                f"signal {self.name!r} gave {_form(found)}: expected a tensor of shape ({len(steps)}, q), a score for "
                f"each step asked for and each of the first q positions, at most {width}"
            )
        return found


def _form(found: object) -> str:
    return f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
