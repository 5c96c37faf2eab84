"""What the pieces of a file say of one another: `ValueError`, by the name that the file has for it, where it is untrue.

`pieces.check` refuses what would make later indices wrong in any trace; a file may lie about more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.layout import MODALITIES
from omnitrace_nb.trace.pieces import check as check_shapes

if TYPE_CHECKING:
    from omnitrace_nb.trace.pieces import Pieces

# A scale by which the largest half would be beyond float32. It is its row's largest score: what is saved is at most 1.
_STEEP = np.finfo(np.float32).max / np.finfo(np.float16).max
_LOUDEST = 100  # full scale is 1
_SOURCES = {"text": ("text",), "image": ("image",), "audio": ("audio",), "video": ("video", "audio")}


def check(trace: Pieces) -> None:
    """Refuse a trace whose pieces do not fit one another."""
    check_shapes(trace)
    _check_layout(trace)
    _check_sources(trace)
    _check_response(trace)
    for name, packed in trace.packed.items():
        if not (np.isfinite(packed.scales).all() and (packed.scales > 0).all()):
            raise ValueError(f"the scales of the scores of {name!r} must be finite and above 0")
        steep = packed.scales > _STEEP
        if (np.isfinite(packed.halves[steep]) & (np.abs(packed.halves[steep]) > 1)).any():
            raise ValueError(f"the scores of {name!r} times their scales are beyond what float32 holds")


def _check_layout(trace: Pieces) -> None:
    layout = trace.layout
    _check_within(layout.part, -1, len(trace.parts), "layout_part")
    _check_within(layout.modality, 0, len(MODALITIES), "layout_modality")
    for name in ("box", "time"):
        if np.isinf(getattr(layout, name)).any():
            raise ValueError(f"layout_{name} must be finite, or NaN where there is none")
    for at, each in enumerate(trace.parts):
        if each.peaks is not None and not (np.abs(each.peaks) <= _LOUDEST).all():
            raise ValueError(f"peaks_{at} must be samples of a sound, within -{_LOUDEST} to {_LOUDEST}")
    for part, grid in layout.grids.items():
        if not 0 <= part < len(trace.parts) or max(grid) > max(len(layout), 1):
            raise ValueError(f"grids[{str(part)!r}] must be of a part, and no larger than the prompt")


def _check_sources(trace: Pieces) -> None:
    for source in trace.source_records:
        part = trace.parts[source.part]
        if source.modality not in _SOURCES[part.kind]:
            raise ValueError(f"sources[{source.id}].modality: {source.modality!r} cannot be of a part of {part.kind!r}")
        if source.chars is not None and source.chars[1] > len(part.text or ""):
            raise ValueError(f"sources[{source.id}].chars: {source.chars} lies outside the text of its part")


def _check_response(trace: Pieces) -> None:
    length = len(trace.response)
    _check_within(trace.response_record.chars, 0, length + 1, "response_chars")
    if (trace.response_record.chars[:, 0] > trace.response_record.chars[:, 1]).any():
        raise ValueError("response_chars: each token must start before it ends")
    _check_within(trace.statement_of, -1, len(trace.statement_chars), "statement_of")
    end = 0
    for at, (start, stop) in enumerate(trace.statement_chars):
        if start < end:
            raise ValueError(f"statements[{at}]: {(start, stop)} overlaps the statement before it")
        end = stop
    for at, part in enumerate(trace.parts):
        if part.kind == "text" and part.text is None:
            raise ValueError(f"parts[{at}].text is missing")


def _check_within(values: np.ndarray, low: int, stop: int, name: str) -> None:
    if values.size and not (low <= values.min() and values.max() < stop):
        raise ValueError(f"{name} must be from {low} to {stop - 1}, got {values.min()} to {values.max()}")
