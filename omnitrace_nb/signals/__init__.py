"""Signals: ways to score every earlier position for a generated token, the paper's `a_t(i)`.

Every module of this folder registers its own, so a new one is one file (or one decorated function in a notebook):

    >>> from omnitrace_nb import signals
    >>> @signals.register("sharpest", reads={"last"})
    ... def sharpest(step):
    ...     "The last layer's most concentrated head."
    ...     return step.last[step.last.amax(1).argmax()]
    >>> signals.get("sharpest").summary
    "The last layer's most concentrated head."
"""

from importlib import import_module
from pkgutil import iter_modules

from omnitrace_nb.capture.signal import Control, Signal, Step
from omnitrace_nb.passes import Finished, TeacherForced
from omnitrace_nb.planning import Need
from omnitrace_nb.signals.attention_excess import excess, excess_grads
from omnitrace_nb.signals.attention_rows import attention
from omnitrace_nb.signals.captum_gradients import (
    deeplift,
    gradient_shap,
    input_x_gradient,
    integrated_gradients,
    noise_tunnel,
    saliency,
)
from omnitrace_nb.signals.fitting import fit_heads
from omnitrace_nb.signals.learned import Heads
from omnitrace_nb.signals.registry import add, get, names, register, seal
from omnitrace_nb.signals.registry import table as list  # noqa: A004 - read as `ot.signals.list()`
from omnitrace_nb.signals.similarity import embed

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
seal()

from omnitrace_nb.signals.ablations import ablate  # noqa: E402 - the factories of the modules above

__all__ = [
    "Control",
    "Finished",
    "Heads",
    "Need",
    "Signal",
    "Step",
    "TeacherForced",
    "ablate",
    "add",
    "attention",
    "deeplift",
    "embed",
    "excess",
    "excess_grads",
    "fit_heads",
    "get",
    "gradient_shap",
    "input_x_gradient",
    "integrated_gradients",
    "list",
    "names",
    "noise_tunnel",
    "register",
    "saliency",
]


def __dir__() -> tuple[str, ...]:
    return tuple(__all__)
