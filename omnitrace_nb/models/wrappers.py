"""The transformers model inside what others wrap around it; what cannot be unwrapped is refused with the reason."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from omnitrace_nb.errors import ModelError

LOCAL = (
    "Attention and gradients are read inside a model while it runs, so its weights must be loaded here, by "
    "transformers: a model behind an API, an address or a server (OpenAI, vLLM, SGLang, Ollama) is out of scope."
)


def unwrapped(model: Any) -> Any:  # noqa: ANN401 - whatever a user has
    """Give the model inside `torch.compile`, DataParallel, DistributedDataParallel and PEFT's adapters, as it is.

    Raises:
        ModelError: a model sharded over processes, an adapter that prepends positions of its own, a pipeline, or a
            model that is not here.
    """
    while not isinstance(model, PreTrainedModel | tuple):
        inner = _inside(model)
        if inner is None:
            break
        model = inner
    return model


def check_address(name: str) -> None:
    """Refuse an address on the network in place of a hub id or a folder."""
    if "://" in name:
        raise ModelError(f"{name!r} is an address, but a hub id or a folder is expected. {LOCAL}")


def _inside(model: Any) -> Any:  # noqa: ANN401 - as above
    """Give what a wrapper holds; None for what is no wrapper."""
    kind = type(model).__name__
    if kind in {"FullyShardedDataParallel", "DeepSpeedEngine"}:
        raise ModelError(
            f"{kind} keeps a part of the weights in each process, and a trace reads a whole model in one: gather them "
            'and load the model with from_pretrained (device_map="auto" spreads it over the devices of one machine).'
        )
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    if isinstance(model, nn.Module):
        return getattr(model, "_orig_mod", None) or _adapted(model)
    if isinstance(getattr(model, "model", None), PreTrainedModel):
        raise ModelError(
            f"Expected a model, but {kind} was given, which holds one: write ot.load(it.model, it.tokenizer), or with "
            "its processor."
        )
    raise ModelError(f"Expected a transformers model, a hub id or a folder, but {kind} was given. {LOCAL}")


def _adapted(model: Any) -> Any:  # noqa: ANN401 - as above
    """Give the model that PEFT has put adapters into; they stay in it."""
    configs = getattr(model, "peft_config", None)
    if configs is None:
        return None
    if any(config.is_prompt_learning for config in configs.values()):
        raise ModelError(
            f"{type(model).__name__} prepends positions of its own, which belong to no part of the prompt: only "
            "adapters of weights (LoRA and its kin) can be traced."
        )
    return model.get_base_model()
