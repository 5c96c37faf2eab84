"""The boxes of MP4, M4A and MOV files: walked so that each fills its room, and the tables of samples in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.media.damage import Damage, promise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.media.damage import Bytes

_TOP = frozenset(
    b"ftyp styp moov moof mdat free skip wide uuid meta mfra sidx ssix prft emsg pdin udta pnot PICT junk meco imda"
    b" sefd".split()
)
_ANYWHERE = frozenset(b"free skip wide uuid udta meta".split())
# Boxes that hold boxes, and those that the standard (14496-12), QuickTime or encryption has in them.
INSIDE = {
    name: _ANYWHERE | frozenset(inside.split())
    for name, inside in {
        b"trak": b"tkhd edts mdia tref tapt load imap clip kmat matt txas crgn trgr strk prfl",
        b"mdia": b"mdhd hdlr minf elng",
        b"minf": b"vmhd smhd hmhd nmhd gmhd sthd dinf stbl hdlr code",
        b"stbl": b"stsd stts ctts cslg stsc stsz stz2 stco co64 stss stsh stps padb stdp sdtp sbgp sgpd subs saiz saio"
        b" senc cgpr tims",
        b"edts": b"elst",
        b"dinf": b"dref",
        b"traf": b"tfhd tfdt trun sdtp sbgp sgpd subs saiz saio senc",
    }.items()
}
# Boxes that end with a table: how many bytes come before its count, and how many an entry has.
_TABLES = {b"stts": (4, 8), b"ctts": (4, 8), b"stsc": (4, 12), b"stco": (4, 4), b"co64": (4, 8), b"stss": (4, 4)}
_HEADERS = {b"mvhd": 100, b"tkhd": 84, b"mdhd": 24}  # bytes of these boxes in their version 0
_HEAD = 8


@dataclass(slots=True)
class Track:
    """A track's tables, as they stand in the file; durations and times in ticks."""

    timescale: int = 0
    duration: int = 0
    shown: int = 0  # in the film's ticks
    edits: list[tuple[int, int]] = field(default_factory=list)
    tables: dict[bytes, np.ndarray] = field(default_factory=dict)
    sizes: np.ndarray | None = None
    samples: int = 0
    number: int = 0
    elsewhere: bool = False
    boxes: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Walk:
    """What a walk through a file has seen."""

    data: Bytes
    tracks: list[Track] = field(default_factory=list)
    stored: list[tuple[int, int]] = field(default_factory=list)  # where media data lies
    timescale: int = 0
    duration: int = 0
    fragmented: bool = False
    ends: dict[int, int] = field(default_factory=dict)  # of each track: the time at which its last fragment ends
    usual: dict[int, tuple[int, int]] = field(default_factory=dict)  # of each track: duration and size of a sample


def boxes(data: Bytes, place: int, limit: int, *, top: bool = False) -> Iterator[tuple[bytes, int, int, int]]:
    """Give each box's name, where its content begins and ends, and where it begins itself; they must fill the room."""
    while place < limit:
        if limit - place < _HEAD or not any(data[place : place + _HEAD]):
            # QuickTime ends lists with four zero bytes; and files may be padded.
            if ((limit - place == 4 and not top) or limit - place >= _HEAD) and not _any(data, place, limit):  # noqa: PLR2004
                return
            raise Damage(f"after its last box, at byte {place:,}, are {limit - place:,} bytes that belong to none")
        size, name, begin = (
            int.from_bytes(data[place : place + 4], "big"),
            bytes(data[place + 4 : place + 8]),
            place + 8,
        )
        if size == 1:
            size, begin = int.from_bytes(data[place + 8 : place + 16], "big"), place + 16
        elif size == 0 and top:
            size = limit - place
        if top and name not in _TOP:
            raise Damage(f'at byte {place:,} is a box "{name.decode("latin-1")}", which no film has there')
        if size < begin - place:
            raise Damage(f'its box "{name.decode("latin-1")}" at byte {place:,} is too small')
        promise(f'its box "{name.decode("latin-1")}"', size, limit - place)
        yield name, begin, place + size, place
        place += size


def _any(data: Bytes, begin: int, end: int) -> bool:
    return any(any(data[place : min(place + 65_536, end)]) for place in range(begin, end, 65_536))


def whole(data: Bytes, place: int, size: int = 4) -> int:
    """Read a whole number."""
    return int.from_bytes(data[place : place + size], "big")


def movie(walk: Walk, begin: int, end: int) -> None:
    """Read the box that describes the tracks."""
    for name, inside, stop, _ in boxes(walk.data, begin, end):
        if name == b"mvhd":
            walk.timescale, walk.duration = _clock(walk.data, name, inside, stop)
        elif name == b"trak":
            track = Track()
            _read(walk, track, name, inside, stop)
            walk.tracks.append(track)
        elif name == b"mvex":
            walk.fragmented = True
            for one, a, _, _ in boxes(walk.data, inside, stop):
                if one == b"trex":
                    walk.usual[whole(walk.data, a + 4)] = (whole(walk.data, a + 12), whole(walk.data, a + 16))


def _clock(data: Bytes, name: bytes, begin: int, end: int) -> tuple[int, int]:
    """Give the ticks a second and the duration of a header ("mvhd", "mdhd")."""
    _check_version(data, name, begin, end)
    if data[begin] == 1:
        return whole(data, begin + 20), whole(data, begin + 24, 8)
    return whole(data, begin + 12), whole(data, begin + 16)


def _check_version(data: Bytes, name: bytes, begin: int, end: int) -> None:
    """A header's version says how wide its times are, and so how long it is."""
    if data[begin] > 1 or end - begin != _HEADERS[name] + 12 * data[begin]:
        raise Damage(f'its box "{name.decode()}" has another length than its version says')


def _read(walk: Walk, track: Track, parent: bytes, begin: int, end: int) -> None:
    data = walk.data
    for name, inside, stop, at in boxes(data, begin, end):
        if name not in INSIDE[parent]:
            raise Damage(f'at byte {at:,} is a box "{name.decode("latin-1")}", which no track has there')
        track.boxes.add(name)
        if name in INSIDE:
            _read(walk, track, name, inside, stop)
        elif name == b"tkhd":
            _check_version(data, name, inside, stop)
            wide = data[inside] == 1
            track.number = whole(data, inside + (20 if wide else 12))
            track.shown = whole(data, inside + 28, 8) if wide else whole(data, inside + 20)
        elif name == b"mdhd":
            track.timescale, track.duration = _clock(data, name, inside, stop)
        elif name == b"elst":
            track.edits = _edits(data, inside, stop)
        elif name == b"dref":
            track.elsewhere = any(not data[a + 3] & 1 for _, a, _, _ in boxes(data, inside + 8, stop))
        elif name in _TABLES:
            track.tables[name] = _table(data, name, inside, stop)
        elif name in {b"stsz", b"stz2"}:
            track.samples, track.sizes = _sizes(data, name, inside, stop)


def _table(data: Bytes, name: bytes, begin: int, end: int) -> np.ndarray:
    skipped, width = _TABLES[name]
    count = whole(data, begin + skipped)
    if end - begin != skipped + 4 + count * width:
        raise Damage(f'its table "{name.decode()}" has not the {count:,} entries that it promises')
    kind = ">u8" if name == b"co64" else ">u4"
    table = np.frombuffer(data[begin + skipped + 4 : end], kind).astype(np.int64)
    return table if name in {b"stco", b"co64", b"stss"} else table.reshape(count, width // 4)


def _sizes(data: Bytes, name: bytes, begin: int, end: int) -> tuple[int, np.ndarray | None]:
    alike, count = whole(data, begin + 4), whole(data, begin + 8)
    if name == b"stz2":
        return count, None
    if alike:
        return count, np.full(count, alike, np.int64) if count <= 1 << 28 else None
    if end - begin != 12 + 4 * count:
        raise Damage(f"its table of sizes has not the {count:,} entries that it promises")
    return count, np.frombuffer(data[begin + 12 : end], ">u4").astype(np.int64)


def _edits(data: Bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """Give the duration (in the film's ticks) and start (in the track's, -1 for nothing) of each edit."""
    width, count = (20, 8) if data[begin] == 1 else (12, 4), whole(data, begin + 4)
    if end - begin != 8 + count * width[0]:
        raise Damage(f"its list of edits has not the {count:,} entries that it promises")
    edits = []
    for place in range(begin + 8, end, width[0]):
        at = int.from_bytes(data[place + width[1] : place + 2 * width[1]], "big", signed=True)
        edits.append((whole(data, place, width[1]), at))
    return edits
