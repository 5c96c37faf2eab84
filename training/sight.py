"""A short lesson for the vision encoder alone: name the shape and the colour that a token shows.

Through the language model's answers shapes are learned slowly (after 1,300 steps colours were right nine times in
ten, shapes not half the time); a linear head on the encoder's tokens, thrown away afterwards, teaches them in a few
hundred steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from training.features import MERGE, PATCH, TEMPORAL, Featurizer, grids, patches
from training.world.content import Film, Picture, Shape
from training.world.draw import draw_shape
from training.world.films import shoot
from training.world.pictures import paint_picture
from training.world.words import COLOURS, PLACES, SHAPES

STEPS = 400
BATCH = 64
RATE = 0.001
FILMS = 0.5
WIDE = 0.25
TOKEN = PATCH * MERGE
HELD_OUT_BATCHES = 20


@dataclass(frozen=True, eq=False)
class Lesson:
    """Pictures as patches; which tokens show a shape, as weights [shapes, tokens]; what each is."""

    pixels: torch.Tensor
    grid: torch.Tensor
    shows: torch.Tensor
    shape: torch.Tensor
    colour: torch.Tensor


def draw_one(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[list[int], Shape]]]:
    """Two frames of a film or of a picture, and which tokens show which shape."""
    seed = int(rng.integers(2**31))
    if rng.random() < FILMS:
        scene = draw_shape(rng)
        frames = shoot(Film((scene,), None, seed))
        return frames, [(list(range((frames.shape[1] // TOKEN) ** 2)), scene)]
    side = 112 if rng.random() < WIDE else 56
    cells = rng.permutation(len(PLACES))[: int(rng.integers(1, 4))].tolist()
    picture = Picture(tuple((cell, draw_shape(rng)) for cell in cells), side, seed)
    row = side // TOKEN
    half = row // 2
    shows = [
        (
            [
                (cell // 2 * half + down) * row + cell % 2 * half + across
                for down in range(half)
                for across in range(half)
            ],
            shape,
        )
        for cell, shape in picture.shapes
    ]
    return np.stack([paint_picture(picture)] * TEMPORAL), shows


def lessons(rng: np.random.Generator, featurizer: Featurizer) -> Iterator[Lesson]:
    """Batches for ever."""
    while True:
        drawn = [draw_one(rng) for _ in range(BATCH)]
        frames = [featurizer.frames(pixels) for pixels, _ in drawn]
        sizes = [each[..., 0].size // MERGE**2 for each in frames]
        starts = np.cumsum([0, *sizes])
        named = [
            (start, tokens, shape) for start, (_, shows) in zip(starts, drawn, strict=False) for tokens, shape in shows
        ]
        shows = torch.zeros(len(named), int(starts[-1]))
        for row, (start, tokens, _) in enumerate(named):
            shows[row, torch.tensor(tokens) + int(start)] = 1 / len(tokens)
        yield Lesson(
            patches(frames),
            grids(frames),
            shows,
            torch.tensor([SHAPES.index(shape.shape) for *_, shape in named]),
            torch.tensor([list(COLOURS).index(shape.colour) for *_, shape in named]),
        )


def teach(
    model: Qwen2_5OmniThinkerForConditionalGeneration, featurizer: Featurizer, seed: int, steps: int = STEPS
) -> float:
    """Train the vision encoder in place; gives the share of shapes named rightly in the last steps."""
    vision = model.model.visual
    head = nn.Linear(model.config.vision_config.out_hidden_size, len(SHAPES) + len(COLOURS))
    parameters = [*vision.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    right = []
    for step, lesson in zip(range(steps), lessons(np.random.default_rng((seed, 0)), featurizer), strict=False):
        tokens = vision(lesson.pixels, grid_thw=lesson.grid).pooler_output
        logits = head(lesson.shows @ tokens)
        shape, colour = logits.split([len(SHAPES), len(COLOURS)], dim=1)
        loss = nn.functional.cross_entropy(shape, lesson.shape) + nn.functional.cross_entropy(colour, lesson.colour)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step >= steps - HELD_OUT_BATCHES:
            right.append((shape.argmax(1) == lesson.shape).float().mean().item())
    return float(np.mean(right))
