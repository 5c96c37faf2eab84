"""Borrowing a model: what is changed for the time of a run, and put back whatever happens."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.capture.attention import BESIDE, EAGER, SDPA, beside
from omnitrace_nb.capture.layers import Layers
from omnitrace_nb.errors import ModelError, SignalError
from omnitrace_nb.transformers_names import kernel_of, running_kernel, supports_sdpa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn
    from transformers import PreTrainedModel


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and the like off during the block, and what `torch.compile` made: it would not be listened to."""
    trained = [module for module in model.modules() if module.training]
    compiled = any(map(_is_compiled, model.modules()))
    for module in trained:
        module.training = False
    try:
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
            yield
    finally:
        for module in trained:
            module.training = True


def _is_compiled(module: nn.Module) -> bool:
    own = vars(module).get("forward")
    return getattr(module, "_compiled_call_impl", None) is not None or hasattr(own, "_torchdynamo_orig_callable")


def require_gradients(model: nn.Module) -> None:
    """Refuse gradients of a model whose kernels would leave them out without a word.

    Raises:
        SignalError: 4-bit weights of bitsandbytes on a CPU for which it repacks them.
    """
    for module in model.modules():
        if getattr(module, "support_avx512bf16_for_cpu", False) and module.weight.device.type == "cpu":
            raise SignalError(
                f"{type(module).__name__} packs its 4-bit weights for this CPU, and no gradient passes through its "
                "kernel: ask for signals without gradients, such as attmean or leave_one_out, or use other weights"
            )


@contextmanager
def tapped(decoder: nn.Module) -> Iterator[None]:
    """Route the language model's attention through a registered function that can be listened to.

    Its kernel stays: an eager model's is its eager function, any other's runs and rows are computed beside it. A
    model set to SDPA that does not support it (it has softcaps or sinks) runs its eager function.

    Raises:
        SignalError: the model has no attention that can be read, or runs the attention of many prompts at once.
        ModelError: the model is being traced already, in another thread.
    """
    config: Any = decoder.config
    Layers.of(decoder).require()
    found = kernel_of(config)
    if found in {SDPA, EAGER} or (found or "").startswith(BESIDE):
        raise ModelError(f"this {type(decoder).__name__} is being traced already: wait until that run has ended")
    with running_kernel(config, _listening(decoder, found)):
        yield


def _listening(decoder: nn.Module, found: str | None) -> str:
    """Give the name of the implementation that runs a model's own kernel and can be listened to."""
    if found in {None, "eager"} or (found == "sdpa" and not supports_sdpa(decoder)):
        return EAGER
    if found == "sdpa":
        return SDPA
    if found.startswith("paged|"):
        raise SignalError(
            f"{type(decoder).__name__} runs attention by {found!r}, which serves many prompts in one forward: load it "
            f"with attn_implementation={found.removeprefix('paged|')!r} to trace its attention"
        )
    return beside(found)


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
