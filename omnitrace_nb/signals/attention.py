"""Signals that are attention itself: they cost nothing beyond the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


@register(
    "excess", reads={"mean", "baseline"}, family="attention", cost="a few more rows at prefill", source="this project"
)
def excess(step: Step) -> Tensor:
    """Attention beyond what question and template pay anyway: `relu(attmean - its mean over the baseline rows)`.

    Plain attention falls on whatever is always looked at (a prompt's first sentence, long media). The baseline rows are
    those of the prompt that follow the last source; generated positions have a baseline of 0.
    """
    assert step.mean is not None  # noqa: S101 - declared in `reads`
    assert step.baseline is not None  # noqa: S101 - declared in `reads`
    return (step.mean - step.baseline).relu()
