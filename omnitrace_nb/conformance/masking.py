"""What each position may look at once a source is hidden: the mask that the check of hiding takes for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb.models.checks import home
from omnitrace_nb.transformers_names import kernel_of

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.conformance.subject import Subject


def masks_without(subject: Subject, hidden: Tensor) -> Tensor | dict[str, Tensor]:
    """Give a full attention mask `[1, 1, n + T, n + T]` in which hidden positions are seen by none but themselves.

    Where the model has windows, chunks, or positions that look ahead, what is seen is what its own eager attention
    gives any weight; a mask for each type of layer if there are several.

    Args:
        subject: the model, with its prompt and response.
        hidden: `int64 [k]`.
    """
    config: Any = subject.adapter.decoder().config
    width = len(subject.encoded.layout) + len(subject.response)
    kinds = list(getattr(config, "layer_types", None) or ())
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    if windows == [None, None] and not hasattr(subject.adapter, "blocks"):
        seen = {"": torch.ones(width, width, dtype=torch.bool).tril()}
    else:
        with torch.no_grad():
            whole = subject.forward(subject.response, attention=True).attentions
        kinds = kinds if len(kinds) == len(whole) else [""] * len(whole)
        seen = {
            kind: torch.stack([layer[0].amax(0) > 0 for layer, own in zip(whole, kinds, strict=True) if own == kind])
            .any(0)
            .cpu()
            for kind in dict.fromkeys(kinds)
        }
    found = {kind: _hidden(subject, mask, hidden) for kind, mask in seen.items()}
    return found if len(found) > 1 else next(iter(found.values()))


def _hidden(subject: Subject, seen: Tensor, hidden: Tensor) -> Tensor:
    seen[:, hidden] = False
    seen |= torch.eye(len(seen), dtype=torch.bool)
    config: Any = subject.adapter.decoder().config
    where = next(subject.adapter.decoder().parameters())
    if kernel_of(config) != "eager":
        return seen[None, None].to(home(subject.adapter.model))
    # Eager attention adds its mask.
    added = torch.zeros(seen.shape, dtype=where.dtype).masked_fill(~seen, torch.finfo(where.dtype).min)
    return added[None, None].to(home(subject.adapter.model))
