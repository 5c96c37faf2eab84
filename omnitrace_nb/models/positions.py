"""Positions of a mixed prompt for models with multimodal rotary embeddings (M-RoPE; Qwen2.5-Omni, arXiv 2503.20215).

The model's own `get_rope_index` knows one flag for all films of a prompt: with sound, or without. Prompts that hold
both kinds are cut into stretches that need the same flag; each is given to `get_rope_index` by itself and continues
where the one before it ended, which is how that function itself goes from one medium to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from transformers import (
        PreTrainedConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
        Qwen3OmniMoeThinkerForConditionalGeneration,
    )


def rope_positions(
    model: Qwen2_5OmniThinkerForConditionalGeneration | Qwen3OmniMoeThinkerForConditionalGeneration,
    input_ids: torch.Tensor,
    media: Mapping[str, torch.Tensor],
) -> torch.Tensor:
    """Give the temporal, vertical and horizontal position of each token of one prompt, `[3, n]`.

    Whole numbers; Qwen3-Omni's are floats, since frames may stand between two of them.

    Args:
        model: a thinker of Qwen2.5-Omni or Qwen3-Omni; only its configuration and `get_rope_index` are used.
        input_ids: `[n]`, without padding.
        media: the processor's tensors, of which `image_grid_thw`, `video_grid_thw`, `video_second_per_grid` and
            `feature_attention_mask` are read; each may be absent.
    """
    lengths = media["feature_attention_mask"].sum(-1) if "feature_attention_mask" in media else None
    seconds = media.get("video_second_per_grid")
    images = videos = sounds = 0
    found: list[torch.Tensor] = []
    for stretch, with_sound in _stretches(model.config, input_ids):
        counts = _count(model.config, stretch)
        # A stretch ends with text or closing tokens, whose positions go on from one to the next in all three.
        found_so_far = found[-1][0, -1] + 1 if found else 0
        positions, _ = model.get_rope_index(
            stretch[None],
            image_grid_thw=_slice(media.get("image_grid_thw"), images, counts["images"]),
            video_grid_thw=_slice(media.get("video_grid_thw"), videos, counts["videos"]),
            attention_mask=torch.ones_like(stretch)[None],
            use_audio_in_video=with_sound,
            audio_seqlens=_slice(lengths, sounds, counts["sounds"]),
            second_per_grids=_slice(seconds, videos, counts["videos"]),
        )
        found.append(positions[:, 0] + found_so_far)
        images, videos, sounds = images + counts["images"], videos + counts["videos"], sounds + counts["sounds"]
    return torch.cat(found, dim=1)


def _stretches(config: PreTrainedConfig, ids: torch.Tensor) -> Iterator[tuple[torch.Tensor, bool]]:
    """Cut a prompt around each film with sound: two opening tokens (vision's, sound's), content, two closing ones."""
    at = 0
    opens = (ids[:-1] == config.vision_start_token_id) & (ids[1:] == config.audio_start_token_id)
    content = (ids == config.video_token_id) | (ids == config.audio_token_id)
    for start in opens.nonzero().flatten().tolist():
        end = start + 2 + int((~content[start + 2 :]).nonzero()[0]) + 2
        if at < start:
            yield ids[at:start], False
        yield ids[start:end], True
        at = end
    if at < len(ids):
        yield ids[at:], False


def _count(config: PreTrainedConfig, ids: torch.Tensor) -> dict[str, int]:
    """Count a stretch's media by their opening tokens."""
    after_vision = ids[1:][ids[:-1] == config.vision_start_token_id]
    return {
        "images": int((after_vision == config.image_token_id).sum()),
        "videos": int((after_vision != config.image_token_id).sum()),
        "sounds": int((ids == config.audio_start_token_id).sum()),
    }


def _slice(values: torch.Tensor | None, start: int, count: int) -> torch.Tensor | None:
    return values[start : start + count] if values is not None and count else None
