"""Packs: a JSON header and typed arrays as one run of bytes, so that a view is a few traits, whatever it shows.

A pack is `[u32 length][deflate(u32 length of the header, header, arrays)]`, little-endian; each array starts at a
multiple of 8 bytes after the header's end, itself so aligned. Packs may follow each other. `js/src/pack.js` reads them.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTH = struct.Struct("<I")
ALIGNMENT = 8
DTYPES = frozenset({"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<f8"})


def pack(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Give one pack of plain JSON values and arrays.

    Raises:
        ValueError: a document that is not JSON (NaN is not), or an array of a type that browsers do not have.

    Example:
        >>> unpack(pack({"a": 1}, {"b": np.arange(3, dtype="<i4")}))[0][1]["b"].tolist()
        [0, 1, 2]
    """
    directory, body, at = {}, [], 0
    for name, array in arrays.items():
        kind = array.dtype.str
        if kind not in DTYPES:
            raise ValueError(f"array {name!r} has type {kind}; browsers read {', '.join(sorted(DTYPES))}")
        data = np.ascontiguousarray(array).tobytes()
        directory[name] = {"dtype": kind[1:], "shape": list(array.shape), "offset": at}
        body += [data, bytes(-len(data) % ALIGNMENT)]
        at += len(data) + len(body[-1])
    header = json.dumps(
        {"document": document, "arrays": directory}, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    ).encode("utf-8", "replace")
    header += b" " * (-(LENGTH.size + len(header)) % ALIGNMENT)
    packed = zlib.compress(b"".join([LENGTH.pack(len(header)), header, *body]), 6)
    return LENGTH.pack(len(packed)) + packed


def unpack(data: bytes) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Give the documents and arrays of packs that follow each other."""
    packs, at = [], 0
    while at < len(data):
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        plain = zlib.decompress(data[at : at + length])
        at += length
        (header_length,) = LENGTH.unpack_from(plain)
        start = LENGTH.size + header_length
        header = json.loads(plain[LENGTH.size : start])
        arrays = {}
        for name, each in header["arrays"].items():
            count = int(np.prod(each["shape"], dtype=np.int64))
            array = np.frombuffer(plain, f"<{each['dtype']}", count, start + each["offset"])
            arrays[name] = array.reshape(each["shape"])
        packs.append((header["document"], arrays))
    return packs
