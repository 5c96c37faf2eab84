"""Signals of attention and its gradient: of the chosen token's raw logit, in one backward a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.signals.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.capture.signal import Step


@register(
    "attgrads",
    reads={"gradient"},
    family="gradient",
    cost="a backward through the last layer a step",
    source="OmniTrace, arXiv 2604.13073",
)
def attgrads(step: Step) -> Tensor:
    """Gradient x attention of the last layer, averaged over heads, then clamped at 0 (OmniTrace, "AttGrads")."""
    assert step.row is not None  # noqa: S101 - declared in `reads`
    assert step.gradient is not None  # noqa: S101 - declared in `reads`
    return (step.gradient * step.row).mean(0).clamp(min=0)


@register(
    "attgrads_all",
    reads={"gradients"},
    family="gradient",
    cost="a backward through every layer a step",
    source="this project, after OmniTrace's AttGrads",
)
def attgrads_all(step: Step) -> Tensor:
    """Gradient x attention averaged over every layer and head, then clamped at 0."""
    assert step.own is not None  # noqa: S101 - declared in `reads`
    assert step.gradients is not None  # noqa: S101 - declared in `reads`
    return (step.gradients * step.own).mean((0, 1)).clamp(min=0)


@register(
    "attcat",
    reads={"gradients"},
    family="gradient",
    cost="a backward through every layer a step",
    source="Qiang et al., NeurIPS 2022",
    signed=True,
)
def attcat(step: Step) -> Tensor:
    """Attention x input x gradient, averaged over heads and summed over layers (AttCAT, Qiang et al., NeurIPS 2022).

    A head's input is, in a cached step, the value vector `v` of each earlier position; it gives `sum_i a_i v_i`. So
    input x gradient, `v_i . d logit / d v_i`, is the row times its gradient, `a_i (d logit / d a_i)`.
    """
    assert step.own is not None  # noqa: S101 - declared in `reads`
    assert step.gradients is not None  # noqa: S101 - declared in `reads`
    return (step.own.square() * step.gradients).mean(1).sum(0)
