"""Gemma 4: pooled patches that keep the picture's shape, frames with their times, a sound of at most 30 s."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForMultimodalLM, AutoProcessor, Gemma4Processor

from omnitrace_nb.media.loaded import Film, MediaNeeds, Picture, Sound
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import even_boxes, frame_seconds
from omnitrace_nb.models.looking_ahead import block_starts
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.per_layer import PerLayerModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.sound_reach import first_heard, longest_read
from omnitrace_nb.models.sound_time import check_sounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded

NAME = "gemma4"
FPS = 1.0  # frames carry their times in whole seconds
STRIDE = 4  # mel frames of a token of sound


class Gemma4(PerLayerModel):
    """The adapter of Gemma 4, of any size."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: Gemma4Processor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        config: Any = model.config
        check_processor(
            model,
            processor,
            Gemma4Processor,
            image_token_id=config.image_token_id,
            video_token_id=config.video_token_id,
            audio_token_id=config.audio_token_id if config.audio_config else None,
        )
        for part in ("image_processor", "video_processor"):
            if config.vision_config is not None:
                check_processor(
                    model,
                    getattr(processor, part),
                    object,
                    patch_size=config.vision_config.patch_size,
                    pooling_kernel_size=config.vision_config.pooling_kernel_size,
                )
        super().__init__(model, processor)

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into the inputs of `generate` and a layout.

        Layers that share keys and values leave out all of a prompt but its last position, which nobody looks at later.
        Asking for that position by its index, not by a count, has them read the whole prompt, as all others do.
        """
        encoded = super().encode(parts)
        config: Any = self.decoder().config
        if not config.num_kv_shared_layers:
            return encoded
        last = torch.tensor([-1], device=encoded.inputs["input_ids"].device)
        return replace(encoded, options={**encoded.options, "logits_to_keep": last})

    def blocks(self, encoded: Encoded) -> np.ndarray:
        """Give the first position of each position's block: in the large models, one picture's look at one another."""
        types = encoded.inputs["mm_token_type_ids"][0].cpu().numpy()
        config: Any = self.decoder().config
        return block_starts(np.isin(types, (1, 2)) & (config.use_bidirectional_attention == "vision"))

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's keyword arguments; `ModelError` for a sound that it would cut."""
        if any(loaded.kind == "audio" for loaded in media):
            check_sounds(media, longest_read(self.processor.feature_extractor), type(self.model).__name__)
        return super().settings(media)

    def places(self, medium: Medium) -> Places:
        """Cut pictures and frames evenly, as many rows and columns as were pooled; a sound in steps of 40 ms."""
        content = medium.loaded.content
        if isinstance(content, Picture):
            rows, columns = self._pooled(medium.features["image_position_ids"][medium.number])
            height, width = content.pixels.shape[:2]
            return Places(even_boxes(rows, columns, width, height), grid=(1, rows, columns))
        if isinstance(content, Film):
            first = int(medium.features["num_frames_per_video"][: medium.number].sum())
            rows, columns = self._pooled(medium.features["video_position_ids"][first])
            boxes = even_boxes(rows, columns, *content.original_size)
            time = frame_seconds(content, rows * columns)
            return Places(np.tile(boxes, (len(content.frames), 1)), time, (len(content.frames), rows, columns))
        assert isinstance(content, Sound)  # noqa: S101 - it reads nothing else
        step = STRIDE * self.processor.feature_extractor.hop_length / content.sampling_rate
        return Places(time=first_heard(np.arange(1, medium.positions + 1) * step, content.duration))

    def _pooled(self, patches: torch.Tensor) -> tuple[int, int]:
        """Give rows and columns of the tokens made of patches at `int64 [p, 2]` (across, down; -1 for padding)."""
        columns, rows = (int(side) + 1 for side in patches.amax(0))
        kernel = self.model.config.vision_config.pooling_kernel_size
        return rows // kernel, columns // kernel

    def _placeholders(self) -> dict[str, str]:
        """Give what the template writes for each kind of medium; the large models have no ears."""
        found = super()._placeholders()
        return {kind: token for kind, token in found.items() if kind != "audio" or self.model.config.audio_config}

    def _needs(self) -> MediaNeeds:
        return replace(super()._needs(), fps=FPS)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == NAME,
        adapter=Gemma4,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
