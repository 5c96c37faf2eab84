"""Content that says nothing of its kind: a path, bytes, an open file, an array, a mapping of a data set, a decoder."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.content.decoders import is_film_decoder, is_sound_decoder
from omnitrace_nb.content.files import as_path, open_path
from omnitrace_nb.content.given import PLACES, array_of, as_bytes, contents, from_base64
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.parts import Audio, Image, Part, Text, Video
from omnitrace_nb.content.sniff import Kind, sniff
from omnitrace_nb.content.suffixes import is_media_name
from omnitrace_nb.content.tensors import as_array, is_tensor
from omnitrace_nb.errors import ContentError, MediaError

_CLASSES: dict[Kind, type[Image | Audio | Video]] = {"image": Image, "audio": Audio, "video": Video}
_PICTURE_AXES = {2, 3}


def bare_part(item: Any, name: str) -> Part | None:  # noqa: ANN401 - anything
    """Give the part that something is by its content alone; None for what is of no known kind.

    Raises:
        ContentError: content that does not say what it is, such as an array of samples; `MediaError` for a file that no
            part can hold.
    """
    part: Part | None = None
    if isinstance(item, os.PathLike):
        part = _path_part(item if isinstance(item, Path) else Path(os.fsdecode(item)), name)
    elif isinstance(item, (bytes, bytearray, memoryview)):
        part = _bytes_part(as_bytes(item, name), name)
    elif isinstance(item, PILImage.Image):
        part = Image(item)
    elif isinstance(item, np.ndarray):
        part = _array_part(item, name)
    elif isinstance(item, Mapping):
        part = _mapped(item, name)
    elif is_sound_decoder(item):
        part = Audio(item)
    elif is_film_decoder(item):
        part = Video(item)
    elif not isinstance(item, type) and callable(getattr(item, "read", None)):
        part = _bytes_part(contents(item, name), name)
    elif is_tensor(item):
        part = _array_part(as_array(item, name), name)
    return part


def is_bare(item: Mapping[Any, Any]) -> bool:
    """Say whether a mapping holds content without its kind, as data sets write files and recordings."""
    return any(item.get(place) is not None for place in PLACES)


def _mapped(item: Mapping[Any, Any], name: str) -> Part | None:
    """Read `{"array": ..., "sampling_rate": ...}`, or the bytes or the path of a file."""
    if item.get("array") is not None and item.get("bytes") is None:
        if item.get("sampling_rate") is not None:
            return Audio(item)
        if item.get("fps") is not None:
            return Video(item["array"], item["fps"])
        return _array_part(array_of(item["array"], name), name)
    place = next((place for place in PLACES if item.get(place) is not None), None)
    if place is None:
        return None
    value = item[place]
    if place in {"data", "base64"}:
        value = from_base64(value, name)
    elif isinstance(value, str):
        if value.startswith("data:"):
            raise ContentError(f"{name} is an address of data whose kind is not said: write ot.Image(...), for example")
        value = as_path(value, name)
    return bare_part(value, name)


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
    if text is None or is_media_name(path):
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
    if array.dtype == np.uint8 and array.ndim in _PICTURE_AXES:
        return Image(array)
    advice = {
        1: "a sound is ot.Audio(array, sampling_rate=16000)",
        4: "a film is ot.Video(array, fps=2.0)",
    }.get(array.ndim, "say what it is: ot.Image(array), ot.Audio(array, sampling_rate=...) or ot.Video(array, fps=...)")
    raise ContentError(
        f"{name} is an array of {array.dtype} with shape {array.shape}; "
        f"only uint8 of 2 or 3 dimensions is a picture as it stands: {advice}"
    )
