"""The tap: adds up, layer by layer, the attention rows of the forward that is running."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from omnitrace_nb.capture.attention import LISTENER, Call, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from omnitrace_nb.capture.signal import Reading


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What one forward showed of its last query, `p` positions being there: float32, on the last layer's device.

    Attributes:
        mean: `[p]`, averaged over layers and heads; None where no signal reads it.
        last: `[heads, p]`, the last layer's.
        leaf: the last layer's row as it stands in autograd's graph, where a gradient was asked for.
    """

    mean: Tensor | None
    last: Tensor
    leaf: Tensor | None


class Tap:
    """Reads the attention layers of one language model during one decode; its first forward is the prompt's.

    Args:
        decoder: the language model; attention of other modules (encoders) is left alone.
        reads: what the run's signals read.
        baseline_rows: prompt rows whose average `baseline` is, `int64 [k]`.
        prompt_mean: whether the prompt's own row is the average over all its rows (the released code's first step).
    """

    def __init__(
        self, decoder: nn.Module, reads: frozenset[Reading], baseline_rows: np.ndarray, *, prompt_mean: bool = False
    ) -> None:
        """Get ready for a prompt."""
        self._modules = {id(module) for module in decoder.modules()}
        self._mean = bool(reads & {"mean", "baseline"})
        self._baseline_rows = torch.as_tensor(baseline_rows, dtype=torch.long) if "baseline" in reads else None
        self._prompt_mean = prompt_mean
        self._layers: set[int] = set()
        self._final: int | None = None
        self._positions = 0
        self._graded = False
        self._sums: dict[torch.device, Tensor] = {}
        self._baseline: dict[torch.device, Tensor] = {}
        self._last: Tensor | None = None
        self._leaf: Tensor | None = None

    @contextmanager
    def listening(self, positions: int, *, graded: bool = False) -> Iterator[None]:
        """Read the forward inside the block (and no other: logits processors may run forwards of their own).

        Args:
            positions: how many positions there are when it has run, its own included.
            graded: put the last layer's row into autograd's graph.
        """
        self._sums, self._last, self._leaf = {}, None, None
        self._positions, self._graded = positions, graded
        token = LISTENER.set(self)
        try:
            yield
        finally:
            LISTENER.reset(token)

    def hears(self, module: nn.Module) -> bool:
        """Tell whether the module is one of the language model's attention layers."""
        return id(module) in self._modules and getattr(module, "layer_idx", None) is not None

    def attend(self, module: nn.Module, call: Call) -> Tensor:
        """Give the layer's output; keep what is wanted of its rows."""
        layer = int(module.layer_idx)  # type: ignore[arg-type]
        prompt = self._final is None
        if prompt:
            self._layers.add(layer)
            output = call.output()
            self._keep(self._prompt_row(call), last=True)
            self._keep_baseline(call)
            return output
        last = layer == self._final
        if not (last or self._mean):
            return call.output()
        if last and self._graded:
            output, self._leaf = call.graded()
            row = self._leaf.detach().float()
        else:
            output, row = call.single()
        with torch.no_grad():
            self._keep(self._place(row.reshape(-1, row.shape[-1])), last=last)
        return output

    def take(self) -> Rows | None:
        """Give the rows of the forward that has just ended; None if it showed none."""
        if self._last is None:
            return None
        self._final = max(self._layers)
        mean = torch.stack([part.to(self._last.device) for part in self._sums.values()]).sum(0) if self._sums else None
        return Rows(None if mean is None else mean / len(self._layers), self._last, self._leaf)

    def baseline(self) -> Tensor | None:
        """Give the average over the baseline rows, layers and heads, `[n]`; None if no signal reads it."""
        if self._baseline_rows is None or self._last is None:
            return None
        parts = torch.stack([part.to(self._last.device) for part in self._baseline.values()])
        return parts.sum(0) / (len(self._layers) * len(self._baseline_rows))

    def gradient(self, leaf: Tensor) -> Tensor:
        """Bring the leaf's gradient to the form of `Rows.last`: `float32 [heads, p]`."""
        return self._place(leaf.float().reshape(-1, leaf.shape[-1]))

    def _prompt_row(self, call: Call) -> Tensor:
        if not self._prompt_mean:
            return self._place(call.rows(torch.tensor([call.queries - 1], device=call.device))[:, 0])
        total = torch.zeros(call.heads, self._positions, device=call.device)
        for part in blocks(torch.arange(call.queries, device=call.device), call.heads, self._positions):
            total += self._place(call.rows(part).sum(1))
        return total / call.queries

    def _keep(self, row: Tensor, *, last: bool) -> None:
        if last:
            self._last = row
        if self._mean:
            self._sums[row.device] = _add(self._sums.get(row.device), row.mean(0))

    def _keep_baseline(self, call: Call) -> None:
        if self._baseline_rows is None:
            return
        for part in blocks(self._baseline_rows.to(call.device), call.heads, self._positions):
            rows = self._place(call.rows(part).sum(1)).mean(0)
            self._baseline[call.device] = _add(self._baseline.get(call.device), rows)

    def _place(self, rows: Tensor) -> Tensor:
        """Line keys up with positions: a static cache has empty places at its end, a sliding one lost the oldest."""
        missing = self._positions - rows.shape[-1]
        return rows[..., : self._positions] if missing <= 0 else F.pad(rows, (missing, 0))


def _add(known: Tensor | None, more: Tensor) -> Tensor:
    return more if known is None else known.add_(more)
