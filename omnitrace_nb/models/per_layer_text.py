"""The language models of Gemma 3n and Gemma 4 by themselves: text, with embeddings of each layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from omnitrace_nb.models.causal_text import CausalText
from omnitrace_nb.models.per_layer import by_layer
from omnitrace_nb.models.registry import Family, register

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded

NAME = "per_layer_text"
TYPES = ("gemma3n_text", "gemma4_text")


class PerLayerText(CausalText):
    """The adapter of text models whose decoder layers each read an embedding of their own."""

    family = NAME

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn text parts into ids and a layout; the last position is asked for by its index (see `Gemma4.encode`)."""
        encoded = super().encode(parts)
        last = torch.tensor([-1], device=encoded.inputs["input_ids"].device)
        return replace(encoded, options={**encoded.options, "logits_to_keep": last})

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, width]` embeddings, those of each layer behind the input's, and the attention mask."""
        embeddings, options = super().embed(encoded, response_ids)
        with torch.no_grad():
            more = self.beside(encoded.inputs, response_ids.reshape(1, -1).to(encoded.inputs["input_ids"]))
        return (embeddings if more is None else torch.cat([embeddings, more.to(embeddings)], dim=-1)), options

    def beside(self, given: Mapping[str, Any], response: torch.Tensor) -> torch.Tensor | None:
        """Give the embeddings of each layer, `[1, n + T, layers * width]`; None if the model has none."""
        decoder: Any = self.decoder()
        if not decoder.config.hidden_size_per_layer_input:
            return None
        found: torch.Tensor = decoder.get_per_layer_inputs(torch.cat([given["input_ids"], response], dim=1))
        return found.flatten(2)

    def fed(self, more: torch.Tensor) -> dict[str, Any]:
        """Turn a stretch `[b, q, layers * width]` of what `beside` gave into an argument of model and decoder alike."""
        return {"per_layer_inputs": by_layer(self.decoder(), more)}

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, width]` embeddings."""
        hidden = self.model.get_input_embeddings().weight.shape[1]
        more = self.fed(embeddings[..., hidden:]) if embeddings.shape[-1] > hidden else {}
        return self.model(inputs_embeds=embeddings[..., :hidden], **more, **options)


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type in TYPES,
        adapter=PerLayerText,
        load_model=AutoModelForCausalLM.from_pretrained,
        load_processor=AutoTokenizer.from_pretrained,
    )
)
