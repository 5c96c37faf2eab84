"""One attention call of one layer, as kernels of different kinds run it, and the rows of its matrix.

Rows are always those of what the kernel computes: with a softcap, attention sinks or a window where it applies them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask

from omnitrace_nb.transformers_names import eager_of, sdpa_attention_forward

if TYPE_CHECKING:
    from collections.abc import Callable

_HALF = {torch.float16, torch.bfloat16}
# Whether products of half precision can be given in float32, as they are summed.
_MIXED = "dtype" in torch.ops.aten.bmm.overloads()  # type: ignore[no-untyped-call]


class KernelCall:
    """A call whose output is a kernel's own; rows are computed from the same queries, keys and mask, in float32."""

    def __init__(  # noqa: PLR0917 - in the order in which attention functions are called
        self,
        kernel: Callable[..., tuple[Tensor, Any]],
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | BlockMask | None,
        **options: Any,  # noqa: ANN401 - whatever a model hands its attention function
    ) -> None:
        """Take what a model hands its attention function."""
        self.heads, self.queries, self.device = query.shape[1], query.shape[2], query.device
        self._kernel = partial(kernel, module, query, key, value, mask, **options)
        causal = options.get("is_causal")
        self._causal = getattr(module, "is_causal", True) if causal is None else bool(causal)
        self._query, self._mask, self._bias = query, mask, options.get("position_bias")
        self._softcap, self._sinks = options.get("softcap"), options.get("s_aux")
        self._window = options.get("sliding_window")
        seen = self._seen(key.shape[2])
        self._key, self._value = key[:, :, :seen], value[:, :, :seen]
        self.values = self._value[0]
        self.scale = query.shape[-1] ** -0.5 if options.get("scaling") is None else options["scaling"]

    def output(self) -> Tensor:
        """Run the kernel."""
        output: Tensor = self._kernel()[0]
        return output

    def rows(self, which: Tensor) -> Tensor:
        """Compute rows of `softmax(queries keys^T / sqrt(dim) + mask)`, in float32; what sinks draw is left out."""
        keys = self._key.shape[2]
        query = self._query[0] if self.queries == 1 else self._query[0, :, which]
        grouped = (query.float() * self.scale).reshape(self._key.shape[1], -1, query.shape[-1])
        logits = torch.bmm(grouped, self._key[0].float().transpose(1, 2)).view(self.heads, len(which), keys)
        if self._softcap is not None:
            logits = torch.tanh(logits / self._softcap) * self._softcap
        if self._bias is not None:
            logits = logits + self._bias[0, :, which, :keys]
        logits = self._masked(logits, which)
        if self._sinks is None:
            return logits.softmax(-1)
        sinks = self._sinks.float().view(-1, 1, 1).expand(-1, len(which), 1)
        return torch.cat([logits, sinks], -1).softmax(-1)[..., :-1]

    def single(self) -> tuple[Tensor, Tensor]:
        """Compute the row, and run the kernel."""
        return self.output(), self._row()

    def graded(self) -> tuple[Tensor, Tensor]:
        """Put the row between what came before and the output, which keeps the kernel's own value."""
        with torch.no_grad():
            kernel = self.output()
        row = self._row().requires_grad_()  # a leaf, unless a layer below is in the graph already
        torch.set_grad_enabled(True)  # the `no_grad` block around the forward switches it off again
        mixed = self._mix(row)
        return kernel + (mixed - mixed.detach()), row

    def products(self) -> Tensor | None:
        """Give one query's products with the keys, `float32 [key heads, heads a key head, keys]`, in one launch.

        Rows are the softmax of `scale` times them. None where more than that makes a row, or takes more launches.
        """
        more = (self._mask, self._window, self._bias, self._softcap, self._sinks)
        if self.queries > 1 or self.device.type != "cuda" or self._key.dtype not in _HALF or not _MIXED:
            return None
        if any(each is not None for each in more):
            return None
        query = self._query.reshape(self._key.shape[1], -1, self._query.shape[-1])
        return torch.bmm(query, self._key[0].transpose(1, 2), out_dtype=torch.float32)

    def _seen(self, keys: int) -> int:
        """Give the number of keys that the kernel reads: a mask of one dimension more than the batch cuts the rest."""
        flat = isinstance(self._mask, Tensor) and self._mask.ndim == 2  # noqa: PLR2004 - batch and keys
        return min(keys, self._mask.shape[1]) if flat else keys  # type: ignore[union-attr]

    def _masked(self, logits: Tensor, which: Tensor) -> Tensor:
        """Put the lowest number where the kernel's mask hides a key."""
        lowest, keys = torch.finfo(torch.float32).min, logits.shape[-1]
        if isinstance(self._mask, BlockMask):
            places = torch.arange(keys, device=which.device)
            zero = torch.zeros((), dtype=torch.long, device=which.device)
            seen = self._mask.mask_mod(zero, zero, which[:, None], places[None])
            return logits.masked_fill_(~seen, lowest)
        if self._mask is None and self._window is None and self.queries == 1:
            return logits
        if self._mask is None or self._mask.ndim == 2:  # noqa: PLR2004 - batch and keys, of flash attention
            return logits.masked_fill_(~self._causally(which, keys), lowest)
        mask = self._mask[0, :, which, :keys]
        return logits.masked_fill_(~mask, lowest) if mask.dtype == torch.bool else logits + mask

    def _causally(self, which: Tensor, keys: int) -> Tensor:
        """Give which keys queries see, `bool [r, keys]`, where the kernel knows causality and windows itself."""
        place = torch.arange(keys, device=which.device)
        own = which[:, None] + keys - self.queries  # the last query stands at the last key
        seen = place <= own if self._causal else torch.ones_like(place <= own)
        if self._window is not None:
            seen &= place > own - self._window
        return seen & self._mask[0, :keys].bool() if isinstance(self._mask, Tensor) else seen

    def _row(self) -> Tensor:
        return self.rows(torch.zeros(1, dtype=torch.long, device=self.device))

    def _mix(self, row: Tensor) -> Tensor:
        value = self._value[0]
        mixed = torch.bmm(row.view(len(value), -1, row.shape[-1]), value.float())
        return mixed.to(value.dtype).view(1, 1, len(row), -1)


class SdpaCall(KernelCall):
    """A call whose output is SDPA's, which knows neither softcaps nor sinks, and windows only by its mask."""

    def __init__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        **options: Any,  # noqa: ANN401 - as in KernelCall
    ) -> None:
        """Take what a model hands its attention function."""
        super().__init__(sdpa_attention_forward, module, query, key, value, mask, **options)
        self._softcap = self._sinks = self._window = None

    def single(self) -> tuple[Tensor, Tensor]:
        """Compute the row and, in float32, the output from it: keys and values are read once."""
        row = self._row()
        # In float32 the row and the values are the output, to 1e-6; half precision keeps the kernel's own rounding.
        return (self._mix(row) if self._exact else self.output()), row

    def graded(self) -> tuple[Tensor, Tensor]:
        """As any kernel's; in float32 the output is made from the row."""
        if not self._exact:
            return super().graded()
        row = self._row().requires_grad_()
        torch.set_grad_enabled(True)
        return self._mix(row), row

    @property
    def _exact(self) -> bool:
        return self._value.dtype == torch.float32

    def _seen(self, keys: int) -> int:
        # SDPA's own causal mask starts at the first key, so keys past the queries (an empty static cache) are not seen.
        return self.queries if self.queries > 1 and self._mask is None and self._causal else keys


class EagerCall:
    """A call of the model's own eager function, which gives the whole matrix: softcaps, sinks and all."""

    def __init__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        **options: Any,  # noqa: ANN401 - as in KernelCall
    ) -> None:
        """Take what a model hands its attention function."""
        self.heads, self.queries, self.device = query.shape[1], query.shape[2], query.device
        self._query = query
        self._rest = (key, value, mask)
        self.values, self.scale = value[0], 1.0
        self._kernel = partial(eager_of(module), module, **options)
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

    def products(self) -> None:
        """Give nothing: the matrix is there."""

    def single(self) -> tuple[Tensor, Tensor]:
        """Take both from the eager function."""
        return self.output(), self.rows(torch.zeros(1, dtype=torch.long, device=self.device))

    def graded(self) -> tuple[Tensor, Tensor]:
        """Give the weights as they stand in the graph of the eager function."""
        torch.set_grad_enabled(True)
        # The weights must stand in the graph between something that requires a gradient and the output.
        query = self._query if self._query.requires_grad else self._query.detach().requires_grad_()
        return self._kernel(query, *self._rest)
