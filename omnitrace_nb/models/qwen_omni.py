"""Qwen2.5-Omni (arXiv 2503.20215): the thinker alone, or inside the whole model, of which only the thinker is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import (
    PreTrainedModel,
    ProcessorMixin,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerForConditionalGeneration,
)

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import TEXT, Layout
from omnitrace_nb.media.loaded import MediaNeeds
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.models.checks import check_heard, check_length, check_text, check_tokenizer, home
from omnitrace_nb.models.deepstack import seen_at_all_depths, width
from omnitrace_nb.models.hearing import QWEN2_5
from omnitrace_nb.models.positions import rope_positions
from omnitrace_nb.models.probing import Probes
from omnitrace_nb.models.qwen_inputs import raw_media
from omnitrace_nb.models.qwen_media import check_pair, frame_settings, join, look, most_pixels
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.rendering import render
from omnitrace_nb.models.splicing import splice
from omnitrace_nb.models.tiles import check_same
from omnitrace_nb.models.tokenizing import tokenize
from omnitrace_nb.models.tokens import token_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import RawMedium
    from omnitrace_nb.models.hearing import Hearing
    from omnitrace_nb.models.qwen_media import Seen
    from omnitrace_nb.models.tokenizing import Tokens

NAME = "qwen_omni"


class QwenOmni:
    """The adapter of Qwen2.5-Omni's thinker. See `omnitrace_nb.models.adapter.Adapter`."""

    family = NAME
    modalities: tuple[str, ...] = ("text", "image", "audio", "video")
    max_positions: int | None = None
    processor_class: type[ProcessorMixin] = Qwen2_5OmniProcessor

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take the thinker, or the whole model, and its processor; `ModelError` if the two do not belong together."""
        self.model: Any = getattr(model, "thinker", model)
        if not isinstance(processor, self.processor_class):
            raise ModelError(
                f"{type(model).__name__} needs its {self.processor_class.__name__}, but {type(processor).__name__} was "
                "given: load it by AutoProcessor.from_pretrained from where the model came from."
            )
        self.processor: Any = processor
        self.tokenizer: Any = self.processor.tokenizer
        self.name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        self.needs = MediaNeeds(
            sampling_rate=self.processor.feature_extractor.sampling_rate,
            fps=2.0,
            max_frames=self.processor.video_processor.max_frames,
            **most_pixels(self.processor),
        )
        self._check_pair()
        self.probes = Probes(self.processor, frame_settings(self.processor))

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into the thinker's inputs, `position_ids` (`[4, 1, n]`, as `generate` makes them) among them."""
        prompt = render(parts, self._template)
        check_text(self, self.tokenizer, prompt.text)
        tokens = tokenize(self.tokenizer, prompt, add_special_tokens=False)
        media = [loaded for loaded in parts if loaded.kind != "text"]
        hearing = self._hearing(media)
        check_heard(self, parts, hearing.a_second(self.processor.feature_extractor))
        self.probes.check(media)
        seen = [look(self.processor, loaded, hearing) for loaded in media]
        layout = self._layout(tokens, media, seen)
        features = join([one.features for one in seen])
        ids = torch.from_numpy(layout.token_ids)
        positions = rope_positions(self.model, ids, features)
        check_length(self, int(positions.max()) + 1, layout, parts)
        inputs = {
            "input_ids": ids[None],
            "attention_mask": torch.ones_like(ids)[None],
            "position_ids": torch.cat([torch.arange(len(ids))[None], positions])[:, None],
            **features,
        }
        where = home(self.model)
        return Encoded({name: tensor.to(where) for name, tensor in inputs.items()}, {}, layout)

    def decoder(self) -> torch.nn.Module:
        """Give the thinker's language model."""
        return self.model.model.language_model

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, width]` embeddings, with `attention_mask` and `position_ids` `[3, 1, n + T]`.

        `response_ids` are `[T]` or `[1, T]`; the model's weights and buffers stay as they are. The width is the hidden
        size, and more where the model's features of pictures and films enter at several depths.
        """
        inputs, config = encoded.inputs, self.model.config
        response = response_ids.reshape(1, -1).to(inputs["input_ids"])
        ids = torch.cat([inputs["input_ids"], response], dim=1)
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings()(ids)
            wide = embeddings.shape[-1] + width(config)
            embeddings = _widened(embeddings, wide)
            for placeholder, values in self._media_embeddings(inputs):
                # A response may hold a placeholder's id too; only the prompt's stand for media.
                here = ids == getattr(config, placeholder)
                here[:, -response.shape[1] or ids.shape[1] :] = False
                embeddings = embeddings.masked_scatter(here[..., None], _widened(values, wide).to(embeddings))
        positions = inputs["position_ids"][1:]
        following = positions[..., -1:] + torch.arange(1, response.shape[1] + 1, device=positions.device)
        return embeddings, {
            "attention_mask": torch.ones_like(ids),
            "position_ids": torch.cat([positions, following], dim=-1),
        }

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the thinker over `[b, q, hidden]` embeddings."""
        return self.model(inputs_embeds=embeddings, **options)

    def raw_media(
        self, encoded: Encoded, parts: Sequence[LoadedPart]
    ) -> tuple[list[RawMedium], Callable[..., torch.Tensor]]:
        """Give a prompt's pictures and sounds before the processor, and the way from them to its embeddings.

        The second is a function of embeddings `[1, q, hidden]` and of each medium's values: embeddings in which the
        media's positions hold what the encoders make of these values, under autograd.

        Raises:
            SignalError: a processor whose steps could not be followed back exactly.
        """
        return raw_media(self.model, self.processor, encoded, parts)

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the bytes that each id of a response writes."""
        return token_bytes(self.tokenizer, ids)

    def _template(self, messages: list[dict[str, Any]], **options: Any) -> str:  # noqa: ANN401 - of the template
        options = {"chat_template": self.processor.chat_template, "add_generation_prompt": True, **options}
        return self.tokenizer.apply_chat_template(messages, tokenize=False, **options)

    def _media_embeddings(self, inputs: dict[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
        found = []
        if "pixel_values" in inputs:
            images = self.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"], return_dict=True)
            found.append(("image_token_id", seen_at_all_depths(images)))
        if "pixel_values_videos" in inputs:
            films = self.model.get_video_features(
                inputs["pixel_values_videos"], inputs["video_grid_thw"], return_dict=True
            )
            found.append(("video_token_id", seen_at_all_depths(films)))
        if "input_features" in inputs:
            sounds = self.model.get_audio_features(
                inputs["input_features"], inputs["feature_attention_mask"], return_dict=True
            )
            found.append(("audio_token_id", sounds.last_hidden_state))
        return found

    def _hearing(self, media: Sequence[LoadedPart]) -> Hearing:  # noqa: ARG002 - other models hear a prompt as a whole
        """Say how sounds become tokens."""
        return QWEN2_5

    def _layout(self, tokens: Tokens, media: list[LoadedPart], seen: list[Seen]) -> Layout:
        """Put what each part became in place of its placeholder."""
        placeholders = {
            self.processor.image_token_id: "image",
            self.processor.audio_token_id: "audio",
            self.processor.video_token_id: "video",
        }
        places = np.flatnonzero(np.isin(tokens.ids, list(placeholders)))
        found = [placeholders[int(tokens.ids[place])] for place in places]
        wanted = [loaded.kind for loaded in media]
        if found != wanted:
            raise ModelError(
                f"The chat template wrote placeholders for {found or 'no media'}, but the prompt has "
                f"{wanted or 'none'}: give the processor that belongs to this model, with its own chat template."
            )
        pieces = [_of_medium(one, loaded.index) for loaded, one in zip(media, seen, strict=True)]
        grids = {loaded.index: one.grid for loaded, one in zip(media, seen, strict=True) if one.grid is not None}
        return splice(_of_text(tokens), places, pieces, grids)

    def _check_pair(self) -> None:
        check_tokenizer(self.model, self.tokenizer)
        if not self.processor.chat_template:
            raise ModelError("The processor has no chat template: load it from where the model came from.")
        check_pair(self.model.config, self.processor)
        check_same("audio_token_id", self.processor.audio_token_id, self.model.config.audio_token_id)
        bins = self.model.config.audio_config.num_mel_bins
        check_same("number of mel bins", self.processor.feature_extractor.feature_size, bins)


def _widened(values: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, width - values.shape[-1]))


def _of_text(tokens: Tokens) -> Layout:
    blank = Layout.blank(tokens.ids)
    modality = np.where(tokens.part >= 0, TEXT, blank.modality).astype(np.int8)
    return replace(blank, part=tokens.part, modality=modality, chars=tokens.chars, begun=tokens.begun)


def _of_medium(one: Seen, index: int) -> Layout:
    blank = Layout.blank(one.ids)
    part = np.where(one.modality > 0, index, blank.part).astype(np.int32)
    return replace(blank, part=part, modality=one.modality, box=one.box, time=one.time)


def _load_model(source: str, **settings: object) -> PreTrainedModel:
    return Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(source, **settings)


def _load_processor(source: str, **settings: object) -> ProcessorMixin:
    return Qwen2_5OmniProcessor.from_pretrained(source, **settings)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in {"qwen2_5_omni", "qwen2_5_omni_thinker"},
        adapter=QwenOmni,
        load_model=_load_model,
        load_processor=_load_processor,
    )
)
