"""What is looked at anyway: averages of attention rows that a step's own row is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from omnitrace_nb.capture.attention import Call, blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from omnitrace_nb.capture.signal import Reading
    from omnitrace_nb.capture.tap import Rows

_SETS: dict[Reading, str] = {"baseline": "after", "after": "after", "question": "question", "template": "template"}


class Usual:
    """Averages over rows of the prompt, by name, and over the steps so far: those that a run's signals read.

    Args:
        reads: what the run's signals read.
        sets: name -> prompt rows, `int64 [k]`, k at least 1: "after", "question", "template".
    """

    def __init__(self, reads: frozenset[Reading], sets: Mapping[str, np.ndarray]) -> None:
        """Get ready for a prompt."""
        self._wanted = {
            name: torch.as_tensor(sets[which], dtype=torch.long) for name, which in _SETS.items() if name in reads
        }
        self._response = "response" in reads
        self._layers: dict[str, list[Tensor]] = {name: [] for name in self._wanted}
        self._prompt: dict[str, Tensor] | None = None
        self._sum: Tensor | None = None
        self._steps = 0

    def hear(self, call: Call) -> None:
        """Read the next layer of the prompt's forward."""
        for name, rows in self._wanted.items():
            total = torch.zeros(call.heads, call.queries, device=call.device)
            for part in blocks(rows.to(call.device), call.heads, call.queries):
                total += call.rows(part)[..., : call.queries].sum(1)
            mean = total / len(rows)
            self._layers[name].append(mean.mean(0) if name == "baseline" else mean)

    def beside(self, rows: Rows) -> dict[str, Tensor]:
        """Give the averages beside a step's rows, by the names of `Step`; the step's rows count from the next on."""
        device, positions = rows.last.device, rows.last.shape[-1]
        if self._prompt is None:
            stacked = {name: torch.stack([each.to(device) for each in found]) for name, found in self._layers.items()}
            self._prompt = {name: each.mean(0) if name == "baseline" else each for name, each in stacked.items()}
            self._layers.clear()
        found = {name: F.pad(each, (0, positions - each.shape[-1])) for name, each in self._prompt.items()}
        if self._response and rows.every is not None:
            found["response"] = self._so_far(rows.every)
        return found

    def _so_far(self, rows: Tensor) -> Tensor:
        positions = rows.shape[-1]
        known = torch.zeros_like(rows) if self._sum is None else F.pad(self._sum, (0, positions - self._sum.shape[-1]))
        # The prompt was seen by every step so far, each generated position by one step less than the one before it.
        seen = torch.full((positions,), self._steps, device=rows.device)
        if self._steps:
            seen[-self._steps :] = torch.arange(self._steps - 1, -1, -1, device=rows.device)
        self._sum, self._steps = known + rows, self._steps + 1
        return known / seen.clamp(min=1)
