"""A processor must be the model's own: with another's, positions and features would not be what they are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedModel

KINDS = ("image", "audio", "video")


def check_processor(model: PreTrainedModel, processor: object, kind: type, **numbers: object) -> None:
    """Refuse a processor that is not the model's.

    Args:
        model: the model.
        processor: its processor, or a part of it.
        kind: the class that it must be of.
        numbers: attributes of the processor and what the model has for each; None for what the model does not have.

    Raises:
        ModelError: of another class, or with other numbers.
    """
    if not isinstance(processor, kind):
        raise ModelError(
            f"{type(model).__name__} needs its {kind.__name__}, but {type(processor).__name__} was given: "
            "load it by AutoProcessor.from_pretrained from where the model came from."
        )
    for name, wanted in numbers.items():
        found = getattr(processor, name, None)
        if wanted is not None and found != wanted:
            raise ModelError(
                f"The processor is not this model's: its {name} is {found}, the model has {wanted}. "
                "Load both from the same place."
            )


def check_placeholders(model: PreTrainedModel, placeholders: Mapping[str, str], own: Sequence[int]) -> None:
    """Refuse a processor that puts other tokens in the place of media than those where the model looks for them.

    Args:
        model: the model.
        placeholders: what the processor reads: kind of medium -> what stands for it.
        own: the ids that it puts in the media's places.

    Raises:
        ModelError: other ids, or no kind of medium that both read.
    """
    wanted = {kind: _placeholder_id(model.config, kind) for kind in KINDS}
    known = {kind: index for kind, index in wanted.items() if index is not None}
    if not known or not placeholders:
        return
    shared = {kind: index for kind, index in known.items() if kind in placeholders}
    if not shared:
        raise ModelError(
            f"The processor is not this model's: it reads {', '.join(placeholders)}, the model {', '.join(known)}. "
            "Load both from the same place."
        )
    for kind, index in shared.items():
        if index not in own:
            raise ModelError(
                f"The processor is not this model's: it puts the ids {sorted(own)} in the place of media, the model "
                f"looks for {kind} at {index}. Load both from the same place."
            )


def _placeholder_id(config: object, kind: str) -> int | None:
    found: int | None = getattr(config, f"{kind}_token_id", getattr(config, f"{kind}_token_index", None))
    return found
