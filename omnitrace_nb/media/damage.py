"""What walks of a file's structure find: `Damage`, and numbers and checksums that several formats share."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    Bytes = bytes | mmap

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_BLOCK = 1 << 20
_LANES = 2048


class Damage(Exception):  # noqa: N818 - a finding, told as `MediaError` by `complete`
    """What a file has that no whole file has: words that can follow "is truncated or damaged:"."""


def promise(what: str, promised: int, there: int) -> None:
    """Refuse fewer bytes than a header gives."""
    if there < promised:
        raise Damage(f"{what} promises {promised:,} bytes, {max(there, 0):,} are there")


def png_chunks(data: Bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give each chunk's name, where it begins, and where its checksum does; the last one must be there."""
    place = 8
    while place + 8 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), bytes(data[place + 4 : place + 8])
        promise(f'its chunk "{name.decode("latin-1")}"', size + 12, len(data) - place)
        yield name, place, place + 8 + size
        if name == b"IEND":
            return
        place += size + 12
    raise Damage('its last chunk ("IEND") is not there')


def crc32(data: Bytes, start: int, end: int, *, value: int = 0) -> int:
    """Give the CRC-32 of PNG, ZIP and Matroska, of `data[start:end]`."""
    for place in range(start, end, _BLOCK):
        value = zlib.crc32(data[place : min(place + _BLOCK, end)], value)
    return value


def ogg_crc(page: bytes) -> int:
    """Give the checksum of an Ogg page whose own four bytes are zero.

    It is that of `crc32` over bytes whose bits are in the other order, with neither its start nor its end inverted.
    """
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{value:032b}"[::-1], 2)


def crc16(data: bytes, value: int = 0) -> int:
    """Give the CRC-16 (0x8005, lowest bit first) that LAME keeps of an MP3's frames.

    Many pieces of the data are taken at once, each byte by byte, and put together: a checksum is linear.
    """
    table = _crc16_table()
    length = len(data) // _LANES
    body = length * _LANES
    if length > 1:
        lanes = np.frombuffer(data, np.uint8, body).reshape(_LANES, length)
        each = np.zeros(_LANES, np.uint16)
        for place in range(length):
            each = (each >> 8) ^ table[(each ^ lanes[:, place]) & 0xFF]
        shifts = _after_zeros(length)
        for one in each:
            value = _combined(shifts, value) ^ int(one)
    else:
        body = 0
    for byte in data[body:]:
        value = (value >> 8) ^ int(table[(value ^ byte) & 0xFF])
    return value


def _crc16_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint16(0xA001), table >> 1)
    return table


def _after_zeros(count: int) -> list[int]:
    """Give what each bit of a checksum becomes after so many zero bytes, by squaring."""
    step = [int(_crc16_table()[1 << bit]) if bit < 8 else 1 << (bit - 8) for bit in range(16)]  # noqa: PLR2004 - bits
    shifts = [1 << bit for bit in range(16)]
    while count:
        if count & 1:
            shifts = [_combined(step, one) for one in shifts]
        step = [_combined(step, one) for one in step]
        count >>= 1
    return shifts


def _combined(columns: list[int], value: int) -> int:
    out = 0
    for bit, column in enumerate(columns):
        if value >> bit & 1:
            out ^= column
    return out
