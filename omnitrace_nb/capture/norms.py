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

ROOM = 64  # positions that a layer has room for after its prompt; doubled with the rest when they are used up


class Norms:
    """The Gram matrices of every layer, and the norms of a step's rows."""

    def __init__(self) -> None:
        """Get ready for a prompt."""
        self._layers: dict[nn.Module, _Layer] = {}
        self._hooks: list[RemovableHandle] = []

    def hear(self, module: nn.Module, call: Call, output: Tensor) -> None:
        """Take a layer's values from the prompt's forward, and wait for the linear layer that takes its output."""
        self.forget_hooks()
        self._layers[module] = layer = _Layer(call.heads)
        width = output.shape[-1] * output.shape[-2]
        found = layer.finding(output.reshape(-1), call.values[:, : call.queries])
        for child in module.modules():
            if getattr(child, "in_features", getattr(child, "nx", None)) == width:
                self._hooks.append(child.register_forward_pre_hook(found))

    def of_prompt(self, rows: Sequence[Tensor]) -> list[Tensor]:
        """Give the norms `[n]` of each layer's row once the prompt's forward has run.

        Raises:
            SignalError: a layer whose attention output goes through anything but a linear layer.
        """
        for module, layer in self._layers.items():
            if not layer.length:
                raise SignalError(
                    f"attnorm needs the linear layer behind attention, and {type(module).__name__} puts its output "
                    "through something else (such as a gate): ask for attmean or excess, which need the rows alone"
                )
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

    def __init__(self, heads: int) -> None:
        self.heads, self.length = heads, 0
        self._first, self._second = torch.triu_indices(heads, heads)
        self._times = torch.where(self._first == self._second, 1.0, 2.0)[:, None]
        self._weight = self._grams = torch.empty(0)

    def finding(self, output: Tensor, values: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        """Give a hook for linear layers: the one that is given the attention's output begins the Gram matrices."""

        def hook(linear: nn.Module, args: tuple[Tensor, ...]) -> None:
            given = args[0].reshape(-1)
            alike = given.shape == output.shape and given.dtype == output.dtype
            if not self.length and alike and torch.equal(given, output.to(given.device)):
                self._begin(_matrix(linear, args[0]), values)

        return hook

    def _begin(self, weight: Tensor, values: Tensor) -> None:
        self._weight, on = weight, values.device
        self._first, self._second, self._times = self._first.to(on), self._second.to(on), self._times.to(on)
        self._grams = torch.empty(len(self._first), values.shape[1] + ROOM, device=on)
        for part in blocks(torch.arange(values.shape[1], device=on), self.heads, len(weight)):
            self.append(values[:, part])

    def append(self, values: Tensor) -> None:
        """Add positions, from their values `[key heads, k, dim]`."""
        count = values.shape[1]
        by_head = self._weight.view(len(self._weight), self.heads, -1).permute(1, 2, 0)  # [heads, dim, hidden]
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


def _matrix(linear: nn.Module, given: Tensor) -> Tensor:
    """Give the weight `[hidden, heads * dim]` of a linear layer, whatever holds it."""
    if type(linear) is nn.Linear and not linear.weight.is_meta:
        return linear.weight.detach()
    # Quantised, offloaded, transposed or adapted: what it does to each unit vector says what it is.
    units = torch.eye(given.shape[-1], dtype=given.dtype, device=given.device)
    with torch.no_grad():
        both: Tensor = linear(torch.cat([units, torch.zeros_like(units[:1])])[None])[0]
    return (both[:-1] - both[-1:]).T.contiguous()
