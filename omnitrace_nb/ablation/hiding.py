"""Operators that leave the content alone: sources hidden from later positions, or their embeddings replaced."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.errors import SignalError
from omnitrace_nb.layout import MODALITIES
from omnitrace_nb.passes.batches import ablations_at_once

if TYPE_CHECKING:
    from omnitrace_nb.ablation.replay import Replay
    from omnitrace_nb.passes.finished import Finished


class Operator:
    """One way to ablate sources of a run with `S` sources and `T` steps.

    Attributes:
        batch: how many sets of sources fit one pass.
        replay: the run, read again.
    """

    name = ""

    def __init__(self, run: Finished) -> None:
        """Take the run; `SignalError` if it or its model does not allow the operator."""
        self.run, self.replay = run, run.replay
        self.batch = self.at_once(self.replay.device.type, run.steps, run.width)

    @classmethod
    def at_once(cls, device: str, steps: int, width: int) -> int:
        """Give how many sets fit one pass on a type of device, for `steps` of `width` positions."""
        return ablations_at_once(device, cls.inputs(steps, width), width)

    @staticmethod
    def inputs(steps: int, width: int) -> int:  # noqa: ARG004 - of operators that read the steps alone
        """Give how many inputs a set has, at most."""
        return width

    def order(self, keep: np.ndarray) -> np.ndarray:
        """Give the order in which to run sets `bool [m, S]`: from late first changes to early ones, `int64 [m]`."""
        starts = np.array([source.positions.min() for source in self.run.sources], np.int64)
        return np.argsort(-np.where(keep, self.run.prompt, starts).min(axis=1, initial=self.run.prompt), kind="stable")

    def logprobs(self, keep: np.ndarray) -> Tensor:
        """Give the log-probabilities `[b, T]` of the response with sets `bool [b, S]` of sources kept, none whole."""
        raise NotImplementedError

    def _start(self, gone: np.ndarray) -> int:
        """Give the first position that may not be as it was: a changed one, or one that looks ahead to it."""
        return int(self.run.begins[min(map(_first, gone))])


class Mask(Operator):
    """Sources hidden from every later position: nobody sees them, so they are left out, and positions are kept.

    Exact: equal to the same sequence under an attention mask that hides the sources from every position but
    themselves. Only what follows the first hidden source is read again. The prompt's last position, from which the
    response's first token is chosen, always stays.
    """

    name = "mask"

    def logprobs(self, keep: np.ndarray) -> Tensor:
        """Give the log-probabilities; `SignalError` if the model cannot leave positions out."""
        _refuse(self.replay, self.name)
        gone = hidden(self.run, keep)
        start = self._start(gone)
        if self.replay.windowed:
            return self._in_place(gone, start)
        after = np.concatenate([~gone[:, start:], np.ones((len(keep), self.run.steps - 1), bool)], axis=1)
        rows = [torch.from_numpy(start + np.flatnonzero(row)) for row in after]
        places = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(self.replay.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.replay.device)
        return self.replay.logprobs(places, lengths, start)

    def _in_place(self, gone: np.ndarray, start: int) -> Tensor:
        """Hide positions where they stand: left out, they would make room in a window for what is outside it."""
        places = torch.arange(start, self.replay.length, device=self.replay.device).expand(len(gone), -1)
        lengths = torch.full((len(gone),), places.shape[1], device=self.replay.device)
        shown = torch.from_numpy(~gone).to(self.replay.device)
        seen = torch.cat([shown, shown.new_ones(len(gone), self.replay.length - gone.shape[1])], dim=1)
        return self.replay.logprobs(places, lengths, start, seen=seen)


class MaskDirect(Operator):
    """Sources hidden from the response's rows alone: what the prompt itself made of them stays.

    The rows are those that choose the response's tokens, from the prompt's last position on (which always sees
    itself); they are read again behind the prompt's cached keys and values, `T` inputs a set.
    """

    name = "mask_direct"

    @staticmethod
    def inputs(steps: int, width: int) -> int:  # noqa: ARG004 - as above
        """Give how many inputs a set has: those that choose the response's tokens."""
        return steps

    def logprobs(self, keep: np.ndarray) -> Tensor:
        """Give the log-probabilities; `SignalError` if the model does not keep the prompt's keys and values."""
        _refuse(self.replay, self.name)
        gone = torch.from_numpy(hidden(self.run, keep)).to(self.replay.device)
        start, end = self.run.prompt - 1, self.replay.length
        places = torch.arange(start, end, device=self.replay.device).expand(len(keep), -1)
        lengths = torch.full((len(keep),), end - start, device=self.replay.device)
        seen = torch.cat([~gone, gone.new_ones(len(keep), self.run.steps - 1)], dim=1)
        return self.replay.logprobs(places, lengths, start, seen=seen)


class Mean(Operator):
    """Sources whose input embeddings are replaced by the mean of their modality's in the prompt.

    What comes before the first of them is borrowed where the model keeps all keys and values.
    """

    name = "mean"

    def logprobs(self, keep: np.ndarray) -> Tensor:
        """Give the log-probabilities."""
        gone = hidden(self.run, keep, last=True)
        start = 0 if self.replay.layers is None else self._start(gone)
        places = torch.arange(start, self.replay.length, device=self.replay.device).expand(len(keep), -1)
        lengths = torch.full((len(keep),), places.shape[1], device=self.replay.device)
        embeddings = self.replay.forced.embeddings[0, places]
        rows, columns = np.nonzero(gone[:, start:])
        embeddings[rows, columns] = self._means[self.run.encoded.layout.modality[start + columns]]
        return self.replay.logprobs(places, lengths, start, embeddings=embeddings)

    @cached_property
    def _means(self) -> Tensor:
        """`[modalities, hidden]`, the mean embedding of each modality; 0 for absent ones."""
        embeddings = self.replay.forced.embeddings[0, : self.run.prompt]
        means = embeddings.new_zeros(len(MODALITIES), embeddings.shape[-1])
        for kind in np.unique(self.run.encoded.layout.modality).tolist():
            means[kind] = embeddings[np.flatnonzero(self.run.encoded.layout.modality == kind)].mean(0)
        return means


def hidden(run: Finished, keep: np.ndarray, *, last: bool = False) -> np.ndarray:
    """Give the prompt positions of the sources that are not kept, `bool [m, n]`; the last position only if asked."""
    gone = np.zeros((len(keep), run.prompt), bool)
    for source, kept in zip(run.sources, keep.T, strict=True):
        gone[np.ix_(~kept, source.positions)] = True
    gone[:, -1] &= last
    return gone


def _first(gone: np.ndarray) -> int:
    """Give the first position that is not as it was; the last of the prompt if there is none."""
    return int(gone.argmax()) if gone.any() else len(gone) - 1


def _refuse(replay: Replay, operator: str) -> None:
    name = type(replay.model).__name__
    if replay.layers is None:
        raise SignalError(
            f"operator {operator!r} cannot be exact with {name}: some of its layers keep a state instead of keys and "
            "values; use operator='mean' or 'raw'"
        )
    if operator == "mask" and not replay.takes_positions:
        raise SignalError(
            f"operator 'mask' cannot be exact with {name}: it counts positions itself, so none can be left out; use "
            "operator='mask_direct', 'mean' or 'raw'"
        )
