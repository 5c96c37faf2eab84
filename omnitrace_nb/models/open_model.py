"""Any decoder-only model that transformers' `AutoModelForMultimodalLM` and `AutoProcessor` load.

Nothing of a family is known here. The processor says which tokens stand for a medium, the model's own forward says what
it makes of them; where in a picture or a sound each token lies only a family knows, and overrides `places`. Left alone,
every token of a medium stands for the whole of it.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForMultimodalLM, AutoProcessor, PreTrainedModel, ProcessorMixin

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import MediaNeeds
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.models.belonging import check_placeholders
from omnitrace_nb.models.checks import check_heard, check_length, check_text, check_tokenizer, home
from omnitrace_nb.models.expanding import expand, holds, ordered
from omnitrace_nb.models.interception import feeding, handed
from omnitrace_nb.models.laying import MODALITY, laid_out
from omnitrace_nb.models.matching import Prompt
from omnitrace_nb.models.open_media import (
    Medium,
    Places,
    film_settings,
    process,
    replacements,
    sound_settings,
    whole,
)
from omnitrace_nb.models.probing import check_order
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.rendering import render
from omnitrace_nb.models.tokenizing import tokenize
from omnitrace_nb.models.tokens import token_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart

NAME = "open_model"
READERS = {
    "image": ("image_processor",),
    "video": ("video_processor",),
    "audio": ("audio_processor", "feature_extractor"),
}
TOKEN_TYPES = ("mm_token_type_ids", "token_type_ids")


class OpenModel:
    """The adapter of open models of several modalities. A family is a subclass that overrides `places`."""

    family = NAME
    max_positions: int | None = None
    heard: float = 0.0  # positions that a second of sound takes at least; 0 where that is not known beforehand

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        if not isinstance(processor, ProcessorMixin):
            raise ModelError(
                f"{type(model).__name__} needs its processor, but {type(processor).__name__} was given: "
                "load it by AutoProcessor.from_pretrained from where the model came from."
            )
        self.model: Any = model
        self.processor: Any = processor
        self.tokenizer: Any = processor.tokenizer
        self.name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        self.placeholders = self._placeholders()
        self.modalities: tuple[str, ...] = ("text", *self.placeholders)
        self.needs = self._needs()
        self._ordered: set[str] = set()  # kinds of media that the processor keeps in order
        check_tokenizer(model, self.tokenizer)
        check_placeholders(model, self.placeholders, self._own_ids())
        if not (getattr(processor, "chat_template", None) or self.tokenizer.chat_template):
            raise ModelError("The processor has no chat template: load it from where the model came from.")

    def places(self, medium: Medium) -> Places:
        """Say where in its part each position of a medium lies; `ModelError` where that cannot be proven."""
        return whole(medium)

    def settings(self, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Give the processor's keyword arguments for a prompt's media."""
        return {**film_settings(media), **sound_settings(media)}

    def process(self, text: str, media: Sequence[LoadedPart]) -> dict[str, Any]:
        """Call the processor on a text with a placeholder for each medium, in order.

        Give its tensors and its `text_replacement_offsets`; `input_ids` are left out where there is no one call.
        """
        return process(self.processor, text, media, self.settings(media))

    def template(self, messages: list[dict[str, Any]], **options: Any) -> str:  # noqa: ANN401 - of the template
        """Render messages by the model's chat template, ready for its answer; `options` as of `rendering.render`."""
        chat = self.processor if getattr(self.processor, "chat_template", None) else self.tokenizer
        text: str = chat.apply_chat_template(messages, tokenize=False, **{"add_generation_prompt": True, **options})
        return text

    def decoder(self) -> torch.nn.Module:
        """Give the language model, whose attention layers read the prompt."""
        found: torch.nn.Module = self.model.get_decoder()
        return found

    def beside(self, given: dict[str, Any], response: torch.Tensor) -> torch.Tensor | None:
        """Give what the decoder reads besides its input embeddings, `[1, n + T, more]`; None if nothing.

        Args:
            given: the arguments that the model hands its decoder for the prompt.
            response: `int64 [1, T]`.
        """
        del given, response
        return None

    def fed(self, more: torch.Tensor) -> dict[str, Any]:
        """Turn a stretch `[b, q, more]` of what `beside` gave into the decoder's arguments."""
        raise NotImplementedError

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into the inputs of `generate` and a layout."""
        for loaded in parts:
            if loaded.kind not in self.modalities:
                raise ModelError(
                    f"Part {loaded.index + 1} is of the kind {loaded.kind!r}, but {type(self.model).__name__} reads "
                    f"{', '.join(self.modalities)}: leave it out, or give a model that reads it."
                )
        prompt = self._rendered(parts)
        check_text(self, self.tokenizer, prompt.text)
        check_heard(self, parts, self.heard)
        media = ordered(prompt, self.placeholders, [loaded for loaded in parts if loaded.kind != "text"])
        names = [token.content for token in self.tokenizer.added_tokens_decoder.values()]
        harmless = not holds(prompt, [*names, *self.placeholders.values()])
        alone = "".join(self.placeholders[loaded.kind] for loaded in media)
        self._check_order([loaded.kind for loaded in media])
        out = self.process(prompt.text if harmless else alone, media)
        texts = replacements(out)
        if len(texts) != len(media):
            raise ModelError(
                f"{type(self.processor).__name__} does not say what it puts in place of each medium "
                "(text_replacement_offsets), so the layout cannot be proven: write an adapter (docs/adapters.md)."
            )
        expanded, spans = expand(prompt, self.placeholders, [loaded.kind for loaded in media], texts)
        tokens = tokenize(self.tokenizer, expanded, add_special_tokens=False)
        if harmless and "input_ids" in out and not np.array_equal(out["input_ids"][0].numpy(), tokens.ids):
            raise ModelError(
                f"{type(self.processor).__name__} makes other tokens of this prompt ({out['input_ids'].shape[1]}) than "
                f"its text and its media give ({len(tokens.ids)}), so the layout cannot be proven: write an adapter "
                "(docs/adapters.md)."
            )
        layout = laid_out(tokens, media, spans, out, own_ids=self._own_ids(), places=self.places)
        check_length(self, len(layout), layout, parts)
        return Encoded(self._inputs(out, layout.token_ids), {}, layout)

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, width]` embeddings: what the model itself hands its decoder, and the response's.

        `response_ids` are `[T]` or `[1, T]`. The options hold `attention_mask`, and positions or token types where the
        model has them.
        """
        inputs = {**encoded.inputs, **encoded.options}
        given = handed(self.model, self.decoder(), inputs)
        response = response_ids.reshape(1, -1).to(inputs["input_ids"])
        with torch.no_grad():
            following = self.model.get_input_embeddings()(response)
            prompt = given.get("inputs_embeds")
            if prompt is None:
                prompt = self.model.get_input_embeddings()(inputs["input_ids"])
            embeddings = torch.cat([prompt, following.to(prompt)], dim=1)
            more = self.beside(given, response)
        if more is not None:
            embeddings = torch.cat([embeddings, more.to(embeddings)], dim=-1)
        options = {"attention_mask": torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)}
        return embeddings, {**options, **self._along(given, inputs, response.shape[1])}

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, width]` embeddings."""
        hidden = self.model.get_input_embeddings().weight.shape[1]
        if embeddings.shape[-1] == hidden:
            return self.model(inputs_embeds=embeddings, **options)
        with feeding(self.decoder(), self.fed(embeddings[..., hidden:])):
            return self.model(inputs_embeds=embeddings[..., :hidden], **options)

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the bytes that each id of a response writes."""
        return token_bytes(self.tokenizer, ids)

    def _rendered(self, parts: Sequence[LoadedPart]) -> Prompt:
        """Render the chat; with the token that the tokenizer puts first, where the template leaves that to it."""
        prompt = render(parts, self.template)
        first = self.tokenizer("").input_ids[:1]
        if first != [self.tokenizer.bos_token_id] or prompt.text.startswith(self.tokenizer.bos_token):
            return prompt
        by = len(self.tokenizer.bos_token)
        spans = tuple(replace(span, start=span.start + by, end=span.end + by) for span in prompt.spans)
        return Prompt(self.tokenizer.bos_token + prompt.text, spans, prompt.begun)

    def _check_order(self, kinds: Sequence[str]) -> None:
        """Refuse a processor that reorders media of a kind, of which a prompt has several."""
        for kind in {kind for kind in kinds if kinds.count(kind) > 1} - self._ordered:
            check_order(self.process, kind, self.placeholders[kind], self.needs.sampling_rate)
            self._ordered.add(kind)

    def _inputs(self, out: dict[str, Any], ids: np.ndarray) -> dict[str, torch.Tensor]:
        where, dtype = home(self.model), self.model.dtype
        inputs = {name: value for name, value in out.items() if isinstance(value, torch.Tensor)}
        inputs["input_ids"] = torch.from_numpy(ids)[None]
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        for name in set(TOKEN_TYPES) & set(inputs):
            inputs[name] = torch.tensor(self.processor.create_mm_token_type_ids([ids.tolist()]))
        return {
            name: value.to(where, dtype) if value.is_floating_point() else value.to(where)
            for name, value in inputs.items()
        }

    def _along(self, given: dict[str, Any], inputs: dict[str, Any], steps: int) -> dict[str, torch.Tensor]:
        """Give what runs along the sequence besides embeddings: rotary positions of three axes, or token types."""
        positions = given.get("position_ids")
        if positions is not None and positions.ndim == 3:  # noqa: PLR2004 - axes, batch, positions
            # As `generate` counts on: from the last position, though a film's may reach beyond it.
            following = positions[..., -1:] + torch.arange(1, steps + 1, device=positions.device)
            return {"position_ids": torch.cat([positions, following], dim=-1)[-3:]}
        takes = inspect.signature(self.model.forward).parameters
        return {
            name: torch.nn.functional.pad(inputs[name], (0, steps))
            for name in TOKEN_TYPES
            if name in inputs and name in takes
        }

    def _placeholders(self) -> dict[str, str]:
        """Give what the template writes for each kind of medium that processor and model read."""
        return {
            kind: str(token)
            for kind, readers in READERS.items()
            if (token := getattr(self.processor, f"{kind}_token", None)) is not None
            and any(getattr(self.processor, reader, None) is not None for reader in readers)
        }

    def _own_ids(self) -> list[int]:
        ids = [getattr(self.processor, f"{kind}_token_id", None) for kind in MODALITY]
        return [int(each) for each in ids if each is not None]

    def _needs(self) -> MediaNeeds:
        extractor = next((e for name in READERS["audio"] if (e := getattr(self.processor, name, None))), None)
        films = getattr(self.processor, "video_processor", None)
        usual = MediaNeeds()
        return MediaNeeds(
            sampling_rate=int(getattr(extractor, "sampling_rate", None) or usual.sampling_rate),
            fps=float(getattr(films, "fps", None) or usual.fps),
            max_frames=int(
                getattr(films, "max_frames", None) or getattr(films, "num_frames", None) or usual.max_frames
            ),
        )


def _load_model(source: str, **settings: object) -> PreTrainedModel:
    return AutoModelForMultimodalLM.from_pretrained(source, **settings)


def _load_processor(source: str, **settings: object) -> ProcessorMixin:
    return AutoProcessor.from_pretrained(source, **settings)


register(
    Family(
        name=NAME,
        reads=lambda config: bool(config.sub_configs),
        adapter=OpenModel,
        load_model=_load_model,
        load_processor=_load_processor,
    )
)
