"""Whether an MP4, M4A or MOV file is whole: its boxes fill it, and its tables of samples agree with each other.

MP4 has no checksums. But the tables say everything twice: how many samples there are, how long they last, where they
lie and how large they are.
"""

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
_BOXES = {  # boxes that hold boxes, and how many bytes come before these
    b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"edts": 0, b"dinf": 0, b"mvex": 0, b"moof": 0,
    b"traf": 0, b"mfra": 0,
}  # fmt: skip
# Boxes that end with a table: how many bytes come before its count, and how many an entry has.
_TABLES = {b"stts": (4, 8), b"ctts": (4, 8), b"stsc": (4, 12), b"stco": (4, 4), b"co64": (4, 8), b"stss": (4, 4)}
_UNKNOWN = {0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}
_ROUNDED = 2  # ticks by which a rounded duration may differ
_HEAD = 8
_MANY = 1 << 24  # samples of a track that are looked at one by one: days of film


@dataclass(slots=True)
class _Track:
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


@dataclass(slots=True)
class _Walk:
    data: Bytes
    tracks: list[_Track] = field(default_factory=list)
    stored: list[tuple[int, int]] = field(default_factory=list)  # where media data lies
    timescale: int = 0
    duration: int = 0
    fragmented: bool = False
    ends: dict[int, int] = field(default_factory=dict)  # of each track: the time at which its last fragment ends
    usual: dict[int, tuple[int, int]] = field(default_factory=dict)  # of each track: duration and size of a sample


def check_mp4(data: Bytes) -> None:
    """Refuse what no whole MP4 file has: `Damage`."""
    walk = _Walk(data)
    pieces = []
    for name, begin, end, at in _boxes(data, 0, len(data), top=True):
        if name == b"mdat":
            walk.stored.append((begin, end))
        pieces.append((name, begin, end, at))
    for name, begin, end, at in pieces:
        if name == b"moov":
            _movie(walk, begin, end)
        elif name == b"moof":
            _fragment(walk, begin, end, at)
    for track in walk.tracks:
        _check_track(walk, track)
    _check_places(walk)


def _boxes(data: Bytes, place: int, limit: int, *, top: bool = False) -> Iterator[tuple[bytes, int, int, int]]:
    """Give each box's name, where its content begins and ends, and where it begins itself; they must fill the room."""
    while place < limit:
        if limit - place < _HEAD or not any(data[place : place + _HEAD]):
            # QuickTime ends lists with four zero bytes; and files may be padded.
            if (limit - place == 4 and not top or limit - place >= _HEAD) and not _any(data, place, limit):  # noqa: PLR2004
                return
            raise Damage(f"after its last box, at byte {place:,}, are {limit - place:,} bytes that belong to none")
        size, name, begin = int.from_bytes(data[place : place + 4], "big"), bytes(data[place + 4 : place + 8]), place + 8
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


def _int(data: Bytes, place: int, size: int = 4) -> int:
    return int.from_bytes(data[place : place + size], "big")


def _movie(walk: _Walk, begin: int, end: int) -> None:
    for name, inside, stop, _ in _boxes(walk.data, begin, end):
        if name == b"mvhd":
            walk.timescale, walk.duration = _clock(walk.data, inside)
        elif name == b"trak":
            track = _Track()
            _read(walk, track, inside, stop)
            walk.tracks.append(track)
        elif name == b"mvex":
            walk.fragmented = True
            for one, a, _, _ in _boxes(walk.data, inside, stop):
                if one == b"trex":
                    walk.usual[_int(walk.data, a + 4)] = (_int(walk.data, a + 12), _int(walk.data, a + 16))


def _clock(data: Bytes, begin: int) -> tuple[int, int]:
    """Give the ticks a second and the duration of a header ("mvhd", "mdhd")."""
    if data[begin] == 1:
        return _int(data, begin + 20), _int(data, begin + 24, 8)
    return _int(data, begin + 12), _int(data, begin + 16)


def _read(walk: _Walk, track: _Track, begin: int, end: int) -> None:
    data = walk.data
    for name, inside, stop, _ in _boxes(data, begin, end):
        if name in _BOXES:
            _read(walk, track, inside, stop)
        elif name == b"tkhd":
            wide = data[inside] == 1
            track.number = _int(data, inside + (20 if wide else 12))
            track.shown = _int(data, inside + 28, 8) if wide else _int(data, inside + 20)
        elif name == b"mdhd":
            track.timescale, track.duration = _clock(data, inside)
        elif name == b"elst":
            track.edits = _edits(data, inside, stop)
        elif name == b"dref":
            track.elsewhere = any(not data[a + 3] & 1 for _, a, _, _ in _boxes(data, inside + 8, stop))
        elif name in _TABLES:
            track.tables[name] = _table(data, name, inside, stop)
        elif name in {b"stsz", b"stz2"}:
            track.samples, track.sizes = _sizes(data, name, inside, stop)


def _table(data: Bytes, name: bytes, begin: int, end: int) -> np.ndarray:
    skipped, width = _TABLES[name]
    count = _int(data, begin + skipped)
    if end - begin != skipped + 4 + count * width:
        raise Damage(f'its table "{name.decode()}" has not the {count:,} entries that it promises')
    kind = ">u8" if name == b"co64" else ">u4"
    table = np.frombuffer(data[begin + skipped + 4 : end], kind).astype(np.int64)
    return table if name in {b"stco", b"co64", b"stss"} else table.reshape(count, width // 4)


def _sizes(data: Bytes, name: bytes, begin: int, end: int) -> tuple[int, np.ndarray | None]:
    alike, count = _int(data, begin + 4), _int(data, begin + 8)
    if name == b"stz2":
        return count, None
    if alike:
        return count, np.full(count, alike, np.int64) if count <= 1 << 28 else None
    if end - begin != 12 + 4 * count:
        raise Damage(f"its table of sizes has not the {count:,} entries that it promises")
    return count, np.frombuffer(data[begin + 12 : end], ">u4").astype(np.int64)


def _edits(data: Bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """Give the duration (in the film's ticks) and start (in the track's, -1 for nothing) of each edit."""
    width, count = (20, 8) if data[begin] == 1 else (12, 4), _int(data, begin + 4)
    if end - begin != 8 + count * width[0]:
        raise Damage(f"its list of edits has not the {count:,} entries that it promises")
    edits = []
    for place in range(begin + 8, end, width[0]):
        at = int.from_bytes(data[place + width[1] : place + 2 * width[1]], "big", signed=True)
        edits.append((_int(data, place, width[1]), at))
    return edits


def _check_track(walk: _Walk, track: _Track) -> None:
    """Compare a track's tables with each other."""
    count, tables = track.samples, track.tables
    stts = tables.get(b"stts", np.zeros((0, 2), np.int64))
    for name, what in ((b"stts", "durations"), (b"ctts", "times")):
        if name in tables and tables[name].size and (total := int(tables[name][:, 0].sum())) != count:
            raise Damage(f"it has {count:,} samples in a track, but {what} of {total:,}")
    sync = tables.get(b"stss", np.zeros(0, np.int64))
    if sync.size and (sync[0] < 1 or sync[-1] > count or (np.diff(sync) <= 0).any()):
        raise Damage("its table of key frames names frames that are not there")
    if walk.fragmented:
        return
    lasting = _durations(track, stts)
    slack = max(_ROUNDED, track.timescale // 1000)
    steady = len(stts) <= 2 and min(abs(track.duration - one) for one in lasting) > slack  # noqa: PLR2004 - see below
    # Of frames that last differently, muxers count the last in decoding or in showing.
    if track.duration not in _UNKNOWN and (
        steady or not min(lasting) - slack <= track.duration <= max(lasting) + slack
    ):
        raise Damage(f"a track promises {track.duration:,} ticks, its samples last {lasting[0]:,}")
    _check_edits(walk, track, lasting)


def _durations(track: _Track, stts: np.ndarray) -> tuple[int, ...]:
    """Give how long a track's samples last: by decoding, without the last, by showing, and from the first shown on."""
    if not len(stts) or track.samples > _MANY:
        return ((stts[:, 0] * stts[:, 1]).sum(),) if len(stts) else (0,)
    each = np.repeat(stts[:, 1], stts[:, 0])
    total = int(each.sum())
    ctts = track.tables.get(b"ctts")
    shift = 0 if ctts is None else np.repeat(ctts[:, 1].astype(np.int32).astype(np.int64), ctts[:, 0])
    starts = np.cumsum(each) - each + shift
    first, last, end = int(starts.min()), int(starts.max()), int((starts + each).max())
    return total, total - int(each[-1]), end, end - first, last, last - first


def _check_edits(walk: _Walk, track: _Track, lasting: tuple[int, ...]) -> None:
    """Compare what is shown of a track with what it has, and with the film's own duration."""
    if not walk.timescale or not track.timescale or track.shown in _UNKNOWN or not lasting[0]:
        return
    tick = 1 / walk.timescale
    slack = _ROUNDED * max(tick, 1 / track.timescale) + 1e-3
    shown, whole = track.shown * tick, [one / track.timescale for one in lasting]
    if track.edits:
        edited = sum(length for length, _ in track.edits) * tick
        if edited and abs(edited - shown) > slack:
            raise Damage(f"a track promises {shown:g} s, its edits {edited:g} s")
        if any(start > max(lasting) for _, start in track.edits):
            raise Damage("an edit of a track begins after its end")
    elif min(abs(shown - one) for one in whole) > slack:
        raise Damage(f"a track promises {shown:g} s, its samples last {whole[0]:g} s")
    if walk.duration not in _UNKNOWN and shown > walk.duration * tick + slack:
        raise Damage(f"the film promises {walk.duration * tick:g} s, a track of it {shown:g} s")


def _check_places(walk: _Walk) -> None:
    """Refuse samples that lie outside the media data, or over each other."""
    extents = [_extents(track) for track in walk.tracks if not track.elsewhere and track.sizes is not None]
    if not extents or walk.fragmented or not walk.stored:
        return
    joined = np.concatenate(extents)
    joined = joined[joined[:, 0] < joined[:, 1]]
    joined = joined[np.argsort(joined[:, 0], kind="stable")]
    stored = np.array(sorted(walk.stored), np.int64)
    inside = np.searchsorted(stored[:, 0], joined[:, 0], side="right") - 1
    if (inside < 0).any() or (joined[:, 1] > stored[np.maximum(inside, 0), 1]).any():
        raise Damage("its tables name samples that do not lie in its media data")
    if (joined[1:, 0] < joined[:-1, 1]).any():
        raise Damage("its tables name samples that lie over each other")


def _extents(track: _Track) -> np.ndarray:
    """Give where each chunk of samples begins and ends: `[chunks, 2]`."""
    chunks = track.tables.get(b"co64", track.tables.get(b"stco", np.zeros(0, np.int64)))
    runs = track.tables.get(b"stsc", np.zeros((0, 3), np.int64))
    if track.sizes is None or not chunks.size:
        if track.samples:
            raise Damage("its tables do not say where its samples lie")
        return np.zeros((0, 2), np.int64)
    if not len(runs) or runs[0, 0] != 1 or (np.diff(runs[:, 0]) <= 0).any() or runs[-1, 0] > chunks.size:
        raise Damage("its table of chunks is out of order")
    lengths = np.diff(np.append(runs[:, 0], chunks.size + 1))
    each = np.repeat(runs[:, 1], lengths)
    if int(each.sum()) != track.samples:
        raise Damage(f"it has {track.samples:,} samples in a track, but chunks of {int(each.sum()):,}")
    total = np.append(0, np.cumsum(track.sizes))
    stops = np.cumsum(each)
    return np.stack([chunks, chunks + total[stops] - total[stops - each]], axis=1)


def _fragment(walk: _Walk, begin: int, end: int, at: int) -> None:
    """Walk a fragment: its samples lie in media data, and it begins where the one before it ended."""
    for name, inside, stop, _ in _boxes(walk.data, begin, end):
        if name == b"traf":
            _run(walk, inside, stop, at)


def _run(walk: _Walk, begin: int, end: int, at: int) -> None:
    data, base, number, place = walk.data, at, 0, 0
    lasting = size = 0
    for name, inside, stop, _ in _boxes(data, begin, end):
        flags = _int(data, inside) & 0xFF_FFFF
        if name == b"tfhd":
            number, place = _int(data, inside + 4), inside + 8
            lasting, size = walk.usual.get(number, (0, 0))
            if number not in {track.number for track in walk.tracks}:
                raise Damage(f"a fragment belongs to a track {number}, which is not there")
            if flags & 1:
                base = _int(data, place, 8)
            place += 8 * (flags & 1) + 4 * (flags >> 1 & 1)
            if flags & 8:  # noqa: PLR2004 - this and the next two: flags of the standard (14496-12, 8.8.7)
                lasting, place = _int(data, place), place + 4
            if flags & 0x10:  # noqa: PLR2004
                size, place = _int(data, place), place + 4
            if place + 4 * (flags >> 5 & 1) != stop:
                raise Damage("the header of a fragment has another length than it promises")
        elif name == b"tfdt":
            start = _int(data, inside + 4, 8 if data[inside] == 1 else 4)
            if start + _ROUNDED < walk.ends.get(number, 0):
                raise Damage("a fragment begins before the one before it ends")
            walk.ends[number] = start
        elif name == b"trun":
            _samples(walk, (inside, stop), flags, base, number, (lasting, size))


def _samples(
    walk: _Walk, room: tuple[int, int], flags: int, base: int, number: int, usual: tuple[int, int]
) -> None:
    data, (begin, stop) = walk.data, room
    count, place = _int(data, begin + 4), begin + 8
    offset = 0
    if flags & 1:
        offset, place = int.from_bytes(data[place : place + 4], "big", signed=True), place + 4
    place += 4 * (flags >> 2 & 1)
    has = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    if stop - place != 4 * sum(has) * count:
        raise Damage(f"a fragment has not the {count:,} samples that it promises")
    entries = np.frombuffer(data[place:stop], ">u4").astype(np.int64).reshape(count, sum(has)) if any(has) else None
    lasting = int(entries[:, 0].sum()) if has[0] and entries is not None else usual[0] * count
    size = int(entries[:, int(has[0])].sum()) if has[1] and entries is not None else usual[1] * count
    walk.ends[number] = walk.ends.get(number, 0) + lasting
    first = base + offset
    if flags & 1 and not any(low <= first and first + size <= high for low, high in walk.stored):
        raise Damage("a fragment names samples that do not lie in its media data")
