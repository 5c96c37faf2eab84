"""What captum's DeepLift asks of a model: a module to put hooks on, and activations that it has rules for.

captum's rescale rule (Shrikumar et al., arXiv 1704.02685) holds for some activation modules; everything else, attention
and norms included, goes by its plain gradient. A model whose activations have no rule would get nothing but gradients
under DeepLIFT's name, without a word: it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from omnitrace_nb.errors import SignalError
from omnitrace_nb.transformers_names import ACTIVATIONS

if TYPE_CHECKING:
    from omnitrace_nb.passes.gradients import Aim

NAME = "DeepLift"
_ACTIVATIONS = ("torch.nn.modules.activation", ACTIVATIONS)


class Readable(nn.Module):
    """The model as captum's DeepLift calls it: points `[b, 1, q, hidden]` -> the one target's value `[b]`."""

    def __init__(self, aim: Aim) -> None:
        """Hold the model, so that its activations are found."""
        super().__init__()
        self.aim, self.model = aim, aim.forced.model

    def forward(self, points: Tensor) -> Tensor:
        """Run the model; the backward that follows is counted with it."""
        self.aim.forced.cost.add(backwards=len(points))
        return self.aim.totals(points[:, 0])[:, 0]


def check(decoder: nn.Module) -> None:
    """Refuse a model whose activations captum has no DeepLIFT rule for."""
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR  # noqa: PLC0415 - see `CaptumPass`

    kinds = {type(module) for module in decoder.modules() if type(module).__module__ in _ACTIVATIONS}
    without = sorted(kind.__name__ for kind in kinds if kind not in SUPPORTED_NON_LINEAR)
    if without or not kinds:
        known = ", ".join(sorted(kind.__name__ for kind in SUPPORTED_NON_LINEAR if kind.__module__ in _ACTIVATIONS))
        what = (
            f"activates by {', '.join(without)}, for which captum has no DeepLIFT rule (it has {known})"
            if without
            else f"has no activation modules, to which captum's DeepLIFT rules ({known}) could be applied"
        )
        raise SignalError(
            f"deeplift: {type(decoder).__name__} {what}: it would give plain gradients. "
            'Use "integrated_gradients", which any differentiable model allows'
        )
