"""Parts for tests, decoded already: texts, and pictures, sounds and films of noise in which every part differs."""

from __future__ import annotations

import numpy as np

from omnitrace_nb.content.parts import Audio, Image, Text, Video
from omnitrace_nb.media.loaded import Film, LoadedPart, Picture, Sound

RATE = 16_000


def prompt(*contents, roles=None):
    """Number contents (strings, pictures, sounds, films) as the parts of one prompt."""
    kinds = {str: Text, Picture: Image, Sound: Audio, Film: Video}
    roles = roles or ["user"] * len(contents)
    parts = []
    for index, (content, role) in enumerate(zip(contents, roles, strict=True)):
        source = content if isinstance(content, str) else b""
        parts.append(LoadedPart(index, kinds[type(content)](source, role=role), content, sha256=""))
    return parts


def picture(width, height, seed=0):
    return Picture(np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8))


def sound(seconds, seed=0):
    samples = np.random.default_rng(seed).standard_normal(round(RATE * seconds)).astype(np.float32) * 0.1
    return Sound(samples, RATE, seconds)


def film(seconds, *, track=None, seed=0, width=112, height=84, fps=2.0):
    count = round(seconds * fps)
    frames = np.random.default_rng(seed).integers(0, 255, (count, height, width, 3), np.uint8)
    return Film(frames, np.arange(count) / fps, fps, float(seconds), track)
