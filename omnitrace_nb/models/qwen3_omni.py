"""Qwen3-Omni (arXiv 2509.17765): Qwen2.5-Omni's shape with another ear, and features of pictures at several depths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from transformers import (
    PreTrainedModel,
    ProcessorMixin,
    Qwen3OmniMoeProcessor,
    Qwen3OmniMoeThinkerForConditionalGeneration,
)

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film, Sound
from omnitrace_nb.models.deepstack import gathered, scattered
from omnitrace_nb.models.hearing import QWEN3, WINDOW
from omnitrace_nb.models.interception import feeding
from omnitrace_nb.models.qwen_media import least
from omnitrace_nb.models.qwen_omni import QwenOmni
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.tiles import check_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.hearing import Hearing

NAME = "qwen3_omni"


class Qwen3Omni(QwenOmni):
    """The adapter of Qwen3-Omni's thinker. See `omnitrace_nb.models.adapter.Adapter`."""

    family = NAME
    processor_class = Qwen3OmniMoeProcessor

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the thinker over `[b, q, width]` embeddings: the hidden size, then that of each depth."""
        hidden = self.model.config.text_config.hidden_size
        with feeding(self.decoder(), self.fed(embeddings[..., hidden:])):
            return super().forward(embeddings[..., :hidden], **options)

    def beside(self, given: Mapping[str, Any], response: torch.Tensor) -> torch.Tensor | None:
        """Give the features that pictures and films have at several depths, `[1, n + T, more]`; see `OpenModel`."""
        return gathered(given, self.model.config, response.shape[1])

    def fed(self, more: torch.Tensor) -> dict[str, Any]:
        """Turn a stretch of them into the decoder's arguments."""
        return scattered(more, self.model.config)

    def _hearing(self, media: Sequence[LoadedPart]) -> Hearing:
        """Fill sounds up to the prompt's longest, as the processor's own call would."""
        tracks = [each.content.sound if isinstance(each.content, Film) else each.content for each in media]
        lengths = [least(self.processor, track) for track in tracks if isinstance(track, Sound)]
        return replace(QWEN3, fill=max(lengths, default=None))

    def _check_pair(self) -> None:
        super()._check_pair()
        config, processor = self.model.config, self.processor
        check_same("n_window", processor.n_window, config.audio_config.n_window)
        check_same("position_id_per_seconds", processor.position_id_per_seconds, config.position_id_per_seconds)
        if config.audio_config.n_window != WINDOW:
            raise ModelError(
                f"The model's sound encoder has n_window={config.audio_config.n_window}, but only {WINDOW} is known: "
                "which seconds its tokens stand for cannot be told."
            )


def _load_model(source: str, **settings: object) -> PreTrainedModel:
    return Qwen3OmniMoeThinkerForConditionalGeneration.from_pretrained(source, **settings)


def _load_processor(source: str, **settings: object) -> ProcessorMixin:
    return Qwen3OmniMoeProcessor.from_pretrained(source, **settings)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in {"qwen3_omni_moe", "qwen3_omni_moe_thinker"},
        adapter=Qwen3Omni,
        load_model=_load_model,
        load_processor=_load_processor,
    )
)
