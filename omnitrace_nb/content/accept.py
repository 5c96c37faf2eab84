"""Turning whatever a user gives into parts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from omnitrace_nb.content.bare import bare_part
from omnitrace_nb.content.chat import Chat, Message, answered, messages_of
from omnitrace_nb.content.check import check
from omnitrace_nb.content.messages import block_part, read_message
from omnitrace_nb.content.parts import Audio, Image, Part, Text, Video
from omnitrace_nb.content.samples import Sample, is_sample, sample_parts
from omnitrace_nb.content.suffixes import is_media_name
from omnitrace_nb.errors import ContentError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_NAME = 255


def as_parts(content: object) -> tuple[Part, ...]:
    """Give the parts of a prompt written in any accepted form.

    Accepted, alone or in a list: `Text`, `Image`, `Audio`, `Video`; a string (always text: a file is
    `ot.Image("a.png")` or `pathlib.Path("a.png")`, and a string that names a media file on disk is warned about); a
    `pathlib.Path` (a file, read as what its content is: picture, sound, film or UTF-8 text); encoded bytes, or an open
    binary file; a `PIL.Image`; a `uint8` array of 2 or 3 dimensions (a picture; sounds and films need `ot.Audio` and
    `ot.Video`, which take a rate); what a column of the datasets library gives (`{"bytes": ..., "path": ...}`,
    `{"array": ..., "sampling_rate": ...}`, a decoder). Also a list of chat messages as Hugging Face writes them
    (`as_chat` gives what they hold besides parts), a sample of the paper's own code (`samples.sample_parts` says in
    which order it is read), and a `Sample` of `read_samples`.

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
        parts: object = content.parts
        if not isinstance(parts, (list, tuple)) or not all(isinstance(each, Part) for each in parts):
            raise ContentError(f"The sample's parts are {quoted(parts)}, expected a list of ot.Text, ot.Image, ...")
        return tuple(parts), None
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
    if isinstance(item, (Text, Image, Audio, Video)):
        return item
    if isinstance(item, str):
        return Text(item)
    if isinstance(item, Mapping):
        return block_part(item, "user", name)
    if isinstance(item, (list, tuple)):
        raise ContentError(f"{name} is a list inside a list: one prompt is one flat list of parts")
    part = bare_part(item, name)
    if part is None:
        raise ContentError(
            f"{name} is a {type(item).__module__}.{type(item).__qualname__}; expected a str, ot.Text, ot.Image, "
            "ot.Audio, ot.Video, pathlib.Path, PIL.Image, uint8 array, bytes, chat messages, or a list of these"
        )
    return part


def _names_a_file(item: object) -> bool:
    """Say whether a string surely means a file: a model would be asked about the letters of its name."""
    if not isinstance(item, str) or len(item) > _LONGEST_NAME or "\0" in item:
        return False
    return is_media_name(item) and Path(item).is_file()
