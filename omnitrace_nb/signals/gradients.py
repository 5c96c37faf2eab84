"""Signals that use gradients: of the chosen token's raw logit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.signals.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.capture.signal import Step
    from omnitrace_nb.passes import TeacherForced


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
    "input_x_gradient",
    family="gradient",
    cost="a forward and a backward a step",
    source="Shrikumar et al., arXiv 1605.01713",
)
def input_x_gradient(forced: TeacherForced, steps: Tensor) -> Tensor:
    """Input embedding x its gradient, summed over the embedding and clamped at 0 (Shrikumar et al., arXiv 1605.01713).

    captum's `InputXGradient`, over the input embeddings of every modality, one pass a generated token.
    """
    from captum.attr import InputXGradient  # noqa: PLC0415 - signals read from the decode need no captum in memory

    method = InputXGradient(lambda embeddings: forced.logits(embeddings, steps))
    return method.attribute(forced.inputs(steps).requires_grad_()).sum(-1).detach().clamp(min=0)
