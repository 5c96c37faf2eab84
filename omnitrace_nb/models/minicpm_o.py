"""MiniCPM-o 4.5 (OpenBMB), by the code that comes with its checkpoint: a Qwen3 that sees pictures and hears sounds.

The encoders run once, when a prompt is encoded; from there on everything happens in the language model, which is given
`inputs_embeds`, as the model's own `chat` does it. What that function writes into a prompt is written here too.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoProcessor, PreTrainedModel, ProcessorMixin

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import NOBODY, TEMPLATE, TEXT, Layout
from omnitrace_nb.media.loaded import Film, MediaNeeds
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.models.checks import check_length, check_text, check_tokenizer, home
from omnitrace_nb.models.minicpm_bridge import check_positions, encoding, language_model, load_model
from omnitrace_nb.models.minicpm_media import embed, look
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.rendering import render
from omnitrace_nb.models.splicing import splice
from omnitrace_nb.models.tokenizing import tokenize
from omnitrace_nb.models.tokens import token_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.minicpm_media import Seen
    from omnitrace_nb.models.tokenizing import Tokens

NAME = "minicpm_o"
FRAMES = 64  # of a film at most, one a second: what the model's authors give it


class MiniCPMO:
    """The adapter of MiniCPM-o 4.5. `model` is its language model; the whole model stays as it is."""

    family = NAME
    max_positions: int | None = None

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take the whole model and its processor; `ModelError` if the two do not belong together."""
        self.whole: Any = model
        self.processor: Any = processor
        _check_pair(self.whole, self.processor)
        check_positions(model)
        self.tokenizer: Any = self.processor.tokenizer
        self.model: Any = language_model(model, self.tokenizer.convert_tokens_to_ids(list(self.whole.terminators)))
        self.name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        self.modalities: tuple[str, ...] = (
            "text",
            *(("image", "video") if hasattr(model, "vpm") else ()),
            *(("audio",) if hasattr(model, "apm") else ()),
        )
        self.needs = MediaNeeds(self.processor.audio_processor.sampling_rate, fps=1.0, max_frames=FRAMES)

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into ids, the embeddings of all of them, and a layout."""
        sees = any(loaded.kind in {"image", "video"} for loaded in parts)
        hears = any(loaded.kind == "audio" or _has_sound(loaded) for loaded in parts)
        # The authors' omni mode, for prompts of sight and sound, puts nothing between their pieces.
        between = "" if sees and hears else "\n"
        prompt = render(parts, partial(self._template, between=between, speaks=hears))
        check_text(self, self.tokenizer, prompt.text)
        tokens = tokenize(self.tokenizer, prompt, add_special_tokens=False)
        media = [loaded for loaded in parts if loaded.kind != "text"]
        before = np.cumsum([0, *(loaded.kind == "image" for loaded in media)]).tolist()
        seen = [look(self.processor, loaded, count, between) for loaded, count in zip(media, before, strict=False)]
        layout = self._layout(tokens, media, seen)
        check_length(self, len(layout), layout, parts)
        ids = torch.from_numpy(layout.token_ids)[None].to(home(self.model))
        inputs = {"input_ids": ids, "inputs_embeds": self._embeddings(ids, layout, seen)}
        return Encoded({**inputs, "attention_mask": torch.ones_like(ids)}, {}, layout)

    def decoder(self) -> torch.nn.Module:
        """Give the language model below its head."""
        found: torch.nn.Module = self.model.get_decoder()
        return found

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, hidden]` embeddings of prompt and response (`[T]` or `[1, T]`), and the attention mask."""
        prompt = encoded.inputs["inputs_embeds"]
        with torch.no_grad():
            following = self.model.get_input_embeddings()(response_ids.reshape(1, -1).to(encoded.inputs["input_ids"]))
        embeddings = torch.cat([prompt, following.to(prompt)], dim=1)
        return embeddings, {"attention_mask": torch.ones(embeddings.shape[:2], dtype=torch.long, device=prompt.device)}

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the language model over `[b, q, hidden]` embeddings."""
        return self.model(inputs_embeds=embeddings, **options)

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the bytes that each id of a response writes."""
        return token_bytes(self.tokenizer, ids)

    def _template(self, messages: list[dict[str, Any]], *, between: str, speaks: bool, **options: Any) -> str:  # noqa: ANN401 - of the template
        """Write a chat as the model's `chat` does: a message's pieces joined, a heard prompt answered as speech is."""
        marks = self._placeholders()
        chat = [
            {**message, "content": between.join(item.get("text", marks.get(item["type"])) for item in given)}
            for message in messages
            for given in [message.get("content") or ()]
        ]
        usual = {"add_generation_prompt": True, "use_tts_template": speaks, "enable_thinking": False}
        text: str = self.tokenizer.apply_chat_template(chat, tokenize=False, **{**usual, **options})
        return text

    def _placeholders(self) -> dict[str, str]:
        """Give the special token that holds the place of each kind of medium until it is known."""
        tokenizer = self.tokenizer
        return {"image": tokenizer.im_start, "video": tokenizer.slice_start, "audio": tokenizer.audio_start}

    def _layout(self, tokens: Tokens, media: list[LoadedPart], seen: list[Seen]) -> Layout:
        """Put what each part became in place of its placeholder."""
        ids = self.tokenizer.convert_tokens_to_ids(list(self._placeholders().values()))
        places = np.flatnonzero(np.isin(tokens.ids, ids))
        kinds = dict(zip(ids, self._placeholders(), strict=True))
        found, wanted = [kinds[int(tokens.ids[at])] for at in places], [loaded.kind for loaded in media]
        if found != wanted:
            raise ModelError(
                f"The chat template wrote placeholders for {found or 'no media'}, but the prompt has "
                f"{wanted or 'none'}: give the processor that belongs to this model, with its own chat template."
            )
        blank = Layout.blank(tokens.ids)
        modality = np.where(tokens.part >= 0, TEXT, blank.modality).astype(np.int8)
        text = replace(blank, part=tokens.part, modality=modality, chars=tokens.chars, begun=tokens.begun)
        return splice(text, places, [_piece(one, part.index) for part, one in zip(media, seen, strict=True)], {})

    def _embeddings(self, ids: torch.Tensor, layout: Layout, seen: list[Seen]) -> torch.Tensor:
        with encoding(self.whole):
            embeddings: torch.Tensor = self.model.get_input_embeddings()(ids)
            if seen:
                of_media = (layout.modality != TEMPLATE) & (layout.modality != TEXT)
                here = torch.from_numpy(np.flatnonzero(of_media)).to(ids.device)
                embeddings[0, here] = torch.cat([embed(self.whole, one) for one in seen]).to(embeddings)
        return embeddings


def _has_sound(loaded: LoadedPart) -> bool:
    return isinstance(loaded.content, Film) and loaded.content.sound is not None


def _piece(one: Seen, index: int) -> Layout:
    part = np.where(one.modality != TEMPLATE, index, NOBODY).astype(np.int32)
    return replace(Layout.blank(one.ids), part=part, modality=one.modality, box=one.box, time=one.time)


def _check_pair(model: Any, processor: Any) -> None:  # noqa: ANN401 - transformers ships no types
    """Refuse a processor of another kind, or one of the same kind that was made for another model."""
    offers = ("process_image", "audio_feature_extract", "image_processor", "audio_processor", "tokenizer", "pool_step")
    if lacking := [name for name in offers if not hasattr(processor, name)]:
        raise ModelError(
            f"{type(model).__name__} needs the processor of MiniCPM-o 4.5, but {type(processor).__name__} was given, "
            f"which has no {lacking[0]}: load it by AutoProcessor.from_pretrained, with trust_remote_code=True, from "
            "where the model came from. Other versions of MiniCPM-o are not read."
        )
    check_tokenizer(model, processor.tokenizer)
    config, pictures = model.config, processor.image_processor
    sizes = {
        "positions a slice": (pictures.image_feature_size, config.query_num),
        "pixels a patch": (pictures.patch_size, config.vision_config.patch_size),
        "pooled frames a position of sound": (processor.pool_step, config.audio_pool_step),
        "mel bins": (processor.audio_processor.feature_size, config.audio_config.num_mel_bins),
    }
    for what, (made, read) in sizes.items():
        if made != read:
            raise ModelError(
                f"The processor is not this model's: it makes {made} {what}, the model reads {read}. "
                "Load both from the same place."
            )


def _load_processor(source: str, **settings: object) -> ProcessorMixin:
    return AutoProcessor.from_pretrained(source, **settings)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "minicpmo",
        adapter=MiniCPMO,
        load_model=load_model,
        load_processor=_load_processor,
    )
)
