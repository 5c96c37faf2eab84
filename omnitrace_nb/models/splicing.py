"""Media into a text's layout: each placeholder gives way to what its part became."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def splice(
    text: Layout, places: np.ndarray, pieces: Sequence[Layout], grids: Mapping[int, tuple[int, int, int]]
) -> Layout:
    """Put `pieces[k]` in place of the one position `places[k]` of `text`; `grids` are the whole's."""
    cuts = [slice(a, b) for a, b in zip([0, *(places + 1)], [*places, len(text)], strict=True)]

    def whole(name: str) -> np.ndarray:
        values: np.ndarray = getattr(text, name)
        parts = [values[cuts[0]]]
        for piece, cut in zip(pieces, cuts[1:], strict=True):
            parts += [getattr(piece, name), values[cut]]
        return np.concatenate(parts)

    return Layout(
        token_ids=whole("token_ids"),
        part=whole("part"),
        modality=whole("modality"),
        chars=whole("chars"),
        box=whole("box"),
        time=whole("time"),
        grids=grids,
        begun=text.begun,
    )
