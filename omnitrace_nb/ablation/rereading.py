"""The operator that edits the content: the prompt is encoded and read again for every set of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from omnitrace_nb.ablation.editing import edited
from omnitrace_nb.ablation.hiding import Operator
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    import numpy as np

    from omnitrace_nb.passes.finished import Finished


class Raw(Operator):
    """Sources taken out of the content (see `edited`), which is encoded again; a whole forward a set.

    Later positions move up where sentences are deleted. Works with every model.
    """

    name = "raw"

    def __init__(self, run: Finished) -> None:
        """Take the run; `SignalError` if its content is not there."""
        super().__init__(run)
        if run.edit is not None or len(run.loaded) < len({source.part for source in run.sources}):
            raise SignalError(
                "operator 'raw' edits the prompt's content, which this run does not have: use operator='mask', "
                "'mask_direct' or 'mean'"
            )

    @classmethod
    def at_once(cls, device: str, steps: int, width: int) -> int:  # noqa: ARG003 - prompts of other lengths each
        """Give 1: what is left of the content is a prompt of its own."""
        return 1

    def logprobs(self, keep: np.ndarray) -> Tensor:
        """Give the log-probabilities; `ContentError` or `ModelError` if the model refuses what is left."""
        return torch.stack([self._read(row) for row in keep])

    def _read(self, keep: np.ndarray) -> Tensor:
        gone = [source for source, kept in zip(self.run.sources, keep, strict=True) if not kept]
        encoded = self.run.adapter.encode(edited(self.run.loaded, gone))
        if not len(encoded.layout):
            raise SignalError(
                "operator 'raw' leaves nothing of this prompt for the model to continue: use operator='mask', "
                "'mask_direct' or 'mean'"
            )
        return self.run.but(encoded=encoded).replay.plain
