"""Embeddings of each layer (Gemma 3n, Gemma 4): what every decoder layer reads of a token besides its input embedding.

They are looked up by token ids, and lost when a model is given input embeddings alone. Here they stand behind the input
embeddings of the same position, so that whatever changes, cuts, repeats or differentiates embeddings carries them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.models.looking_ahead import behind_prefix
from omnitrace_nb.models.open_model import OpenModel

if TYPE_CHECKING:
    from collections.abc import Mapping


class PerLayerModel(OpenModel):
    """Models whose forward takes `per_layer_inputs` beside `inputs_embeds`."""

    def beside(self, given: Mapping[str, Any], response: torch.Tensor) -> torch.Tensor | None:
        """Give the embeddings of each layer, `[1, n + T, layers * width]`; None if the model has none."""
        prompt = given.get("per_layer_inputs")
        if prompt is None:
            return None
        decoder: Any = self.decoder()
        following = decoder.get_per_layer_inputs(response)
        return torch.cat([prompt, following.to(prompt)], dim=1).flatten(2)

    def fed(self, more: torch.Tensor) -> dict[str, Any]:
        """Turn a stretch `[b, q, layers * width]` of what `beside` gave into an argument of model and decoder alike."""
        return {"per_layer_inputs": by_layer(self.decoder(), more)}

    def forward(self, embeddings: torch.Tensor, **options: Any) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, width]` embeddings."""
        hidden = self.model.get_input_embeddings().weight.shape[1]
        more = self.fed(embeddings[..., hidden:]) if embeddings.shape[-1] > hidden else {}
        return self.model(inputs_embeds=embeddings[..., :hidden], **more, **behind_prefix(options))


def by_layer(decoder: Any, more: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - transformers ships no types
    """Give `[b, q, layers, width]` from `[b, q, layers * width]`."""
    config = decoder.config
    return more.reshape(*more.shape[:2], config.num_hidden_layers, config.hidden_size_per_layer_input)
