"""The parts of a prompt: what a user writes down before anything is read from disk.

A part only *names* its content; decoding happens in `omnitrace_nb.media`, so that a wrong argument is
found at once and a large file is opened once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from PIL import Image as PILImage

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
    """Read file objects and copy tensors, so that later rooms see paths, bytes, pictures and arrays only."""
    source: Any = self.source
    if callable(getattr(source, "read", None)):
        object.__setattr__(self, "source", source.read())
    elif hasattr(source, "cpu"):
        object.__setattr__(self, "source", source.detach().cpu().numpy())


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

    An open binary file and a torch tensor are taken too, here and in `Audio` and `Video`. Of an animated picture (GIF,
    WebP, PNG) the first frame is read. A picture of more than `max_pixels` (width x height) is read smaller; boxes stay
    those of the original.
    """

    source: str | Path | bytes | IO[bytes] | PILImage.Image | np.ndarray
    max_pixels: int | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Read an open file, copy a tensor."""
        _settle(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audio:
    """A sound: a path, encoded bytes, or samples `[n]` or `[channels, n]` in -1..1 with their `sampling_rate` in Hz.

    `start` and `end`, in seconds, read a part of it; times stay those of the whole.
    """

    source: str | Path | bytes | np.ndarray
    sampling_rate: int | None = None
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Read an open file, copy a tensor."""
        _settle(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Video:
    """A film: a path, encoded bytes, or frames `[n, height, width, 3]` (or a list of pictures) with their `fps`.

    `audio` (samples with `sampling_rate` in Hz) is the sound track of a film given as frames; a file brings its
    own. `sound=False` ignores it.

    Of a file, `fps` is how many frames a second are read; left out, as many as the model wants. `max_frames` is the
    most, spread evenly: where it is reached, fewer a second are read. Frames of more than `max_pixels` (width x height)
    are read smaller. `start` and `end`, in seconds, read a part. Times and boxes stay those of the original.
    """

    source: str | Path | bytes | np.ndarray | Sequence[PILImage.Image | np.ndarray]
    fps: float | None = None
    audio: np.ndarray | None = field(default=None, kw_only=True)
    sampling_rate: int | None = field(default=None, kw_only=True)
    sound: bool = field(default=True, kw_only=True)
    max_frames: int | None = field(default=None, kw_only=True)
    max_pixels: int | None = field(default=None, kw_only=True)
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    role: Role = field(default="user", kw_only=True)

    __repr__ = _brief

    def __post_init__(self) -> None:
        """Read an open file, copy a tensor."""
        _settle(self)


Part = Text | Image | Audio | Video
