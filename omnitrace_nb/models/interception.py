"""What a model hands its decoder: read by running the model's own forward up to there, and no further."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.capture.borrow import evaluating
from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn


class _Reached(Exception):  # noqa: N818 - it ends a forward where it was to end
    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given


def handed(model: nn.Module, decoder: nn.Module, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments, by name, that `model(**inputs)` calls its decoder with; nothing of the decoder runs.

    Raises:
        ModelError: the model cannot read these inputs.
    """
    names = list(inspect.signature(decoder.forward).parameters)

    def stop(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Reached({**dict(zip(names, args, strict=False)), **kwargs})

    hook = decoder.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        with torch.no_grad(), evaluating(model), _remembering(model):
            model(**inputs, use_cache=False, return_dict=True)
    except _Reached as reached:
        return reached.given
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except (ValueError, TypeError, RuntimeError, IndexError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{type(model).__name__} cannot read what its processor makes of this prompt's media. It says: {error} "
            "Give the processor that belongs to this model, with its own settings; if it does, change the parts' size "
            "or length: some models cannot read a picture of a few pixels."
        ) from error
    finally:
        hook.remove()
    raise RuntimeError(f"{type(model).__name__} did not run its {type(decoder).__name__}")


@contextmanager
def feeding(decoder: nn.Module, more: Mapping[str, Any]) -> Iterator[None]:
    """Give a decoder further arguments during the block, which the model above it does not pass on."""

    def add(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, **more}

    hook = decoder.register_forward_pre_hook(add, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _remembering(model: nn.Module) -> Iterator[None]:
    """Give back what models with several rotary positions note about their last prompt."""
    before = [(module, module.rope_deltas) for module in model.modules() if hasattr(module, "rope_deltas")]
    try:
        yield
    finally:
        for module, deltas in before:
            module.rope_deltas = deltas
