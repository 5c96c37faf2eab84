"""Gemma 3n: a picture stretched to a square of soft tokens, a sound of at most 30 s in tokens of 160 ms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, Gemma3nProcessor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Picture, Sound
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import even_boxes
from omnitrace_nb.models.interception import handed
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.per_layer import PerLayerModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.sound_reach import first_heard, longest_read
from omnitrace_nb.models.sound_time import check_sounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedModel

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded

NAME = "gemma3n"
# Mel frames that two convolutions of width 3 and stride 2 reach beyond the one that a token starts at.
REACH = 6


class Gemma3n(PerLayerModel):
    """The adapter of Gemma 3n."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: Gemma3nProcessor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        config: Any = model.config
        check_processor(
            model,
            processor,
            Gemma3nProcessor,
            image_token_id=config.image_token_id,
            audio_token_id=config.audio_token_id,
            image_seq_length=config.vision_soft_tokens_per_image,
            audio_seq_length=config.audio_soft_tokens_per_image,
        )
        super().__init__(model, processor)

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's keyword arguments; `ModelError` for a sound that it would cut."""
        if any(loaded.kind == "audio" for loaded in media):
            check_sounds(media, longest_read(self.processor.feature_extractor), type(self.model).__name__)
        return super().settings(media)

    def places(self, medium: Medium) -> Places:
        """Cut a picture evenly; a sound's tokens hear one stretch after the other, and those that fill up, nothing."""
        content = medium.loaded.content
        if isinstance(content, Picture):
            side = math.isqrt(medium.positions)
            if side * side != medium.positions:
                raise ModelError(f"A picture of {medium.positions} soft tokens is no square: the layout is unknown.")
            height, width = content.pixels.shape[:2]
            return Places(even_boxes(side, side, width, height), grid=(1, side, side))
        assert isinstance(content, Sound)  # noqa: S101 - it reads nothing else
        heard = self._heard(medium)
        frame = self.processor.feature_extractor.hop_length / content.sampling_rate
        window = self.processor.feature_extractor.frame_length / content.sampling_rate
        newest = (np.arange(heard) * self._stride + REACH) * frame + window
        time = np.full((medium.positions, 2), np.nan, np.float32)
        time[:heard] = first_heard(newest, content.duration)
        return Places(time=time, nobody=np.arange(medium.positions) >= heard)

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give embeddings; tokens of pictures and of sound, should the model write them, are of tables of their own."""
        embeddings, options = super().embed(encoded, response_ids)
        response = response_ids.reshape(1, -1).to(encoded.inputs["input_ids"])
        if response.shape[1]:
            own = handed(self.model, self.decoder(), {"input_ids": response})["inputs_embeds"]
            embeddings[:, -response.shape[1] :, : own.shape[-1]] = own
        return embeddings, options

    @property
    def _stride(self) -> int:
        """The mel frames from one token of sound to the next."""
        config = self.model.config.audio_config
        return math.prod(pair[0] for pair in config.sscp_conv_stride_size) * int(config.conf_reduction_factor)

    def _heard(self, medium: Medium) -> int:
        """Give how many of a sound's tokens the encoder makes; the rest are filled up."""
        frames = medium.features["input_features_mask"][medium.number].bool()
        return int(frames[:: self._stride].sum())


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == NAME,
        adapter=Gemma3n,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
