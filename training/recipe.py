"""What is trained on, in which order, and how fast: every number of the recipe."""

from dataclasses import dataclass, replace

from training.world import PRESETS, Preset


@dataclass(frozen=True)
class Stage:
    """`steps` optimiser steps on a mixture of presets, each step about `tokens` tokens of chats of like length."""

    name: str
    steps: int
    tokens: int
    mixture: dict[str, float]


LOOK_UP = replace(
    PRESETS["text"],
    facts=(2, 3),
    fillers=(0, 0),
    turns=(4, 7),
    weights={"fact": 3.0, "fact order": 1.0, "fact list": 1.0, "summary": 0.5},
)
GALLERY = replace(PRESETS["picture"], pictures=(2, 6), shapes=(1, 1), weights={"picture list": 2.0, "picture": 1.0})
REEL = replace(
    PRESETS["film"], scenes=(2, 6), with_track=0.3, weights={"scene list": 2.0, "scene": 1.0, "film sound list": 1.0}
)
ORDERED = replace(
    PRESETS["text"], facts=(2, 6), weights={"fact": 1.0, "fact order": 4.0, "fact list": 1.0, "summary": 1.0}
)
TALKIE = replace(PRESETS["film"], with_track=0.9)
SUMMARIES = {**PRESETS["mixed"].weights, "summary": 4.0}
MIXED = replace(PRESETS["mixed"], with_track=0.6, turns=(3, 6), weights=SUMMARIES)
LARGE = replace(PRESETS["large"], with_track=0.6, turns=(3, 6), weights=SUMMARIES)
TRAINING_PRESETS: dict[str, Preset] = {
    **PRESETS,
    "look up": LOOK_UP,
    "gallery": GALLERY,
    "reel": REEL,
    "ordered": ORDERED,
    "talkie": TALKIE,
    "mixed": MIXED,
    "large": LARGE,
}

STAGES = (
    Stage("look up", 300, 2000, {"look up": 1.0}),
    Stage(
        "each alone",
        2500,
        2500,
        {"text": 0.15, "picture": 0.15, "gallery": 0.3, "recording": 0.1, "film": 0.15, "reel": 0.15},
    ),
    Stage("mixed", 1200, 3500, {"text": 0.12, "picture": 0.15, "recording": 0.05, "film": 0.13, "mixed": 0.55}),
    Stage(
        "large",
        2350,
        5000,
        {"ordered": 0.08, "picture": 0.05, "talkie": 0.06, "reel": 0.05, "mixed": 0.4, "large": 0.27, "long": 0.09},
    ),
    Stage("last", 240, 5000, {"ordered": 0.2, "mixed": 0.35, "large": 0.3, "long": 0.15}),
    Stage("again", 750, 5000, {"ordered": 0.2, "mixed": 0.3, "large": 0.35, "long": 0.15}),
)
TOTAL_STEPS = sum(stage.steps for stage in STAGES)

MUON_RATE = 0.003
ADAM_RATE = 0.002
BETAS = (0.9, 0.95)
MOMENTUM = 0.95
SIGHT_AT = (2146, 4464)
WARM_UP = 150
COOL_DOWN = 1300
CLIP = 2.0
SEED = 1
POOL_BATCHES = 12
MAX_BATCH = 64


def stage_at(step: int) -> Stage:
    """The stage that a step belongs to."""
    for stage in STAGES:
        if step < stage.steps:
            return stage
        step -= stage.steps
    return STAGES[-1]


def rate(step: int) -> float:
    """The learning rates' common factor: up over the warm-up, flat, down over the last steps."""
    return min(1.0, (step + 1) / WARM_UP, max(0.02, (TOTAL_STEPS - step) / COOL_DOWN))
