"""Norms of what each position contributes to a layer's output, a step at a time (Kobayashi et al. 2020).

A position `j` contributes `sum_h a^h_j f^h_j`, with `f^h_j` its value vector of head `h` through that head's part of
the output projection. The norm's square is `a_j^T G_j a_j` with the Gram matrix `G_j[h, h'] = f^h_j . f^h'_j`, which
no step changes: it is computed once a position, and a step costs no more than reading it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from omnitrace_nb.capture.attention import Call, blocks
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.utils.hooks import RemovableHandle


class Norms:
    """The Gram matrices of every layer, and the norms of a step's rows."""

    def __init__(self) -> None:
        """Get ready for a prompt."""
        self._layers: dict[nn.Module, _Layer] = {}
        self._hooks: list[RemovableHandle] = []

    def hear(self, module: nn.Module, call: Call, output: Tensor) -> None:
        """Take a layer's values from the prompt's forward, and wait for the linear layer that takes its output."""
        self._layers[module] = layer = _Layer(call.heads, call.values[:, : call.queries])
        width = output.shape[-1] * output.shape[-2]
        for child in module.modules():
            if type(child) is nn.Linear and child.in_features == width and not child.weight.is_meta:
                self._hooks.append(child.register_forward_pre_hook(layer.finding(output)))

    def of_prompt(self, rows: Sequence[Tensor]) -> list[Tensor]:
        """Compute the Gram matrices once the prompt's forward has run, and the norms `[n]` of each layer's row.

        Raises:
            SignalError: a layer whose attention output goes through anything but a plain linear layer.
        """
        for module, layer in self._layers.items():
            if layer.weight is None:
                raise SignalError(
                    f"attnorm needs the linear layer behind attention, and {type(module).__name__} puts its output "
                    "through something else (a gate, quantised weights): ask for attmean or excess, which need the "
                    "rows alone"
                )
            layer.begin()
        return [layer.norms(row) for layer, row in zip(self._layers.values(), rows, strict=True)]

    def forget_hooks(self) -> None:
        """Leave the model without hooks, whatever happened."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def of(self, module: nn.Module, call: Call, row: Tensor) -> Tensor:
        """Give the norms `[p]` of a step's row `[heads, p]` in a layer; its call has the newest position's value."""
        layer = self._layers[module]
        if layer.length < row.shape[-1]:
            newest = min(row.shape[-1], call.values.shape[1]) - 1  # a static cache has empty places behind it
            layer.append(call.values[:, newest : newest + 1])
        return layer.norms(row)


class _Layer:
    """One layer's Gram matrices, `[pairs, positions]`: heads `h <= h'`, the products of different ones doubled."""

    def __init__(self, heads: int, values: Tensor) -> None:
        self.heads, self.length = heads, 0
        self.weight: Tensor | None = None
        self._values: Tensor | None = values
        self._first, self._second = torch.triu_indices(heads, heads, device=values.device)
        self._times = torch.where(self._first == self._second, 1.0, 2.0)[:, None]
        self._grams = torch.empty(0)

    def finding(self, output: Tensor) -> Callable[[nn.Linear, tuple[Tensor, ...]], None]:
        given = output.reshape(-1)

        def hook(linear: nn.Linear, args: tuple[Tensor, ...]) -> None:
            taken = args[0].reshape(-1)
            if taken.shape == given.shape and taken.dtype == given.dtype and torch.equal(taken, given.to(taken.device)):
                self.weight = linear.weight.detach()

        return hook

    def begin(self) -> None:
        assert self._values is not None  # noqa: S101 - kept until here
        assert self.weight is not None  # noqa: S101 - `of_prompt` has looked
        values, self._values = self._values, None
        self._grams = torch.empty(len(self._first), values.shape[1] + 64, device=values.device)
        for part in blocks(torch.arange(values.shape[1], device=values.device), self.heads, self.weight.shape[0]):
            self.append(values[:, part])

    def append(self, values: Tensor) -> None:
        """Add positions, from their values `[key heads, k, dim]`."""
        assert self.weight is not None  # noqa: S101 - `of_prompt` has looked
        count, weight = values.shape[1], self.weight
        by_head = weight.view(weight.shape[0], self.heads, -1).permute(1, 2, 0)  # [heads, dim, hidden]
        through = torch.bmm(values.repeat_interleave(self.heads // len(values), 0), by_head).float().transpose(0, 1)
        grams = torch.bmm(through, through.transpose(1, 2)).flatten(1)
        if self.length + count > self._grams.shape[1]:
            self._grams = torch.cat([self._grams, torch.empty_like(self._grams)], 1)
        into = self._grams[:, self.length : self.length + count]
        torch.mul(grams.index_select(1, self._first * self.heads + self._second).T, self._times, out=into)
        self.length += count

    def norms(self, row: Tensor) -> Tensor:
        """Give `sqrt(a_j^T G_j a_j)` for each position: `[heads, p] -> [p]`."""
        pairs = row.index_select(0, self._first).mul_(row.index_select(0, self._second))
        return pairs.mul_(self._grams[:, : row.shape[-1]]).sum(0).clamp_(min=0).sqrt_()
