"""Gemma 3: a picture stretched to a square, whose tokens look at one another; crops of long ones besides, if asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, Gemma3Processor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Picture
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import crossed, even_spans
from omnitrace_nb.models.looking_ahead import behind_prefix, block_starts
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from omnitrace_nb.models.adapter import Encoded

NAME = "gemma3"


class Gemma3(OpenModel):
    """The adapter of Gemma 3 with pictures; without them it is a text model."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: Gemma3Processor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        config: Any = model.config
        check_processor(model, processor, Gemma3Processor, image_seq_length=config.mm_tokens_per_image)
        check_processor(model, processor.tokenizer, object, image_token_id=config.image_token_id)
        super().__init__(model, processor)

    def blocks(self, encoded: Encoded) -> np.ndarray:
        """Give the first position of each position's block: those of one picture look at one another."""
        return block_starts(encoded.inputs["token_type_ids"][0].cpu().numpy() == 1)

    def places(self, medium: Medium) -> Places:
        """Cut the picture evenly, and each crop of it that follows."""
        assert isinstance(medium.loaded.content, Picture)  # noqa: S101 - it reads nothing else
        height, width = medium.loaded.content.pixels.shape[:2]
        side = math.isqrt(self.processor.image_seq_length)
        shown, rest = divmod(medium.positions, side * side)
        if rest or not shown:
            raise ModelError(
                f"The processor makes {medium.positions} positions of part {medium.loaded.index + 1}, no squares of "
                f"{side} x {side}, so the layout cannot be proven: give the processor that belongs to this model."
            )
        whole = crossed(even_spans(side, width), even_spans(side, height))
        crops = [crossed(*(_even_within(span, side) for span in each)) for each in _crops(shown - 1, width, height)]
        return Places(np.concatenate([whole, *crops]), grid=None if crops else (1, side, side))

    def forward(self, embeddings: torch.Tensor, **options: Any) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, hidden]` embeddings."""
        return self.model(inputs_embeds=embeddings, **behind_prefix(options))

    def _own_ids(self) -> list[int]:
        """Give the token that holds features; what the template writes is another, which begins a picture."""
        return [int(self.tokenizer.image_token_id)]


def _crops(count: int, width: int, height: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Give start and end, across and down, of the crops along a picture's longer side."""
    if not count:
        return []
    longer = max(width, height)
    size = math.ceil(longer / count)
    cuts = [(at * size, min((at + 1) * size, longer)) for at in range(count)]
    return [(cut, (0, height)) if width >= height else ((0, width), cut) for cut in cuts]


def _even_within(span: tuple[int, int], count: int) -> np.ndarray:
    return even_spans(count, span[1] - span[0]) + span[0]


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == NAME,
        adapter=Gemma3,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
