"""SmolVLM (arXiv 2504.05299), and its first version: a picture is cut into rows and columns of tiles, then shown whole.

Each tile stands behind its own marker; a film is a list of whole frames with their times in words. The first version's
classes are Idefics 3's (arXiv 2408.12637), which read no film.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, Idefics3Processor, SmolVLMProcessor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.models.geometry import by_tile, crossed, drawn, tiled_spans
from omnitrace_nb.models.open_media import Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import apart, check_count, check_same, film_places, picture_size, tile
from omnitrace_nb.transformers_names import smolvlm_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, ProcessorMixin

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.open_media import Medium

NAME = "smolvlm"
MARKER = re.compile(r"<row_(\d+)_col_(\d+)>")


class SmolVLM(OpenModel):
    """The adapter of SmolVLM."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        wanted = SmolVLMProcessor if model.config.model_type == "smolvlm" else Idefics3Processor
        if not isinstance(processor, wanted):
            raise ModelError(
                f"{type(model).__name__} needs its {wanted.__name__}, but {type(processor).__name__} was given: "
                "load it by AutoProcessor.from_pretrained from where the model came from."
            )
        super().__init__(model, processor)
        config = self.model.config
        self._side = int(self.processor.image_processor.max_image_size["longest_edge"])
        self._token = config.vision_config.patch_size * config.scale_factor
        self._tokens = self._side // self._token
        check_same("image token's id", self.processor.image_token_id, config.image_token_id)
        check_same("number of tokens a tile", self.processor.image_seq_len, self._tokens**2)

    def process(self, text: str, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Call the processor; medium by medium where one call would lose the pictures beside a film."""
        films = sum(loaded.kind == "video" for loaded in media)
        if films == 0 or len(media) == 1:
            return super().process(text, media)
        one = super().process
        axes = {"pixel_values": 1, "pixel_attention_mask": 1}
        return apart(media, lambda loaded: one(self.placeholders[loaded.kind], [loaded]), axes)

    def places(self, medium: Medium) -> Places:
        """Give boxes in original pixels: those of tiles, row by row of each, then those of the whole picture."""
        size, tokens = picture_size(medium), self._tokens
        whole = tile(size, tokens, self._token, self._side)
        if medium.loaded.kind == "video":
            check_same("size of frames", self.processor.video_processor.max_image_size["longest_edge"], self._side)
            return film_places(medium, whole, (tokens, tokens))
        names = self.tokenizer.convert_ids_to_tokens(medium.ids)
        markers = [(int(found[1]), int(found[2])) for name in names if (found := MARKER.fullmatch(name))]
        rows, columns = markers[-1] if markers else (0, 0)
        if markers != [(row + 1, column + 1) for row in range(rows) for column in range(columns)]:
            raise ModelError(f"The markers of the tiles of part {medium.loaded.index + 1} are in no known order.")
        if not markers:
            check_count(medium, len(whole))
            return Places(whole, grid=(1, tokens, tokens))
        across = drawn(tiled_spans(columns, tokens, self._token, self._side), size[0], onto=columns * self._side)
        down = drawn(tiled_spans(rows, tokens, self._token, self._side), size[1], onto=rows * self._side)
        boxes = np.concatenate([by_tile(crossed(across, down), (rows, columns), (tokens, tokens)), whole])
        check_count(medium, len(boxes))
        return Places(boxes)

    def template(self, messages: list[dict[str, Any]], **options: Any) -> str:  # noqa: ANN401 - of the template
        """Render messages; with a film by the template that transformers itself takes for films."""
        if not any(item["type"] == "video" for message in messages for item in message.get("content") or ()):
            return super().template(messages, **options)
        options = {"chat_template": smolvlm_template(), "add_generation_prompt": True, **options}
        text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, **options)
        return text


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in {"smolvlm", "idefics3"},
        adapter=SmolVLM,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
