"""Arrays as bytes and back: `.npy` without pickle, taken only in the type and shape that is expected."""

from __future__ import annotations

import io

import numpy as np


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
    buffer = io.BytesIO(data)
    version = np.lib.format.read_magic(buffer)
    if version != (1, 0):
        raise ValueError(f"array format {version}")
    found, fortran, kind = np.lib.format.read_array_header_1_0(buffer)
    fits = len(found) == len(shape) and all(want in (None, got) for want, got in zip(shape, found, strict=True))
    if kind != np.dtype(dtype) or fortran or not fits:
        raise ValueError(f"an array is {kind} {found}, expected {dtype} {shape}")
    count = int(np.prod(found, dtype=object)) if found else 1
    if count * kind.itemsize != len(data) - buffer.tell():
        raise ValueError("an array is shorter or longer than it says")
    return np.frombuffer(data, kind, count, buffer.tell()).reshape(found).copy()
