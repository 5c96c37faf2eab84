"""Qwen3-VL (arXiv 2511.21631) and Qwen3.5, with experts or without.

Seconds are written between a film's frames, and what Qwen3-VL makes of pictures enters its language model at several
depths. Qwen3.5 has no such depths, and keeps a running state in most of its layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultimodalLM, AutoProcessor, Qwen3VLProcessor

from omnitrace_nb.media.loaded import Film
from omnitrace_nb.models.deepstack import gathered, scattered
from omnitrace_nb.models.qwen_vl import QwenVL
from omnitrace_nb.models.registry import Family, register

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded

NAME = "qwen3_vl"


class Qwen3VL(QwenVL):
    """The adapter of Qwen3-VL and Qwen3.5."""

    family = NAME
    processors = dict.fromkeys(("qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"), Qwen3VLProcessor)

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into inputs and a layout; a film of one frame shows it twice, as others are filled up."""
        return super().encode([_of_two_frames(loaded) for loaded in parts])

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's settings; the frames' own times are what it writes between them."""
        settings = super().settings(media)
        films = [loaded.content for loaded in media if isinstance(loaded.content, Film)]
        for film, about in zip(films, settings.get("videos_kwargs", {}).get("video_metadata", ()), strict=True):
            about.frames_indices = (film.times * film.fps).round().astype(int).tolist()
        return settings

    def beside(self, given: dict[str, Any], response: torch.Tensor) -> torch.Tensor | None:
        """Give the features that pictures and films have at several depths; None of Qwen3.5."""
        return gathered(given, self.model.config, response.shape[1])

    def fed(self, more: torch.Tensor) -> dict[str, Any]:
        """Turn a stretch of them into the decoder's arguments."""
        return scattered(more, self.model.config)


def _of_two_frames(loaded: LoadedPart) -> LoadedPart:
    film = loaded.content
    if not isinstance(film, Film) or len(film.frames) > 1:
        return loaded
    return replace(loaded, content=replace(film, frames=np.repeat(film.frames, 2, 0), times=np.repeat(film.times, 2)))


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in Qwen3VL.processors,
        adapter=Qwen3VL,
        load_model=AutoModelForMultimodalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
