"""Whether a Matroska or WebM file is whole: every element, block, checksum and time stamp, by the file's structure.

WebM has no checksums, and demuxers pass over what they cannot read. But every element says where it ends, and there
the next one must begin: a byte more or less anywhere shifts all that follows it.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omnitrace_nb.media.damage import Damage, crc32, promise
from omnitrace_nb.media.matroska_blocks import Track, check_laces, vint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.media.damage import Bytes

_EBML, _SEGMENT, _CLUSTER, _VOID, _CRC = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xEC, 0xBF
_INFO, _TRACKS, _TRACK, _CUES, _CUE = 0x1549A966, 0x1654AE6B, 0xAE, 0x1C53BB6B, 0xBB
_TIME, _SIMPLE, _GROUP, _BLOCK, _CUE_AT = 0xE7, 0xA3, 0xA0, 0xA1, 0xB7
_NUMBER, _TYPE, _CODEC, _PRIVATE, _DELAY, _DEFAULT = 0xD7, 0x83, 0x86, 0x63A2, 0x56AA, 0x23E383
_SCALE, _DURATION, _CUE_TIME, _CUE_PLACE, _DOCUMENT = 0x2AD7B1, 0x4489, 0xB3, 0xF1, 0x4282
_SHOWN_FOR = 0x9B


def _ids(text: str) -> frozenset[int]:
    return frozenset(int(word, 16) for word in text.split()) | {_VOID, _CRC}


# The elements that RFC 9559 knows (and DivX, before it) inside each element whose children change what is decoded.
_CHILDREN = {
    _SEGMENT: _ids("114D9B74 1549A966 1654AE6B 1F43B675 1C53BB6B 1941A469 1043A770 1254C367"),
    _CLUSTER: _ids("E7 5854 A7 AB A3 A0 AF"),
    _GROUP: _ids("A1 A2 75A1 9B FA FB FD A4 75A2 8E AF C8"),
    _INFO: _ids("73A4 7384 3CB923 3C83AB 3EB923 3E83BB 4444 6924 2AD7B1 4489 4461 7BA9 4D80 5741"),
    _TRACKS: _ids("AE"),
    _TRACK: _ids(
        "D7 73C5 83 B9 88 55AA 55AB 55AC 55AD 55AE 55AF 9C 6DE7 6DF8 23E383 234E7A 23314F 537F 55EE 41E4 536E 22B59C "
        "22B59D 86 63A2 258688 7446 3A9697 3B4040 26B240 AA 6FAB 56AA 56BB 6624 E0 E1 E2 6D80 C0 C1 C6 C7 C4"
    ),
    0xE0: _ids("9A 9D 53B8 53C0 53B9 B0 BA 54AA 54BB 54CC 54DD 54B0 54BA 54B2 54B3 2EB524 2FB523 2383E3 55B0 7670"),
    0xE1: _ids("B5 78B5 9F 7D7B 6264 52F1"),
    _CUES: _ids("BB"),
    _CUE: _ids("B3 B7"),
    _CUE_AT: _ids("F7 F1 F0 B2 5378 EA DB"),
}
_SHALLOW = frozenset({0x114D9B74, 0x1941A469, 0x1043A770, 0x1254C367, 0x6D80})  # only their children's ends matter
_SLACK = 0.1  # seconds by which muxers differ on where the last frame ends
_TYPES = {b"V_": 1, b"A_": 2, b"S_": 0x11, b"B_": 0x12}
_OPUS_HEAD, _OPUS_RATE = b"OpusHead", 48_000


@dataclass(slots=True)
class _Walk:
    """What a walk has seen; times are in the segment's own unit, `scale` nanoseconds."""

    data: Bytes
    tracks: dict[int, Track] = field(default_factory=dict)
    clusters: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    cues: list[tuple[int, list[int]]] = field(default_factory=list)
    scale: int = 1_000_000
    duration: float | None = None
    end: int = 0
    base: int = 0
    closed: bool = True
    webm: bool = False


def check_matroska(data: Bytes) -> None:
    """Refuse what no whole Matroska file has: `Damage`."""
    walk, place, segments = _Walk(data), 0, 0
    while place < len(data):
        name, begin, end = _element(data, place, len(data))
        if name == _EBML and end is not None:
            walk.webm = any(
                data[a:b].startswith(b"webm") for one, a, b in _children(walk, begin, end) if one == _DOCUMENT
            )
        elif name == _SEGMENT:
            segments += 1
            _segment(walk, begin, end)
        elif name != _VOID or end is None:
            raise Damage(f"at byte {place:,} is something that belongs to no part of the file")
        place = len(data) if end is None else end
    if not segments:
        raise Damage("its segment is not there")


def _element(data: Bytes, place: int, limit: int) -> tuple[int, int, int | None]:
    """Give an element's name, where its content begins and ends; None for "until something else begins"."""
    name, begin = vint(data, place, limit, marked=True)
    size, begin = vint(data, begin, limit, marked=False)
    if size < 0 and name in {_SEGMENT, _CLUSTER}:
        return name, begin, None
    if size < 0 or begin + size > limit:
        inside = f"its element {name:X} at byte {place:,}" if name != _SEGMENT else "its segment"
        promise(inside, size if size >= 0 else limit, limit - begin)
    return name, begin, begin + size


def _children(walk: _Walk, begin: int, end: int, parent: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Give the elements inside one, whose ends must fit; a checksum in front is compared."""
    known, place = _CHILDREN.get(parent or 0), begin
    while place < end:
        name, inside, stop = _element(walk.data, place, end)
        if stop is None or (known is not None and name not in known):
            raise Damage(f"at byte {place:,} is an element {name:X}, which has no place there")
        if name == _CRC and place == begin and stop - inside == 4:  # noqa: PLR2004 - a CRC-32's bytes
            if crc32(walk.data, stop, end) != int.from_bytes(walk.data[inside:stop], "little"):
                raise Damage(f"the bytes from {begin:,} to {end:,} do not match their checksum")
        else:
            yield name, inside, stop
        place = stop


def _segment(walk: _Walk, begin: int, end: int | None) -> None:
    walk.base, walk.closed = begin, end is not None
    place, limit = begin, len(walk.data) if end is None else end
    while place < limit:
        name, inside, stop = _element(walk.data, place, limit)
        if name not in _CHILDREN[_SEGMENT]:
            if name == _EBML and end is None and place > begin:
                raise Damage(f"a second film begins at byte {place:,}, joined without its header being rewritten")
            raise Damage(f"at byte {place:,} is an element {name:X}, which has no place there")
        if name == _CLUSTER:
            place = _cluster(walk, place, inside, stop, limit)
            continue
        if stop is None:
            raise Damage(f"the element {name:X} at byte {place:,} has no end")
        _part(walk, name, inside, stop)
        place = stop
    _check_times(walk)


def _part(walk: _Walk, name: int, begin: int, end: int) -> None:
    """Read what is said once: about the whole, the tracks, and where clusters lie."""
    if name in _SHALLOW:
        for _ in _children(walk, begin, end):
            pass
    for child, inside, stop in _children(walk, begin, end, name) if name in _CHILDREN else ():
        if child == _SCALE:
            walk.scale = int.from_bytes(walk.data[inside:stop], "big")
        elif child == _DURATION:
            walk.duration = _real(walk.data[inside:stop])
        elif child == _TRACK:
            _track(walk, inside, stop)
        elif child == _CUE:
            _cue(walk, inside, stop)
    if name == _INFO:
        _check_scale(walk)


def _track(walk: _Walk, begin: int, end: int) -> None:
    said: dict[int, bytes] = {}
    for name, inside, stop in _children(walk, begin, end, _TRACK):
        said[name] = bytes(walk.data[inside:stop])
        if name in _CHILDREN or name in _SHALLOW:
            for _ in _children(walk, inside, stop, name):
                pass
    number, kind, each = (int.from_bytes(said.get(name, b""), "big") for name in (_NUMBER, _TYPE, _DEFAULT))
    track = Track(said.get(_CODEC, b"").rstrip(b"\0"), each)
    if not number or number in walk.tracks:
        raise Damage("two of its tracks have one number, or one has none")
    if _TYPES.get(track.codec[:2], kind) != kind or not track.codec:
        raise Damage(f"its track {number} is of another kind than its coding {track.codec.decode('latin-1')!r}")
    walk.tracks[number] = track
    private = said.get(_PRIVATE, b"")
    if private.startswith(_OPUS_HEAD) and _DELAY in said:
        skipped, delay = (
            int.from_bytes(private[10:12], "little") / _OPUS_RATE,
            int.from_bytes(said[_DELAY], "big") / 1e9,
        )
        if abs(skipped - delay) > 1 / _OPUS_RATE:
            raise Damage(f"its sound begins {skipped:g} s late by one header, {delay:g} s by another")


def _cue(walk: _Walk, begin: int, end: int) -> None:
    time, places = 0, []
    for name, inside, stop in _children(walk, begin, end, _CUE):
        if name == _CUE_TIME:
            time = int.from_bytes(walk.data[inside:stop], "big")
        elif name == _CUE_AT:
            places += [
                int.from_bytes(walk.data[a:b], "big")
                for one, a, b in _children(walk, inside, stop, _CUE_AT)
                if one == _CUE_PLACE
            ]
    walk.cues.append((time, places))


def _cluster(walk: _Walk, at: int, begin: int, end: int | None, limit: int) -> int:
    """Walk a cluster; give where it ends, which a live one does not say."""
    time: int | None = None
    stop = _cluster_end(walk, begin, limit) if end is None else end
    for name, inside, after in _children(walk, begin, stop, _CLUSTER):
        if name == _TIME:
            time = int.from_bytes(walk.data[inside:after], "big")
        elif name == _SIMPLE:
            _block(walk, at, time, inside, after)
        elif name == _GROUP:
            _group(walk, at, time, inside, after)
    return stop


def _cluster_end(walk: _Walk, begin: int, limit: int) -> int:
    """Give where a live cluster ends: where something begins that no cluster holds."""
    stop = begin
    while stop < limit:
        name, _, after = _element(walk.data, stop, limit)
        if after is None or (name in _CHILDREN[_SEGMENT] and name not in {_VOID, _CRC}):
            return stop
        stop = after
    return stop


def _group(walk: _Walk, cluster: int, time: int | None, begin: int, end: int) -> None:
    """Walk a block that says more of itself, such as how long it is shown."""
    blocks, shown = [], 0
    for name, inside, stop in _children(walk, begin, end, _GROUP):
        if name == _BLOCK:
            blocks.append((inside, stop))
        elif name == _SHOWN_FOR:
            shown = int.from_bytes(walk.data[inside:stop], "big")
    if len(blocks) != 1:
        raise Damage(f"at byte {begin:,} is a group of {len(blocks)} blocks")
    walk.end = max(walk.end, _block(walk, cluster, time, *blocks[0]) + shown)


def _block(walk: _Walk, cluster: int, time: int | None, begin: int, end: int) -> int:
    """Walk a block; give its time."""
    number, place = vint(walk.data, begin, end, marked=False)
    track = walk.tracks.get(number)
    if track is None:
        raise Damage(f"at byte {begin:,} is a block of a track that is not there")
    if time is None or place + 3 >= end:
        raise Damage(f"at byte {begin:,} is a block without a time or without content")
    at = time + struct.unpack(">h", walk.data[place : place + 2])[0]
    check_laces(walk.data, place + 2, end)
    track.take(at, begin)
    walk.clusters[cluster].add(at)
    walk.end = max(walk.end, at)
    return at


def _check_scale(walk: _Walk) -> None:
    """WebM is written in milliseconds (rarely another power of ten); any other unit is a damaged number."""
    if walk.scale < 1 or (walk.webm and 10 ** round(math.log10(walk.scale)) != walk.scale):
        raise Damage(f"its unit of time is {walk.scale:,} ns, which no WebM has")


def _check_times(walk: _Walk) -> None:
    """Compare the time stamps with the file's index and with the duration that it gives."""
    starts = {place - walk.base: times for place, times in walk.clusters.items()}
    for time, places in walk.cues:
        if any(place in starts and time not in starts[place] for place in places):
            raise Damage("its index gives other times than its frames")
    if walk.duration is None or not walk.end or not walk.closed:
        return
    unit = walk.scale / 1e9
    longest = max((max(one.widest * unit, one.each / 1e9) for one in walk.tracks.values()), default=0.0)
    promised, last = walk.duration * unit, walk.end * unit
    if not last - 2 * unit - 1e-3 <= promised <= last + longest + _SLACK:
        raise Damage(f"it promises {promised:g} s, but its last frame begins at {last:g} s")


def _real(value: bytes) -> float | None:
    return struct.unpack(">f" if len(value) == 4 else ">d", value)[0] if len(value) in {4, 8} else None  # noqa: PLR2004
