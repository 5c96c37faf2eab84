"""Loading a prompt: every part is opened and checked first, then every part is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from omnitrace_nb.content.check import check
from omnitrace_nb.content.labels import labels
from omnitrace_nb.content.parts import Audio, Image, Part, Text, Video
from omnitrace_nb.errors import ContentError
from omnitrace_nb.media.films import open_film
from omnitrace_nb.media.loaded import Film, LoadedPart, MediaNeeds, Opened
from omnitrace_nb.media.pictures import open_picture
from omnitrace_nb.media.resizing import Size, frame_limit
from omnitrace_nb.media.sounds import open_sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import Media

_PLURALS = {"text": "text", "image": "pictures", "audio": "sounds", "video": "films"}


def load(
    parts: Sequence[Part],
    needs: MediaNeeds | None = None,
    modalities: Sequence[str] = ("text", "image", "audio", "video"),
) -> tuple[LoadedPart, ...]:
    """Check and decode the parts of a prompt.

    All parts are opened and their headers checked before the first is decoded, so that a mistake in the last one
    shows at once.

    Args:
        parts: as `content.as_parts` gives them.
        needs: the sampling rate (Hz) and frame rate that the model wants.
        modalities: what the model reads. A film's sound track is left out where it does not read sound.

    Raises:
        ContentError: see `content.check`; or a kind of part that the model does not read.
        MediaError: a part that is missing, damaged, empty, too large, or not what it says.
    """
    needs = needs or MediaNeeds()
    check(parts)
    names = labels(parts)
    for name, part in zip(names, parts, strict=True):
        _check_modality(part, name, modalities)
    opened = [
        None if isinstance(part, Text) else _open(part, name, needs, sound="audio" in modalities)
        for name, part in zip(names, parts, strict=True)
    ]
    return tuple(_loaded(index, part, media) for index, (part, media) in enumerate(zip(parts, opened, strict=True)))


def _check_modality(part: Part, name: str, modalities: Sequence[str]) -> None:
    kind = type(part).__name__.lower()
    if kind not in modalities:
        reads = ", ".join(_PLURALS[known] for known in _PLURALS if known in modalities)
        raise ContentError(
            f"{name} is a part for {_PLURALS[kind]}, but this model reads only {reads}: "
            "leave it out, or load a model that reads it"
        )


def _open(part: Image | Audio | Video, name: str, needs: MediaNeeds, *, sound: bool) -> Opened:
    if isinstance(part, Audio):
        return open_sound(part, name, needs)
    size = Size.of(part, name)
    opened = open_picture(part, name, needs) if isinstance(part, Image) else open_film(part, name, needs, sound=sound)

    def decode() -> Media:
        content = opened.decode()
        most = frame_limit(part, content)
        if isinstance(part, Video) and isinstance(content, Film) and most and content.frames[0, :, :, 0].size > most:
            # How many frames share `total_pixels` is known only now.
            content = open_film(replace(part, max_pixels=most), name, needs, sound=sound).decode()
        return size.apply(content)

    return replace(opened, decode=decode)


def _loaded(index: int, part: Part, opened: Opened | None) -> LoadedPart:
    if isinstance(part, Text):
        return LoadedPart(index, part, part.text, hashlib.sha256(part.text.encode()).hexdigest())
    if opened is None:
        raise TypeError("only text has nothing to open")
    return LoadedPart(index, part, opened.decode(), opened.sha256, opened.original, opened.mime)
