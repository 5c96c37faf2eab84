"""The families of models that can be traced: one file each, which registers itself here.

Families are asked in the order of their registration, the built-in ones last, so that a family registered by a user
may take over a kind of model.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedConfig, PreTrainedModel

    from omnitrace_nb.models.adapter import Adapter

BUILT_IN = ("qwen_omni", "causal_text", "open_model")


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


def families() -> tuple[Family, ...]:
    """Give every known family in the order in which they are asked."""
    for name in BUILT_IN:
        import_module(f"omnitrace_nb.models.{name}")
    theirs = [family for name, family in _FAMILIES.items() if name not in BUILT_IN]
    return (*theirs, *(_FAMILIES[name] for name in BUILT_IN))


def family_of(config: PreTrainedConfig) -> Family:
    """Give the family of a model by its configuration; `ModelError` naming what is known if there is none."""
    for family in families():
        if family.reads(config):
            return family
    known = ", ".join(family.name for family in families())
    raise ModelError(
        f"No adapter reads models of the type {config.model_type!r}. The known families are: {known}. "
        "docs/adapters.md says how to write one: a file with one class."
    )
