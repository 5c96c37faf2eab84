"""Borrowing a model: what is changed for the time of a run, and put back whatever happens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.capture.attention import EAGER, SDPA
from omnitrace_nb.errors import ModelError, SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from transformers import PreTrainedModel

# Layers that keep a running state, beside attention or instead of it, or attend to summaries of several positions.
_NO_ATTENTION = {
    *("linear_attention", "conv", "hybrid", "hybrid_sliding"),
    *("compressed_sparse_attention", "heavily_compressed_attention"),
}
# What any decoder allows: hiding sources by a mask would not keep them out of a running state.
WITHOUT_ATTENTION = 'input_x_gradient or ot.signals.ablate("leave_one_out", operator="mean")'


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and the like off during the block."""
    trained = [module for module in model.modules() if module.training]
    for module in trained:
        module.training = False
    try:
        yield
    finally:
        for module in trained:
            module.training = True


def unread(model: nn.Module, why: str) -> str:
    """Say why attention does not show what a model reads, and what to ask for instead."""
    return (
        f"{type(model).__name__} {why}, so what it reads does not all show as attention: ask for signals that need "
        f"none, such as {WITHOUT_ATTENTION}"
    )


@contextmanager
def tapped(decoder: nn.Module) -> Iterator[None]:
    """Route the language model's attention through the registered function that can be listened to.

    An eager model keeps its eager function; any other kernel is replaced by SDPA during the block.

    Raises:
        SignalError: the model supports neither, or has layers that do not attend to positions.
        ModelError: the model is being traced already, in another thread.
    """
    config: Any = decoder.config
    if others := sorted(_NO_ATTENTION & set(getattr(config, "layer_types", None) or ())):
        raise SignalError(unread(decoder, f"has layers of type {', '.join(map(repr, others))}"))
    found = config._attn_implementation  # noqa: SLF001 - transformers has no public reader of it
    if found in {SDPA, EAGER}:
        raise ModelError(f"this {type(decoder).__name__} is being traced already: wait until that run has ended")
    if found != "eager" and not getattr(decoder, "_supports_sdpa", False):
        raise SignalError(
            f"{type(decoder).__name__} runs attention by {found!r} and does not support SDPA: load it with "
            'attn_implementation="eager" to trace its attention'
        )
    config._attn_implementation = EAGER if found == "eager" else SDPA  # noqa: SLF001
    try:
        yield
    finally:
        config._attn_implementation = found  # noqa: SLF001


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Keep autograd from saving what only weights' gradients would need."""
    free = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in free:
        weight.requires_grad = False
    try:
        yield
    finally:
        for weight in free:
            weight.requires_grad = True


@contextmanager
def editing(decoder: nn.Module, edit: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Change the input embeddings of the language model's first forward inside the block, which reads the prompt."""
    done = False

    def change(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:  # noqa: ANN401
        nonlocal done
        if done:
            return args, kwargs
        done = True
        ids = args[0] if args else kwargs.get("input_ids")
        embeddings = kwargs.get("inputs_embeds")
        if embeddings is None:
            embeddings = module.get_input_embeddings()(ids)
        if args:
            return (None, *args[1:]), {**kwargs, "inputs_embeds": edit(embeddings.clone())}
        return args, {**kwargs, "input_ids": None, "inputs_embeds": edit(embeddings.clone())}

    hook = decoder.register_forward_pre_hook(change, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def seeded(seed: int | None, model: PreTrainedModel) -> Iterator[None]:
    """Seed torch's generators during the block, and give them back as they were; None leaves them alone."""
    if seed is None:
        yield
        return
    ours = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    mps = torch.mps.get_rng_state() if model.device.type == "mps" else None
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(ours)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
