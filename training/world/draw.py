"""Drawing samples at random: how many parts of which kinds, what they say, and what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.world.content import Content, Fact, Filler, Film, Passage, Picture, Recording, Shape
from training.world.films import shoot
from training.world.pictures import paint_picture
from training.world.questions import ASKERS
from training.world.sample import AudioPart, ImagePart, Part, Sample, TextPart, VideoPart
from training.world.sounds import play
from training.world.words import (
    COLOURS,
    FILLER_MOODS,
    FILLER_PLACES,
    FILLER_TIMES,
    NAMES,
    PLACES,
    SHAPES,
    SOUNDS,
    THINGS,
)

Range = tuple[int, int]


@dataclass(frozen=True)
class Preset:
    """How large a prompt is: each range is inclusive and drawn from evenly.

    `weights` says how often each kind of question is chosen, among those that the prompt allows.
    """

    facts: Range = (0, 0)
    fillers: Range = (0, 0)
    pictures: Range = (0, 0)
    shapes: Range = (1, 1)
    recordings: Range = (0, 0)
    sounds: Range = (1, 3)
    films: Range = (0, 0)
    scenes: Range = (1, 3)
    with_track: float = 0.5
    wide: float = 0.2
    turns: Range = (1, 1)
    weights: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ASKERS, 1.0))


PRESETS: dict[str, Preset] = {
    "text": Preset(facts=(2, 4), fillers=(0, 3), turns=(3, 6)),
    "picture": Preset(pictures=(1, 2), shapes=(1, 3), turns=(2, 3)),
    "recording": Preset(recordings=(1, 1), sounds=(1, 3), turns=(2, 3)),
    "film": Preset(films=(1, 1), scenes=(1, 3), turns=(2, 3)),
    "mixed": Preset(
        facts=(0, 3), fillers=(0, 2), pictures=(0, 2), shapes=(1, 3), recordings=(0, 2), films=(0, 2), turns=(2, 4)
    ),
    "large": Preset(
        facts=(0, 6),
        fillers=(0, 12),
        pictures=(0, 4),
        shapes=(1, 4),
        recordings=(0, 3),
        sounds=(1, 5),
        films=(0, 3),
        scenes=(1, 5),
        turns=(2, 5),
    ),
    "long": Preset(
        facts=(1, 6),
        fillers=(10, 100),
        pictures=(0, 6),
        shapes=(1, 4),
        recordings=(0, 4),
        sounds=(1, 6),
        films=(0, 4),
        scenes=(1, 6),
        turns=(4, 8),
    ),
}


def between(rng: np.random.Generator, limits: Range) -> int:
    """A number in an inclusive range."""
    return int(rng.integers(limits[0], limits[1] + 1))


def choose(rng: np.random.Generator, words: Sequence[str]) -> str:
    """One of some words."""
    return words[int(rng.integers(len(words)))]


def seed(rng: np.random.Generator) -> int:
    """A seed for what is drawn or played later."""
    return int(rng.integers(2**31))


def draw_filler(rng: np.random.Generator) -> Filler:
    """A sentence that says nothing anybody asks about."""
    return Filler(
        f"The {choose(rng, FILLER_PLACES)} was {choose(rng, FILLER_MOODS)} in the {choose(rng, FILLER_TIMES)}."
    )


def draw_shape(rng: np.random.Generator) -> Shape:
    """Any colour, any shape."""
    return Shape(choose(rng, tuple(COLOURS)), choose(rng, SHAPES))


def draw_passages(rng: np.random.Generator, preset: Preset) -> list[Passage]:
    """The prompt's sentences, shuffled and cut into one to three passages; names and things are each used once."""
    count = between(rng, preset.facts)
    names = rng.permutation(len(NAMES))[:count]
    things = rng.permutation(len(THINGS))[:count]
    sentences: list[Fact | Filler] = [
        Fact(NAMES[name], THINGS[thing]) for name, thing in zip(names, things, strict=True)
    ]
    sentences += [draw_filler(rng) for _ in range(between(rng, preset.fillers))]
    if not sentences:
        return []
    order = rng.permutation(len(sentences))
    passages = min(len(sentences), between(rng, (1, 3)))
    return [Passage(tuple(sentences[i] for i in part)) for part in np.array_split(order, passages)]


def draw_picture(rng: np.random.Generator, preset: Preset) -> Picture:
    """A picture with shapes in different places, in reading order."""
    cells = sorted(rng.permutation(len(PLACES))[: between(rng, preset.shapes)].tolist())
    side = 112 if rng.random() < preset.wide else 56
    return Picture(tuple((cell, draw_shape(rng)) for cell in cells), side, seed(rng))


def draw_sounds(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Sounds in a row, no two alike next to each other."""
    sounds = [choose(rng, SOUNDS)]
    while len(sounds) < count:
        sounds.append(choose(rng, [sound for sound in SOUNDS if sound != sounds[-1]]))
    return tuple(sounds)


def draw_film(rng: np.random.Generator, preset: Preset) -> Film:
    """A film; no two scenes alike next to each other."""
    scenes = [draw_shape(rng)]
    count = between(rng, preset.scenes)
    while len(scenes) < count:
        scene = draw_shape(rng)
        if scene != scenes[-1]:
            scenes.append(scene)
    sounds = draw_sounds(rng, count) if rng.random() < preset.with_track else None
    return Film(tuple(scenes), sounds, seed(rng))


def draw_contents(rng: np.random.Generator, preset: Preset) -> list[Content]:
    """Parts of every kind in any order."""
    contents: list[Content] = [*draw_passages(rng, preset)]
    contents += [draw_picture(rng, preset) for _ in range(between(rng, preset.pictures))]
    contents += [
        Recording(draw_sounds(rng, between(rng, preset.sounds)), seed(rng))
        for _ in range(between(rng, preset.recordings))
    ]
    contents += [draw_film(rng, preset) for _ in range(between(rng, preset.films))]
    return [contents[i] for i in rng.permutation(len(contents))]


def render(content: Content) -> Part:
    """A content as text or arrays."""
    if isinstance(content, Passage):
        return TextPart(content.text)
    if isinstance(content, Picture):
        return ImagePart(paint_picture(content))
    if isinstance(content, Recording):
        return AudioPart(play(content.sounds, content.seed))
    return VideoPart(shoot(content), track=play(content.sounds, content.seed) if content.sounds else None)


def draw_sample(rng: np.random.Generator, preset: Preset) -> Sample:
    """A prompt and as many turns about it as the preset asks for (fewer when there is less to ask).

    >>> sample = draw_sample(np.random.default_rng(0), PRESETS["text"])
    >>> sample.response.endswith(".")
    True
    """
    while True:
        contents = draw_contents(rng, preset)
        asked = {kind: asker(contents) for kind, asker in ASKERS.items() if preset.weights.get(kind, 0) > 0}
        kinds = [kind for kind, turns in asked.items() if turns]
        if kinds:
            break
    weights = np.array([preset.weights[kind] for kind in kinds])
    turns = []
    for _ in range(between(rng, preset.turns)):
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        turns.append(asked[kind][int(rng.integers(len(asked[kind])))])
    return Sample(tuple(render(content) for content in contents), tuple(dict.fromkeys(turns)))
