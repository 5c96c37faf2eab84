"""transformers' moving and private names: the one room that holds them, run on the oldest and the newest release.

Names that transformers itself exports (`from transformers import ...`) stand wherever they are used. Everything else
that this project needs of it stands here: names of its inner modules, attributes that begin with an underscore, its
caches' layers, and what a release calls by another name than the one before. `tests/test_transformers_names.py` holds
the rest of the package to that.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from transformers import AttentionInterface, DynamicCache, GenerationMixin, PreTrainedModel
from transformers.cache_utils import (
    BaseQuantizedLayer,
    Cache,
    CacheLayerMixin,
    DummyLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    StaticLayer,
)
from transformers.generation.stopping_criteria import StopStringCriteria
from transformers.image_processing_utils import select_best_resolution
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.processing_utils import OmniModalProcessorMixin
from transformers.utils import logging
from transformers.video_utils import VideoMetadata

from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from torch import Tensor, nn
    from transformers import GenerationConfig, PreTrainedConfig

    Output: TypeAlias = Any  # a model's output class, which every family has of its own

__all__ = [
    "ALL_MASK_ATTENTION_FUNCTIONS",
    "Cache",
    "CacheLayerMixin",
    "DummyLayer",
    "DynamicLayer",
    "DynamicSlidingWindowLayer",
    "OmniModalProcessorMixin",
    "StopStringCriteria",
    "VideoMetadata",
    "eager_mask",
    "logging",
    "sdpa_attention_forward",
    "sdpa_mask",
    "select_best_resolution",
]

ACTIVATIONS = "transformers.activations"  # the module of its activations, which are torch modules

# --- caches: `past_key_values` up to 5.23, `cache` from 5.24 on -----------------------------------------------------

_CACHES = ("cache", "past_key_values")
CACHES = (*_CACHES, "cache_params")  # all names that `generate` takes a cache by
_TAKEN = inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
_CACHE = next(name for name in _CACHES if name in _TAKEN)


def cache_in(kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any of transformers' caches
    """Give the cache among keyword arguments of a forward or of `generate`; None if there is none."""
    return next((kwargs[name] for name in _CACHES if kwargs.get(name) is not None), None)


def cache_of(outputs: Output) -> Any:  # noqa: ANN401 - any of transformers' caches
    """Give the cache that a forward has filled; None if it kept none."""
    # Of the release's own name alone: newer outputs warn of the older.
    return outputs.get(_CACHE)


def with_cache(model: nn.Module, cache: Any) -> dict[str, Any]:  # noqa: ANN401 - any of transformers' caches
    """Give the keyword by which a model's forward takes a cache: code from a hub may use the older name."""
    known = inspect.signature(model.forward).parameters
    return {next((name for name in _CACHES if name in known), _CACHE): cache}


def holds_positions(config: PreTrainedConfig) -> bool:
    """Tell whether the ordinary cache of a model holds keys and values of positions, layer by layer, and no state."""
    layers = DynamicCache(config=config).layers
    return all(type(layer) in {DynamicLayer, DynamicSlidingWindowLayer, DummyLayer} for layer in layers)


def refusal_to_crop(cache: Any, *, read: bool) -> str:  # noqa: ANN401 - any of transformers' caches
    """Say why a cache cannot give its last position back to be read again under autograd; nothing if it can.

    Layers with a running state know only once the prompt is `read` (convolutions' states can be given back).
    """
    if cache is None:
        return "and this model keeps no cache:"
    layers = [layer for layer in getattr(cache, "layers", ()) if read or not hasattr(layer, "conv_states")]
    # A static layer says since 5.24 that it can be cropped, but its places are written in place: autograd forbids it.
    fixed = [layer for layer in layers if isinstance(layer, StaticLayer | BaseQuantizedLayer)]
    if fixed:
        return f"and {type(cache).__name__} does not give it back: leave cache_implementation out, or"
    if not all(layer.is_croppable for layer in layers):
        return "and this model keeps a running state, which gives no token back:"
    return ""


@contextmanager
def without_last(cache: Any) -> Iterator[None]:  # noqa: ANN401 - any of transformers' caches
    """Take the last position out of a cache, to be read again in the block; then it is as it was, bit for bit."""
    layers = [layer for layer in cache.layers if getattr(layer, "keys", None) is not None and layer.keys.numel()]
    kept = [(layer.keys[..., -1:, :].clone(), layer.values[..., -1:, :].clone()) for layer in layers]
    cache.crop(-1)
    yield
    for layer, (key, value) in zip(layers, kept, strict=True):
        layer.keys[..., -1:, :] = key
        layer.values[..., -1:, :] = value


def detach(cache: Any) -> None:  # noqa: ANN401 - any of transformers' caches
    """Take what a cache holds out of autograd's graph, which would grow from step to step."""
    for layer in cache.layers:
        if getattr(layer, "keys", None) is not None:
            layer.keys, layer.values = layer.keys.detach(), layer.values.detach()
        if getattr(layer, "conv_states", None):
            layer.conv_states = {
                index: None if state is None else state[..., -layer.conv_kernel_size[index] :].detach()
                for index, state in layer.conv_states.items()
            }


# --- generation: what `generate` does around a forward, for a loop of one's own -------------------------------------


def decoding(model: PreTrainedModel) -> AbstractContextManager[None]:
    """Set a model up for decoding, as `generate` does, during the block."""
    held: AbstractContextManager[None] = model._optimize_model_for_decode()  # noqa: SLF001
    return held


def prefill(model: PreTrainedModel, ids: Tensor, config: GenerationConfig, kwargs: dict[str, Any]) -> Output:
    """Read the prompt, as `generate` does."""
    return model._prefill(ids, config, kwargs)  # noqa: SLF001


def read_last(model: PreTrainedModel, ids: Tensor, kwargs: Mapping[str, Any]) -> Output:
    """Read the last of the ids behind what the cache holds."""
    inputs = model.prepare_inputs_for_generation(ids, next_sequence_length=1, **kwargs)
    return model(**inputs, return_dict=True)


def after_forward(model: PreTrainedModel, outputs: Output, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give the keyword arguments of the next forward: the cache, longer masks and positions."""
    updated: dict[str, Any] = model._update_model_kwargs_for_generation(outputs, kwargs, is_encoder_decoder=False)  # noqa: SLF001
    return updated


_INTERFACE = "ALL_ATTENTION_FUNCTIONS"

# --- attention: the implementation that a model runs ----------------------------------------------------------------


def kernel_of(config: PreTrainedConfig) -> str | None:
    """Give the name of the attention implementation that a configuration asks for."""
    name: str | None = config._attn_implementation  # noqa: SLF001 - there is no public reader of it
    return name


@contextmanager
def running_kernel(config: PreTrainedConfig, name: str) -> Iterator[None]:
    """Let a configuration ask for another attention implementation during the block."""
    # Not `set_attn_implementation`, which would look the name up and change the configurations of encoders too.
    before = config._attn_implementation  # noqa: SLF001
    config._attn_implementation = name  # noqa: SLF001
    try:
        yield
    finally:
        config._attn_implementation = before  # noqa: SLF001


def supports_sdpa(model: nn.Module) -> bool:
    """Tell whether a model's own class says that SDPA computes its attention."""
    return bool(getattr(model, "_supports_sdpa", False))


def kernels_of(module: nn.Module) -> AttentionInterface:
    """Give the table in which the code of an attention layer looks implementations up by name."""
    table: AttentionInterface = getattr(_written_in(module), _INTERFACE, ALL_ATTENTION_FUNCTIONS)
    return table


def eager_of(module: nn.Module) -> Callable[..., tuple[Tensor, Tensor]]:
    """Give the eager function that a module's forward names, or that of the file in which its class was written."""
    forward: Any = inspect.unwrap(type(module).forward)
    names = getattr(getattr(forward, "__code__", None), "co_names", ())
    named = [name for name in names if name.endswith("eager_attention_forward")]
    function = forward.__globals__.get(named[0]) if named else None
    function = function or getattr(_written_in(module), "eager_attention_forward", None)
    if function is None:
        raise SignalError(
            f"the eager attention of {type(module).__name__} cannot be read: {type(module).__module__} has no "
            'eager_attention_forward; load the model with attn_implementation="sdpa"'
        )
    found: Callable[..., tuple[Tensor, Tensor]] = function
    return found


def _written_in(module: nn.Module) -> Any:  # noqa: ANN401 - a module of Python
    """Give the first file among those of a module's class and its bases that runs transformers' attention interface."""
    return next((file for file in _files(module) if hasattr(file, _INTERFACE)), sys.modules[type(module).__module__])


def runs_interface(module: nn.Module) -> bool:
    """Tell whether a module's class, or one that it extends, was written in a file that runs that interface."""
    return any(hasattr(file, _INTERFACE) for file in _files(module))


def _files(module: nn.Module) -> Iterator[Any]:
    # `PreTrainedModel` is written where the interface is defined, which says nothing of a model.
    own = (each for each in type(module).__mro__ if each not in PreTrainedModel.__mro__)
    return (sys.modules[each.__module__] for each in own if each.__module__ in sys.modules)


@contextmanager
def without_new_hooks(model: nn.Module) -> Iterator[None]:
    """Take away, after the block, the hooks that transformers leaves on a model once it was asked for attentions.

    Put on a second time, as on encoders that have some of their own already, they would break the model.
    """
    note = "_output_capturing_hooks_installed"
    before = [(module, dict(module._forward_hooks), note in vars(module)) for module in model.modules()]  # noqa: SLF001
    try:
        yield
    finally:
        for module, hooks, noted in before:
            module._forward_hooks.clear()  # noqa: SLF001
            module._forward_hooks.update(hooks)  # noqa: SLF001
            if not noted:
                vars(module).pop(note, None)


# --- chats: a Python function as the JSON schema that templates write of a tool -------------------------------------


def tool_schema(function: Callable[..., object]) -> dict[str, Any]:
    """Give a tool's schema by its type hints and docstring; transformers' own errors where they do not say enough."""
    from transformers.utils import get_json_schema  # noqa: PLC0415 (tools are rare)

    schema: dict[str, Any] = get_json_schema(function)
    return schema


# --- families: what some keep in modules of their own; imported when they are asked for -----------------------------


def tiled_canvas() -> Callable[..., tuple[int, int]]:
    """Give InternVL's function that chooses how many tiles a picture is cut into."""
    from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas  # noqa: PLC0415

    chosen: Callable[..., tuple[int, int]] = get_optimal_tiled_canvas
    return chosen


def smolvlm_template() -> str:
    """Give the chat template that SmolVLM's processor writes if it was saved without one."""
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE  # noqa: PLC0415

    template: str = DEFAULT_CHAT_TEMPLATE
    return template
