"""Which of `generate`'s caches a trace can read from, and which allow gradients of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.errors import SettingsError, SignalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import GenerationConfig, PreTrainedModel

    from omnitrace_nb.capture.signal import Signal

# Caches whose places are written in place or rounded: no position of theirs can be read again under autograd.
_FIXED = frozenset({"static", "sliding_window", "hybrid", "hybrid_chunked", "quantized"})
_FIXED |= {"offloaded_static", "offloaded_hybrid", "offloaded_hybrid_chunked"}


def check_place(options: Mapping[str, Any]) -> None:
    """Refuse a cache that cannot be had here; `SettingsError`."""
    cache = options.get("cache_implementation")
    if cache == "paged":
        raise SettingsError("cache_implementation='paged' cannot be traced: it serves many prompts in one forward")
    if isinstance(cache, str) and cache.startswith("offloaded") and not torch.accelerator.is_available():
        raise SettingsError(
            f"cache_implementation={cache!r} moves the cache off a GPU, and there is none: leave it out"
        )


def check_gradients(options: Mapping[str, Any], signals: Sequence[Signal]) -> None:
    """Refuse signals that take gradients of attention beside a cache that does not allow it; `SignalError`."""
    graded = [signal.label for signal in signals if signal.reads & {"gradient", "gradients"}]
    cache = _cache(options, options.get("generation_config"))
    if graded and cache is not None:
        raise SignalError(
            f"{', '.join(graded)}: gradients of attention read the prompt's last token a second time, and the cache of "
            f"cache_implementation={cache!r} does not give it back: leave that setting out, or ask for signals without "
            "gradients, such as attmean"
        )


def growing(model: PreTrainedModel, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings with a cache that allows gradients where the model's own configuration names another."""
    # Gemma's says "hybrid": nobody has asked for it, and the tokens are the same.
    named = options.get("cache_implementation") or options.get("generation_config")
    own = None if named else _cache({}, model.generation_config)
    return {**options, "cache_implementation": "dynamic"} if own else dict(options)


def _cache(options: Mapping[str, Any], config: GenerationConfig | None) -> str | None:
    """Give the cache that settings name, if it is one that allows no gradients."""
    name = options.get("cache_implementation") or getattr(config, "cache_implementation", None)
    return name if isinstance(name, str) and name in _FIXED else None
