"""Superpixels: a picture cut into regions of like colour by SLIC (Achanta et al. 2012), through scikit-image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.sources.detections import Parcels

if TYPE_CHECKING:
    from omnitrace_nb.sources.ways import Superpixels

LONGEST_SIDE = 640  # pixels in which colours are compared: patches of models are far larger than one of these
COMPACTNESS = 10.0  # how much place counts beside colour; the usual


def superpixels(pixels: np.ndarray, way: Superpixels) -> Parcels:
    """Cut a picture, `uint8 [height, width, 3]`, into about `way.count` regions; the same picture always alike.

    Raises:
        SettingsError: scikit-image is not installed.
    """
    try:
        from skimage.segmentation import slic  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise SettingsError(
            'image="superpixels" needs scikit-image: pip install "omnitrace-nb[regions]", or give a grid: (4, 4).'
        ) from error
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    small = Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    found = slic(np.asarray(small), n_segments=way.count, compactness=COMPACTNESS, start_label=0, channel_axis=-1)
    return Parcels(found, {int(each): "" for each in np.unique(found)})
