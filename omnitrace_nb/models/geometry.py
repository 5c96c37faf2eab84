"""Where in a picture visual tokens lie: intervals along each side, crossed to boxes. Pure functions, no model.

A picture reaches its tokens by resizing, pasting on a canvas, cutting into tiles and patches, dropping and merging;
each acts on the two sides apart. A side is therefore followed as intervals `[k, 2]` (start, end), first in pixels of
the canvas and last in pixels of the original, and only then are rows and columns crossed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import Film


def even_boxes(rows: int, columns: int, width: float, height: float) -> np.ndarray:
    """Give the boxes `[rows * columns, 4]` of a picture cut evenly, row by row.

    Example:
        >>> even_boxes(1, 2, width=10, height=4).tolist()
        [[0.0, 0.0, 5.0, 4.0], [5.0, 0.0, 10.0, 4.0]]
    """
    return crossed(even_spans(columns, width), even_spans(rows, height))


def even_spans(count: int, length: float) -> np.ndarray:
    """Cut `length` pixels into `count` equal intervals: `[count, 2]`."""
    edges = np.arange(count + 1) * (length / count)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def tiled_spans(tiles: int, tokens: int, token: float, side: float) -> np.ndarray:
    """Give the intervals of the tokens of a row of tiles, in pixels of the canvas: `[tiles * tokens, 2]`.

    Each tile of `side` pixels has `tokens` of `token` pixels from its start on. What remains of it at its end, less
    than a patch, the encoder does not see.
    """
    starts = (np.arange(tiles)[:, None] * side + np.arange(tokens) * token).reshape(-1)
    return np.stack([starts, starts + token], axis=1)


def resampled(spans: np.ndarray, count: int) -> np.ndarray:
    """Give the intervals `[count, 2]` of tokens that were interpolated from those of `spans`."""
    edges = np.arange(count + 1) * (len(spans) / count)
    first = np.floor(edges[:-1]).astype(int)
    last = np.ceil(edges[1:]).astype(int) - 1
    lengths = spans[:, 1] - spans[:, 0]
    starts = spans[first, 0] + (edges[:-1] - first) * lengths[first]
    return np.stack([starts, spans[last, 0] + (edges[1:] - last) * lengths[last]], axis=1)


def drawn(spans: np.ndarray, length: float, onto: float, paste: float = 0.0) -> np.ndarray:
    """Bring intervals of a canvas back to the picture of `length` pixels that was drawn on it, `onto` pixels long.

    Args:
        spans: `[k, 2]`, in pixels of the canvas.
        length: the picture's, in its own pixels.
        onto: the picture's on the canvas.
        paste: where on the canvas it starts; the rest is padding.

    Returns:
        `[k, 2]` within 0 and `length`; those of padding alone are empty.
    """
    return np.clip((spans - paste) * (length / onto), 0, length)


def crossed(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Give boxes `[len(down) * len(across), 4]` (left, top, right, bottom), row by row."""
    rows, columns = len(down), len(across)
    boxes = np.empty((rows, columns, 4), np.float32)
    boxes[..., 0::2] = across[None]
    boxes[..., 1::2] = down[:, None]
    return boxes.reshape(-1, 4)


def by_tile(boxes: np.ndarray, tiles: tuple[int, int], tokens: tuple[int, int]) -> np.ndarray:
    """Reorder boxes of a whole canvas, row by row, to tile after tile; both sizes are `(rows, columns)`."""
    whole = boxes.reshape(tiles[0], tokens[0], tiles[1], tokens[1], 4)
    return whole.transpose(0, 2, 1, 3, 4).reshape(-1, 4)


def empty(boxes: np.ndarray) -> np.ndarray:
    """Say which boxes hold no pixel, such as those of padding: `bool [k]`."""
    return np.asarray((boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1]))


def fitted(width: int, height: int, canvas: tuple[int, int]) -> tuple[int, int]:
    """Give the width and height of a picture resized, in its own shape, to the `(width, height)` of a canvas."""
    across, down = canvas[0] / width, canvas[1] / height
    if across < down:
        return canvas[0], min(math.ceil(height * across), canvas[1])
    return min(math.ceil(width * down), canvas[0]), canvas[1]


def frame_seconds(film: Film, tokens: int) -> np.ndarray:
    """Give the seconds `[frames * tokens, 2]` of a film's positions, `tokens` a frame: a frame lasts until the next."""
    ends = film.times + 1 / film.fps
    ends = np.where(film.times < film.duration, np.minimum(ends, film.duration), ends)
    return np.repeat(np.stack([film.times, ends], axis=1), tokens, axis=0).astype(np.float32)


def step_seconds(film: Film, steps: int, frames: int) -> np.ndarray:
    """Give the seconds `[steps, 2]` of a film's steps of `frames` frames: from its first to the end of its last."""
    first = np.arange(steps) * frames
    last = np.minimum(first + frames, len(film.frames)) - 1
    starts, ends = film.times[first], film.times[last] + 1 / film.fps
    ends = np.where(starts < film.duration, np.minimum(ends, film.duration), ends)
    return np.stack([starts, ends], axis=1).astype(np.float32)
