"""The model's output head, watched: the chosen token's raw logit and its gradient without the whole vocabulary."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from omnitrace_nb.capture.attention import LISTENER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedModel


class HeadWatch:
    """Takes the gradients of one logit.

    A plain linear head is cut out of the graph: the logit's gradient in the head's input is one row of its weight, so
    its backward over the vocabulary is spared. A head whose output is changed afterwards (softcapping, scaling), or
    that is no plain `Linear`, stays in the graph.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        """Find the model's head."""
        self._head = model.get_output_embeddings()
        self._hidden: Tensor | None = None
        self._output: Tensor | None = None
        self._plain: bool | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the head during the block; the hooks go with it, whatever happens."""
        if type(self._head) is not nn.Linear or self._head.weight.is_meta:
            yield
            return
        hooks = (
            self._head.register_forward_pre_hook(self._before),
            self._head.register_forward_hook(self._after),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self._hidden = self._output = None

    def learn(self, logits: Tensor) -> None:
        """Find out, from the prompt's logits, whether the head's own output is what the model gives; keep neither."""
        self._plain = self._output is not None and logits is self._output
        self._hidden = self._output = None

    def gradients(self, logits: Tensor, token: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Give the gradient of the last position's raw logit of `token` (`int64 [1]`) in each input, like the input."""
        if self._plain and self._hidden is not None:
            weight = self._head.weight
            outer = torch.zeros_like(self._hidden)
            outer[0, -1] = weight.detach()[token.to(weight.device)].to(self._hidden)
            return torch.autograd.grad(self._hidden, inputs, grad_outputs=outer)
        with torch.enable_grad():
            logit = logits[0, -1][token.to(logits.device)].sum()
        return torch.autograd.grad(logit, inputs)

    def _before(self, _head: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if LISTENER.get() is None:  # a forward that is not traced, such as the one that guidance_scale compares with
            return None
        self._hidden = args[0]
        return (args[0].detach(), *args[1:]) if self._plain else None

    def _after(self, _head: nn.Module, _args: tuple[Any, ...], output: Tensor) -> None:
        if self._plain is None and LISTENER.get() is not None:
            self._output = output
