"""Arrays as bytes and back: `.npy` without pickle, taken only in the type and shape that is expected."""

from __future__ import annotations

import ast
import io
import math

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_START = len(_MAGIC) + 2


def dump(array: np.ndarray) -> bytes:
    """Give an array as the bytes of an `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def load(data: bytes, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Read an array of exactly this type and shape (None for any length).

    The header is compared before memory is taken for what it claims.

    Raises:
        ValueError: another type or shape, or not the bytes that the header claims.
    """
    at = _START + int.from_bytes(data[len(_MAGIC) : _START], "little")
    kind = np.dtype(dtype)
    try:
        header = ast.literal_eval(data[_START:at].decode("ascii"))
        found = header["shape"]
        fits = len(found) == len(shape) and all(want in {None, got} for want, got in zip(shape, found, strict=True))
        right = fits and header["descr"] == kind.str and header["fortran_order"] is False
    except (SyntaxError, TypeError, KeyError) as error:
        raise ValueError("an array has no readable header") from error
    if not data.startswith(_MAGIC) or not right:
        raise ValueError(f"an array is {header!r}, expected {dtype} {shape}")
    if math.prod(found) * kind.itemsize != len(data) - at:
        raise ValueError("an array is shorter or longer than it says")
    return np.frombuffer(data, kind, offset=at).reshape(found).copy()
