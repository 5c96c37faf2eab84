"""A finished run: the model, its prompt and its response, for whatever needs passes of its own afterwards."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.cost import Cost
from omnitrace_nb.passes.teacher import TeacherForced
from omnitrace_nb.sources import overlapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omnitrace_nb.ablation import Ablator
    from omnitrace_nb.ablation.replay import Replay
    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Adapter, Encoded
    from omnitrace_nb.trace.records import Ablations, PartRecord, Response, Source

Per = Literal["step", "statement", "response"]


class Finished:
    """One run of `n` prompt positions, `S` sources and `T` steps, with its model: what passes work on.

    Attributes:
        adapter: the model.
        encoded: the prompt as the model took it.
        loaded: its decoded parts.
        records: what a trace keeps of them.
        sources: the sources.
        response: the response with its tokens.
        statements: start and end of each statement, in characters of the response.
        statement_of: `int64 [T]`, the statement of each step, -1 for none.
        weights: `float64 [T]`, the part-of-speech weight of each step.
        baseline: the prompt rows that an excess takes as its baseline, by name; those "after" the sources if alone.
        first_step: the row of the first step, "last" or "prompt_mean".
        progress: whether passes show bars.
        cost: forwards and tokens spent on the run so far, beyond decoding.
        interrupted: whether a pass was interrupted; passes after it are left out.
        reports: signal name -> what it has to tell of the run besides its scores, plain values that go into its notes.
        replayed: what a signal computes -> raw scores `[T, n + T]`, of the signals that a second decode has read.
        reading: online signals that a second decode reads besides the one it is for.
        variants: the same run on changed prompts, by what was changed.
        edit: what is done to the prompt's input embeddings `[1, n, hidden]` before the model reads them.
    """

    def __init__(
        self,
        adapter: Adapter,
        encoded: Encoded,
        response: Response,
        *,
        loaded: Sequence[LoadedPart] = (),
        records: Sequence[PartRecord] = (),
        sources: Sequence[Source] = (),
        statements: Sequence[tuple[int, int]] = (),
        statement_of: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        baseline: Mapping[str, np.ndarray] | np.ndarray | None = None,
        first_step: Literal["last", "prompt_mean"] = "last",
        progress: bool = True,
        cost: Cost | None = None,
        edit: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        """Take the pieces; what is left out is empty."""
        steps = len(response.token_ids)
        self.adapter, self.encoded, self.response = adapter, encoded, response
        self.loaded, self.records, self.sources = tuple(loaded), tuple(records), tuple(sources)
        self.statements = tuple(statements)
        self.statement_of = np.full(steps, -1) if statement_of is None else statement_of
        self.weights = np.ones(steps) if weights is None else weights
        self.baseline, self.first_step = baseline, first_step
        self.progress, self.edit = progress, edit
        self.cost = cost or Cost()
        self.interrupted = False
        self.reports: dict[str, dict[str, Any]] = {}
        self.replayed: dict[object, np.ndarray] = {}
        self.reading: tuple[Signal, ...] = ()
        self.variants: dict[object, Finished] = {}
        self._ablators: dict[str, Ablator] = {}

    @property
    def prompt(self) -> int:
        """`n`, the number of prompt positions."""
        return len(self.encoded.layout)

    @property
    def steps(self) -> int:
        """`T`, the number of steps."""
        return len(self.response.token_ids)

    @property
    def width(self) -> int:
        """`n + T`."""
        return self.prompt + self.steps

    @cached_property
    def forced(self) -> TeacherForced:
        """The run as one sequence of input embeddings; media are encoded when it is first asked for."""
        # Where the prompt is: a model whose first weights are offloaded says that it is nowhere.
        where = next(iter(self.encoded.inputs.values())).device
        response = torch.as_tensor(self.response.token_ids, device=where)
        return TeacherForced.of(self.adapter, self.encoded, response, edit=self.edit, cost=self.cost)

    @cached_property
    def begins(self) -> np.ndarray:
        """`int64 [n]`, the first of those that look at one another with each; itself if attention is causal."""
        of: Callable[[Encoded], np.ndarray] | None = getattr(self.adapter, "blocks", None)
        return np.arange(self.prompt) if of is None else of(self.encoded)

    def groups(self, per: Per) -> list[np.ndarray]:
        """Give the steps of each target, `int64 [k]` each: every step, statement, or the response.

        Steps that belong to no statement are in no group of "statement".
        """
        if per == "step":
            return [np.array([step]) for step in range(self.steps)]
        if per == "response":
            return [np.arange(self.steps)] if self.steps else []
        found = [np.flatnonzero(self.statement_of == index) for index in range(len(self.statements))]
        return [steps for steps in found if len(steps)]

    def spread(self, effects: np.ndarray) -> np.ndarray:
        """Lay what each source is worth, `[T, S]`, evenly on its positions: `[T, n]`, whose masses are the effects.

        Raises:
            SignalError: sources that share positions, whose effects could not be told apart again.
        """
        if overlapping(self.sources):
            raise SignalError(
                "sources overlap, so what each is worth cannot be laid on its positions: trace with disjoint sources, "
                "or ask for signals that score positions, such as attmean"
            )
        scores = np.zeros((len(effects), self.prompt), np.float32)
        for source, effect in zip(self.sources, effects.T, strict=True):
            scores[:, source.positions] = effect[:, None] / len(source.positions)
        return scores

    @cached_property
    def replay(self) -> Replay:
        """The run to be read again in variants; all operators of ablation share what it keeps."""
        from omnitrace_nb.ablation.replay import Replay  # noqa: PLC0415 - most runs hide nothing

        return Replay(self)

    def ablator(self, operator: str = "mask") -> Ablator:
        """Give what hides sources by an operator; every signal of the run shares it and what it has already run."""
        from omnitrace_nb.ablation import Ablator  # noqa: PLC0415 - most runs hide nothing

        if operator not in self._ablators:
            self._ablators[operator] = Ablator(self, operator)
        return self._ablators[operator]

    @property
    def ablators(self) -> dict[str, Ablator]:
        """The ablators used so far, by operator."""
        return dict(self._ablators)

    @property
    def ablations(self) -> dict[str, Ablations]:
        """What the ablators have run so far, by operator, as a trace keeps it."""
        records = {operator: ablator.record for operator, ablator in self._ablators.items()}
        return {operator: record for operator, record in records.items() if len(record.keep)}

    def but(self, **changed: Any) -> Finished:  # noqa: ANN401 - any of the constructor's keywords
        """Give the same run with some pieces exchanged; costs go to the same account."""
        kept = {
            name: getattr(self, name)
            for name in (
                *("loaded", "records", "sources", "statements", "statement_of", "weights", "baseline", "first_step"),
                *("progress", "cost", "edit"),
            )
        }
        first = {name: changed.pop(name, getattr(self, name)) for name in ("adapter", "encoded", "response")}
        return Finished(**first, **{**kept, **changed})
