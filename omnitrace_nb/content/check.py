"""What holds for every part before anything is read: kinds, roles, labels, and text that a tokenizer can take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from omnitrace_nb.content.labels import labels
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.parts import Part, Role, Text
from omnitrace_nb.errors import ContentError
from omnitrace_nb.quoting import quoted

ROLES: tuple[str, ...] = get_args(Role)
PARTS: tuple[type, ...] = get_args(Part)


def check(parts: Sequence[Part]) -> None:
    """Refuse a prompt that no model could read.

    Control characters, markup, right-to-left text and emoji are fine.

    Raises:
        ContentError: no parts, or nothing but white space; something that is no part; an unknown role; an unusable
            label, id or title, or two documents of one id; text that is empty, too long, or holds half a character (a
            lone surrogate).
    """
    if not isinstance(parts, Sequence) or isinstance(parts, (str, bytes)):
        raise ContentError(f"The parts of the prompt are {quoted(parts)}, expected a list of parts")
    if not parts:
        raise ContentError('The prompt is empty: give at least one part, such as ot.Text("What is this?")')
    for place, part in enumerate(parts, 1):
        if not isinstance(part, PARTS):
            raise ContentError(
                f"Part {place} is a {type(part).__name__}, expected ot.Text, ot.Image, ot.Audio or ot.Video"
            )
        _check_name(part.label, "label", place)
        if isinstance(part, Text):
            _check_name(part.id, "id", place)
            _check_name(part.title, "title", place)
    _check_distinct([part.id for part in parts if isinstance(part, Text) and part.id])
    for name, part in zip(labels(parts), parts, strict=True):
        check_role(part.role, name)
        if isinstance(part, Text):
            check_text(part.text, name)
    if all(isinstance(part, Text) and not part.text.strip() for part in parts):
        raise ContentError("The prompt holds nothing but white space: write what the model should read")


def check_role(role: object, name: str) -> None:
    """Refuse any role that is not one of `ROLES`; `name` says whose it is."""
    if not isinstance(role, str) or role not in ROLES:
        known = ", ".join(f'"{one}"' for one in ROLES)
        raise ContentError(f"{name} has the role {quoted(role)}; known roles are {known}")


def check_text(text: object, name: str) -> None:
    """Refuse text that is no `str`, is empty or too long, or that UTF-8 cannot write; `name` says whose it is."""
    if not isinstance(text, str):
        raise ContentError(f"{name} holds a {type(text).__name__}, expected a str")
    if not text:
        raise ContentError(f"{name} is empty: write its text, or leave the part out")
    size = len(_utf8(text, name))
    if size > LIMITS.text_bytes:
        raise ContentError(
            f"{name} has {size:,} bytes of text, the limit is {LIMITS.text_bytes:,}: "
            "give the passages that matter, as parts of their own"
        )


def _check_name(given: object, what: str, place: int) -> None:
    if given is None:
        return
    name = f"The {what} of part {place}"
    if not isinstance(given, str):
        raise ContentError(f"{name} is a {type(given).__name__}, expected a str")
    if not given.strip() or len(given) > LIMITS.label_chars:
        raise ContentError(
            f"{name} has {len(given)} characters, expected 1 to {LIMITS.label_chars}, not all white space"
        )
    _utf8(given, name)


def _check_distinct(ids: Sequence[str]) -> None:
    double = next((each for each in ids if ids.count(each) > 1), None)
    if double is not None:
        raise ContentError(f"{ids.count(double)} documents have the id {double!r}: give each an id of its own")


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ContentError(
            f"{name} holds half a character (the lone surrogate U+{code:04X}) at position {error.start} of its "
            f"{len(text):,} characters, which no tokenizer can read: delete it, or repair the text, for example with "
            'text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")'
        ) from None
