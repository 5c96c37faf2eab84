"""Chat messages and their blocks, as Hugging Face templates, datasets and the paper's samples write them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, cast

from omnitrace_nb.content.chat import Message
from omnitrace_nb.content.check import check_role, check_text
from omnitrace_nb.content.parts import Audio, Image, Part, Role, Text, Video
from omnitrace_nb.errors import ContentError

_KINDS = ("text", "image", "audio", "video")
_TYPES = {kind: kind for kind in _KINDS} | {
    "input_text": "text",
    "image_url": "image",
    "input_image": "image",
    "audio_url": "audio",
    "input_audio": "audio",
    "video_url": "video",
}
_FIELDS = ("name", "tool_calls", "tool_call_id", "tool_plan", "reasoning_content", "reasoning", "thinking")
_PLACES = ("url", "path", "base64", "bytes")
_SETTINGS = {
    "text": {"label", "id", "title"},
    "image": {"label", "max_pixels"},
    "audio": {"label", "sampling_rate", "start", "end"},
    "video": {"label", "fps", "sound", "max_frames", "max_pixels", "start", "end"},
}


def read_message(message: Mapping[str, object], name: str) -> tuple[Message, tuple[Part, ...]]:
    """Read one `{"role": ..., "content": ...}` with the parts of its content, a string or a list of blocks.

    `content` may be an empty string, and be left out where the message calls tools. What else a template reads of a
    message (`_FIELDS`) is kept as it is.

    Raises:
        ContentError: an unknown role or key, no content, or a block that cannot be read.
    """
    message = {key: value for key, value in message.items() if value is not None}
    _refuse_unknown(set(message), {"role", "content", *_FIELDS}, name)
    role = message.get("role")
    check_role(role, name)
    fields = {key: _json(message[key], f"{name} has under {key!r}") for key in _FIELDS if key in message}
    content = message.get("content")
    if content == "" or (fields and (content is None or content == [])):
        return Message(str(role), 0, fields | ({} if content is None else {"content": content})), ()
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, (list, tuple)) or not content:
        raise ContentError(f"{name} has the content {_short(content)}, expected a str or a list of blocks, not empty")
    parts = tuple(
        block_part(_as_block(block, f"{name}, block {place}"), cast("Role", role), f"{name}, block {place}")
        for place, block in enumerate(content, 1)
    )
    return Message(str(role), len(parts), fields), parts


def block_part(block: Mapping[str, object], role: Role, name: str) -> Part:
    """Give the part of one block: `{"type": "image", "image": ...}`, or `{"image": ...}` as in the paper's samples.

    Media may stand under the kind's own name, "url", "path", "base64" or "bytes", and may be all that a part takes;
    `{"array": ..., "sampling_rate": ...}` and `{"bytes": ..., "path": ...}` of the datasets library too.

    Raises:
        ContentError: an unknown type or key, or none or several contents in one block.
    """
    kind = _kind(block, name)
    places = [place for place in block if place in _PLACES or _TYPES.get(place) == kind]
    if len(places) != 1:
        raise ContentError(f'{name} of type "{kind}" has the keys {sorted(block)}; expected its content under "{kind}"')
    _refuse_unknown(set(block), {"type", places[0], *_SETTINGS[kind]}, name)
    settings: dict[str, Any] = {key: block[key] for key in _SETTINGS[kind] if key in block} | {"role": role}
    value = block[places[0]]
    if kind == "text":
        check_text(value, name)
        return Text(cast("str", value), **settings)
    source = _decoded(value, name) if places[0] == "base64" else _source(value, kind, settings, name)
    return {"image": Image, "audio": Audio, "video": Video}[kind](source, **settings)


def _as_block(block: object, name: str) -> Mapping[str, object]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    if not isinstance(block, Mapping):
        raise ContentError(
            f'{name} is a {type(block).__name__}, expected a block such as {{"type": "text", "text": ...}}'
        )
    return block


def _kind(block: Mapping[str, object], name: str) -> str:
    if "type" in block:
        kind = _TYPES.get(block["type"]) if isinstance(block["type"], str) else None
        if kind is None:
            raise ContentError(f"{name} has the type {block['type']!r}; known types are {', '.join(_KINDS)}")
        return kind
    kinds = [kind for kind in _KINDS if kind in block]
    if len(kinds) != 1:
        raise ContentError(
            f"{name} has the keys {sorted(map(str, block))}; expected exactly one of {', '.join(_KINDS)}"
        )
    return kinds[0]


def _source(value: object, kind: str, settings: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever a part takes
    """Unwrap what hides one level down: an address, a recording of the datasets library, base64 data."""
    if not isinstance(value, Mapping):
        return value
    keys = set(value)
    if kind == "audio" and {"array", "sampling_rate"} <= keys:
        settings["sampling_rate"] = value["sampling_rate"]
        return value["array"]
    if "data" in keys:
        return _decoded(value["data"], name)
    for place in ("bytes", "url", "path"):
        if value.get(place) is not None:
            return value[place]
    raise ContentError(
        f"{name} holds its {kind} as a mapping with the keys {sorted(map(str, keys))}; give a path or array"
    )


def _decoded(value: object, name: str) -> bytes:
    try:
        return base64.b64decode(cast("str", value), validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ContentError(f"{name} holds base64 data that is damaged ({error})") from error


def _refuse_unknown(keys: set[str], known: set[str], name: str) -> None:
    unknown = sorted(map(str, keys - known))
    if unknown:
        raise ContentError(f"{name} has the key {unknown[0]!r}, which is not understood; known keys: {sorted(known)}")


def _json(value: object, name: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContentError(f"{name} what JSON cannot hold ({error}): give strings, numbers, lists and dicts") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line of a message
