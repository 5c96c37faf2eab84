"""LLaVA-OneVision (arXiv 2408.03326): a picture as a thumbnail, then in tiles of the best of a list of resolutions.

The picture is drawn in the middle of that resolution and what remains is padding, of which whole rows or columns of
tokens are dropped again. A learnt token ends each row. The tiles of several pictures in one prompt are left out, as the
model was trained: each is padded to a square. A film's frames are pooled to half the tokens a side.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, LlavaOnevisionProcessor

from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import crossed, drawn, empty, fitted, resampled, tiled_spans
from omnitrace_nb.models.open_media import Places, argument
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import check_count, check_same, film_places, picture_size, side_of, tile
from omnitrace_nb.transformers_names import select_best_resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, ProcessorMixin

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.open_media import Medium

NAME = "llava_onevision"
MOST_FRAMES = 32  # as many as its authors train and evaluate films with
MOST_RATIO = 1.1  # up to here more tokens than `anyres_max` allows are kept


class LlavaOnevision(OpenModel):
    """The adapter of LLaVA-OneVision."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        check_processor(model, processor, LlavaOnevisionProcessor)
        super().__init__(model, processor)
        self.needs = replace(self.needs, max_frames=min(self.needs.max_frames, MOST_FRAMES))
        config = self.model.config
        self._side, self._token = config.vision_config.image_size, config.vision_config.patch_size
        self._tokens = self._side // self._token
        check_same("number of tokens a tile", self.processor.num_image_tokens, self._tokens**2)
        best = [list(map(int, size)) for size in self.processor.image_processor.image_grid_pinpoints]
        check_same("list of resolutions", best, config.image_grid_pinpoints)
        check_same("size of tiles", side_of(self.processor.image_processor), (self._side, self._side))

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the pictures as those of one prompt, which the model's chat does too."""
        pictures = [argument(loaded) for loaded in media if loaded.kind == "image"]
        return {**super().settings(media), **({"images": [pictures]} if pictures else {})}

    def places(self, medium: Medium) -> Places:
        """Give boxes in original pixels: the thumbnail's, then those of the rows of the whole canvas of tiles."""
        size = picture_size(medium)
        if medium.loaded.kind == "video":
            check_same("size of frames", side_of(self.processor.video_processor), (self._side, self._side))
            side = math.ceil(self._tokens / 2)
            spans = resampled(tiled_spans(1, self._tokens, self._token, self._side), side)
            frame = crossed(*(drawn(spans, length, onto=self._side) for length in size))
            return film_places(medium, frame, (side, side), end=1)
        together = [int(count) for count in medium.features["batch_num_images"] for _ in range(int(count))]
        if together[medium.number] > 1:
            boxes = np.concatenate([self._squared(*size), np.full((1, 4), np.nan, np.float32)])
        else:
            boxes = np.concatenate([tile(size, self._tokens, self._token, self._side), self._rows(*size)])
        check_count(medium, len(boxes))
        return Places(boxes, nobody=empty(boxes) | np.isnan(boxes[:, 0]))

    def _squared(self, width: int, height: int) -> np.ndarray:
        """Give the boxes of a picture padded to a square."""
        scale = self._side / max(width, height)
        spans = tiled_spans(1, self._tokens, self._token, self._side)
        pastes = [(max(width, height) - length) // 2 * scale for length in (width, height)]
        across, down = (
            drawn(spans, length, onto=length * scale, paste=paste)
            for length, paste in zip((width, height), pastes, strict=True)
        )
        return crossed(across, down)

    def _rows(self, width: int, height: int) -> np.ndarray:
        """Give the boxes of the tiles' tokens, row by row over all tiles; a token that ends a row has none."""
        below, beside = select_best_resolution([height, width], self.model.config.image_grid_pinpoints)
        onto = fitted(width, height, (beside, below))
        across, down = (
            drawn(
                tiled_spans(canvas // self._side, self._tokens, self._token, self._side),
                length,
                onto=new,
                paste=(canvas - new) // 2,
            )
            for length, canvas, new in zip((width, height), (beside, below), onto, strict=True)
        )
        columns, rows = len(across), len(down)
        if width / height > columns / rows:
            cut = (rows - int(round(height * (columns / width), 7))) // 2
            down = down[cut : rows - cut]
        else:
            cut = (columns - int(round(width * (rows / height), 7))) // 2
            across = across[cut : columns - cut]
        most = int(self.model.config.vision_aspect_ratio.removeprefix("anyres_max_"))
        ratio = math.sqrt(len(across) * len(down) / (most * self._tokens**2))
        if ratio > MOST_RATIO:
            across, down = resampled(across, int(len(across) // ratio)), resampled(down, int(len(down) // ratio))
        boxes = crossed(across, down).reshape(len(down), len(across), 4)
        return np.concatenate([boxes, np.full((len(down), 1, 4), np.nan, np.float32)], axis=1).reshape(-1, 4)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "llava_onevision",
        adapter=LlavaOnevision,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
