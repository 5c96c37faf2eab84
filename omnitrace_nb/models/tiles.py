"""What families that cut pictures into tiles share: films of whole frames, media one by one, counts that agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film, Picture
from omnitrace_nb.models.geometry import crossed, drawn, empty, frame_seconds, tiled_spans
from omnitrace_nb.models.open_media import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.open_media import Medium


def tile(size: tuple[int, int], tokens: int, token: float, side: float) -> np.ndarray:
    """Give the boxes `[tokens ** 2, 4]` of one tile, `side` pixels square, that shows a whole picture of `size`.

    `size` is `(width, height)`; the tile has `tokens` a side, of `token` pixels each.
    """
    spans = tiled_spans(1, tokens, token, side)
    return crossed(*(drawn(spans, length, onto=side) for length in size))


def picture_size(medium: Medium) -> tuple[int, int]:
    """Give the width and height of a picture or film, in the user's own pixels."""
    content = medium.loaded.content
    if isinstance(content, Picture):
        return content.pixels.shape[1], content.pixels.shape[0]
    if isinstance(content, Film):
        return content.original_size
    raise TypeError(f"part {medium.loaded.index + 1} is no picture")


def film_places(medium: Medium, frame: np.ndarray, grid: tuple[int, int] | None, *, end: int = 0) -> Places:
    """Place a film each of whose frames has the same boxes.

    Args:
        medium: the film.
        frame: `[k, 4]`, a frame's boxes, in original pixels.
        grid: rows and columns of these boxes; None where they are not one grid.
        end: positions after the last frame that show nothing.
    """
    film = medium.loaded.content
    assert isinstance(film, Film)  # noqa: S101 - what the caller asked
    frames = len(film.frames)
    box = np.concatenate([np.tile(frame, (frames, 1)), np.full((end, 4), np.nan, np.float32)])
    time = np.concatenate([frame_seconds(film, len(frame)), np.full((end, 2), np.nan, np.float32)])
    check_count(medium, len(box))
    nobody = empty(box) | np.isnan(box[:, 0])
    whole = grid if not nobody[: len(box) - end].any() else None
    return Places(box, time, None if whole is None else (frames, *whole), nobody)


def check_count(medium: Medium, count: int) -> None:
    """Refuse a medium of which the processor makes other positions than its tiles account for."""
    if medium.positions != count:
        raise ModelError(
            f"The model's processor makes {medium.positions} positions of part {medium.loaded.index + 1}, where its "
            f"size and tiles give {count}, so the layout cannot be proven: give the processor that belongs to this "
            "model, with its own settings."
        )


def apart(
    media: Sequence[LoadedPart], process: Callable[[LoadedPart], dict[str, Any]], axes: dict[str, int]
) -> dict[str, Any]:
    """Call a processor for each medium by itself and join what it gives, in prompt order.

    For processors that join pictures and films in one tensor, but cannot where there are both, or films of several
    lengths.

    Args:
        media: in prompt order.
        process: the call for one medium.
        axes: the axis of each tensor along which media follow one another.
    """
    outs = [process(loaded) for loaded in media]
    joined: dict[str, Any] = {name: torch.cat([out[name] for out in outs], dim=axis) for name, axis in axes.items()}
    joined["text_replacement_offsets"] = [[each for out in outs for each in out["text_replacement_offsets"][0]]]
    return joined


def side_of(reader: Any) -> tuple[int, int]:  # noqa: ANN401 - transformers ships no types
    """Give the height and width of what an image or video processor makes, in pixels."""
    size = dict(reader.size)
    return int(size.get("height") or size["shortest_edge"]), int(size.get("width") or size["shortest_edge"])


def check_same(what: str, processor: object, model: object) -> None:
    """Refuse a processor with another setting than the model's: it is another model's."""
    if processor != model:
        raise ModelError(
            f"The processor is not this model's: its {what} is {processor}, the model's is {model}. "
            "Load both from the same place."
        )
