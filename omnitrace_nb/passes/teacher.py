"""Teacher forcing: the finished response run through the model again, from input embeddings, for one logit a step."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from omnitrace_nb.capture.borrow import evaluating, frozen, require_gradients
from omnitrace_nb.passes.cost import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedModel

    from omnitrace_nb.models.adapter import Adapter, Encoded


@dataclass(frozen=True, slots=True, eq=False)
class TeacherForced:
    """A model with a prompt and its response fixed: what signals with passes of their own work on.

    Attributes:
        model: whose output head and mode are held during passes.
        forward: runs it over embeddings (`Adapter.forward`).
        embeddings: `[1, n + T, width]`, the input embeddings of every modality and of the response.
        targets: `int64 [T]`, the response's tokens.
        prompt: `n`, the number of prompt positions.
        cost: where forwards and tokens are counted.
    """

    model: PreTrainedModel
    forward: Callable[..., Any]
    embeddings: Tensor
    options: dict[str, Any]
    targets: Tensor
    prompt: int
    cost: Cost = field(default_factory=Cost)

    @classmethod
    def of(
        cls,
        adapter: Adapter,
        encoded: Encoded,
        response: Tensor,
        *,
        edit: Callable[[Tensor], Tensor] | None = None,
        cost: Cost | None = None,
    ) -> TeacherForced:
        """Embed a prompt and its response (`int64 [T]`) once, without gradient.

        `edit` changes the prompt's embeddings `[1, n, width]` first.
        """
        with torch.no_grad(), evaluating(adapter.model):
            embeddings, options = adapter.embed(encoded, response)
        prompt = embeddings.shape[1] - len(response)
        if edit is not None:
            embeddings = torch.cat([edit(embeddings[:, :prompt].clone()), embeddings[:, prompt:]], dim=1)
        return cls(adapter.model, adapter.forward, embeddings, options, response, prompt, cost or Cost())

    def inputs(self, steps: Tensor) -> Tensor:
        """Give the embeddings that steps (`int64 [b]`) saw, a copy for each, cut after the latest: `[b, q, width]`."""
        length = self.prompt + int(steps.max())
        return self.embeddings[:, :length].expand(len(steps), -1, -1).clone()

    def logits(self, embeddings: Tensor, steps: Tensor) -> Tensor:
        """Give the raw logit of each step's chosen token: from `[b, q, width]` for steps `int64 [b]`.

        Works under autograd; the vocabulary is projected at one position a step.
        """
        if embeddings.requires_grad:
            require_gradients(self.model)
        batch, length = embeddings.shape[:2]
        self.cost.add(forwards=batch, tokens=batch * length)
        steps = steps.to(embeddings.device)
        options = {name: _fit(value, batch, length, self.embeddings.shape[1]) for name, value in self.options.items()}
        with only(self.model, self.prompt + steps - 1):
            logits = self.forward(embeddings, use_cache=False, return_dict=True, **options).logits
        rows = logits[:, 0] if logits.shape[1] == 1 else logits[torch.arange(batch), self.prompt + steps - 1]
        return rows.gather(1, self.targets.to(rows.device)[steps.to(rows.device)][:, None])[:, 0].float()

    def rows(self, embeddings: Tensor, steps: Tensor) -> Tensor:
        """Give the raw logits before each step's token, `[b, k, vocabulary]`: from `[b, q, width]`, steps `int64 [k]`.

        Every sequence is read at the same steps, so that many targets share one forward. Works under autograd.
        """
        if embeddings.requires_grad:
            require_gradients(self.model)
        batch, length = embeddings.shape[:2]
        self.cost.add(forwards=batch, tokens=batch * length)
        places = self.prompt + steps.to(embeddings.device) - 1
        options = {name: _fit(value, batch, length, self.embeddings.shape[1]) for name, value in self.options.items()}
        with only(self.model, places.expand(batch, -1)):
            logits = self.forward(embeddings, use_cache=False, return_dict=True, **options).logits
        read: Tensor = (logits if logits.shape[1] == len(steps) else logits[:, places.to(logits.device)]).float()
        return read

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the model for passes: no dropout, and nothing saved for gradients of weights; given back as it was."""
        with evaluating(self.model), frozen(self.model):
            yield


@contextmanager
def only(model: PreTrainedModel, positions: Tensor) -> Iterator[None]:
    """Let the output head see only some positions `[b]` or `[b, k]` of each sequence; no `[b, q, vocabulary]`."""
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Module):
        yield
        return

    def pick(_head: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = args[0]
        places = positions.to(hidden.device).reshape(len(hidden), -1)
        return (hidden[torch.arange(len(hidden), device=hidden.device)[:, None], places], *args[1:])

    hook = head.register_forward_pre_hook(pick)
    try:
        yield
    finally:
        hook.remove()


def _fit(value: Any, batch: int, length: int, full: int) -> Any:  # noqa: ANN401 - a model's keyword arguments are of any kind
    """Cut what runs along the sequence (its last dimension) and repeat it along the batch (the one before)."""
    if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[-1] != full:  # noqa: PLR2004
        return value
    shape = [-1] * value.ndim
    shape[-2] = batch
    return value[..., :length].expand(*shape)
