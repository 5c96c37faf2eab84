"""What a FLAC's header says of all its samples: how many there are, and their MD5."""

from __future__ import annotations

import hashlib

import numpy as np

from omnitrace_nb.errors import MediaError

_STREAMINFO = 34  # bytes


class FlacSeal:
    """Compares decoded samples with what their header promises; give it every block, in order."""

    def __init__(self, header: bytes | None, name: str) -> None:
        """Read a `STREAMINFO`; without one nothing is compared."""
        header = (header or b"").removeprefix(b"fLaC")
        header = header[4:] if len(header) >= _STREAMINFO + 4 else header
        packed = int.from_bytes(header[10:18], "big") if len(header) >= _STREAMINFO else 0
        self._name, self._taken = name, 0
        self._promised, self._bits = packed & 0xF_FFFF_FFFF, (packed >> 36 & 31) + 1
        self._md5 = header[18:34] if any(header[18:34]) else b""
        self._hash = hashlib.md5(usedforsecurity=False)

    def take(self, block: np.ndarray) -> None:
        """Take samples, `int16` or `int32 [channels, n]` at full scale."""
        self._taken += block.shape[1]
        if self._md5:
            width = -(-self._bits // 8)
            whole = block.T.astype("<i4") >> (block.dtype.itemsize * 8 - self._bits)
            self._hash.update(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :width].tobytes())

    def check(self, *, alone: bool) -> None:
        """Compare, after the last block; `alone`: the file is a FLAC, which has nothing but these samples.

        Raises:
            MediaError: fewer samples than promised, or others.
        """
        if alone and self._taken < self._promised:
            raise MediaError(
                f"{self._name} is truncated: {self._promised:,} samples are promised, {self._taken:,} are there. Copy "
                "or export it again"
            )
        # In another container a recording may have been cut without its header being written anew.
        if self._md5 and (alone or self._taken == self._promised) and self._hash.digest() != self._md5:
            raise MediaError(
                f"{self._name} is damaged: its samples do not match their checksum. Copy or export it again"
            )
