"""What ablations take, before they are run: the sets of sources, what is read of each, and how many fit one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitrace_nb import planning
from omnitrace_nb.ablation.ablator import OPERATORS
from omnitrace_nb.ablation.replay import sees_windows
from omnitrace_nb.planning import Need

if TYPE_CHECKING:
    from omnitrace_nb.ablation.effects import Effects
    from omnitrace_nb.planning import Shape


def need(effects: Effects, shape: Shape) -> Need:
    """Give what the ablations of a signal take."""
    count, end, operator = len(shape.sources), shape.width - 1, OPERATORS[effects.operator]
    drawn = effects.drawn(count)
    forwards = {"leave_one_out": count, "shapley": drawn * max(count - 1, 0) + 1}.get(effects.method, drawn) + 1
    forwards = min(forwards, 2**count)  # no set is run twice
    out = effects.operator == "mask" and not _windowed(shape)  # what is hidden is left out, not read and unseen
    if effects.operator == "mask_direct":
        tokens: float = end + (forwards - 1) * shape.steps
    elif effects.method == "leave_one_out" and effects.operator in {"mask", "mean"}:
        tokens = end + sum(end - int(own.positions[0]) - out * len(own.positions) for own in shape.sources)
    else:
        tokens = end + (forwards - 1) * end * (0.5 if out else 1)
    batch = min(at_once(effects, shape), forwards)
    inputs = operator.inputs(shape.steps, shape.width)
    whole = planning.passes(shape, forwards, tokens, length=end, batch=1)
    many = Need(memory=shape.held(batch * inputs))
    keys = Need(memory=(1 + batch) * shape.cache, least=shape.whole * shape.cache)
    return planning.plus(planning.plus(whole, many), keys)


def at_once(effects: Effects, shape: Shape) -> int:
    """Give how many sets will fit one pass: what the operator goes by."""
    return OPERATORS[effects.operator].at_once(shape.device, shape.steps, shape.width)


def _windowed(shape: Shape) -> bool:
    config: Any = getattr(shape.adapter.decoder(), "config", None)
    return config is not None and sees_windows(config, shape.width)
