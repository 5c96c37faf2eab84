"""Filming: scenes of one second, each a shape that drifts a little between its frames."""

import numpy as np
from numpy.typing import NDArray

from training.world.content import Film
from training.world.pictures import paint
from training.world.sample import FPS

SIDE = 56


def shoot(film: Film, side: int = SIDE) -> NDArray[np.uint8]:
    """The frames of a film, at `FPS`, `side` pixels wide."""
    rng = np.random.default_rng((film.seed, 5))
    frames = []
    for scene in film.scenes:
        radius = side * rng.uniform(0.2, 0.3)
        centre = side / 2 + rng.uniform(-0.12, 0.12, size=2) * side
        drift = rng.uniform(-1.5, 1.5, size=2) * side / SIDE
        for k in range(int(FPS)):
            x, y = centre + drift * k
            frames.append(paint(side, film.seed, [(scene, float(x), float(y), float(radius))]))
    return np.stack(frames)
