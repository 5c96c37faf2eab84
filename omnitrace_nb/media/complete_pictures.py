"""Whether a picture file holds the whole picture, in formats whose decoders would rather give less than refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.errors import MediaError

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from omnitrace_nb.content.files import File

_CODESTREAM_END = b"\xff\xd9"
_SUBFILE, _REDUCED, _DNG = 254, 1, 50706  # tags of TIFF, and the bit for "a smaller version of another picture"


def refuse_cut(data: bytes, file: File) -> None:
    """Refuse a JPEG 2000 picture without its end, of which the decoder would give a blurred one."""
    if file.found.reader == "JPEG2000" and not data.rstrip(b"\0").endswith(_CODESTREAM_END):
        raise MediaError(f"{file.name} is truncated: the mark of its end is not there. Copy or export it again")


def refuse_preview(image: PILImage.Image, name: str) -> None:
    """Refuse a camera's raw file: it is a TIFF whose first picture is a small preview."""
    tags = getattr(image, "tag_v2", {})
    if _DNG in tags or tags.get(_SUBFILE, 0) == _REDUCED:
        raise MediaError(
            f"{name} is a TIFF whose first picture is but a preview of another, as in raw files of cameras: export it "
            "as TIFF, PNG or JPEG"
        )
