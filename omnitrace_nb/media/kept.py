"""Opening again what a trace keeps of its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitrace_nb.content.parts import Audio, Image, Video
from omnitrace_nb.errors import ContentError
from omnitrace_nb.media.load import load

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import Media
    from omnitrace_nb.trace.records import PartRecord

_CLASSES: dict[str, Any] = {"image": Image, "audio": Audio, "video": Video}


def content(record: PartRecord) -> str | Media:
    """Give the text of a part, or its media decoded again.

    Raises:
        ContentError: media that the trace does not keep.
    """
    if record.kind == "text":
        return record.text or ""
    if record.media is None:
        raise ContentError(
            f"the trace does not keep {record.label}: save traces with embed_media=True, or cut while tracing."
        )
    return load([_CLASSES[record.kind](record.media)])[0].content
