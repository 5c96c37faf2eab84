"""Signals that follow what flows through the layers: which positions a step's vector was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from omnitrace_nb.passes.flow_stream import stream
from omnitrace_nb.signals.registry import register

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from omnitrace_nb.passes import Finished
    from omnitrace_nb.passes.flow_layers import FlowLayer


@register(
    "rollout",
    over="run",
    family="flow",
    cost="a forward over prompt and response, and its attention rows once more",
    source="Abnar & Zuidema 2020, arXiv 2005.00928",
)
def rollout(run: Finished) -> np.ndarray:
    """Attention rollout: the steps' rows of `A_L ... A_1`, with `A = (attention averaged over heads + I) / 2`.

    Half of every vector is taken to be the residual stream and half to be what attention brought (Abnar & Zuidema 2020,
    section 3). Rows sum to 1 (less with attention sinks); the step's own position keeps at least `2 ** -L`.
    """
    return stream(run, _half_attention, label="rollout")


def _half_attention(layer: FlowLayer, which: Tensor) -> Tensor:
    rows = layer.call.rows(which).mean(0) / 2
    rows[torch.arange(len(which), device=which.device), which] += 0.5
    return rows
