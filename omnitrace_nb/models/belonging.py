"""A processor must be the model's own: with another's, positions and features would not be what they are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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
