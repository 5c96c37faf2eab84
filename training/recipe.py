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
TRAINING_PRESETS: dict[str, Preset] = {**PRESETS, "look up": LOOK_UP}

STAGES = (
    Stage("look up", 300, 2000, {"look up": 1.0}),
    Stage("each alone", 2500, 2500, {"text": 0.2, "picture": 0.25, "recording": 0.2, "film": 0.35}),
    Stage("mixed", 2500, 3500, {"text": 0.1, "picture": 0.15, "recording": 0.1, "film": 0.15, "mixed": 0.5}),
    Stage("large", 1500, 5000, {"text": 0.1, "picture": 0.1, "film": 0.1, "mixed": 0.3, "large": 0.3, "long": 0.1}),
)
TOTAL_STEPS = sum(stage.steps for stage in STAGES)

MUON_RATE = 0.003
ADAM_RATE = 0.002
BETAS = (0.9, 0.95)
MOMENTUM = 0.95
WARM_UP = 150
COOL_DOWN = 1500
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
