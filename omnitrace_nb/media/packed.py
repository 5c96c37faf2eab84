"""Whether a WAV, MP3 or Ogg file is whole: chunks, frames and pages that follow each other without a gap."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from omnitrace_nb.media.damage import Damage, crc16, ogg_crc, promise

if TYPE_CHECKING:
    from omnitrace_nb.media.damage import Bytes

# Programs that write WAV into a pipe cannot know its length and promise about 2 or 4 GB, or nothing.
_STREAMED = 0x7FFF_0000
_UNKNOWN = frozenset({0x7FFF_F000, 0x7FFF_FFFF, 0x7FFF_FFFE, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE})
_EXTENSIBLE, _PCM = 0xFFFE, {1: 0, 3: 0, 6: 8, 7: 8}  # codings of which every sample has the same size
_ADPCM = frozenset({2, 0x11})  # Microsoft's and IMA's
_OGG_HEADER, _OGG_BEGIN, _OGG_END = 27, 2, 4
_ID3V1 = 128  # its bytes
_LEAST_ROOM = 16  # bytes that a writer leaves empty after a tag
_TAGS = 1 << 18  # bytes at a file's end in which tags of players are looked for
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MP3_KBITS = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # [MPEG-1 or later, layer as it is written]


def check_wav(data: Bytes) -> None:
    """Refuse what no whole WAV file has: `Damage`."""
    promised, wide = int.from_bytes(data[4:8], "little"), data[:4] == b"RF64"
    place, sound, long, block = 12, False, 0, 0
    while place + 8 <= len(data) and not _tag(data, place):
        name, size = bytes(data[place : place + 4]), int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if name == b"ds64":
            long = int.from_bytes(data[place + 8 : place + 16], "little")
        elif name == b"fmt ":
            block = _wav_format(data[place : place + size])
        elif name == b"data":
            sound, there = True, len(data) - place
            size = _wav_size(size, promised, there, long if wide else 0)
            promise("its sound", size, there)
            if block and size % block:
                raise Damage(f"its sound has {size:,} bytes, which are no whole samples of {block}")
        elif not all(0x20 <= byte < 0x7F for byte in name):  # noqa: PLR2004 - printable
            raise Damage(f"at byte {place - 8:,} is no chunk where one must be")
        promise(f'its chunk "{name.decode("latin-1")}"', size, len(data) - place)
        place += size + size % 2
    if not sound:
        raise Damage("its sound (the data chunk) is not there")
    if place < len(data) and not _tag(data, place):
        raise Damage(f"after its last chunk are {len(data) - place:,} bytes that belong to none")


def _wav_size(size: int, promised: int, there: int, long: int) -> int:
    """Give the bytes of a sound: what its chunk says, what RF64 says of long ones, or all there are, of a stream."""
    if size == 0xFFFF_FFFF and long:  # noqa: PLR2004 - "see ds64"
        return long
    streamed = size >= _STREAMED > there and (promised >= _STREAMED or promised == 0)
    return there if size in _UNKNOWN or streamed or size == 0 == promised else size


def _wav_format(chunk: bytes) -> int:
    """Give the bytes of a sample of all channels, 0 where they differ; the format says it three times."""
    if len(chunk) < 16:  # noqa: PLR2004 - the least that it has
        raise Damage('its chunk "fmt " is too small')
    coding, channels, rate, each, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and len(chunk) >= 26:  # noqa: PLR2004 - the place of the coding itself
        coding = int.from_bytes(chunk[24:26], "little")
    if coding in _ADPCM and len(chunk) >= 20:  # noqa: PLR2004 - the place of the samples of a block
        lasting = int.from_bytes(chunk[18:20], "little") or 1
        if each and not 0.8 < each * lasting / max(rate * block, 1) < 1.25:  # noqa: PLR2004 - of rounded numbers
            raise Damage(f"its header gives {each:,} bytes a second, but {rate:,} samples in blocks of {lasting}")
    if coding not in _PCM:
        return 0
    width = -(-(_PCM[coding] or bits) // 8) * channels
    if block != width or each not in {0, rate * block} or not block:
        raise Damage(f"its header gives {each:,} bytes a second and {block} a sample, which do not belong together")
    return block


def _tag(data: Bytes, place: int) -> bool:
    """Say whether only tags of players follow, or zeros (of one sector at least)."""
    head = bytes(data[place : place + 8])
    if head.startswith((b"ID3", b"TAG", b"APETAGEX", b"LYRICSBE")):
        return True
    return len(data) - place >= 512 and not any(data[place : place + (1 << 16)]) and not any(data[place:])  # noqa: PLR2004


def check_ogg(data: Bytes) -> None:
    """Refuse what no whole Ogg file has: `Damage`."""
    place = 0
    last: dict[bytes, tuple[int, int]] = {}  # of each stream: its last page's number, and where it ends
    ended: dict[bytes, bool] = {}
    while place < len(data):
        header = bytes(data[place : place + _OGG_HEADER])
        if header[:4] != b"OggS" and not b"OggS".startswith(header[:4]):
            if _tag(data, place):
                break
            raise Damage(f"at byte {place:,} is no page where one must be")
        sizes = (
            bytes(data[place + _OGG_HEADER : place + _OGG_HEADER + header[26]]) if len(header) == _OGG_HEADER else b""
        )
        end = place + _OGG_HEADER + len(sizes) + sum(sizes)
        if len(header) < _OGG_HEADER or len(sizes) < header[26] or end > len(data):
            raise Damage("its last page is cut")
        page = bytes(data[place:end])
        if ogg_crc(page[:22] + bytes(4) + page[26:]) != int.from_bytes(page[22:26], "little"):
            raise Damage(f"its page at byte {place:,} does not match its checksum")
        flags, serial, number = page[5], page[14:18], int.from_bytes(page[18:22], "little")
        start = int.from_bytes(page[6:14], "little", signed=True)
        if not flags & _OGG_BEGIN and serial not in last:
            raise Damage("the first page of a stream is not there")
        # A recording of a live stream has the first pages of its headers, then those of the moment.
        if serial in last and number != last[serial][0] + 1 and last[serial][1] != 0:
            raise Damage(f"between its pages {last[serial][0]} and {number} some are not there")
        last[serial], ended[serial] = (number, max(start, 0)), bool(flags & _OGG_END)
        place = end
    if not all(ended.values()):
        raise Damage("its last page, which says that the sound ends there, is not there")


def check_mp3(data: Bytes) -> None:
    """Refuse what no whole MP3 file has: `Damage`. Files that were joined are looked at one by one."""
    place = begin = _after_id3(data, 0)
    kept: tuple[int, ...] | None = None
    frames = first = stop = 0
    while place < len(data):
        if (after := _after_tag(data, place)) > place:
            place = after
            continue
        length, kind = _mp3_frame(data[place : place + 4])
        if not length or (kept is not None and kind != kept):
            raise Damage(f"at byte {place:,} is no frame where one must be")
        promise("its last frame", length, len(data) - place)
        if frames and _xing(data, place) >= 0:
            _check_xing(data, (begin, first, stop, place), frames)
            begin, frames, first = place, 0, 0
        kept, frames, first = kind, frames + 1, first or place + length
        place = stop = place + length
    if not frames:
        raise Damage("it has no frames")
    _check_xing(data, (begin, first, stop, place), frames)


def _after_tag(data: Bytes, place: int) -> int:
    """Give where a tag of players ends that begins here (or the zeros after it), else `place`."""
    head = bytes(data[place : place + 32])
    if head.startswith(b"ID3"):
        return _after_id3(data, place)
    if head.startswith(b"TAG") and len(data) - place >= _ID3V1:
        return place + _ID3V1
    if head.startswith(b"APETAGEX"):
        size, header = int.from_bytes(head[12:16], "little"), head[23:24] and head[23] & 0x20
        return min(place + size + (32 if header else 0), len(data)) if size >= 32 else place + 32  # noqa: PLR2004
    return len(data) if _tag(data, place) else place


def _after_id3(data: Bytes, place: int) -> int:
    start = place
    while data[place : place + 3] == b"ID3":
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(data[place + 6 : place + 10], (21, 14, 7, 0), strict=False)
        )
        place += 10 + size + (10 if data[place + 5] & 0x10 else 0)
    # Writers of tags leave room after them, though never as little as one byte that slipped in.
    rest = data[place : place + 65_536]
    room = len(rest) - len(rest.lstrip(b"\0")) if place > start else 0
    return place + (room if room >= _LEAST_ROOM else 0)


def _xing(data: Bytes, place: int) -> int:
    """Give where in a frame the header of a whole MP3 begins ("Xing" or "Info"), -1 if it has none."""
    head = bytes(data[place : place + 64])
    return max(head.find(b"Xing"), head.find(b"Info"))


def _mp3_frame(head: bytes) -> tuple[int, tuple[int, ...]]:
    """Give a frame's length in bytes, 0 for none, and what all frames of a file have in common."""
    word = int.from_bytes(head, "big")
    version, layer, kbits, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or not layer or kbits in {0, 15} or rate == 3:  # noqa: PLR2004 - the standard's
        return 0, ()
    hertz = _MP3_RATES[version][rate]
    bits = _MP3_KBITS[version == 3, layer][kbits - 1] * 1000  # noqa: PLR2004 - MPEG-1
    padding = word >> 9 & 1
    mono = (word >> 6 & 3) == 3  # noqa: PLR2004 - one channel
    if layer == 3:  # noqa: PLR2004 - layer I
        return (12 * bits // hertz + padding) * 4, (version, layer, rate, mono)
    samples = 72 if layer == 1 and version != 3 else 144  # noqa: PLR2004 - layer III of MPEG-2
    return samples * bits // hertz + padding, (version, layer, rate, mono, word >> 16 & 1)


def _check_xing(data: Bytes, places: tuple[int, int, int, int], frames: int) -> None:
    """Compare with what most encoders write into a first, silent frame ("Xing" or "Info").

    `places`: where this frame begins, the next one, where the last one ends, and the tags after it.
    """
    begin, first, stop, end = places
    head, tag = bytes(data[begin:first]), _xing(data, begin)
    if tag < 0 or len(head) < tag + 8:
        return
    flags = int.from_bytes(head[tag + 4 : tag + 8], "big")
    place = tag + 8
    if flags & 1:
        promised = int.from_bytes(head[place : place + 4], "big")
        place += 4
        if promised not in {frames - 1, frames}:
            raise Damage(f"its header promises {promised:,} frames, {frames - 1:,} are there")
    if flags & 2:
        promise("its header", int.from_bytes(head[place : place + 4], "big"), end - begin)
        place += 4
    place += 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    # Encoders named here fill in all of the tag that LAME added: the frames' checksum, and its own.
    if len(head) >= place + 36 and head[place : place + 4] in {b"LAME", b"Lavf", b"Lavc"}:
        music, own = struct.unpack_from(">HH", head, place + 32)
        if own and head[place : place + 4] == b"LAME" and crc16(head[: place + 34]) != own:
            raise Damage("its header does not match its checksum")
        # mp3gain changes the loudness of frames and leaves the checksum as it was, but says so.
        tags = bytes(data[: min(begin, _TAGS)]) + bytes(data[max(first, len(data) - _TAGS) :])
        if music and own and b"MP3GAIN" not in tags.upper() and crc16(bytes(data[first:stop])) != music:
            raise Damage("its frames do not match their checksum")
