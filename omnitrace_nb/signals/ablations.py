"""Signals from ablation: what each source adds to the log-probability of the response's tokens, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.ablation import Effects
from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Signal
from omnitrace_nb.signals import registry

if TYPE_CHECKING:
    from omnitrace_nb.passes.finished import Per

_ABOUT = {
    "leave_one_out": (
        "What each token's log-probability loses without the source, all others kept (captum's FeatureAblation).",
        "S + 1 forwards",
        "Li et al., arXiv 1612.08220",
    ),
    "shapley": (
        "Shapley values of the sources from random permutations (captum's ShapleyValueSampling).",
        "10 S forwards",
        "Castro et al. 2009",
    ),
    "kernel_shap": (
        "Shapley values of the sources by a weighted linear fit over random sets (captum's KernelShap).",
        "2 S forwards (at least 64)",
        "Lundberg & Lee, arXiv 1705.07874",
    ),
    "lime": (
        "A local LASSO over random sets of sources, for each statement (captum's Lime).",
        "2 S forwards (at least 64)",
        "Ribeiro et al., arXiv 1602.04938",
    ),
    "contextcite": (
        "LASSO on the logit of each statement's probability over random sets of sources.",
        "64 forwards",
        "ContextCite, arXiv 2409.00729",
    ),
}
_EACH = {
    "mask": "from the first hidden source on",
    "mask_direct": "of the response alone",
    "mean": "from the first replaced source on",
    "raw": "of everything, encoded again",
}


@told(method=str, operator=str, samples=int, seed=int, per=str)
def ablate(
    method: str, *, operator: str = "mask", samples: int | None = None, seed: int = 0, per: Per | None = None
) -> Signal:
    """Give an ablation signal with settings of its own.

    Args:
        method: "leave_one_out", "shapley", "kernel_shap", "lime" or "contextcite".
        operator: "mask", "mask_direct", "mean" or "raw", see `omnitrace_nb.ablation.Ablator`.
        samples: permutations of "shapley", sets of the others; None for the method's default.
        seed: of what is drawn.
        per: what is explained at once: "step", "statement" or "response"; None for the method's default.

    Raises:
        SignalError: an unknown method or operator.
        SettingsError: samples, seed or per outside their range.

    Example:
        >>> ablate("leave_one_out", operator="mask_direct").name
        'ablate(leave_one_out, operator=mask_direct)'
    """
    effects = Effects(method, operator, samples, seed, per)
    summary, count, source = _ABOUT[method]
    if samples is not None and method != "leave_one_out":
        count = f"{samples} {'S ' if method == 'shapley' else ''}forwards"
    cost = f"{count}, {_EACH[operator]}"
    return Signal(effects.name, summary, family="ablation", cost=cost, source=source, signed=True, credit=effects)


for _method in _ABOUT:
    registry.add(ablate(_method))
