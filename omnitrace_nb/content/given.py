"""What a part is given, made plain: later rooms see paths, bytes, pictures and arrays only.

Open files are read, tensors copied, and what data sets hand out is unwrapped: a mapping of a file or of samples, a
decoder of torchcodec.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from omnitrace_nb.content.decoders import decoded_film, decoded_sound, is_film_decoder, is_sound_decoder
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.tensors import as_array, is_tensor
from omnitrace_nb.errors import ContentError, MediaError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = ("bytes", "array", "data", "base64", "url", "path")  # of a mapping, where its content may be, first one first
_BLOCK = 1 << 20
_DEEPEST = 4  # axes of what a part can hold
_NAMES = {"image": "The picture", "audio": "The sound", "video": "The film"}


def plain(source: Any, kind: Literal["image", "audio", "video"], settings: dict[str, Any]) -> Any:  # noqa: ANN401
    """Give what `source` holds as a path, an address, bytes, an array, a picture, or a list of these.

    `settings` are those of the part; what comes with the content (a sampling rate, frames a second) is put into them.
    What is of no known kind stays as it is, for `read_file` to refuse.

    Raises:
        ContentError: a text stream, a closed or unreadable one, a tensor or list of which no array can be made, damaged
            base64 data, or a setting that contradicts the one that comes with the content.
    """
    name = _NAMES[kind]
    if isinstance(source, Mapping):
        source = _unwrapped(source, settings, name)
    if kind == "audio" and is_sound_decoder(source):
        source, rate = decoded_sound(source, name)
        _settle(settings, "sampling_rate", rate, name)
    elif kind == "video" and is_film_decoder(source):
        source, settings["fps"] = decoded_film(source, settings.get("fps"), name)
    elif isinstance(source, (bytearray, memoryview)):
        source = as_bytes(source, name)
    elif callable(getattr(source, "read", None)):
        source = contents(source, name)
    elif isinstance(source, (list, tuple)):
        source = _listed(source, kind, name)
    elif is_tensor(source):
        source = as_array(source, name)
    elif isinstance(source, os.PathLike) and not isinstance(source, Path):
        source = Path(os.fsdecode(source))
    if isinstance(source, np.ndarray) and source.ndim == 0:
        raise MediaError(f"{name} is a single value, an array of {source.dtype} of shape (): give all of its values")
    return source


def as_bytes(given: bytes | bytearray | memoryview, name: str) -> bytes:
    """Give bytes of a buffer."""
    try:
        return bytes(given)
    except (ValueError, BufferError) as error:  # a memoryview that was released
        raise ContentError(f"{name} is a buffer that cannot be read ({error}): give its bytes") from error


def contents(stream: Any, name: str) -> bytes:  # noqa: ANN401 - whatever has a method read
    """Give all bytes of an open file: from its beginning where it can go there, else what is left to be read.

    A file that was opened as text is read in the bytes behind it.

    Raises:
        ContentError: a stream of text, one that is closed, or one that cannot be read.
    """
    stream = getattr(stream, "buffer", stream)
    pieces, size = [], 0
    try:
        if callable(seekable := getattr(stream, "seekable", None)) and seekable():
            stream.seek(0)
        while piece := _read(stream):
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                break
            pieces.append(bytes(piece))
            size += len(piece)
            if size > LIMITS.file_bytes:
                raise MediaError(f"{name} has more than {LIMITS.file_bytes:,} bytes, the limit: cut or compress it")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, MediaError):
            raise
        raise ContentError(
            f"{name} is an open file that cannot be read ({error}): open it with open(path, 'rb'), or give its path"
        ) from error
    if piece:
        remedy = "give the text itself, such as stream.getvalue()" if isinstance(piece, str) else "give its bytes"
        raise ContentError(
            f"{name} is a stream that gives {type(piece).__name__}, expected bytes: open a file with open(path, 'rb'); "
            f"{remedy}"
        )
    return b"".join(pieces)


def from_base64(value: Any, name: str) -> bytes:  # noqa: ANN401 - whatever was given
    """Give the bytes of base64 data."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ContentError(f"{name} holds base64 data that is damaged ({error})") from error


def _read(stream: Any) -> Any:  # noqa: ANN401 - as in contents
    return stream.read(_BLOCK)


def _unwrapped(given: Mapping[Any, Any], settings: dict[str, Any], name: str) -> Any:  # noqa: ANN401
    place = next((place for place in PLACES if given.get(place) is not None), None)
    if place is None:
        return given
    for setting in ("sampling_rate", "fps"):
        if given.get(setting) is not None and setting in settings:
            _settle(settings, setting, given[setting], name)
    value = given[place]
    return from_base64(value, name) if place in {"data", "base64"} else value


def _settle(settings: dict[str, Any], setting: str, found: object, name: str) -> None:
    given = settings.get(setting)
    if given is not None and not bool(np.all(given == found)):
        raise ContentError(
            f"{name} comes with {setting}={quoted(found)}, but {setting}={quoted(given)} was given: leave that out"
        )
    settings[setting] = found


def _listed(given: list[Any] | tuple[Any, ...], kind: str, name: str) -> Any:  # noqa: ANN401 - frames, or an array
    """Give an array of nested lists of numbers; a list of frames stays one."""
    first = given[0] if given else None
    for _ in range(_DEEPEST):  # a list may hold itself
        first = first[0] if isinstance(first, (list, tuple)) and first else first
    numbers: Callable[[object], bool] = lambda one: isinstance(one, (int, float, np.number)) or one is None  # noqa: E731
    if kind == "video" and not numbers(first):
        return [as_array(frame, name) if is_tensor(frame) else frame for frame in given]
    if kind == "video" and given == []:
        return given
    return array_of(given, name)


def array_of(given: Any, name: str) -> np.ndarray:  # noqa: ANN401 - an array, or nested lists of numbers or tensors
    """Give an array of an array of any library, or of nested lists.

    Raises:
        ContentError: no array can be made of it.
    """
    if is_tensor(given):
        return as_array(given, name)
    listed = isinstance(given, (list, tuple))
    try:
        return np.asarray([as_array(one, name) if is_tensor(one) else one for one in given] if listed else given)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ContentError(f"{name} is a list of which no array can be made ({error}): give an array") from error
