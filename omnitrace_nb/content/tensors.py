"""Tensors and other arrays of other libraries, as arrays of numpy; without importing any of those libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.errors import ContentError


def is_tensor(given: object) -> bool:
    """Say whether something is a tensor, or an array of another library than numpy."""
    if isinstance(given, (np.ndarray, PILImage.Image, type)):
        return False
    return callable(getattr(given, "cpu", None)) or callable(getattr(given, "__array__", None))


def as_array(given: Any, name: str) -> np.ndarray:  # noqa: ANN401 - of any library
    """Give a tensor as an array; floats that numpy does not know (bfloat16, float8) as `float32`, which is exact.

    Raises:
        ContentError: a tensor of which no array can be made: a sparse, quantised or meta one.
    """
    try:
        array = np.asarray(_on_cpu(given))
        # numpy knows bfloat16 of jax as bytes without a meaning.
        return array.astype(np.float32) if array.dtype.name.startswith(("bfloat16", "float8")) else array
    except (TypeError, ValueError, RuntimeError, AttributeError, OverflowError, MemoryError) as error:
        raise ContentError(
            f"{name} is a {type(given).__module__}.{type(given).__qualname__} of which no array can be made "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}): give a numpy array, or a dense "
            "tensor of float32 or uint8"
        ) from error


def _on_cpu(tensor: Any) -> Any:  # noqa: ANN401 - as in as_array
    if not callable(getattr(tensor, "cpu", None)):
        return tensor
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:
        if not tensor.is_floating_point():
            raise
        return tensor.float().numpy()
