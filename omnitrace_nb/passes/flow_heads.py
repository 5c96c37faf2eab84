"""What each head of each layer looks at in every step of a finished run, from one forward over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from omnitrace_nb.capture.attention import blocks
from omnitrace_nb.passes.flow_layers import read_layers

if TYPE_CHECKING:
    import numpy as np

    from omnitrace_nb.passes.finished import Finished


def head_attention(run: Finished, positions: np.ndarray, minus: np.ndarray | None = None) -> Tensor:
    """Give the attention of each head on some positions, `float32 [layers, heads, T, P]`, on the CPU.

    Args:
        run: the finished run, of at least one step.
        positions: `int64 [P]`, those wanted.
        minus: `int64 [k]`, prompt rows whose mean is taken off each head's row; None takes nothing off.

    Raises:
        SignalError: a model some of whose layers have no attention that can be read.
    """
    found = []
    with torch.no_grad():
        for layer in read_layers(run):
            call, wanted = layer.call, torch.from_numpy(positions).to(layer.call.device)
            which = torch.arange(run.prompt - 1, run.width - 1, device=call.device)
            rows = [call.rows(part)[..., wanted] for part in blocks(which, call.heads, run.width)]
            usual: Tensor | float = 0.0
            if minus is not None:
                usual = call.rows(torch.from_numpy(minus).to(call.device))[..., wanted].mean(1, keepdim=True)
            found.append((torch.cat(rows, dim=1) - usual).cpu())
    return torch.stack(found)
