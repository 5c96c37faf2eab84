"""Prompts without their evidence: the same positions, other input embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from omnitrace_nb.layout import IMAGE, MODALITIES, VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.passes import Finished

    Edit = Callable[[Tensor], Tensor]


def evidence(run: Finished) -> np.ndarray:
    """Give the positions of every source but the question's: `int64 [k]`, in order."""
    own = [source.positions for source in run.sources if not source.question]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *own]))


def nulled(layout: Layout, positions: np.ndarray) -> Edit:
    """Give an edit that puts the mean of its modality's embeddings in the prompt at each of `positions`."""
    groups = {kind: positions[layout.modality[positions] == kind] for kind in range(len(MODALITIES))}

    def edit(embeddings: Tensor) -> Tensor:
        edited = embeddings.clone()
        for kind, own in groups.items():
            if len(own):
                edited[:, own] = embeddings[:, np.flatnonzero(layout.modality == kind)].mean(1, keepdim=True)
        return edited

    return edit


def swapped(layout: Layout, positions: np.ndarray, foils: Mapping[int, Tensor] | None = None) -> Edit:
    """Give an edit that puts another part's embeddings at each of `positions`.

    Of each modality, every part takes the embeddings of the next part, the last those of the first: stretched or
    shrunk to its own number of rows, columns and moments (text and sound: of tokens), each place taking what stands
    nearest to it. With a foil for the modality, every part takes the foil's. A part that is alone of its modality,
    without a foil, takes the mean of its modality's embeddings, as in `nulled`.

    Args:
        layout: the prompt's.
        positions: those that may be edited; parts of which none may are nobody's partners.
        foils: modality -> embeddings `[steps, rows, columns, hidden]`.
    """
    foils = foils or {}
    null = nulled(layout, positions)
    rings = []
    for kind in range(1, len(MODALITIES)):
        parts = np.unique(layout.part[positions[layout.modality[positions] == kind]]).tolist()
        rings.append((kind, [(part, _own(layout, positions, part, kind)) for part in parts]))

    def edit(embeddings: Tensor) -> Tensor:
        edited = null(embeddings)
        for kind, ring in rings:
            for place, (part, own) in enumerate(ring):
                partner, theirs = ring[(place + 1) % len(ring)]
                if kind in foils:
                    block = foils[kind].to(embeddings)
                elif partner != part:
                    block = embeddings[0, theirs].reshape(*grid(layout, partner, kind, len(theirs)), -1)
                else:
                    continue
                edited[0, own] = _stretched(block, grid(layout, part, kind, len(own)))
        return edited

    return edit


def _own(layout: Layout, positions: np.ndarray, part: int, kind: int) -> np.ndarray:
    return positions[(layout.part[positions] == part) & (layout.modality[positions] == kind)]


def grid(layout: Layout, part: int, kind: int, count: int) -> tuple[int, int, int]:
    """Give the part's steps, rows and columns; text, sound, and what is only partly a source run in one line."""
    found = layout.grids.get(part, (0, 0, 0)) if kind in {IMAGE, VIDEO} else (0, 0, 0)
    return found if int(np.prod(found)) == count else (count, 1, 1)


def _stretched(block: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Bring `[steps, rows, columns, hidden]` to another grid by its nearest places, then in one line: `[k, hidden]`."""
    for axis, count in enumerate(grid):
        nearest = (torch.arange(count, device=block.device) * 2 + 1) * block.shape[axis] // (2 * count)
        block = block.index_select(axis, nearest)
    return block.flatten(0, 2)
