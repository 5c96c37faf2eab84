"""InternVL 2.5 to 3.5 (arXiv 2504.10479): a picture is cut into tiles of the canvas nearest to its shape.

After the tiles comes a thumbnail of the whole picture, unless one tile is all; a film's frames are not cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, InternVLProcessor

from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import by_tile, crossed, drawn, tiled_spans
from omnitrace_nb.models.open_media import Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import apart, check_count, check_same, film_places, picture_size, side_of, tile
from omnitrace_nb.transformers_names import tiled_canvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, ProcessorMixin

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.open_media import Medium

NAME = "internvl"
MOST_FRAMES = 32  # as many as its authors evaluate films with


class InternVL(OpenModel):
    """The adapter of InternVL."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        check_processor(model, processor, InternVLProcessor)
        super().__init__(model, processor)
        self.needs = replace(self.needs, max_frames=min(self.needs.max_frames, MOST_FRAMES))
        vision = self.model.config.vision_config
        patch = vision.patch_size[0]
        self._side = int(vision.image_size[0])
        self._token = patch / self.model.config.downsample_ratio
        self._tokens = int(self._side // patch * self.model.config.downsample_ratio)
        check_same("number of tokens a tile", self.processor.image_seq_length, self._tokens**2)
        check_same("size of tiles", side_of(self.processor.image_processor), tuple(vision.image_size))

    def process(self, text: str, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Call the processor; film by film where there are several, as one call joins those of one length alone."""
        if sum(loaded.kind == "video" for loaded in media) < 2:  # noqa: PLR2004 - several
            return super().process(text, media)
        one = super().process
        return apart(media, lambda loaded: one(self.placeholders[loaded.kind], [loaded]), {"pixel_values": 0})

    def places(self, medium: Medium) -> Places:
        """Give boxes in original pixels: those of tiles, row by row of each, then the thumbnail's."""
        size, tokens = picture_size(medium), self._tokens
        whole = tile(size, tokens, self._token, self._side)
        if medium.loaded.kind == "video":
            check_same("size of frames", side_of(self.processor.video_processor), (self._side, self._side))
            return film_places(medium, whole, (tokens, tokens))
        columns, rows = self._canvas(*size)
        if (rows, columns) == (1, 1):
            check_count(medium, len(whole))
            return Places(whole, grid=(1, tokens, tokens))
        across = drawn(tiled_spans(columns, tokens, self._token, self._side), size[0], onto=columns * self._side)
        down = drawn(tiled_spans(rows, tokens, self._token, self._side), size[1], onto=rows * self._side)
        boxes = np.concatenate([by_tile(crossed(across, down), (rows, columns), (tokens, tokens)), whole])
        check_count(medium, len(boxes))
        return Places(boxes)

    def _canvas(self, width: int, height: int) -> tuple[int, int]:
        """Give the columns and rows of tiles that the processor cuts a picture of this size into."""
        made = self.processor.image_processor
        if not self.processor.images_kwargs.get("crop_to_patches", made.crop_to_patches):
            return 1, 1
        found = tiled_canvas()((height, width), (self._side, self._side), made.min_patches, made.max_patches)
        return int(found[0]), int(found[1])


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "internvl",
        adapter=InternVL,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
