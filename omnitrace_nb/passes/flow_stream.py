"""Rows of a product of layer matrices, from the top layer down: only the rows of the steps, never a whole product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.capture.attention import blocks
from omnitrace_nb.passes.batches import run_passes
from omnitrace_nb.passes.flow_layers import depth_of, read_layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.passes.finished import Finished
    from omnitrace_nb.passes.flow_layers import FlowLayer

    Mix = Callable[[FlowLayer], Callable[[Tensor], Tensor]]


def stream(run: Finished, mix: Mix, *, label: str, writes: bool = False) -> np.ndarray:
    """Give rows `n - 1 .. n + T - 2` of `M_L ... M_2 M_1`, the flow from every position to each step: `[T, N]`.

    With `V` the rows so far, a layer is `V <- V M`: blocks of `M`'s rows are made, used and dropped, so that memory is
    linear in the number of positions `N = n + T - 1`.

    Args:
        run: the finished run; the forward over it is counted in its cost.
        mix: a layer -> what gives its positions' (`int64 [r]`) rows of `M`, `float32 [r, N]`.
        label: what the progress bar says.
        writes: whether `mix` needs what the layers wrote into the residual stream.

    Returns:
        the rows; NaN where the user interrupted.

    Raises:
        SignalError: a model some of whose layers cannot be read.
    """
    first, width = run.prompt - 1, run.width - 1
    if not run.steps:
        return np.zeros((0, run.prompt), np.float32)
    layers: list[FlowLayer] = []
    rows = torch.zeros(run.steps, width)
    rows[:, first:] = torch.eye(run.steps)

    def work(item: Tensor) -> Tensor:
        nonlocal rows, first
        if int(item) == 0:
            layers.extend(read_layers(run, writes=writes))
        else:
            rows = _down(rows, layers.pop(), mix, first)
            first = 0
        return torch.zeros(1)

    with torch.no_grad():
        depth = depth_of(run.adapter.decoder())
        _, whole = run_passes(work, 1 + depth, batch=1, label=label, progress=run.progress)
    if not whole:
        run.interrupted = True
        return np.full((run.steps, width), np.nan, np.float32)
    return rows.cpu().numpy()


def _down(rows: Tensor, layer: FlowLayer, mix: Mix, first: int) -> Tensor:
    """Take rows `[T, N]` through one layer; those columns of theirs before `first` are 0."""
    device, width, rows_of = layer.call.device, rows.shape[1], mix(layer)
    rows = rows.to(device)
    below = torch.zeros_like(rows)
    for part in blocks(torch.arange(first, width, device=device), layer.call.heads, width):
        below.addmm_(rows[:, part], rows_of(part))
    return below
