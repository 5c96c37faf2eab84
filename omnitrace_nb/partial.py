"""A trace of what is decoded so far, made again and again while a decode runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import alignment, passes
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace import Trace
from omnitrace_nb.trace.packed import PackedScores, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.capture.loop import Decoded
    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.prompting import Prompt
    from omnitrace_nb.statements import StatementOptions
    from omnitrace_nb.trace.records import RunInfo

RUNNING = "running"


class Partial:
    """Traces of one decode while it runs, with the signals that read it; each step's scores are taken up once.

    Signals with controls, and those that run passes over a finished response, are not in them.

    Args:
        adapter: the model.
        prompt: of `n` positions.
        signals: those of the run.
        options: how the response is cut.
        curation: how sources are chosen.
        about: where the run comes from.
    """

    def __init__(  # noqa: PLR0917 (the tracer alone calls it)
        self,
        adapter: Adapter,
        prompt: Prompt,
        signals: Sequence[Signal],
        options: StatementOptions,
        curation: CurationSettings,
        about: RunInfo,
    ) -> None:
        """Begin without a step."""
        self._adapter, self._prompt, self._about = adapter, prompt, about
        self._options, self._curation = options, curation
        read = passes.told_apart(signals).values()
        self._names = {
            each.label: next(own.name for own in read if (own.score, own.reads) == (each.score, each.reads))
            for each in signals
            if each.online and not each.controls
        }
        self._scores = {label: _Growing(len(prompt.encoded.layout)) for label in self._names}
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._last: Trace | None = None

    def has(self, signal: Signal) -> bool:
        """Tell whether a signal is in these traces."""
        return signal.label in self._names

    def trace(self, steps: Sequence[Decoded]) -> Trace:
        """Give the trace of the steps so far, whose `response_record.stopped` is "running"."""
        for step in steps[len(self._ids) :]:
            for label, name in self._names.items():
                self._scores[label].add(step.scores[name].detach().float().cpu().numpy(), at=len(self._ids))
            self._logprobs.append(step.logprob)
            self._ids.append(step.token)
        response = alignment.align(self._adapter.token_bytes(self._ids), self._ids, self._logprobs, RUNNING)
        response = self._prompt.told_apart(self._adapter, response)
        statements = Statements.of(response, self._options)
        notes = {label: scores.note for label, scores in self._scores.items()}
        found = Trace.build(
            self._prompt.records,
            self._prompt.encoded.layout,
            self._prompt.sources,
            response,
            {label: scores.packed() for label, scores in self._scores.items()},
            replace(self._about, signals=notes),
            self._curation,
            statements,
        )
        if self._last is not None:
            found.continue_from(self._last)
        self._last = found
        return found


class _Growing:
    """Packed scores `[t, n + t]` while steps are added; what was given before stays as it was."""

    def __init__(self, prompt: int) -> None:
        self.prompt, self.steps = prompt, 0
        self.broken: list[int] = []
        self.halves, self.scales = np.zeros((0, prompt), np.float16), np.ones(0, np.float32)

    def add(self, row: np.ndarray, at: int) -> None:
        """Take the scores `[p]` of step `at`."""
        if at == len(self.halves):
            self._enlarge()
        if not np.isfinite(row).all():
            row = np.zeros_like(row)
            self.broken.append(at)
        packed = pack(row[None])
        self.halves[at, : len(row)], self.scales[at] = packed.halves[0], packed.scales[0]
        self.steps = at + 1

    def packed(self) -> PackedScores:
        return PackedScores(self.halves[: self.steps, : self.prompt + self.steps], self.scales[: self.steps])

    @property
    def note(self) -> dict[str, object]:
        return {"steps": self.steps} | ({"not_finite": list(self.broken)} if self.broken else {})

    def _enlarge(self) -> None:
        room = max(64, 2 * len(self.halves))
        halves, scales = np.zeros((room, self.prompt + room), np.float16), np.ones(room, np.float32)
        halves[: self.steps, : self.halves.shape[1]] = self.halves[: self.steps]
        scales[: self.steps] = self.scales[: self.steps]
        self.halves, self.scales = halves, scales
