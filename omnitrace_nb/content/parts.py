"""The parts of a prompt: what a user writes down before anything is read from disk.

A part only *names* its content; decoding happens in `omnitrace_nb.media`, so that a wrong argument is
found at once and a large file is opened once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

from omnitrace_nb.content.given import plain
from omnitrace_nb.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from PIL import Image as PILImage

_KINDS: dict[str, Literal["image", "audio", "video"]] = {"Image": "image", "Audio": "audio", "Video": "video"}
Role = Literal["system", "developer", "user", "assistant", "tool"]


def _brief(self: Part) -> str:
    """Show bytes and arrays by their size: a notebook would print a whole film."""
    shown = []
    for one in fields(self):
        value = getattr(self, one.name)
        if isinstance(value, bytes):
            shown.append(f"<{len(value):,} bytes>")
        elif hasattr(value, "dtype") and hasattr(value, "shape"):
            shown.append(
                f"{'' if one.name == 'source' else f'{one.name}='}<{value.dtype} array of shape {value.shape}>"
            )
        elif one.name == "text":
            shown.append(repr(value))
        elif one.name == "source":
            shown.append(f"<{len(value)} frames>" if isinstance(value, (list, tuple)) else repr(value))
        elif value != one.default:
            shown.append(f"{one.name}={value!r}")
    return f"{type(self).__name__}({', '.join(shown)})"


def _settle(self: Image | Audio | Video) -> None:
    """Read open files, copy tensors, unwrap what data sets hand out; see `given.plain`."""
    kind = _KINDS[type(self).__name__]
    settings = {name: getattr(self, name) for name in ("sampling_rate", "fps") if name in self.__slots__}
    track = getattr(self, "audio", None)
    if track is not None:
        track = plain(track, "audio", settings)
        if not isinstance(track, np.ndarray):
            raise ContentError(
                f"audio= of a film is a {type(track).__name__}, expected samples: an array, with sampling_rate=..."
            )
        object.__setattr__(self, "audio", track)
    source = plain(self.source, kind, settings)
    for name, value in {"source": source, **settings}.items():
        object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text. `label` is shown in tables and views instead of "text 1".

    A document of a retrieval prompt has an `id` of its own, a `title`, or both; they are in the tables, and without a
    label the id (else the title) is shown. The model reads neither: what it should read belongs to the text.
    """

    text: str
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)
    id: str | None = field(default=None, kw_only=True)
    title: str | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        """Show what was given."""
        return _brief(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """A picture: a path, encoded bytes, a `PIL.Image`, or an array `[height, width]` or `[height, width, 3 or 4]`.

    Taken too, here and in `Audio` and `Video`: an open file (read from its beginning), a tensor, nested lists of
    numbers, and what a column of the datasets library gives (`{"bytes": ..., "path": ...}`). Of an animated picture
    (GIF, WebP, PNG) the first frame is read, of a TIFF of several pages the first page.

    A picture of more than `max_pixels` (width x height) is read smaller, of fewer than `min_pixels` larger, and
    `resized` is the `(width, height)` in which it is read, whatever its own. Boxes stay those of the original.
    """

    source: str | Path | bytes | IO[bytes] | Mapping[str, Any] | PILImage.Image | np.ndarray
    max_pixels: int | None = field(default=None, kw_only=True)
    min_pixels: int | None = field(default=None, kw_only=True)
    resized: tuple[int, int] | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Make plain what was given; see `given.plain`."""
        _settle(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audio:
    """A sound: a path, encoded bytes, or samples `[n]` or `[channels, n]` in -1..1 with their `sampling_rate` in Hz.

    Also `{"array": ..., "sampling_rate": ...}`, and a decoder of torchcodec, as the datasets library gives them.
    Of a film's file its sound is read alone.

    `start` and `end`, in seconds, read a part of it; times stay those of the whole.
    """

    source: str | Path | bytes | IO[bytes] | Mapping[str, Any] | np.ndarray
    sampling_rate: int | None = None
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Make plain what was given; see `given.plain`."""
        _settle(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Video:
    """A film: a path, encoded bytes, or frames `[n, height, width, 3]` (or a list of pictures or of files) and `fps`.

    An animated picture (GIF, WebP, PNG) is a film too: its frames are shown as long as it says.

    `audio` (samples with `sampling_rate` in Hz) is the sound track of a film given as frames; a file brings its
    own. `sound=False` ignores it.

    Of a file, `fps` is how many frames a second are read; left out, as many as the model wants. `max_frames` is the
    most, spread evenly: where it is reached, fewer a second are read. Frames of more than `max_pixels` (width x height)
    are read smaller, of fewer than `min_pixels` larger; `total_pixels` is the most that all frames together may have,
    two frames counted as one (as Qwen's models merge them); `resized` is the `(width, height)` in which they are read.
    `start` and `end`, in seconds, read a part. Times and boxes stay those of the original.

    A decoder of torchcodec gives its frames: `fps` of them a second, all where that is left out, and never more than
    `LIMITS.film_pixels` together.
    """

    source: str | Path | bytes | np.ndarray | Sequence[PILImage.Image | np.ndarray | str | Path | bytes]
    fps: float | None = None
    audio: np.ndarray | None = field(default=None, kw_only=True)
    sampling_rate: int | None = field(default=None, kw_only=True)
    sound: bool = field(default=True, kw_only=True)
    max_frames: int | None = field(default=None, kw_only=True)
    max_pixels: int | None = field(default=None, kw_only=True)
    min_pixels: int | None = field(default=None, kw_only=True)
    total_pixels: int | None = field(default=None, kw_only=True)
    resized: tuple[int, int] | None = field(default=None, kw_only=True)
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Make plain what was given; see `given.plain`."""
        _settle(self)


Part = Text | Image | Audio | Video
