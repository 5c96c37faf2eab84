"""The tap: reads, layer by layer, the attention rows of the forward that is running."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from omnitrace_nb.capture.attention import LISTENER, Call, blocks
from omnitrace_nb.capture.layers import Layers
from omnitrace_nb.capture.norms import Norms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.capture.signal import Reading
    from omnitrace_nb.capture.usual import Usual

_WAITING = 1 << 25  # numbers of rows that are put off, at most


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What one forward showed of its last query, `p` positions being there: float32, on the last layer's device.

    Attributes:
        mean: `[p]`, averaged over layers and heads; None where no signal reads it.
        last: `[heads, p]`, the last layer's.
        every: `[layers, heads, p]`; None where no signal reads it.
        norms: `[layers, p]`, of what positions contribute to each layer; None where no signal reads it.
        leaves: rows as they stand in autograd's graph, where gradients were asked for: every layer's or the last's.
    """

    mean: Tensor | None
    last: Tensor
    every: Tensor | None
    norms: Tensor | None
    leaves: tuple[Tensor, ...]


class Tap:
    """Reads the attention layers of one language model during one decode; its first forward is the prompt's.

    Args:
        decoder: the language model; attention of other modules (encoders) is left alone.
        reads: what the run's signals read.
        usual: what rows are held against; it hears the prompt's layers.
        prompt_mean: whether the prompt's own row is the average over all its rows (the released code's first step).
    """

    def __init__(
        self, decoder: nn.Module, reads: frozenset[Reading], usual: Usual, *, prompt_mean: bool = False
    ) -> None:
        """Get ready for a prompt."""
        self.usual = usual
        self.graded = bool(reads & {"gradient", "gradients"})
        self._modules = {id(module) for module in decoder.modules()}
        self._depth = Layers.of(decoder)
        self._mean = "mean" in reads
        self._every = bool(reads & {"rows", "gradients", "norms", "response"})
        self._norms = Norms() if "norms" in reads else None
        self._deep = "gradients" in reads
        self._prompt_mean = prompt_mean
        self._final: int | None = None
        self._positions = 0
        self._grading = False
        self._forget()

    def _forget(self) -> None:
        self._sums: dict[torch.device, Tensor] = {}
        self._waiting: dict[float, list[Tensor]] = {}
        self._last: Tensor | None = None
        self._heard = 0
        self._rows: list[Tensor] = []
        self._leaves: list[Tensor] = []
        self._normed: list[Tensor] = []

    @contextmanager
    def listening(self, positions: int, *, graded: bool = False) -> Iterator[None]:
        """Read the forward inside the block (and no other: logits processors may run forwards of their own).

        Args:
            positions: how many positions there are when it has run, its own included.
            graded: put rows into autograd's graph.
        """
        self._forget()
        self._positions, self._grading = positions, graded
        token = LISTENER.set(self)
        try:
            yield
        finally:
            LISTENER.reset(token)
            if self._norms is not None:
                self._norms.forget_hooks()

    def hears(self, module: nn.Module) -> bool:
        """Tell whether the module is one of the language model's attention layers."""
        return id(module) in self._modules and getattr(module, "layer_idx", None) is not None

    def attend(self, module: nn.Module, call: Call) -> Tensor:
        """Give the layer's output; keep what is wanted of its rows."""
        # Layers are counted as they are run: some of a hybrid's have no attention, and some share a module.
        layer, self._heard = self._heard, self._heard + 1
        if self._final is None:
            output = call.output()
            self._keep(self._prompt_row(call), last=True)
            self.usual.hear(call)
            if self._norms is not None:
                self._norms.hear(module, call, output)
            return output
        last = layer == self._final
        if not (last or self._mean or self._every):
            return call.output()
        if not (last or self._every) and self._wait(call):
            return call.output()
        if self._grading and (last or self._deep):
            output, leaf = call.graded()
            self._leaves.append(leaf)
            row = leaf.detach().float()
        else:
            output, row = call.single()
        with torch.no_grad():
            row = self._place(row)
            self._keep(row, last=last)
            if self._norms is not None:
                self._normed.append(self._norms.of(module, call, row))
        return output

    @property
    def missed(self) -> str:
        """What the prompt's forward has not shown of the layers that attend, in words; nothing if it has shown all."""
        heard, attending = self._heard, self._depth.attending
        if heard > attending:
            return f"runs attention {heard} times in {attending} layers"
        missing = "its attention" if not heard else f"{attending - heard} of its {attending} layers"
        return "" if heard == attending else f"does not run {missing} through transformers' AttentionInterface"

    def take(self) -> Rows | None:
        """Give the rows of the forward that has just ended; None if it showed none."""
        if self._last is None:
            return None
        on = self._last.device
        if self._norms is not None and self._final is None:
            self._normed = self._norms.of_prompt(self._rows)
        self._final = self._heard - 1
        self._settle()
        mean = torch.stack([part.to(on) for part in self._sums.values()]).sum(0) if self._mean else None
        every = torch.stack([row.to(on) for row in self._rows]) if self._every else None
        norms = None if self._norms is None else torch.stack([each.to(on) for each in self._normed])
        mean = None if mean is None else mean / self._heard
        return Rows(mean, self._last, every, norms, tuple(self._leaves))

    def placed(self, gradients: Sequence[Tensor]) -> Tensor:
        """Bring the gradients of the leaves to the form of `Rows.every`: float32 `[layers, heads, p]`."""
        on = gradients[-1].device
        return torch.stack([self._place(gradient.float()).to(on) for gradient in gradients])

    def _prompt_row(self, call: Call) -> Tensor:
        if not self._prompt_mean:
            return self._place(call.rows(torch.tensor([call.queries - 1], device=call.device)))
        total = torch.zeros(call.heads, self._positions, device=call.device)
        for part in blocks(torch.arange(call.queries, device=call.device), call.heads, self._positions):
            total += call.rows(part)[..., : self._positions].sum(1)
        return total / call.queries

    def _wait(self, call: Call) -> bool:
        """Put a layer's row off where it can be made together with others': a step on a GPU costs what it launches."""
        products = call.products()
        if products is None or products.shape[-1] != self._positions:
            return False
        waiting = self._waiting.setdefault(call.scale, [])
        waiting.append(products)
        if len(waiting) * products.numel() > _WAITING:
            self._settle()
        return True

    def _settle(self) -> None:
        """Make the rows that wait, and add their means."""
        for scale, waiting in self._waiting.items():
            on = waiting[-1].device
            rows = torch.stack([products.to(on) for products in waiting]).flatten(1, -2).mul_(scale).softmax(-1)
            self._add(rows.mean(1).sum(0))
        self._waiting.clear()

    def _add(self, row: Tensor) -> None:
        known = self._sums.get(row.device)
        self._sums[row.device] = row if known is None else known.add_(row)

    def _keep(self, row: Tensor, *, last: bool) -> None:
        if last:
            self._last = row
        if self._every:
            self._rows.append(row)
        if self._mean:
            self._add(row.mean(0))

    def _place(self, row: Tensor) -> Tensor:
        """Line keys up with positions, `[heads, p]`.

        A static cache has empty places at its end, a sliding one has lost the oldest.
        """
        row = row.reshape(-1, row.shape[-1])
        missing = self._positions - row.shape[-1]
        return row[..., : self._positions] if missing <= 0 else F.pad(row, (missing, 0))
