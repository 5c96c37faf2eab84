"""What attention layers write into the residual stream: seen from outside, for models of any family."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.utils.hooks import RemovableHandle


@dataclass(slots=True, eq=False)
class Written:
    """One attention layer's place in the residual stream of `N` positions.

    Attributes:
        before: `[N, hidden]`, the stream that the layer's block reads.
        update: `[N, hidden]`, what attention gives.
        heads: `[N, heads * dim]`, the heads' outputs side by side, from which `projection` makes `update`.
        projection: that module; None if attention's output comes from no module.
        added: whether something after attention reads exactly `before + update`.
    """

    before: Tensor = field(default_factory=lambda: torch.empty(0))
    update: Tensor = field(default_factory=lambda: torch.empty(0))
    heads: Tensor = field(default_factory=lambda: torch.empty(0))
    projection: nn.Module | None = None
    added: bool = False

    def matrix(self) -> Tensor:
        """Give the projection as a matrix, `float32 [heads * dim, hidden]`; its bias belongs to no head."""
        assert self.projection is not None  # noqa: S101 - readers check first
        if type(self.projection) is nn.Linear:
            return self.projection.weight.detach().float().T
        # Quantised, transposed or adapted: what it does to each unit vector says what it is.
        units = torch.eye(self.heads.shape[-1], dtype=self.heads.dtype, device=self.heads.device)
        both = self.projection(torch.cat([units, torch.zeros_like(units[:1])])[None])[0].float()
        return both[:-1] - both[-1:]


@contextmanager
def watching(decoder: nn.Module) -> Iterator[dict[int, Written]]:
    """Watch the attention layers in the one forward inside the block; give what they wrote, by the module's `id`."""
    seen: dict[int, Written] = {}
    with ExitStack() as hooks:
        for block in decoder.modules():
            for layer in block.children():
                if getattr(layer, "layer_idx", None) is not None:
                    written = seen[id(layer)] = Written()
                    for hook in _Watch(written).hooks(block, layer):
                        hooks.callback(hook.remove)
        yield seen


@dataclass(slots=True, eq=False)
class _Watch:
    """Fills a `Written`, as the block, its attention layer and their neighbours are run."""

    written: Written
    made: Tensor | None = None

    def hooks(self, block: nn.Module, layer: nn.Module) -> Iterator[RemovableHandle]:
        yield block.register_forward_pre_hook(self.read, with_kwargs=True)
        yield layer.register_forward_hook(self.write)
        for child in layer.children():
            yield child.register_forward_hook(self.project)
        for sibling in block.children():
            if sibling is not layer:
                yield sibling.register_forward_pre_hook(self.follow, with_kwargs=True)

    def read(self, _block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.written.before = _hidden(args, kwargs)

    def project(self, child: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if isinstance(output, Tensor) and not isinstance(child, nn.Dropout):
            self.written.projection, self.written.heads, self.made = child, args[0][0], output

    def write(self, _layer: nn.Module, _args: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401 - of any kind
        update = output[0] if isinstance(output, tuple) else output
        self.written.update = update[0]
        if self.made is None or update.data_ptr() != self.made.data_ptr():
            self.written.projection = None
        self.made = None

    def follow(self, _sibling: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found, before, update = _hidden(args, kwargs), self.written.before, self.written.update
        if found.shape == before.shape == update.shape and not self.written.added:
            self.written.added = torch.allclose(found.float(), (before + update).float(), rtol=1e-3, atol=1e-5)


def _hidden(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    found = args[0] if args else kwargs.get("hidden_states")
    return found[0] if isinstance(found, Tensor) else torch.empty(0)
