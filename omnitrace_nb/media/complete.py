"""Whether a file holds all that it promises: decoders rather give less than refuse a file cut short."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from omnitrace_nb.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from mmap import mmap

    from omnitrace_nb.content.files import File

    Bytes = bytes | mmap

# Programs that write WAV into a pipe cannot know its length and promise about 2 or 4 GB.
_STREAMED = 0x7FFF_0000
_MATROSKA_SEGMENT = 0x1853_8067
_OGG_HEADER = 27
_OGG_END = 4


def refuse_incomplete(file: File) -> None:
    """Refuse a file that ends before the end that its own header gives.

    Raises:
        MediaError: saying what is missing, as far as the format tells. JPEG and GIF are left to their decoder.
    """
    checks: dict[str, Callable[[Bytes], str | None]] = {
        "png": _png,
        "wav": _wav,
        "webp": _webp,
        "mov": _mp4,
        "matroska": _matroska,
        "mp3": _mp3,
        "ogg": _ogg,
    }
    find = checks.get(file.found.reader)
    if find is None:
        return
    with file.viewed() as data:
        missing = find(data)
    if missing:
        raise MediaError(f"{file.name} is truncated: {missing}. Copy or export it again")


def flac_samples(data: Bytes) -> int | None:
    """Give the number of samples that a FLAC's header promises; None where it does not say."""
    start = data.find(b"fLaC") + 8
    if start + 18 > len(data):
        return None
    return int.from_bytes(data[start + 13 : start + 18], "big") & 0xF_FFFF_FFFF or None


def _short(what: str, promised: int, there: int) -> str | None:
    return f"{what} promises {promised:,} bytes, {max(there, 0):,} are there" if there < promised else None


def _png(data: Bytes) -> str | None:
    place = 8
    while place + 8 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if missing := _short(f'its chunk "{name.decode("latin-1")}"', size + 12, len(data) - place):
            return missing
        if name == b"IEND":
            return None
        place += size + 12
    return 'its last chunk ("IEND") is not there'


def _wav(data: Bytes) -> str | None:
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if name == b"data":
            return None if size >= _STREAMED else _short("its sound", size, len(data) - place)
        place += size + size % 2
    return "its sound (the data chunk) is not there"


def _webp(data: Bytes) -> str | None:
    return _short("its header", int.from_bytes(data[4:8], "little"), len(data) - 8)


def _mp4(data: Bytes) -> str | None:
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size == 0:
            return None
        name = data[place + 4 : place + 8].decode("latin-1")
        if missing := _short(f'its box "{name}"', size, len(data) - place):
            return missing
        place += max(size, 8)
    return None


def _matroska(data: Bytes) -> str | None:
    place = 0
    while place < len(data):
        name, place = _number(data, place, keep_marker=True)
        size, place = _number(data, place, keep_marker=False)
        if size is None or size < 0 or place > len(data):
            return None
        if name == _MATROSKA_SEGMENT:
            return _short("its segment", size, len(data) - place)
        place += size
    return "its segment is not there"


def _number(data: Bytes, place: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """Read a Matroska number of variable length; None for "unknown", as live recordings write."""
    first = data[place] if place < len(data) else 0
    length = 9 - first.bit_length()
    raw = int.from_bytes(data[place : place + length], "big")
    value = raw if keep_marker else raw - (1 << 7 * length)
    return (None if not keep_marker and value == (1 << 7 * length) - 1 else value), place + length


def _mp3(data: Bytes) -> str | None:
    """Compare with the length that most encoders write into a first, silent frame ("Xing" or "Info")."""
    start = 0
    if data[:3] == b"ID3":
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False))
    head = data[start : start + 64]
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0 or len(head) < tag + 16:
        return None
    flags, *numbers = struct.unpack_from(">III", head, tag + 4)
    has_frames, has_bytes = flags & 1, flags & 2
    return _short("its header", numbers[1 if has_frames else 0], len(data) - start) if has_bytes else None


def _ogg(data: Bytes) -> str | None:
    ended: dict[bytes, bool] = {}
    for flags, serial, complete in _ogg_pages(data):
        if not complete:
            return "its last page is cut"
        ended[serial] = bool(flags & _OGG_END)
    return None if all(ended.values()) else "its last page, which says that the sound ends there, is not there"


def _ogg_pages(data: Bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Give each page's flags, its stream's number, and whether it is complete."""
    place = 0
    while data[place : place + 4] == b"OggS":
        header = data[place : place + _OGG_HEADER]
        segments = header[26] if len(header) == _OGG_HEADER else 0
        sizes = data[place + _OGG_HEADER : place + _OGG_HEADER + segments]
        end = place + _OGG_HEADER + segments + sum(sizes)
        yield (
            header[5] if len(header) > 5 else 0,  # noqa: PLR2004 - the flags' place
            header[14:18],
            len(header) == _OGG_HEADER and len(sizes) == segments and end <= len(data),
        )
        place = end
