"""Drawing: one coloured shape in any of the four places of a square picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.world.content import Picture, Shape
from training.world.words import COLOURS

OVERSAMPLING = 4
JITTER = 12
GRAIN = 3.0


def placed(side: int, cell: int, seed: int) -> tuple[float, float, float]:
    """Centre and radius (pixels) of the shape in one place: reproducible, a little off the middle."""
    rng = np.random.default_rng((seed, cell))
    quarter = side / 4
    radius = quarter * rng.uniform(0.68, 0.82)
    slack = (quarter - radius) * 0.8
    across, down = rng.uniform(-slack, slack, size=2)
    return quarter * (1 + 2 * (cell % 2)) + across, quarter * (1 + 2 * (cell // 2)) + down, radius


def shape_box(picture: Picture, cell: int) -> tuple[int, int, int, int]:
    """The pixels (left, top, right, bottom) that hold the shape in one place."""
    x, y, radius = placed(picture.side, cell, picture.seed)
    return (
        int(np.floor(x - radius)),
        int(np.floor(y - radius)),
        int(np.ceil(x + radius)),
        int(np.ceil(y + radius)),
    )


def background(seed: int) -> tuple[int, int, int]:
    """A grey that every colour of the world stands out from."""
    level = int(np.random.default_rng((seed, 99)).integers(110, 180))
    return level, level, level


def draw_shape(  # noqa: PLR0917
    canvas: ImageDraw.ImageDraw, shape: Shape, x: float, y: float, radius: float, colour: tuple[int, int, int]
) -> None:
    """One shape, centred at (x, y)."""
    if shape.shape == "circle":
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    elif shape.shape == "square":
        half = radius * 0.85
        canvas.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    elif shape.shape == "triangle":
        canvas.polygon([(x, y - radius), (x - radius, y + radius * 0.85), (x + radius, y + radius * 0.85)], fill=colour)
    else:
        arm = radius * 0.32
        canvas.rectangle((x - arm, y - radius, x + arm, y + radius), fill=colour)
        canvas.rectangle((x - radius, y - arm, x + radius, y + arm), fill=colour)


def jittered(colour: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, int, int]:
    """A colour a little off."""
    red, green, blue = (int(np.clip(value + rng.integers(-JITTER, JITTER + 1), 0, 255)) for value in colour)
    return red, green, blue


def paint(side: int, seed: int, shapes: list[tuple[Shape, float, float, float]]) -> NDArray[np.uint8]:
    """A square picture with shapes at (x, y, radius) given in pixels, edges smoothed."""
    big = Image.new("RGB", (side * OVERSAMPLING, side * OVERSAMPLING), background(seed))
    canvas = ImageDraw.Draw(big)
    rng = np.random.default_rng((seed, 3))
    for shape, x, y, radius in shapes:
        draw_shape(
            canvas,
            shape,
            x * OVERSAMPLING,
            y * OVERSAMPLING,
            radius * OVERSAMPLING,
            jittered(COLOURS[shape.colour], rng),
        )
    clean = np.asarray(big.reduce(OVERSAMPLING), dtype=np.float32)
    return np.clip(np.rint(clean + rng.normal(0, GRAIN, clean.shape)), 0, 255).astype(np.uint8)


def paint_picture(picture: Picture) -> NDArray[np.uint8]:
    """The pixels of a picture."""
    return paint(
        picture.side,
        picture.seed,
        [(shape, *placed(picture.side, cell, picture.seed)) for cell, shape in picture.shapes],
    )
