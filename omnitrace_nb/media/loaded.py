"""Decoded media: plain arrays in the user's own units, ready for a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from omnitrace_nb.content.parts import Part


@dataclass(frozen=True, slots=True)
class MediaNeeds:
    """What a model wants: sound at `sampling_rate` Hz, film at `fps` frames a second, at most `max_frames`."""

    sampling_rate: int = 16_000
    fps: float = 2.0
    max_frames: int = 768


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture, upright: `pixels` is `uint8 [height, width, 3]`, in the user's own resolution."""

    pixels: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A sound, mono: `samples` is `float32 [n]` at `sampling_rate` Hz; `duration` in seconds, of the original."""

    samples: np.ndarray
    sampling_rate: int
    duration: float


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film, upright: `frames` is `uint8 [n, height, width, 3]`, at `times` (seconds, `float64 [n]`, each `1 / fps`).

    `fps` is the model's, or less where the film would have more frames than the model wants. `duration` is the
    original's, in seconds. `sound` is its sound track, if it has one and it is wanted, from the film's second 0 on.
    `size` is the original `(width, height)`: frames of a long film in a high resolution are kept smaller.
    """

    frames: np.ndarray
    times: np.ndarray
    fps: float
    duration: float
    sound: Sound | None
    size: tuple[int, int] | None = None

    @property
    def original_size(self) -> tuple[int, int]:
        """Give the original `(width, height)`: pixels in results are of this size."""
        return self.size or (self.frames.shape[2], self.frames.shape[1])


Media = Picture | Sound | Film


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Media whose header was checked; `decode` does the rest. The other fields are those of `LoadedPart`."""

    decode: Callable[[], Media]
    sha256: str
    original: bytes | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """A part with its decoded content: a `str` for text; `index` is its place in the prompt, from 0.

    `original` keeps the encoded bytes a user gave (or that a file held), for playing and for `embed_media`; None for
    arrays. `mime` says what they are. `sha256` is the hash of the original bytes, or of the array's.
    """

    index: int
    part: Part
    content: str | Media
    sha256: str
    original: bytes | None = field(default=None, repr=False)
    mime: str | None = None

    @property
    def kind(self) -> str:
        """Give "text", "image", "audio" or "video"."""
        return type(self.part).__name__.lower()
