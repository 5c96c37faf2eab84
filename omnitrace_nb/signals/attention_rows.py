"""Signals that are attention itself: they cost nothing beyond the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.selection import Heads, Layers, Selection, reduced, titled
from omnitrace_nb.capture.signal import Signal
from omnitrace_nb.errors import SignalError
from omnitrace_nb.signals.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.capture.signal import Step

PAPER = "OmniTrace, arXiv 2604.13073"
ROW = "one row of attention a layer and step"


@register("attmean", reads={"mean"}, family="attention", cost=ROW, source=PAPER)
def attmean(step: Step) -> Tensor:
    """Attention averaged over every layer and head (OmniTrace, arXiv 2604.13073, "AttMean")."""
    assert step.mean is not None  # noqa: S101 - declared in `reads`
    return step.mean


@register("rawatt", reads={"last"}, family="attention", cost=ROW, source=PAPER)
def rawatt(step: Step) -> Tensor:
    """Attention of the last layer, averaged over its heads (OmniTrace, "RawAtt")."""
    assert step.last is not None  # noqa: S101 - declared in `reads`
    return step.last.mean(0)


@told(layers=(int, slice, range, str, list, tuple), heads=(int, slice, range, str, list, tuple), reduce=str)
def attention(layers: Layers = None, heads: Heads = None, *, reduce: Literal["mean", "max"] = "mean") -> Signal:
    """Attention of chosen layers and heads: `mean` or `max` over them of `a_t^(layer, head)(i)`.

    Args:
        layers: numbers from 0 (negative ones count from the last), a slice, "upper" (the upper third), or None for all.
        heads: numbers, the same in each layer; single heads as (layer, head) pairs; or None for all.
        reduce: "mean" or "max" over the chosen heads.

    Raises:
        SignalError: layers, heads or a reduction of no known kind; at the first step, any that the model has not.

    >>> attention(layers=[2, 3], reduce="max").name
    'attention(layers=2-3, reduce=max)'
    """
    chosen = Selection.of(layers, heads)
    if reduce not in {"mean", "max"}:
        raise SignalError(f"reduce={reduce!r}: expected 'mean' or 'max'")

    def score(step: Step) -> Tensor:
        assert step.rows is not None  # noqa: S101 - declared in `reads`
        return reduced(chosen.take(step.rows), reduce)

    said = [*chosen.said, *([] if reduce == "mean" else [f"reduce={reduce}"])]
    return Signal(
        titled("attention", *said),
        f"Attention, {reduce} over the chosen heads of the chosen layers.",
        family="attention",
        cost=ROW,
        source="this project",
        reads=frozenset({"rows"}),
        score=score,
    )


@register(
    "attnorm",
    reads={"norms"},
    family="attention",
    cost="an output projection more a layer, and a Gram matrix of the heads a position",
    source="Kobayashi et al., EMNLP 2020, arXiv 2004.10102",
)
def attnorm(step: Step) -> Tensor:
    """Norm of what a position contributes to a layer, as its share, averaged over layers (Kobayashi et al. 2020).

    `|sum_h a_t^h(i) f^h(x_i)|`, with `f` the value vector through the head's part of the output projection. Each layer
    is divided by its sum over positions, so that no layer's scale decides.
    """
    assert step.norms is not None  # noqa: S101 - declared in `reads`
    total = step.norms.sum(1, keepdim=True).clamp(min=torch.finfo(step.norms.dtype).tiny)  # a layer may add nothing
    return (step.norms / total).mean(0)
