"""DeepStack (Meng et al., arXiv 2406.04334): visual features that enter the language model at several depths.

The first layers' outputs have features of the pictures added to them. Here they stand behind the input embeddings of
the same position, zero where there are none, so that whatever changes, cuts or differentiates embeddings carries them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedConfig


def seen_at_all_depths(output: Any) -> torch.Tensor:  # noqa: ANN401 - transformers' output of a vision encoder
    """Give what pictures or films became, `[k, (1 + depths) * hidden]`: the first entry is their input embedding."""
    depths = getattr(output, "deepstack_features", None) or []
    return torch.cat([torch.cat(each) for each in (output.pooler_output, *depths)], dim=-1)


def width(config: PreTrainedConfig) -> int:
    """Give the width of a position's features at all depths, `depths * hidden`; 0 of a model without DeepStack."""
    depths = getattr(config.vision_config, "deepstack_visual_indexes", ())
    return len(depths) * int(config.text_config.hidden_size)


def gathered(given: Mapping[str, Any], config: PreTrainedConfig, steps: int = 0) -> torch.Tensor | None:
    """Give the features that a language model is handed for a prompt of `n` positions: `[1, n + steps, width]`.

    None of a model without DeepStack.
    """
    if not width(config):
        return None
    embeddings = given["inputs_embeds"]
    more = embeddings.new_zeros(1, embeddings.shape[1] + steps, width(config))
    features, where = given.get("deepstack_visual_embeds"), given.get("visual_pos_masks")
    if features is not None and where is not None:
        wide = torch.cat([each.to(more) for each in features], dim=-1)
        more[0, : embeddings.shape[1]][where[0].to(more.device)] = wide
    return more


def scattered(more: torch.Tensor, config: PreTrainedConfig) -> dict[str, Any]:
    """Turn features `[b, q, width]` back into the language model's arguments: of every position, most of them 0."""
    hidden = int(config.text_config.hidden_size)
    everywhere = torch.ones(more.shape[:2], dtype=torch.bool, device=more.device)
    depths = [each.reshape(-1, hidden) for each in torch.split(more, hidden, dim=-1)]
    return {"visual_pos_masks": everywhere, "deepstack_visual_embeds": depths}
