"""Embeddings of each layer (Gemma 3n, Gemma 4): what every decoder layer reads of a token besides its input embedding.

They are looked up by token ids, and lost when a model is given input embeddings alone. Here they stand behind the input
embeddings of the same position, so that whatever changes, cuts, repeats or differentiates embeddings carries them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

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

    def forward(self, embeddings: torch.Tensor, **options: Any) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, width]` embeddings."""
        hidden = self.model.get_input_embeddings().weight.shape[1]
        if embeddings.shape[-1] > hidden:
            config: Any = self.decoder().config
            layers = embeddings[..., hidden:].reshape(*embeddings.shape[:2], config.num_hidden_layers, -1)
            options["per_layer_inputs"] = layers
        return self.model(inputs_embeds=embeddings[..., :hidden], **self._behind(options))

    @staticmethod
    def _behind(options: dict[str, Any]) -> dict[str, Any]:
        """Let token types begin where the cached prefix does: masks are built from both by position."""
        cache = options.get("past_key_values")
        before = 0 if cache is None else int(cache.get_seq_length())
        if not before or options.get("mm_token_type_ids") is None:
            return options
        return {**options, "mm_token_type_ids": F.pad(options["mm_token_type_ids"], (before, 0))}
