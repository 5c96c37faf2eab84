"""Turning whatever a user gives into parts."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.content.chat import Chat, Message, answered, messages_of
from omnitrace_nb.content.check import check
from omnitrace_nb.content.files import open_path
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.messages import block_part, read_message
from omnitrace_nb.content.parts import Audio, Image, Part, Text, Video
from omnitrace_nb.content.samples import Sample, is_sample, sample_parts
from omnitrace_nb.content.sniff import Kind, sniff
from omnitrace_nb.errors import ContentError, MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLASSES: dict[Kind, type[Image | Audio | Video]] = {"image": Image, "audio": Audio, "video": Video}
_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"),
        *("wav", "flac", "mp3", "ogg", "oga", "opus", "m4a"),
        *("mp4", "webm", "mkv", "mov", "avi"),
    )
)
_LONGEST_NAME = 255


def as_parts(content: object) -> tuple[Part, ...]:
    """Give the parts of a prompt written in any accepted form.

    Accepted, alone or in a list: `Text`, `Image`, `Audio`, `Video`; a string (always text: a file is
    `ot.Image("a.png")` or `pathlib.Path("a.png")`, and a string that names a media file on disk is warned about); a
    `pathlib.Path` (a file, read as what its content is: picture, sound, film or UTF-8 text); encoded bytes, or an open
    binary file; a `PIL.Image`; a `uint8` array of 2 or 3 dimensions (a picture; sounds and films need `ot.Audio` and
    `ot.Video`, which take a rate). Also a list of chat messages as Hugging Face writes them (`as_chat` gives what they
    hold besides parts), a sample of the paper's own code (`samples.sample_parts` says in which order it is read), and a
    `Sample` of `read_samples`.

    Raises:
        ContentError: an empty prompt, something of another kind, or an unusable part; see `check`.
        MediaError: a path or bytes of which no part can be made.

    Example:
        >>> as_parts(["Compare:", Image("a.png"), {"image": "b.png"}])[0]
        Text('Compare:')
    """
    _warn_of_files(content, stacklevel=3)
    parts, _ = _read(content)
    check(parts)
    return parts


def as_chat(content: object) -> tuple[tuple[Part, ...], Chat | None]:
    """Give the parts of a prompt, and the messages that they belong to; arguments and errors as of `as_parts`.

    An assistant's last text is no part of the prompt: the response goes on from it. The chat is None for parts that
    were given without messages, unless the last of them is such a text.
    """
    _warn_of_files(content, stacklevel=3)
    parts, messages = _read(content)
    if messages is None and parts and getattr(parts[-1], "role", None) == "assistant":
        messages = messages_of(parts)
    chat = None
    if messages is not None:
        parts, chat = answered(parts, messages)
    check(parts)
    return parts, chat


def _warn_of_files(content: object, *, stacklevel: int) -> None:
    for text in filter(_names_a_file, content if isinstance(content, (list, tuple)) else [content]):
        warnings.warn(
            f"{text!r} is read as text, though a file of that name exists: write ot.Image, ot.Audio or ot.Video "
            "(or pathlib.Path) for the file, ot.Text for the text",
            stacklevel=stacklevel,
        )


def _read(content: object) -> tuple[tuple[Part, ...], tuple[Message, ...] | None]:
    if isinstance(content, Sample):
        return content.parts, None
    if isinstance(content, Mapping):
        if is_sample(content):
            return sample_parts(content), None
        return _chat([content], ["The message"]) if "role" in content else ((_part(content, "The prompt"),), None)
    if not isinstance(content, (list, tuple)):
        return (_part(content, "The prompt"),), None
    roles = [isinstance(item, Mapping) and "role" in item for item in content]
    if any(roles):
        if not all(roles):
            raise ContentError(
                f"Item {roles.index(False) + 1} of the prompt is no chat message, but others are: "
                'give messages only ({"role": ..., "content": ...}), or parts only'
            )
        return _chat(content, [f"Message {place}" for place in range(1, len(content) + 1)])
    return tuple(_part(item, f"Item {place} of the prompt") for place, item in enumerate(content, 1)), None


def _chat(
    content: Sequence[Mapping[str, object]], names: Sequence[str]
) -> tuple[tuple[Part, ...], tuple[Message, ...]]:
    read = [read_message(message, name) for message, name in zip(content, names, strict=True)]
    return tuple(part for _, parts in read for part in parts), tuple(message for message, _ in read)


def _part(item: object, name: str) -> Part:
    part: Part
    match item:
        case Text() | Image() | Audio() | Video():
            part = item
        case str():
            part = Text(item)
        case Path():
            part = _path_part(item, name)
        case bytes() | bytearray() | memoryview():
            part = _bytes_part(bytes(item), name)
        case io.IOBase():
            part = _bytes_part(item.read(), name)
        case PILImage.Image():
            part = Image(item)
        case np.ndarray():
            part = _array_part(item, name)
        case Mapping():
            part = block_part(item, "user", name)
        case list() | tuple():
            raise ContentError(f"{name} is a list inside a list: one prompt is one flat list of parts")
        case _:
            raise ContentError(
                f"{name} is a {type(item).__module__}.{type(item).__qualname__}; expected a str, ot.Text, ot.Image, "
                "ot.Audio, ot.Video, pathlib.Path, PIL.Image, uint8 array, bytes, chat messages, or a list of these"
            )
    return part


def _path_part(path: Path, name: str) -> Part:
    name = f"{name} ({path.name})"
    with open_path(path, name) as stream:
        found = sniff(stream, name)
        if found.kind:
            return _CLASSES[found.kind](path)
        stream.seek(0)
        data = stream.read(LIMITS.text_bytes + 1)
    try:
        text = data.decode("utf-8-sig") if len(data) <= LIMITS.text_bytes else None
    except UnicodeDecodeError:
        text = None
    if text is None or path.suffix.lower() in _SUFFIXES:
        raise MediaError(f"{name} holds {found.what}, which no part can hold. {found.advice}")
    return Text(text)


def _bytes_part(data: bytes, name: str) -> Part:
    name = f"{name} ({len(data):,} bytes)"
    if not data:
        raise MediaError(f"{name} is empty: give the encoded bytes of a picture, sound or film")
    found = sniff(io.BytesIO(data), name)
    if not found.kind:
        raise MediaError(f"{name} holds {found.what}, which no part can hold (text is a str). {found.advice}")
    return _CLASSES[found.kind](data)


def _array_part(array: np.ndarray, name: str) -> Part:
    if array.dtype == np.uint8 and array.ndim in {2, 3}:
        return Image(array)
    advice = {
        1: "a sound is ot.Audio(array, sampling_rate=16000)",
        4: "a film is ot.Video(array, fps=2.0)",
    }.get(array.ndim, "say what it is: ot.Image(array), ot.Audio(array, sampling_rate=...) or ot.Video(array, fps=...)")
    raise ContentError(
        f"{name} is an array of {array.dtype} with shape {array.shape}; "
        f"only uint8 of 2 or 3 dimensions is a picture as it stands: {advice}"
    )


def _names_a_file(item: object) -> bool:
    """Say whether a string surely means a file: a model would be asked about the letters of its name."""
    if not isinstance(item, str) or len(item) > _LONGEST_NAME or "\0" in item:
        return False
    return Path(item).suffix.lower() in _SUFFIXES and Path(item).is_file()
