"""The ablator: sets of kept sources in, log-probabilities of the response out; no set is run twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from omnitrace_nb.ablation.hiding import Mask, MaskDirect, Mean, Operator
from omnitrace_nb.ablation.rereading import Raw
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes.batches import run_passes
from omnitrace_nb.trace.records import Ablations

if TYPE_CHECKING:
    from omnitrace_nb.passes.finished import Finished


OPERATORS: dict[str, type[Operator]] = {each.name: each for each in (Mask, MaskDirect, Mean, Raw)}


class Ablator:
    """Ablates the sources of a run by one operator and remembers what came of it.

    Args:
        run: the finished run, with `S` sources and `T` steps; its `cost` counts the forwards, and its `interrupted` is
            set by a KeyboardInterrupt, after which nothing new is run.
        operator: "mask" hides a source's positions from every later position, "mask_direct" from the rows alone that
            choose the response's tokens, "mean" replaces its input embeddings by the mean of its modality's in the
            prompt, "raw" edits the content itself.

    Raises:
        SignalError: an unknown operator, or one that this model or run does not allow.
    """

    def __init__(self, run: Finished, operator: str = "mask") -> None:
        """Take the run; nothing is run yet."""
        if operator not in OPERATORS:
            raise SignalError(f"unknown operator {operator!r}: there are {', '.join(map(repr, OPERATORS))}")
        self.run, self.operator = run, operator
        self._known: dict[bytes, np.ndarray] = {}
        self._kept: list[np.ndarray] = []
        self._hiding: Operator | None = None

    def logprobs(self, keep: np.ndarray) -> np.ndarray:
        """Give the log-probability of each of the response's tokens, teacher-forced, with only some sources kept.

        Args:
            keep: `bool [m, S]`, the sources kept in each row.

        Returns:
            `float64 [m, T]`, in nats (to float32's precision, as they are stored); NaN in the rows that an interrupted
            run did not reach.
        """
        sets = np.asarray(keep, bool)
        if sets.ndim != 2 or sets.shape[1] != len(self.run.sources):  # noqa: PLR2004 - rows and sources
            raise SettingsError(
                f"keep has shape {sets.shape}: expected (m, {len(self.run.sources)}), a column for each source"
            )
        new = {row.tobytes(): row for row in sets if row.tobytes() not in self._known}
        if new and not self.run.interrupted:
            self._ablate(np.stack(list(new.values())))
        missing = np.full(self.run.steps, np.nan)
        found = [self._known.get(row.tobytes(), missing) for row in sets]
        return np.array(found, np.float64).reshape(len(sets), self.run.steps)

    @property
    def record(self) -> Ablations:
        """Everything run so far, as a trace keeps it; the sets in the order in which they were run."""
        steps, sources = self.run.steps, len(self.run.sources)
        logprobs = [self._known[row.tobytes()] for row in self._kept]
        return Ablations(
            self.operator,
            np.array(self._kept, bool).reshape(len(self._kept), sources),
            np.array(logprobs, np.float32).reshape(len(self._kept), steps),
        )

    def remember(self, record: Ablations) -> None:
        """Take over what an earlier run of the same response gave, so that none of it is run again."""
        shape = (len(record.keep), self.run.steps)
        if record.operator != self.operator or record.logprobs.shape != shape:
            raise SettingsError(
                f"these ablations are of operator {record.operator!r} and shape {record.logprobs.shape}: expected "
                f"{self.operator!r} and {shape}"
            )
        for row, logprobs in zip(np.asarray(record.keep, bool), record.logprobs, strict=True):
            self._learn(row, logprobs)

    def _learn(self, row: np.ndarray, logprobs: np.ndarray) -> None:
        if row.tobytes() not in self._known:
            self._kept.append(row)
            self._known[row.tobytes()] = logprobs.astype(np.float32)

    def _ablate(self, sets: np.ndarray) -> None:
        if not self.run.steps:
            return
        try:
            forced = self.run.forced
            with torch.no_grad(), forced.running():
                hiding = self._hiding = self._hiding or OPERATORS[self.operator](self.run)
                if sets.all(axis=1).any():
                    self._learn(np.ones(sets.shape[1], bool), hiding.replay.plain.cpu().numpy())
                    sets = sets[~sets.all(axis=1)]
                sets = sets[hiding.order(sets)]
                found, whole = run_passes(
                    lambda items: hiding.logprobs(sets[items.numpy()]),
                    len(sets),
                    batch=hiding.batch,
                    label=f"ablation ({self.operator})",
                    progress=self.run.progress,
                )
        except KeyboardInterrupt:  # before the first batch
            found, whole = [], False
        self.run.interrupted = self.run.interrupted or not whole
        for row, logprobs in zip(sets, found, strict=False):
            self._learn(row, logprobs.numpy())
