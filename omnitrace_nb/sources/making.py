"""Making a source of a part, not yet numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import MODALITIES
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from omnitrace_nb.sources.given import Interval
    from omnitrace_nb.trace.records import PartRecord

# Bounds of bins and patches come from float32 seconds and pixels; a millionth of a bin decides no membership.
EDGE = 1e-5


def make(
    record: PartRecord,
    modality: int,
    label: str,
    positions: np.ndarray,
    *,
    box: tuple[float, ...] | None = None,
    interval: Interval | None = None,
) -> Source:
    """Give the source of some positions of a part."""
    return Source(
        id=0,
        modality=MODALITIES[modality],
        part=record.index,
        label=label,
        positions=positions.astype(np.int32),
        box=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        time=None if interval is None else (interval.t0, interval.t1),
        words="" if interval is None else interval.words,
        speaker="" if interval is None else interval.speaker,
    )


def bin_of(centres: np.ndarray, length: float, count: int) -> np.ndarray:
    """Give the bin that holds each centre; a centre past the end (padding) belongs to the last."""
    return np.clip(np.floor(centres / length + EDGE), 0, count - 1).astype(np.int64)
