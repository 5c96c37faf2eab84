"""The layout of a prompt whose media a processor has written out: whose each token is, and where in its part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.layout import AUDIO, IMAGE, NOBODY, TEXT, VIDEO, Layout
from omnitrace_nb.models.open_media import Medium, Places, check_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.tokenizing import Tokens

MODALITY = {"image": IMAGE, "audio": AUDIO, "video": VIDEO}


def laid_out(
    tokens: Tokens,
    media: Sequence[LoadedPart],
    spans: Sequence[tuple[int, int]],
    features: Mapping[str, Any],
    *,
    own_ids: Sequence[int],
    places: Callable[[Medium], Places],
) -> Layout:
    """Lay out a tokenised prompt.

    Args:
        tokens: of the prompt with its media written out.
        media: in the order in which they stand there.
        spans: where each stands, in characters of that prompt.
        features: the processor's tensors.
        own_ids: the ids that hold a medium's features; others in its place are nobody's.
        places: says where in its part each of a medium's positions lies.

    Raises:
        ModelError: a medium without any position.
    """
    blank = Layout.blank(tokens.ids)
    part, modality = tokens.part.copy(), np.where(tokens.part >= 0, TEXT, blank.modality).astype(np.int8)
    box, time, grids = blank.box, blank.time, {}
    counts = dict.fromkeys(MODALITY, 0)
    for loaded, (start, end) in zip(media, spans, strict=True):
        here = (tokens.offsets[:, 0] >= start) & (tokens.offsets[:, 1] <= end) & (tokens.part == NOBODY)
        at = np.flatnonzero(here & (tokens.offsets[:, 0] < tokens.offsets[:, 1]))
        own = np.isin(tokens.ids[at], own_ids)
        medium = Medium(loaded, counts[loaded.kind], counts["image"] + counts["video"], features, tokens.ids[at], own)
        found = places(medium) if medium.positions else Places()
        shown = np.ones(medium.positions, bool) if found.nobody is None else ~found.nobody
        where = at[own][shown]
        check_shown(loaded, len(where))
        part[where], modality[where] = loaded.index, MODALITY[loaded.kind]
        if found.box is not None:
            box[where] = found.box[shown]
        if found.time is not None:
            time[where] = found.time[shown]
        if found.grid is not None:
            grids[loaded.index] = found.grid
        counts[loaded.kind] += 1
    return replace(
        blank, part=part, modality=modality, chars=tokens.chars, box=box, time=time, grids=grids, begun=tokens.begun
    )
