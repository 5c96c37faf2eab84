"""The families of models that can be traced: one file each, which registers itself here.

Families registered by a user are asked first, so that they may take over a kind of model; then the built-in one for the
model's type, and last those that read many.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedConfig, PreTrainedModel

    from omnitrace_nb.models.adapter import Adapter

# Module of the package -> the model types that it reads. Only the module of the model at hand is imported.
BUILT_IN = {
    "qwen_omni": ("qwen2_5_omni", "qwen2_5_omni_thinker"),
    "qwen3_omni": ("qwen3_omni_moe", "qwen3_omni_moe_thinker"),
    "qwen_vl": ("qwen2_vl", "qwen2_5_vl"),
    "qwen3_vl": ("qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"),
    "minicpm_o": ("minicpmo",),
    "llava_onevision": ("llava_onevision",),
    "internvl": ("internvl",),
    "smolvlm": ("smolvlm", "idefics3"),
    "minicpmv4_6": ("minicpmv4_6",),
    "qwen2_audio": ("qwen2_audio",),
    "voxtral": ("voxtral",),
    "gemma3": ("gemma3",),
    "gemma3n": ("gemma3n",),
    "gemma4": ("gemma4",),
    "phi4_multimodal": ("phi4_multimodal",),
    "per_layer_text": ("gemma3n_text", "gemma4_text"),
}
# Asked last, in this order: text models, and all others that transformers' Auto classes load.
ANY_OTHER = ("causal_text", "open_model")


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    Attributes:
        name: as it stands in a trace.
        reads: whether the family is that of a model with this configuration.
        adapter: makes an adapter of a model and its processor (or tokenizer).
        load_model: loads a model from a folder or a hub id, with `from_pretrained`'s keywords.
        load_processor: the same for its processor or tokenizer.
    """

    name: str
    reads: Callable[[PreTrainedConfig], bool]
    adapter: Callable[[PreTrainedModel, Any], Adapter]
    load_model: Callable[..., PreTrainedModel]
    load_processor: Callable[..., Any]


_FAMILIES: dict[str, Family] = {}


def register(family: Family) -> None:
    """Make a family known; a later one of the same name takes its place."""
    _FAMILIES[family.name] = family


def family_of(config: PreTrainedConfig) -> Family:
    """Give the family of a model by its configuration; `ModelError` naming what is known if there is none."""
    theirs = [family for name, family in _FAMILIES.items() if name not in BUILT_IN and name not in ANY_OTHER]
    ours = [name for name, types in BUILT_IN.items() if config.model_type in types]
    for family in chain(theirs, map(_built_in, (*ours, *ANY_OTHER))):
        if family.reads(config):
            return family
    known = ", ".join((*(family.name for family in theirs), *BUILT_IN, *ANY_OTHER))
    raise ModelError(
        f"No adapter reads models of the type {config.model_type!r}. The known families are: {known}. "
        "docs/adapters.md says how to write one: a file with one class."
    )


def _built_in(name: str) -> Family:
    import_module(f"omnitrace_nb.models.{name}")
    return _FAMILIES[name]
