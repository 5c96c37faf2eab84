"""A small world in four modalities whose every statement has exactly known support.

`draw_sample` gives a prompt (facts in sentences, shapes in pictures, sounds in recordings, scenes in films),
questions about it, and for every sentence of every answer the sentence, box or seconds that it rests on.
"""

from training.world.content import Fact, Filler, Film, Picture, Recording, Shape
from training.world.draw import PRESETS, Preset, draw_sample
from training.world.sample import AudioPart, ImagePart, Sample, Statement, Support, TextPart, Turn, VideoPart

__all__ = [
    "PRESETS",
    "AudioPart",
    "Fact",
    "Filler",
    "Film",
    "ImagePart",
    "Picture",
    "Preset",
    "Recording",
    "Sample",
    "Shape",
    "Statement",
    "Support",
    "TextPart",
    "Turn",
    "VideoPart",
    "draw_sample",
]
