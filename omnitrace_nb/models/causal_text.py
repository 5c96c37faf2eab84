"""Any decoder-only text model of the Hugging Face kind: with its chat template, or plain text without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import TEXT, Layout
from omnitrace_nb.media.loaded import MediaNeeds
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.models.checks import check_length, check_text, check_tokenizer, home
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.rendering import render
from omnitrace_nb.models.tokenizing import tokenize
from omnitrace_nb.models.tokens import token_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedConfig, ProcessorMixin

    from omnitrace_nb.media.loaded import LoadedPart

NAME = "causal_text"
SEPARATOR = "\n"


class CausalText:
    """The adapter of decoder-only text models. Parts of one message are joined by a newline that belongs to nobody."""

    family = NAME
    max_positions: int | None = None
    modalities: tuple[str, ...] = ("text",)
    needs = MediaNeeds()

    def __init__(self, model: PreTrainedModel, processor: PreTrainedTokenizerBase | ProcessorMixin) -> None:
        """Take a model and its tokenizer (or a processor that holds one)."""
        tokenizer = getattr(processor, "tokenizer", processor)
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            raise ModelError(
                f"{type(model).__name__} needs its tokenizer, but {type(processor).__name__} was given: "
                "load it by AutoTokenizer.from_pretrained from where the model came from."
            )
        self.model: Any = model
        self.tokenizer: Any = tokenizer
        self.name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        check_tokenizer(model, tokenizer)

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn text parts into ids and a layout."""
        for loaded in parts:
            if loaded.kind not in self.modalities:
                raise ModelError(
                    f"Part {loaded.index + 1} is of the kind {loaded.kind!r}, but {type(self.model).__name__} reads "
                    "text alone: leave it out, or give an omni-modal model."
                )
        chat = bool(self.tokenizer.chat_template)
        prompt = render(parts, self._template if chat else None, separator=SEPARATOR)
        check_text(self, self.tokenizer, prompt.text)
        tokens = tokenize(self.tokenizer, prompt, add_special_tokens=not chat)
        blank = Layout.blank(tokens.ids)
        modality = np.where(tokens.part >= 0, TEXT, 0).astype(np.int8)
        layout = Layout(tokens.ids, tokens.part, modality, tokens.chars, blank.box, blank.time, {}, tokens.begun)
        check_length(self, len(layout), layout, parts)
        ids = torch.from_numpy(tokens.ids)[None].to(home(self.model))
        return Encoded({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, {}, layout)

    def decoder(self) -> torch.nn.Module:
        """Give the model below the language model's head."""
        return self.model.get_decoder()

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, hidden]` embeddings of prompt and response (`[T]` or `[1, T]`), and the attention mask."""
        prompt = encoded.inputs["input_ids"]
        ids = torch.cat([prompt, response_ids.reshape(1, -1).to(prompt)], dim=1)
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings()(ids)
        return embeddings, {"attention_mask": torch.ones_like(ids)}

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, hidden]` embeddings."""
        return self.model(inputs_embeds=embeddings, **options)

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the bytes that each id of a response writes."""
        return token_bytes(self.tokenizer, ids)

    def _template(self, messages: list[dict[str, Any]], **options: Any) -> str:  # noqa: ANN401 - of the template
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, **{"add_generation_prompt": True, **options}
        )


def _reads(config: PreTrainedConfig) -> bool:
    """Tell whether a model has one configuration, for text: those of several modalities hold one for each."""
    return not config.sub_configs and not any(hasattr(config, name) for name in ("vision_config", "audio_config"))


def _load_model(source: str, **settings: object) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(source, **settings)


def _load_processor(source: str, **settings: object) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(source, **settings)


register(
    Family(
        name=NAME,
        reads=_reads,
        adapter=CausalText,
        load_model=_load_model,
        load_processor=_load_processor,
    )
)
