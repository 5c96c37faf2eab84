"""MiniCPM-V 4.6: a picture, or each frame of a film, as an overview and then in slices of nearly its own shape.

All are resized evenly, to whole tokens. Sixteen patches become a token, or four in the mode "4x".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, MiniCPMV4_6Processor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import by_tile, even_boxes
from omnitrace_nb.models.open_media import Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import check_count, check_same, film_places, picture_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, ProcessorMixin

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded
    from omnitrace_nb.models.open_media import Medium

NAME = "minicpmv4_6"
FPS = 1.0  # what its own processor takes of a film
SIDES = {"4x": 2, "16x": 4}  # patches a side of a token


class MiniCPMV46(OpenModel):
    """The adapter of MiniCPM-V 4.6."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        check_processor(model, processor, MiniCPMV4_6Processor)
        super().__init__(model, processor)
        films = self.processor.video_processor
        self.needs = replace(self.needs, fps=FPS, max_frames=int(films.max_num_frames))
        config = self.model.config
        for kind in ("image_processor", "video_processor"):
            check_same(f"{kind}'s patch size", getattr(self.processor, kind).patch_size, config.patch_size)

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the film's frames one by one: those between two seconds are not stacked to one picture."""
        settings = super().settings(media)
        if "videos_kwargs" in settings:
            settings["videos_kwargs"] |= {"stack_frames": 1}
        return settings

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into inputs and a layout; with the mode of merging, where it is not the model's own."""
        modes = {self._reader(loaded.kind).downsample_mode for loaded in parts if loaded.kind != "text"}
        if len(modes) > 1:
            raise ModelError(
                f"Pictures and films of one prompt are merged in one mode, but the processor has {sorted(modes)}: set "
                "downsample_mode of its image_processor and of its video_processor alike."
            )
        encoded = super().encode(parts)
        return replace(encoded, options={"downsample_mode": modes.pop()}) if modes else encoded

    def places(self, medium: Medium) -> Places:
        """Give boxes in original pixels: the overview's, row by row, then those of each slice; so for each frame."""
        made, size = self._reader(medium.loaded.kind), picture_size(medium)
        content = medium.loaded.content
        height, width = content.frames.shape[1:3] if isinstance(content, Film) else size[::-1]
        grid = made.get_sliced_grid((height, width), made.max_slice_nums, made.scale_resolution)
        grid = grid if made.slice_mode else None
        token = made.patch_size * SIDES[made.downsample_mode]
        shared = {"downsample_mode": made.downsample_mode, "patch_size": made.patch_size}
        below, beside = made.find_best_resize(
            (height, width), made.scale_resolution, allow_upscale=grid is None, **shared
        )
        rows, columns = below // token, beside // token
        boxes = even_boxes(rows, columns, *size)
        if grid is not None:
            below, beside = made.get_refine_size(
                (height, width), grid, made.scale_resolution, allow_upscale=True, **shared
            )
            tokens = (below // grid[0] // token, beside // grid[1] // token)
            fine = even_boxes(grid[0] * tokens[0], grid[1] * tokens[1], *size)
            boxes = np.concatenate([boxes, by_tile(fine, (grid[0], grid[1]), tokens)])
        if isinstance(content, Film):
            return film_places(medium, boxes, (rows, columns) if grid is None else None)
        check_count(medium, len(boxes))
        return Places(boxes, grid=(1, rows, columns) if grid is None else None)

    def _reader(self, kind: str) -> Any:  # noqa: ANN401 - transformers ships no types
        return self.processor.video_processor if kind == "video" else self.processor.image_processor


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "minicpmv4_6",
        adapter=MiniCPMV46,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
