"""How large a prompt may be: every limit of reading and decoding, in one visible place.

They keep a mistaken file from filling the memory; a model's own limits (its context length, the pixels its processor
keeps) are far below them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a part may hold. Everything is checked before it is decoded, as far as headers tell.

    Attributes:
        file_bytes: bytes of one file (or of encoded bytes).
        picture_bytes: bytes of one file of a picture, which is read whole.
        kept_bytes: bytes of one file that are kept with its trace, for playing; a larger one is read from where it
            lies (`content.stored`).
        text_bytes: bytes of one text, in UTF-8.
        label_chars: characters of a label, of a document's id or title.
        picture_pixels: width x height of a picture.
        frame_pixels: width x height of a film's frame.
        film_pixels: all pixels of the kept frames of a film; larger ones are scaled down to it, and `Film.size`
            keeps the original size.
        seconds: duration of a sound or film.
        frames: frames in an array given as a film.
        lowest_rate: Hz; below it a sampling rate was surely meant in kHz.
        highest_rate: Hz.
        channels: of a sound given as an array; more are surely samples in the wrong axis.
        highest_fps: frames a second of an array given as a film.
        peak: largest absolute sample of a sound in floats. Full scale is 1; resampling overshoots a little, but
            samples beyond this were surely never scaled from integers.
        samples: entries of one sample file.
    """

    file_bytes: int = 8_000_000_000
    picture_bytes: int = 1_000_000_000
    kept_bytes: int = 64_000_000
    text_bytes: int = 8_000_000
    label_chars: int = 200
    picture_pixels: int = 100_000_000
    frame_pixels: int = 36_000_000
    film_pixels: int = 200_000_000
    seconds: float = 2 * 3600.0
    frames: int = 100_000
    lowest_rate: int = 1_000
    highest_rate: int = 768_000
    channels: int = 32
    highest_fps: float = 1_000.0
    peak: float = 1.5
    samples: int = 1_000_000


LIMITS = Limits()
