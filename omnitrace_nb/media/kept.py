"""Opening again what a trace keeps of its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitrace_nb.content.parts import Audio, Image, Video
from omnitrace_nb.errors import ContentError
from omnitrace_nb.media.load import load
from omnitrace_nb.media.resizing import needs_own_size

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import Media
    from omnitrace_nb.trace.records import PartRecord


def content(record: PartRecord) -> str | Media:
    """Give the text of a part, or its media decoded again.

    Raises:
        ContentError: media that the trace does not keep.
    """
    if record.kind == "text":
        return record.text or ""
    return load([part(record)])[0].content


def part(record: PartRecord, *, heard: bool = True) -> Image | Audio | Video:
    """Give a part that reads a picture, sound or film as it was read for the trace; `heard`: with a film's sound.

    Raises:
        ContentError: the trace does not keep it.
    """
    if record.media is None:
        raise ContentError(
            f"the trace does not keep {record.label}: save traces with embed_media=True, or cut while tracing."
        )
    source: Any = record.media
    start, end = record.read or (None, None)
    resized = record.read_size if record.size and needs_own_size(record.size, record.read_size) else None
    if record.kind == "image":
        return Image(source, max_pixels=record.max_pixels, resized=resized)
    if record.kind == "audio":
        return Audio(source, start=start, end=end)
    pixels, frames = record.max_pixels, record.frames
    return Video(
        source, record.fps, sound=heard, max_frames=frames, max_pixels=pixels, resized=resized, start=start, end=end
    )
