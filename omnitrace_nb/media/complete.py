"""Whether a file holds all that it promises: decoders rather give less than refuse a file that is cut or damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.damage import Damage, png_chunks, promise
from omnitrace_nb.media.matroska import check_matroska
from omnitrace_nb.media.mp4 import check_mp4
from omnitrace_nb.media.packed import check_mp3, check_ogg, check_wav

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.content.files import File
    from omnitrace_nb.media.damage import Bytes


def refuse_incomplete(file: File) -> None:
    """Refuse a file that ends before the end that its own header gives, or whose parts do not fit together.

    Raises:
        MediaError: saying what is missing or wrong, as far as the format tells. JPEG and GIF are left to their decoder.
    """
    checks: dict[str, Callable[[Bytes], None]] = {
        "png": _check_png,
        "wav": check_wav,
        "webp": _check_webp,
        "mov": check_mp4,
        "matroska": check_matroska,
        "mp3": check_mp3,
        "ogg": check_ogg,
    }
    check = checks.get(file.found.reader)
    if check is None:
        return
    try:
        with file.viewed() as data:
            check(data)
    except Damage as damage:
        raise MediaError(f"{file.name} is truncated or damaged: {damage}. Copy or export it again") from damage


def _check_png(data: Bytes) -> None:
    for _ in png_chunks(data):
        pass


def _check_webp(data: Bytes) -> None:
    promise("its header", int.from_bytes(data[4:8], "little"), len(data) - 8)
