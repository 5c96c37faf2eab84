"""Whether an MP4, M4A or MOV file is whole: its boxes fill it, and its tables of samples agree with each other.

MP4 has no checksums. But the tables say everything twice: how many samples there are, how long they last, where they
lie and how large they are. A file in fragments says each time once, and each fragment where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.media.damage import Damage
from omnitrace_nb.media.mp4_boxes import INSIDE, Walk, boxes, movie, whole
from omnitrace_nb.media.mp4_tables import ROUNDED, check_places, check_shifts, check_track

if TYPE_CHECKING:
    from omnitrace_nb.media.damage import Bytes


def check_mp4(data: Bytes) -> None:
    """Refuse what no whole MP4 file has: `Damage`."""
    walk = Walk(data)
    pieces = []
    for name, begin, end, at in boxes(data, 0, len(data), top=True):
        if name == b"mdat":
            walk.stored.append((begin, end))
        pieces.append((name, begin, end, at))
    for name, begin, end, at in pieces:
        if name == b"moov":
            movie(walk, begin, end)
        elif name == b"moof":
            fragment(walk, begin, end, at)
    for track in walk.tracks:
        check_track(walk, track)
    check_places(walk)


def fragment(walk: Walk, begin: int, end: int, at: int) -> None:
    """Walk a fragment: its samples lie in media data, and it begins where the one before it ended."""
    for name, inside, stop, _ in boxes(walk.data, begin, end):
        if name == b"traf":
            _run(walk, inside, stop, at)


def _run(walk: Walk, begin: int, end: int, at: int) -> None:
    """Walk what a fragment has of one track."""
    data, base, number, usual = walk.data, at, 0, (0, 0)
    for name, inside, stop, spot in boxes(data, begin, end):
        if name not in INSIDE[b"traf"]:
            raise Damage(f'at byte {spot:,} is a box "{name.decode("latin-1")}", which no fragment has there')
        if name == b"tfhd":
            number, base, usual = _header(walk, inside, stop, at)
        elif name == b"tfdt":
            start = whole(data, inside + 4, 8 if data[inside] == 1 else 4)
            if start + ROUNDED < walk.ends.get(number, 0):
                raise Damage("a fragment begins before the one before it ends")
            walk.ends[number] = start
        elif name == b"trun":
            lasting = _samples(walk, (inside, stop), base, usual)
            walk.ends[number] = walk.ends.get(number, 0) + lasting


def _header(walk: Walk, begin: int, end: int, base: int) -> tuple[int, int, tuple[int, int]]:
    """Give the track of a fragment, where offsets count from, and its samples' usual duration and size."""
    data, flags = walk.data, whole(walk.data, begin) & 0xFF_FFFF
    number, place = whole(data, begin + 4), begin + 8
    if number not in {track.number for track in walk.tracks}:
        raise Damage(f"a fragment belongs to a track {number}, which is not there")
    lasting, size = walk.usual.get(number, (0, 0))
    # Which fields follow, the flags say (14496-12, 8.8.7): an offset, a description, a duration, a size, more flags.
    if flags & 1:
        base = whole(data, place, 8)
    place += 8 * (flags & 1) + 4 * (flags >> 1 & 1)
    if flags >> 3 & 1:
        lasting, place = whole(data, place), place + 4
    if flags >> 4 & 1:
        size, place = whole(data, place), place + 4
    if place + 4 * (flags >> 5 & 1) != end:
        raise Damage("the header of a fragment has another length than it promises")
    return number, base, (lasting, size)


def _samples(walk: Walk, room: tuple[int, int], base: int, usual: tuple[int, int]) -> int:
    """Walk a run of samples, which must lie in media data; give how long they last, in ticks."""
    data, (begin, stop) = walk.data, room
    flags, count, place = whole(data, begin) & 0xFF_FFFF, whole(data, begin + 4), begin + 8
    offset = 0
    if flags & 1:
        offset, place = int.from_bytes(data[place : place + 4], "big", signed=True), place + 4
    place += 4 * (flags >> 2 & 1)
    has = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]  # a duration, size, flags, shift of each
    if stop - place != 4 * sum(has) * count:
        raise Damage(f"a fragment has not the {count:,} samples that it promises")
    entries = np.frombuffer(bytes(data[place:stop]), ">u4").astype(np.int64).reshape(count, sum(has))
    each = entries[:, 0] if has[0] else np.full(1, usual[0])
    if has[3] and count:
        check_shifts(entries[:, -1].astype(np.int32), int(each.max()))
    size = int(entries[:, int(has[0])].sum()) if has[1] else usual[1] * count
    first = base + offset
    if flags & 1 and not any(low <= first and first + size <= high for low, high in walk.stored):
        raise Damage("a fragment names samples that do not lie in its media data")
    return int(each.sum()) if has[0] else usual[0] * count
