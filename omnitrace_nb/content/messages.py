"""Chat messages and their blocks, as Hugging Face templates, datasets and the paper's samples write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from omnitrace_nb.content.bare import bare_part, is_bare
from omnitrace_nb.content.chat import Message
from omnitrace_nb.content.check import check_role, check_text
from omnitrace_nb.content.given import PLACES, from_base64
from omnitrace_nb.content.parts import Audio, Image, Part, Role, Text, Video
from omnitrace_nb.content.qwen_keys import translated
from omnitrace_nb.errors import ContentError
from omnitrace_nb.quoting import quoted

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
_SETTINGS = {
    "text": {"label", "id", "title"},
    "image": {"label", "max_pixels", "min_pixels", "resized"},
    "audio": {"label", "sampling_rate", "start", "end"},
    "video": {
        *("label", "fps", "sound", "max_frames", "max_pixels", "min_pixels", "total_pixels", "resized", "start", "end"),
        *("audio", "sampling_rate"),
    },
}


def read_message(message: Mapping[str, object], name: str) -> tuple[Message, tuple[Part, ...]]:
    """Read one `{"role": ..., "content": ...}` with the parts of its content, a string or a list of blocks.

    `content` may be an empty string, and be left out where the message calls tools. What else a template reads of a
    message (`_FIELDS`) is kept as it is.

    Raises:
        ContentError: an unknown role or key, no content, or a block that cannot be read.
    """
    message = present(message, name)
    _refuse_unknown(set(message), {"role", "content", *_FIELDS}, name)
    role = message.get("role")
    check_role(role, name)
    fields = {key: _json(message[key], f"{name} has under {key!r}") for key in _FIELDS if key in message}
    content = message.get("content")
    empty = isinstance(content, (str, list, tuple)) and not content
    if (empty and isinstance(content, str)) or (fields and (content is None or empty)):
        return Message(str(role), 0, fields | ({} if content is None else {"content": content})), ()
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, (list, tuple)) or not content:
        raise ContentError(f"{name} has the content {quoted(content)}, expected a str or a list of blocks, not empty")
    parts = tuple(
        block_part(_as_block(block, f"{name}, block {place}"), cast("Role", role), f"{name}, block {place}")
        for place, block in enumerate(content, 1)
    )
    return Message(str(role), len(parts), fields), parts


def block_part(block: Mapping[str, object], role: Role, name: str) -> Part:
    """Give the part of one block: `{"type": "image", "image": ...}`, or `{"image": ...}` as in the paper's samples.

    Media may stand under the kind's own name, "url", "path", "base64", "bytes" or "array", and may be all that a part
    takes. A block that does not say its kind is what its content is. Keys of Qwen's messages are read as qwen-vl-utils
    reads them (`content.qwen_keys`), and a key that is None is not there.

    Raises:
        ContentError: an unknown type or key, or none or several contents in one block.
    """
    block = present(block, name)
    if "type" not in block and not any(kind in block for kind in _KINDS) and is_bare(block):
        bare = bare_part(block, name)
        if bare is not None:
            return replace(bare, role=role)
    kind = _kind(block, name)
    block = translated(block, kind, name)
    places = [place for place in block if place in PLACES or _TYPES.get(place) == kind]
    if set(places) == {"bytes", "path"}:  # of one file, as the datasets library writes it
        places = ["bytes"]
        block.pop("path")
    if len(places) != 1:
        raise ContentError(f'{name} of type "{kind}" has the keys {sorted(block)}; expected its content under "{kind}"')
    _refuse_unknown(set(block), {"type", places[0], *_SETTINGS[kind]}, name)
    settings: dict[str, Any] = {key: block[key] for key in _SETTINGS[kind] if key in block} | {"role": role}
    value: Any = block[places[0]]
    if kind == "text":
        check_text(value, name)
        return Text(value, **settings)
    if places[0] in {"base64", "data"}:
        value = from_base64(value, name)
    try:
        part = {"image": Image, "audio": Audio, "video": Video}[kind](value, **settings)
    except ContentError as error:
        raise type(error)(f"{name}: {error}") from error
    if isinstance(part.source, Mapping):
        raise ContentError(
            f"{name} holds its {kind} as a mapping with the keys {sorted(map(str, part.source))}; give a path or array"
        )
    return part


def present(mapping: Mapping[Any, object], name: str) -> dict[str, object]:
    """Give what is there of a message or block: Arrow gives every row all keys of its column, absent ones as None.

    Raises:
        ContentError: a key that is no string.
    """
    if wrong := [key for key in mapping if not isinstance(key, str)]:
        raise ContentError(f"{name} has the key {quoted(wrong[0])}, a {type(wrong[0]).__name__}; keys are strings")
    return {key: value for key, value in mapping.items() if not _is_absent(value)}


def _is_absent(value: object) -> bool:
    if isinstance(value, Mapping) and value:
        return all(map(_is_absent, value.values()))
    return value is None


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
            raise ContentError(f"{name} has the type {quoted(block['type'])}; known types are {', '.join(_KINDS)}")
        return kind
    kinds = [kind for kind in _KINDS if kind in block]
    if len(kinds) != 1:
        raise ContentError(
            f"{name} has the keys {sorted(map(str, block))}; expected exactly one of {', '.join(_KINDS)}"
        )
    return kinds[0]


def _refuse_unknown(keys: set[str], known: set[str], name: str) -> None:
    unknown = sorted(map(str, keys - known))
    if unknown:
        raise ContentError(
            f"{name} has the key {quoted(unknown[0])}, which is not understood; known keys: {sorted(known)}"
        )


def _json(value: object, name: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContentError(f"{name} what JSON cannot hold ({error}): give strings, numbers, lists and dicts") from error
