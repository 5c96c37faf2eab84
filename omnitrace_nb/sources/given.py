"""The user's own pieces: spans of text, regions of pictures, intervals of time, checked against their part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.speech.transcript import Segment

if TYPE_CHECKING:
    from omnitrace_nb.trace.records import PartRecord

LONGEST_QUOTE = 60  # characters
_SLACK = 0.05  # seconds: a transcript's last word may end a little after its sound


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region of a picture: its box in pixels, its mask `bool [height, width]` if it has one, its label."""

    box: tuple[float, float, float, float]
    mask: np.ndarray | None
    label: str


def pieces_of(given: Any, record: PartRecord, records: Sequence[PartRecord]) -> Sequence[Any] | None:  # noqa: ANN401 - a user's
    """Give a part's own pieces out of what a user gave for its kind; None if there are none for it.

    Raises:
        SettingsError: a part that is not there or of another kind, or a bare list where several parts are of the kind.
    """
    same = [each for each in records if each.kind == record.kind]
    if isinstance(given, Mapping):
        for key in given:
            if not any(key in {each.index, each.label} for each in same):
                there = ", ".join(f"{each.index} ({each.label})" for each in same)
                raise SettingsError(f"sources are given for part {key!r}, but the {record.kind} parts are {there}.")
        return next((given[key] for key in (record.index, record.label) if key in given), None)
    asked = [each for each in same if each.role == "user"]
    texts = record.kind == "text"
    owner = (asked or same)[0] if texts else same[0]
    if len(same) > 1 and not texts:
        raise SettingsError(
            f"a list of own sources needs one {record.kind} part, but there are {len(same)}: give a mapping from part "
            f"to list, such as {{{same[0].label!r}: [...]}}."
        )
    return given if owner is record else None


def span(piece: Any, record: PartRecord) -> tuple[int, int, str]:  # noqa: ANN401 - a user's
    """Read `(start, end)` or `(start, end, label)` in characters."""
    length = len(record.text or "")
    match piece:
        case [Integral() as first, Integral() as stop, *label] if len(label) <= 1:
            start, end = int(first), int(stop)
            if not 0 <= start < end <= length:
                raise SettingsError(
                    f"span ({start}, {end}) of {record.label} is outside its {length} characters, or empty."
                )
            return start, end, str(label[0]) if label else f"characters {start}-{end}"
    raise SettingsError(f"{piece!r} is no span of {record.label}; give (start, end) or (start, end, label).")


def interval(piece: Any, record: PartRecord) -> tuple[float, float, str]:  # noqa: ANN401 - a user's
    """Read `(t0, t1)` or `(t0, t1, label)` in seconds, or a segment of a transcript."""
    duration = record.duration or 0.0
    if isinstance(piece, Segment):
        piece = (
            piece.t0,
            piece.t1,
            " ".join(filter(None, (piece.speaker and f"{piece.speaker}:", quoted(piece.text)))),
        )
    match piece:
        case [Real() as first, Real() as last, *label] if len(label) <= 1:
            start, end = float(first), float(last)
            if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end and start < duration):
                raise SettingsError(
                    f"interval ({start:g}, {end:g}) s of {record.label} is empty, negative or beyond its "
                    f"{duration:g} s; give 0 <= t0 < t1."
                )
            if end > duration + max(_SLACK, 0.01 * duration):
                raise SettingsError(f"interval ({start:g}, {end:g}) s ends after the {duration:g} s of {record.label}.")
            return start, min(end, duration), str(label[0]) if label else ""
    raise SettingsError(f"{piece!r} is no interval of {record.label}; give (t0, t1) or (t0, t1, label), in seconds.")


def quoted(text: str) -> str:
    """Give the beginning of what was said, in quotes."""
    line = " ".join(text.split())
    short = line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return f"\N{LEFT DOUBLE QUOTATION MARK}{short}\N{RIGHT DOUBLE QUOTATION MARK}"


def region(piece: Any, record: PartRecord, number: int) -> Region:  # noqa: ANN401 - a user's
    """Read a box, or a mapping with a box or a mask, and a label."""
    width, height = record.size or (0, 0)
    if isinstance(piece, Mapping):
        unknown = set(piece) - {"box", "mask", "label", "score"}
        if unknown or not {"box", "mask"} & set(piece):
            raise SettingsError(f"region {number} of {record.label} has {sorted(piece)}; give box or mask, and label.")
        label = str(piece.get("label", f"region {number}"))
        if piece.get("mask") is not None:
            return _masked(np.asarray(piece["mask"]), label, record)
        return Region(_box(piece["box"], record, width, height), None, label)
    if isinstance(piece, np.ndarray) and piece.ndim == 2:  # noqa: PLR2004 - height and width
        return _masked(piece, f"region {number}", record)
    return Region(_box(piece, record, width, height), None, f"region {number}")


def _box(given: Any, record: PartRecord, width: int, height: int) -> tuple[float, float, float, float]:  # noqa: ANN401
    numbers = given.tolist() if isinstance(given, np.ndarray) else given
    match numbers:
        case [Real(), Real(), Real(), Real()]:
            left, top, right, bottom = map(float, numbers)
            if not all(map(math.isfinite, (left, top, right, bottom))) or not (left < right and top < bottom):
                raise SettingsError(
                    f"box {tuple(numbers)} of {record.label} is empty; give left < right, top < bottom."
                )
            if left >= width or top >= height or right <= 0 or bottom <= 0:
                raise SettingsError(
                    f"box {tuple(numbers)} lies outside the {width} x {height} pixels of {record.label}."
                )
            return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    raise SettingsError(f"{given!r} is no box of {record.label}; give (left, top, right, bottom) in pixels.")


def _masked(mask: np.ndarray, label: str, record: PartRecord) -> Region:
    width, height = record.size or (0, 0)
    if mask.shape != (height, width):
        raise SettingsError(
            f"the mask of {label!r} is {mask.shape}, but {record.label} has {(height, width)} pixels (height, width): "
            "resize it to the original picture."
        )
    inside = mask.astype(bool)
    if not inside.any():
        raise SettingsError(f"the mask of {label!r} of {record.label} is empty.")
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Region(box, inside, label)
