"""Attention rows beside the model's own kernel, through transformers' `AttentionInterface`.

Two implementations are registered: one calls SDPA, one the model's eager function, each with its own mask. They behave
exactly as those do until a tap listens; then the tap also gets rows of the attention matrix, and the matrix itself is
never built: memory stays O(positions) a layer (research fact: equal to eager's rows to 2e-6).
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SDPA, EAGER = "omnitrace_sdpa", "omnitrace_eager"
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

    def output(self) -> Tensor:
        """Give the kernel's own output, `[1, queries, heads, dim]`."""
        ...

    def rows(self, which: Tensor) -> Tensor:
        """Give the rows of some queries (`int64 [r]`), softmaxed: `float32 [heads, r, keys]`."""
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


class SdpaCall:
    """A call whose output is SDPA's; rows are computed from the same queries, keys and mask, in float32."""

    def __init__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        **options: Any,  # noqa: ANN401 - whatever a model hands its attention function
    ) -> None:
        """Take what a model hands its attention function; `SignalError` for what SDPA would leave out."""
        if options.get("s_aux") is not None:
            raise SignalError(
                f"{type(module).__name__} uses attention sinks, which SDPA leaves out: load the model with "
                'attn_implementation="eager" to trace its attention'
            )
        self.heads, self.queries, self.device = query.shape[1], query.shape[2], query.device
        self._kernel = partial(sdpa_attention_forward, module, query, key, value, mask, **options)
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        self._causal = self.queries > 1 and mask is None and bool(causal)
        self._query, self._mask, self._bias = query, mask, options.get("position_bias")
        # SDPA's own causal mask starts at the first key, so keys past the queries (an empty static cache) are not seen.
        seen = self.queries if self._causal else key.shape[2]
        self._key, self._value = key[:, :, :seen], value[:, :, :seen]
        self.values = self._value[0]
        self._scale = query.shape[-1] ** -0.5 if options.get("scaling") is None else options["scaling"]

    def output(self) -> Tensor:
        """Run SDPA."""
        output: Tensor = self._kernel()[0]
        return output

    def rows(self, which: Tensor) -> Tensor:
        """Compute rows of `softmax(queries keys^T / sqrt(dim) + mask)`, in float32."""
        keys = self._key.shape[2]
        query = self._query[0] if self.queries == 1 else self._query[0, :, which]
        grouped = (query.float() * self._scale).reshape(self._key.shape[1], -1, query.shape[-1])
        logits = torch.bmm(grouped, self._key[0].float().transpose(1, 2)).view(self.heads, len(which), keys)
        if self._bias is not None:
            logits = logits + self._bias[0, :, which]
        if self._mask is not None:
            mask = self._mask[0, :, which]
            lowest = torch.finfo(torch.float32).min
            logits = logits.masked_fill(~mask, lowest) if mask.dtype == torch.bool else logits + mask
        elif self._causal:
            future = torch.arange(keys, device=which.device) > which[:, None]
            logits = logits.masked_fill_(future, -torch.inf)
        return logits.softmax(-1)

    def single(self) -> tuple[Tensor, Tensor]:
        """Compute the row and, in float32, the output from it: keys and values are read once."""
        row = self._row()
        # In float32 the row and the values are the output, to 1e-6; half precision keeps the kernel's own rounding.
        return (self._mix(row) if self._exact else self.output()), row

    def graded(self) -> tuple[Tensor, Tensor]:
        """Put the row between what came before and the output, which keeps the kernel's own value."""
        with torch.no_grad():
            kernel = None if self._exact else self.output()
        row = self._row().requires_grad_()  # a leaf, unless a layer below is in the graph already
        torch.set_grad_enabled(True)  # the `no_grad` block around the forward switches it off again
        mixed = self._mix(row)
        return (mixed if kernel is None else kernel + (mixed - mixed.detach())), row

    @property
    def _exact(self) -> bool:
        return self._value.dtype == torch.float32

    def _row(self) -> Tensor:
        return self.rows(torch.zeros(1, dtype=torch.long, device=self.device))

    def _mix(self, row: Tensor) -> Tensor:
        value = self._value[0]
        mixed = torch.bmm(row.view(len(value), -1, row.shape[-1]), value.float())
        return mixed.to(value.dtype).view(1, 1, len(row), -1)


class EagerCall:
    """A call of the model's own eager function, which gives the whole matrix: softcaps, sinks and all."""

    def __init__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        **options: Any,  # noqa: ANN401 - as in SdpaCall
    ) -> None:
        """Take what a model hands its attention function."""
        self.heads, self.queries, self.device = query.shape[1], query.shape[2], query.device
        self._query = query
        self._rest = (key, value, mask)
        self.values = value[0]
        self._kernel = partial(_eager(module), module, **options)
        self._done: tuple[Tensor, Tensor] | None = None

    def output(self) -> Tensor:
        """Run the eager function, once."""
        self._done = self._done or self._kernel(self._query, *self._rest)
        return self._done[0]

    def rows(self, which: Tensor) -> Tensor:
        """Take rows of the matrix that the eager function gives."""
        self.output()
        assert self._done is not None  # noqa: S101 - `output` has just filled it
        return self._done[1][0, :, which].float()

    def single(self) -> tuple[Tensor, Tensor]:
        """Take both from the eager function."""
        return self.output(), self.rows(torch.zeros(1, dtype=torch.long, device=self.device))

    def graded(self) -> tuple[Tensor, Tensor]:
        """Give the weights as they stand in the graph of the eager function."""
        torch.set_grad_enabled(True)
        # The weights must stand in the graph between something that requires a gradient and the output.
        query = self._query if self._query.requires_grad else self._query.detach().requires_grad_()
        return self._kernel(query, *self._rest)


def _eager(module: nn.Module) -> Callable[..., tuple[Tensor, Tensor]]:
    written_in = sys.modules[type(module).__module__]
    function = getattr(written_in, "eager_attention_forward", None)
    if function is None:
        raise SignalError(
            f"the eager attention of {type(module).__name__} cannot be read: {written_in.__name__} has no "
            'eager_attention_forward; load the model with attn_implementation="sdpa"'
        )
    return function


def _sdpa_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # noqa: ANN401 - as in SdpaCall
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
    **options: Any,  # noqa: ANN401 - as in SdpaCall
) -> tuple[Tensor, Tensor | None]:
    listener = LISTENER.get()
    if listener is None or not listener.hears(module):
        return _eager(module)(module, query, key, value, attention_mask, **options)
    return listener.attend(module, EagerCall(module, query, key, value, attention_mask, **options)), None


AttentionInterface.register(SDPA, _sdpa_attention)
AttentionMaskInterface.register(SDPA, sdpa_mask)
AttentionInterface.register(EAGER, _eager_attention)
AttentionMaskInterface.register(EAGER, eager_mask)
