"""What a signal is, and what it may read of a run: the contract between `signals` and the rooms that read models."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.errors import SignalError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.passes import Finished, TeacherForced

Reading = Literal[
    "mean", "last", "gradient", "baseline", "rows", "gradients", "norms", "after", "question", "template", "response"
]
READINGS: tuple[Reading, ...] = get_args(Reading)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What was seen while one token was chosen, after `p` positions: float32 tensors on the model's device.

    Only what the run's signals declare in `reads` is filled; the rest is None. A signal of yours is given a step of its
    own, which it may write into.

    Attributes:
        mean: `[p]`, attention of the step's query row, averaged over every layer and head (reads "mean").
        last: `[heads, p]`, the last layer's rows (reads "last").
        row: `[heads, p]`, the last layer's rows that `gradient` belongs to; `last`, unless the first step averages the
            prompt's rows (reads "gradient").
        gradient: `[heads, p]`, the gradient of the chosen token's raw logit in those rows (reads "gradient").
        baseline: `[p]`, `mean` averaged over the run's baseline rows of the prompt; 0 at generated positions (reads
            "baseline").
        rows: `[layers, heads, p]`, the rows of every layer (reads "rows").
        own: `[layers, heads, p]`, the rows that `gradients` belongs to; `rows`, unless the first step averages the
            prompt's rows (reads "gradients").
        gradients: `[layers, heads, p]`, the gradient of the chosen token's raw logit in those rows, through every layer
            above (reads "gradients").
        norms: `[layers, p]`, the norm of what each position contributes to a layer's output: its values, weighted by
            the rows, through the output projection, summed over heads (reads "norms").
        after: `[layers, heads, p]`, the average of the prompt's rows after its last source, question and template; 0
            at generated positions, here and in the next two (reads "after").
        question: `[layers, heads, p]`, the same of the trailing question's rows (reads "question").
        template: `[layers, heads, p]`, the same of the template's rows after the last source (reads "template").
        response: `[layers, heads, p]`, the average of the earlier steps' rows, at each position over those that saw it;
            0 where none did (reads "response").
    """

    mean: Tensor | None = None
    last: Tensor | None = None
    row: Tensor | None = None
    gradient: Tensor | None = None
    baseline: Tensor | None = None
    rows: Tensor | None = None
    own: Tensor | None = None
    gradients: Tensor | None = None
    norms: Tensor | None = None
    after: Tensor | None = None
    question: Tensor | None = None
    template: Tensor | None = None
    response: Tensor | None = None

    def copied(self) -> Step:
        """Give a step that may be written into: nobody else sees it."""
        seen = {each.name: getattr(self, each.name) for each in fields(self)}
        return Step(**{name: None if each is None else each.clone() for name, each in seen.items()})


@dataclass(frozen=True, slots=True, repr=False)
class Control:
    """A correction of what a signal says, put behind it by `|`.

    Attributes:
        name: what stands behind the bar in the signal's label.
        summary: its formula, in one line.
        apply: the scores `[T, n + T]` so far, the run, and the signal that gave them -> scores `[T, n + T]`.
    """

    name: str
    summary: str
    apply: Callable[[np.ndarray, Finished, Signal], np.ndarray]

    def __post_init__(self) -> None:
        """Refuse what is of the wrong kind."""
        for name in ("name", "summary"):
            if not isinstance(given := getattr(self, name), str):
                raise SignalError(f"control {quoted(self.name)}: {name}={quoted(given)}: expected a text")
        if not callable(self.apply):
            raise SignalError(f"control {self.name!r}: apply={quoted(self.apply)}: expected a function")

    def __repr__(self) -> str:
        """Give name and formula."""
        return f"<control {self.name}: {self.summary}>"


@dataclass(frozen=True, slots=True, repr=False)
class Signal:
    """One way to score every earlier position for a step: the paper's `a_t(i)`.

    A signal has one of three functions: `score` reads the decode as it runs and costs no pass of its own; `explain`
    runs passes over the finished response, some steps at a time; `credit` does what it likes with the finished run.
    Make one with `omnitrace_nb.signals.register`; put controls behind it by `|`. What its function takes beyond
    decoding, the function itself says by its `need` (`omnitrace_nb.planning`).

    Attributes:
        name: what users write.
        summary: one line for tables and error messages.
        family: "attention", "gradient", "flow", "ablation", "baseline", "learned" or "custom".
        cost: what it costs beyond plain decoding, in words.
        source: where it comes from: a paper, or "this project".
        signed: whether negative scores mean something (evidence against).
        reads: what `score` uses of a `Step`.
        score: `Step` -> `[p]`.
        explain: the teacher-forced model and some steps `[b]` -> `[b, q]`, with `q` at most prompt plus response.
        credit: the finished run -> `[T, q]`, NaN in the rows of steps that were not reached.
        controls: corrections, in the order in which they are applied.
        label: the signal's name in a trace; left out: `name` and its controls, joined by "|".
    """

    name: str
    summary: str
    family: str = "custom"
    cost: str = ""
    source: str = ""
    signed: bool = False
    reads: frozenset[Reading] = frozenset()
    score: Callable[[Step], Tensor] | None = None
    explain: Callable[[TeacherForced, Tensor], Tensor] | None = None
    credit: Callable[[Finished], np.ndarray] | None = None
    controls: tuple[Control, ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        """Give the label its default; refuse what is of the wrong kind, and a signal without exactly one function."""
        self._check()
        if sum(each is not None for each in (self.score, self.explain, self.credit)) != 1:
            raise SignalError(f"signal {self.name!r} needs one of score, explain and credit")
        if self.score is not None and not self.reads:
            raise SignalError(f"signal {self.name!r} scores steps but reads nothing: name some of {list(READINGS)}")
        object.__setattr__(self, "label", self.label or "|".join([self.name, *(each.name for each in self.controls)]))

    def _check(self) -> None:
        for name in ("name", "summary", "family", "cost", "source", "label"):
            if not isinstance(given := getattr(self, name), str):
                raise SignalError(f"signal {quoted(self.name)}: {name}={quoted(given)}: expected a text")
        for name in ("score", "explain", "credit"):
            if not ((given := getattr(self, name)) is None or callable(given)):
                raise SignalError(f"signal {self.name!r}: {name}={quoted(given)}: expected a function")
        for name, kind in (("reads", str), ("controls", Control)):
            given = getattr(self, name)
            if not isinstance(given, (tuple, list, set, frozenset)) or not all(isinstance(one, kind) for one in given):
                raise SignalError(f"signal {self.name!r}: {name}={quoted(given)}: expected some {kind.__name__} values")
        object.__setattr__(self, "reads", frozenset(self.reads))
        if unknown := self.reads - set(READINGS):
            raise SignalError(f"signal {self.name!r} reads {sorted(unknown)}: expected some of {list(READINGS)}")

    def __repr__(self) -> str:
        """Give label and summary."""
        return f"<signal {self.label}: {self.summary}>"

    def __or__(self, control: Control) -> Signal:
        """Put a control behind the signal."""
        if not isinstance(control, Control):
            return NotImplemented
        return replace(self, controls=(*self.controls, control), label="")

    def named(self, label: str) -> Signal:
        """Give the same signal under another label in traces."""
        return replace(self, label=label)

    @property
    def bare(self) -> Signal:
        """Give the signal without its controls."""
        return replace(self, controls=(), label="")

    @property
    def online(self) -> bool:
        """Tell whether it reads the decode as it runs."""
        return self.score is not None

    def scored(self, step: Step, positions: int) -> Tensor:
        """Give the scores `[p]` of one step; `SignalError` if `score` gave anything else."""
        assert self.score is not None  # noqa: S101 - the loop runs only signals that have it
        own = is_ours(self.score)
        found = _tensor(self.score(step if own else step.copied()))
        if not isinstance(found, Tensor) or found.shape != (positions,):
            raise SignalError(
                f"signal {self.name!r} gave {_form(found)}: expected a tensor of shape ({positions},), a score for "
                "each position before the step's token"
            )
        # A function of the user's may fill the same tensor at every step.
        return found if own else found.clone()

    def explained(self, forced: TeacherForced, steps: Tensor, width: int) -> Tensor:
        """Give the scores `[b, q]` of some steps; `SignalError` if `explain` gave anything else."""
        assert self.explain is not None  # noqa: S101 - passes are run only for signals that have it
        found = _tensor(self.explain(forced, steps))
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


def is_ours(function: object) -> bool:
    """Tell whether a function is the package's own, which never writes into what it is given."""
    return str(getattr(function, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


def _tensor(found: object) -> object:
    return torch.from_numpy(found) if isinstance(found, np.ndarray) else found


def _form(found: object) -> str:
    return f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
