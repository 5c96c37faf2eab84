"""Attention rows beside the model's own kernel, through transformers' `AttentionInterface`.

Implementations are registered that call SDPA, the model's eager function, or any other kernel that is registered there
(flash attention, flex attention, one of the user's own), each with its own mask. They behave exactly as those do until
a tap listens; then the tap also gets rows of the attention matrix, and the matrix itself is never built: memory stays
O(positions) a layer (research fact: equal to eager's rows to 2e-6).
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers import AttentionInterface, AttentionMaskInterface

from omnitrace_nb.capture.calls import EagerCall, KernelCall, SdpaCall
from omnitrace_nb.transformers_names import (
    ALL_MASK_ATTENTION_FUNCTIONS,
    eager_mask,
    eager_of,
    kernels_of,
    running_kernel,
    sdpa_attention_forward,
    sdpa_mask,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

SDPA, EAGER, BESIDE = "omnitrace_sdpa", "omnitrace_eager", "omnitrace_beside_"
_BLOCK = 1 << 22  # numbers of an attention matrix held at once, when many rows are wanted


class Listener(Protocol):
    """Whoever wants to read attention while a forward runs."""

    def hears(self, module: nn.Module) -> bool:
        """Tell whether this attention module belongs to the language model that is read."""
        ...

    def attend(self, module: nn.Module, call: Call) -> Tensor:
        """Give the module's attention output, `[1, queries, heads, dim]`, having read what is wanted."""
        ...


LISTENER: ContextVar[Listener | None] = ContextVar("omnitrace_listener", default=None)


class Call(Protocol):
    """One attention call of one layer: output, rows of its attention matrix, and `values [key heads, keys, dim]`."""

    queries: int
    heads: int
    device: torch.device
    values: Tensor
    scale: float

    def output(self) -> Tensor:
        """Give the kernel's own output, `[1, queries, heads, dim]`."""
        ...

    def rows(self, which: Tensor) -> Tensor:
        """Give the rows of some queries (`int64 [r]`), softmaxed: `float32 [heads, r, keys]`."""
        ...

    def products(self) -> Tensor | None:
        """Give what a single query's row is the softmax of, `float32 [..., keys]`, unscaled; None if it is not."""
        ...

    def single(self) -> tuple[Tensor, Tensor]:
        """Give the output and the row `[heads, 1, keys]` of a call with one query."""
        ...

    def graded(self) -> tuple[Tensor, Tensor]:
        """Give the same as `single`, the output depending on the row by autograd.

        Gradient mode is left switched on, so that what follows in this forward is recorded and what came before the
        first such call is not. In later ones the row itself depends on the rows of the layers below.
        """
        ...


def blocks(which: Tensor, heads: int, keys: int) -> Iterator[Tensor]:
    """Split rows so that no block of the attention matrix holds more than a few million numbers."""
    return iter(torch.split(which, max(1, _BLOCK // (heads * keys))))


def beside(kernel: str) -> str:
    """Give the name of the implementation that runs another registered kernel and shows rows beside its output.

    The name holds the kernel's own: models ask whether "flash" is in it.
    """
    name = BESIDE + kernel
    AttentionInterface.register(name, partial(_kernel_attention, kernel))
    if kernel in ALL_MASK_ATTENTION_FUNCTIONS:
        AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[kernel])
    return name


def _sdpa_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # noqa: ANN401 - whatever a model hands its attention function
) -> tuple[Tensor, None]:
    listener = LISTENER.get()
    if listener is None or not listener.hears(module):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return listener.attend(module, SdpaCall(module, query, key, value, attention_mask, **options)), None


def _eager_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # noqa: ANN401 - as in `_sdpa_attention`
) -> tuple[Tensor, Tensor | None]:
    listener = LISTENER.get()
    if listener is None or not listener.hears(module):
        return eager_of(module)(module, query, key, value, attention_mask, **options)
    return listener.attend(module, EagerCall(module, query, key, value, attention_mask, **options)), None


def _kernel_attention(  # noqa: PLR0917 - in the order in which transformers calls it
    kernel: str,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,  # noqa: ANN401 - each kernel has a form of its own
    **options: Any,  # noqa: ANN401 - as in `_sdpa_attention`
) -> tuple[Tensor, Any]:
    function = _under_its_name(kernel, kernels_of(module)[kernel])
    listener = LISTENER.get()
    if listener is None or not listener.hears(module):
        return function(module, query, key, value, attention_mask, **options)
    return listener.attend(module, KernelCall(function, module, query, key, value, attention_mask, **options)), None


def _under_its_name(kernel: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a kernel find its own name in the configuration, by which flash attention chooses its version."""

    def run(module: nn.Module, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - as in `_sdpa_attention`
        with running_kernel(module.config, kernel):
            return function(module, *given, **options)

    return run


AttentionInterface.register(SDPA, _sdpa_attention)
AttentionMaskInterface.register(SDPA, sdpa_mask)
AttentionInterface.register(EAGER, _eager_attention)
AttentionMaskInterface.register(EAGER, eager_mask)
