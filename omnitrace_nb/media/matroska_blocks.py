"""What Matroska's blocks are made of: numbers of variable length, frames joined in one block, and a track's times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omnitrace_nb.media.damage import Damage

if TYPE_CHECKING:
    from omnitrace_nb.media.damage import Bytes

_REORDERED = (b"V_MPEG", b"V_MS", b"V_REAL", b"V_QUICKTIME", b"V_THEORA")  # blocks come in the order of decoding


@dataclass(slots=True)
class Track:
    """A track and the times of its blocks, in the segment's unit; `each`: nanoseconds of a frame, where it is said."""

    codec: bytes
    each: int = 0
    last: int | None = None
    widest: int = 0

    def take(self, at: int, place: int) -> None:
        """Take the time of the next block, at byte `place`: it may go back only where frames are reordered."""
        if self.last is not None and not self.codec.startswith(_REORDERED):
            if at < self.last:
                raise Damage(f"the time stamp of the block at byte {place:,} lies before that of the block before it")
            self.widest = max(self.widest, at - self.last)
        self.last = at if self.last is None else max(self.last, at)


def vint(data: Bytes, place: int, end: int, *, marked: bool) -> tuple[int, int]:
    """Read a number of variable length and where it ends; -1 is "unknown", as live recordings write for sizes."""
    first = data[place] if place < end else 0
    length = 9 - first.bit_length()
    if length > (4 if marked else 8) or place + length > end:
        raise Damage(f"at byte {place:,} is no number where one must be")
    raw = int.from_bytes(data[place : place + length], "big")
    if marked:
        return raw, place + length
    value = raw - (1 << 7 * length)
    return (-1 if value == (1 << 7 * length) - 1 else value), place + length


def check_laces(data: Bytes, place: int, end: int) -> None:
    """Refuse several frames in one block, whose flags are at `place`, of sizes that do not fill it."""
    lacing = data[place] >> 1 & 3
    if not lacing:
        return
    place += 1
    count = data[place] + 1
    place += 1
    if lacing == 2:  # noqa: PLR2004 - all of one size
        if (end - place) % count:
            raise Damage(f"the frames of the block at byte {place:,} do not fill it")
        return
    total = size = 0
    for index in range(count - 1):
        if lacing == 1:
            size = 0
            while place < end and data[place] == 0xFF:  # noqa: PLR2004 - more follows
                size, place = size + 0xFF, place + 1
            size, place = size + (data[place] if place < end else 0), place + 1
        else:
            start = place
            value, place = vint(data, place, end, marked=False)
            size = value if index == 0 else size + value - ((1 << (7 * (place - start) - 1)) - 1)
        total += size
        if size < 0 or place + total >= end:
            raise Damage(f"the frames of the block at byte {place:,} do not fit into it")
