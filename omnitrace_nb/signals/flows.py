"""Signals that follow what flows through the layers: which positions a step's vector was made of."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from omnitrace_nb import planning
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.flow_stream import stream
from omnitrace_nb.signals.registry import register

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from torch import Tensor

    from omnitrace_nb.passes import Finished
    from omnitrace_nb.passes.flow_layers import FlowLayer
    from omnitrace_nb.passes.flow_writes import Written
    from omnitrace_nb.planning import Need, Shape


FORWARD = "a forward over prompt and response, and its attention rows once more"
ROUNDING = 0.02  # of half precision, added up over a row


def a_flow(shape: Shape, *, writes: bool = False) -> Need:
    """Give what a flow takes: a forward, what is kept of its layers, and their attention rows once or twice more."""
    s, width = shape.sizes, shape.width
    kept = s["b"] * width * s["L"] * ((s["H"] + 2 * s["K"]) * s["d"] + writes * (s["H"] * s["d"] + 2 * s["D"]))
    found = planning.passes(shape, 1, width, length=width)
    again = 2 * s["L"] * width**2 * ((1 + writes) * s["H"] * s["d"] + shape.steps)
    more = kept + 8 * shape.steps * width
    return replace(found, memory=found.memory + more, least=found.least + more, work=found.work + again)


@register(
    "rollout",
    over="run",
    family="flow",
    cost=FORWARD,
    source="Abnar & Zuidema 2020, arXiv 2005.00928",
    need=a_flow,
)
def rollout(run: Finished) -> np.ndarray:
    """Attention rollout: the steps' rows of `A_L ... A_1`, with `A = (attention averaged over heads + I) / 2`.

    Half of every vector is taken to be the residual stream and half to be what attention brought (Abnar & Zuidema 2020,
    section 3). Rows sum to 1 (less with attention sinks); the step's own position keeps at least `2 ** -L`.
    """
    return stream(run, _halves, label="rollout")


@register(
    "routes",
    over="run",
    family="flow",
    cost="a forward over prompt and response, and its attention rows twice more",
    source="Ferrando & Voita 2024, arXiv 2403.00824; Ferrando et al. 2022, arXiv 2203.04212",
    need=partial(a_flow, writes=True),
)
def routes(run: Finished) -> np.ndarray:
    """Information-flow routes: the steps' rows of `C_L ... C_1`, `C` the share of each position in a vector's making.

    A layer's attention makes `y_i = x_i + sum_jh f_ijh`, with `f_ijh = a_ijh v_jh W_h` what head `h` brought from
    position `j`. A term `z` counts for `max(0, |y_i| - |y_i - z|)`, how much nearer to `y_i` it leads; the terms of a
    position are added over heads, the residual `x_i` is a term of `i`, and shares sum to 1. Norms are Euclidean, where
    the papers take the sum of absolute values: so every distance comes out of matrix products. MLPs move nothing
    between positions and are left out; biases belong to no position.

    Raises:
        SignalError: a model whose layers do not add attention's output to what they read.
    """
    return stream(run, _shares, label="routes", writes=True)


def _halves(layer: FlowLayer) -> Callable[[Tensor], Tensor]:
    def rows(which: Tensor) -> Tensor:
        found = layer.call.rows(which).mean(0) / 2
        found[_each(which), which] += 0.5
        return found

    return rows


def _shares(layer: FlowLayer) -> Callable[[Tensor], Tensor]:
    call, written = layer.call, _checked(layer)
    key_heads, positions, dim = call.values.shape
    values, matrix = call.values.float(), written.matrix()
    made = written.before.float() + written.update.float()
    whole, rest = made.norm(dim=1), made.norm(dim=1) - written.update.float().norm(dim=1)
    back = (made @ matrix.T).view(positions, call.heads, dim).transpose(0, 1)  # y_i W_h^T
    lengths = torch.stack(
        [
            (values[head * key_heads // call.heads] @ part).square().sum(1)
            for head, part in enumerate(matrix.view(call.heads, dim, -1))
        ]
    )

    def rows(which: Tensor) -> Tensor:
        attention, known = call.rows(which), whole[which][:, None]
        along = back[:, which].reshape(key_heads, -1, dim) @ values.transpose(1, 2)
        # |y|^2 - |y - a u|^2, and from it |y| - |y - a u| without taking like numbers from each other.
        gained = attention * (2 * along.view_as(attention) - attention * lengths[:, None])
        nearer = gained / (known + (known.square() - gained).clamp(min=0).sqrt())
        found = nearer.clamp(min=0).sum(0)
        found[_each(which), which] += rest[which].clamp(min=0)
        total = found.sum(1, keepdim=True)
        found[_each(which), which] += (total[:, 0] == 0).float()
        return found / total.where(total > 0, 1)

    return rows


def _checked(layer: FlowLayer) -> Written:
    """Give what the layer wrote, once its last position shows that the heads' outputs are attention times values."""
    call, written = layer.call, layer.written
    plain = written is not None and written.projection is not None and written.added
    if plain and written is not None:
        row = call.rows(torch.tensor([call.queries - 1], device=call.device))
        mixed = (row.view(len(call.values), -1, row.shape[-1]) @ call.values.float()).flatten()
        given = written.heads[-1].float()
        plain = mixed.shape == given.shape and bool((mixed - given).norm() <= ROUNDING * given.norm())
    if not plain or written is None:
        raise SignalError(
            f"{type(layer.module).__name__} does not add its heads' outputs, linearly, to the vectors that its layer "
            "reads (a gate or a norm stands in between, or attention and MLP run side by side), so the routes through "
            "it cannot be told apart: ask for rollout or attmean"
        )
    return written


def _each(which: Tensor) -> Tensor:
    return torch.arange(len(which), device=which.device)
