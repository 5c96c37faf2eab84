"""Qwen2-Audio (arXiv 2407.10759): sounds of up to 30 seconds, 25 tokens a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Sound
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.sound_time import check_sounds, even_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from omnitrace_nb.media.loaded import LoadedPart

NAME = "qwen2_audio"
MEL_FRAMES = 4  # of a token: a convolution of stride 2, then pairs are averaged


class Qwen2Audio(OpenModel):
    """The adapter of Qwen2-Audio."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: Qwen2AudioProcessor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        check_processor(model, processor, Qwen2AudioProcessor)
        super().__init__(model, processor)
        bins, read = processor.feature_extractor.feature_size, model.config.audio_config.num_mel_bins
        if bins != read:
            raise ModelError(
                f"The processor is not this model's: it makes {bins} mel bins, the model reads {read}. "
                "Load both from the same place."
            )

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's settings; `ModelError` for a sound beyond its window, whose end it would cut off."""
        check_sounds(media, self.processor.feature_extractor.chunk_length, type(self.model).__name__)
        return super().settings(media)

    def places(self, medium: Medium) -> Places:
        """Give each token its 40 milliseconds."""
        extractor, sound = self.processor.feature_extractor, medium.loaded.content
        assert isinstance(sound, Sound)  # noqa: S101 - it reads no other medium
        each = MEL_FRAMES * extractor.hop_length / extractor.sampling_rate
        return Places(time=even_seconds(medium.positions, each, sound.duration))


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "qwen2_audio",
        adapter=Qwen2Audio,
        load_model=Qwen2AudioForConditionalGeneration.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
