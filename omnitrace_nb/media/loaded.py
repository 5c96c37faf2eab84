"""Decoded media: plain arrays in the user's own units, ready for a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from omnitrace_nb.content.chat import Chat
    from omnitrace_nb.content.parts import Part
    from omnitrace_nb.content.stored import Stored


@dataclass(frozen=True, slots=True)
class MediaNeeds:
    """What a model wants: sound at `sampling_rate` Hz, film at `fps` frames a second, at most `max_frames`.

    Pictures of more than `picture_pixels`, and frames of more than `frame_pixels`, are more than it can use and are
    decoded smaller; None where that is not known.
    """

    sampling_rate: int = 16_000
    fps: float = 2.0
    max_frames: int = 768
    picture_pixels: int | None = None
    frame_pixels: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture, upright: `pixels` is `uint8 [height, width, 3]`; `size` the original `(width, height)` if larger."""

    pixels: np.ndarray
    size: tuple[int, int] | None = None

    @property
    def original_size(self) -> tuple[int, int]:
        """Give the original `(width, height)`."""
        return self.size or (self.pixels.shape[1], self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A sound, mono: `samples` is `float32 [n]` at `sampling_rate` Hz, of `duration` seconds.

    Of a part of a sound, `start` is the original's second at which it begins, `whole` the original's seconds.
    """

    samples: np.ndarray
    sampling_rate: int
    duration: float
    start: float = 0.0
    whole: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film, upright: `frames` is `uint8 [n, height, width, 3]`, at `times` (seconds, `float64 [n]`, each `1 / fps`).

    `fps` is the user's or the model's, or less where the film would have more frames than wanted. `duration` is in
    seconds. `sound` is its sound track, if it has one and it is wanted, from the film's second 0 on. `size` is the
    original `(width, height)`: frames of a long film in a high resolution are kept smaller. Of a part of a film,
    `start` is the original's second at which it begins (second 0 here), `whole` the original's seconds.
    """

    frames: np.ndarray
    times: np.ndarray
    fps: float
    duration: float
    sound: Sound | None
    size: tuple[int, int] | None = None
    start: float = 0.0
    whole: float | None = None

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
    original: bytes | Stored | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """A part with its decoded content: a `str` for text; `index` is its place in the prompt, from 0.

    `original` keeps the encoded bytes a user gave (or that a file held), for playing and for `embed_media`, or where a
    large file lies; None for arrays. `mime` says what they are. `sha256` is the hash of the original bytes, or of the
    array's. `chat` is the one that it is of, if its prompt is a chat.
    """

    index: int
    part: Part
    content: str | Media
    sha256: str
    original: bytes | Stored | None = field(default=None, repr=False)
    mime: str | None = None
    chat: Chat | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """Give "text", "image", "audio" or "video"."""
        return type(self.part).__name__.lower()
