"""What every attention layer did in one teacher-forced forward over a finished run, kept for reading rows afterwards.

Queries, keys and values stay in memory, so that rows of any layer can be computed in any order: memory is linear in
the number of positions, and no attention matrix is built.
"""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from omnitrace_nb.capture.attention import LISTENER, Call
from omnitrace_nb.capture.borrow import tapped
from omnitrace_nb.capture.layers import WITHOUT_ATTENTION, Layers
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.flow_writes import Written, watching

if TYPE_CHECKING:
    from omnitrace_nb.passes.finished import Finished


@dataclass(frozen=True, slots=True, eq=False)
class FlowLayer:
    """One attention layer over the `N = n + T - 1` positions that the steps of a run look at.

    Attributes:
        module: the attention layer.
        call: its attention call, which gives rows of its matrix: `call.rows(which [r])` is `[heads, r, N]`.
        written: what it wrote into the residual stream, where that was asked for.
    """

    module: nn.Module
    call: Call
    written: Written | None = None


def read_layers(run: Finished, *, writes: bool = False) -> list[FlowLayer]:
    """Run prompt and response once, and give the attention layers from the lowest to the top.

    Args:
        run: the finished run, of at least one step; the forward is counted in its cost.
        writes: whether to keep what the layers wrote into the residual stream, too.

    Raises:
        SignalError: a model some of whose layers have no attention that can be read.
    """
    decoder, forced = run.adapter.decoder(), run.forced
    layers = Layers.of(decoder)
    layers.require()
    _check(layers, layers.attending)
    listener = _Keeper({id(module) for module in decoder.modules()})
    last = torch.tensor([run.steps - 1])
    with ExitStack() as held:
        held.enter_context(torch.no_grad())
        held.enter_context(forced.running())
        held.enter_context(tapped(decoder))
        seen = held.enter_context(watching(decoder)) if writes else {}
        token = LISTENER.set(listener)
        held.callback(LISTENER.reset, token)
        forced.logits(forced.inputs(last), last)
    _check(layers, len(listener.calls))
    ordered = [listener.calls[index] for index in sorted(listener.calls)]
    return [FlowLayer(module, call, seen.get(id(module))) for module, call in ordered]


def depth_of(decoder: nn.Module) -> int:
    """Give the number of layers of a language model that attend."""
    return Layers.of(decoder).attending


def _check(layers: Layers, found: int) -> None:
    if layers.unread:
        raise SignalError(
            f"in {layers.name}, {layers.unread}, so the flow through all layers is unknown: ask for {WITHOUT_ATTENTION}"
        )
    if found < layers.attending:
        raise SignalError(
            f"{layers.name} runs {found} of its {layers.attending} layers through transformers' AttentionInterface, so "
            f"the flow through all layers is unknown: ask for {WITHOUT_ATTENTION}"
        )


@dataclass(slots=True, eq=False)
class _Keeper:
    """Keeps the call of every attention layer of one language model."""

    modules: set[int]
    calls: dict[int, tuple[nn.Module, Call]] = field(default_factory=dict)

    def hears(self, module: nn.Module) -> bool:
        return id(module) in self.modules and getattr(module, "layer_idx", None) is not None

    def attend(self, module: nn.Module, call: Call) -> Tensor:
        # A copy: an eager call keeps the whole matrix once it has run.
        self.calls[int(module.layer_idx)] = (module, copy(call))  # type: ignore[arg-type]
        return call.output()
