"""Qwen2-VL (arXiv 2409.12191) and Qwen2.5-VL (arXiv 2502.13923): pictures and films as even grids of merged patches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from transformers import (
    AutoModelForMultimodalLM,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    Qwen2_5_VLProcessor,
    Qwen2VLProcessor,
)

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film, MediaNeeds
from omnitrace_nb.models.geometry import even_boxes, step_seconds
from omnitrace_nb.models.open_media import Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.probing import Probes
from omnitrace_nb.models.qwen_inputs import raw_media
from omnitrace_nb.models.qwen_media import check_pair, most_pixels
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import check_count, picture_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded, RawMedium
    from omnitrace_nb.models.open_media import Medium

NAME = "qwen_vl"


class QwenVL(OpenModel):
    """The adapter of Qwen2-VL and Qwen2.5-VL."""

    family = NAME
    processors: ClassVar[dict[str, type[ProcessorMixin]]] = {
        "qwen2_vl": Qwen2VLProcessor,
        "qwen2_5_vl": Qwen2_5_VLProcessor,
    }

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        wanted = self.processors[model.config.model_type]
        if not isinstance(processor, wanted):
            raise ModelError(
                f"{type(model).__name__} needs its {wanted.__name__}, but {type(processor).__name__} was given: "
                "load it by AutoProcessor.from_pretrained from where the model came from."
            )
        super().__init__(model, processor)
        check_pair(model.config, processor)
        self.probes = Probes(processor, self._capped())

    def _needs(self) -> MediaNeeds:
        return replace(super()._needs(), **most_pixels(self.processor))

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's settings: what films show and when, and the paper's own bound on their pixels."""
        settings = super().settings(media)
        if "videos_kwargs" in settings:
            settings["videos_kwargs"].update(self._capped())
        return settings

    def _capped(self) -> dict[str, bool]:
        # The paper's own pipeline bounds the pixels of a long film; transformers asks everyone to choose.
        unset = getattr(self.processor.video_processor, "cap_pixels_per_frame", False) is None
        return {"cap_pixels_per_frame": True} if unset else {}

    def places(self, medium: Medium) -> Places:
        """Give boxes and seconds; resizing is even, so the original is cut into the same grid."""
        self.probes.check([medium.loaded])
        film = medium.loaded.content if isinstance(medium.loaded.content, Film) else None
        made = self.processor.image_processor if film is None else self.processor.video_processor
        sizes = medium.features["image_grid_thw" if film is None else "video_grid_thw"][medium.number].tolist()
        grid = (sizes[0], sizes[1] // made.merge_size, sizes[2] // made.merge_size)
        box = np.tile(even_boxes(*grid[1:], *picture_size(medium)), (grid[0], 1))
        check_count(medium, len(box))
        if film is None:
            return Places(box, grid=grid)
        if grid[0] != -(-len(film.frames) // made.temporal_patch_size):
            raise ModelError(
                f"The model's processor makes {grid[0]} steps of part {medium.loaded.index + 1} with its "
                f"{len(film.frames)} frames, so which seconds they show cannot be told: give the processor that "
                "belongs to this model, with its own settings."
            )
        seconds = step_seconds(film, grid[0], made.temporal_patch_size)
        return Places(box, np.repeat(seconds, grid[1] * grid[2], axis=0), grid)

    def raw_media(
        self, encoded: Encoded, parts: Sequence[LoadedPart]
    ) -> tuple[list[RawMedium], Callable[..., torch.Tensor]]:
        """Give a prompt's pictures before the processor, and the way from them to its embeddings, under autograd.

        Raises:
            SignalError: a processor whose steps could not be followed back exactly.
        """
        return raw_media(self.model, self.processor, encoded, parts)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in QwenVL.processors,
        adapter=QwenVL,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
