"""The user's own pieces: spans of text, regions of pictures, intervals of time, checked against their part."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.errors import OmnitraceError, SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.sources.detections import UNREADABLE, Parcels, is_detections, listed, plain, read
from omnitrace_nb.speech.transcript import Segment, entries
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from omnitrace_nb.trace.records import PartRecord

_SLACK = 0.05  # seconds: an interval may end a little after its sound


@dataclass(frozen=True, slots=True)
class Span:
    """A span of a text: its first character, the one after its last, its label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region of a picture: its box in pixels, its mask `bool [height, width]` if it has one, its label."""

    box: tuple[float, float, float, float]
    mask: np.ndarray | None
    label: str


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of sound or film in seconds: its label, what is said in it, and by whom."""

    t0: float
    t1: float
    label: str = ""
    words: str = ""
    speaker: str = ""


Piece = Span | Region | Interval
Own = list[Piece] | Parcels


def own_pieces(given: Any, record: PartRecord, track: str) -> Own:  # noqa: ANN401 - a user's
    """Read a user's own pieces of a part; every one of them must be right.

    Of a transcript, what can be read is taken, and the rest named in a warning: it is seldom the user's own work.

    Raises:
        SettingsError: pieces outside their part, empty or of another form, or none at all.
    """
    found, wrong = readable(given, record, track)
    if wrong and found and track in {"audio", "video"} and _is_transcript(given):
        warn(f"{record.label}: {len(wrong)} of the entries of its transcript left out: {wrong[0]}")
    elif wrong:
        raise wrong[0]
    return found


def _is_transcript(given: Any) -> bool:  # noqa: ANN401 - a user's
    return isinstance(given, (str, Mapping)) or (
        isinstance(given, (list, tuple)) and bool(given) and all(isinstance(each, (Segment, Mapping)) for each in given)
    )


def readable(given: Any, record: PartRecord, track: str) -> tuple[Own, list[OmnitraceError]]:  # noqa: ANN401 - a user's
    """Give those pieces of a part that can be read, and what is wrong with each of the others."""
    wrong: list[OmnitraceError] = []
    try:
        pieced = _listed(given, record, track, wrong)
    except OmnitraceError as error:
        return [], [error]
    except UNREADABLE as error:
        return [], [SettingsError(f"the pieces of {record.label} cannot be read: {quoted(given)} ({quoted(error)}).")]
    if isinstance(pieced, Parcels):
        there = set(np.unique(pieced.numbers).tolist()) & set(pieced.labels)
        return (pieced, []) if there else ([], [_none(record)])
    pieces: list[Piece] = []
    for number, each in enumerate(pieced, 1):
        try:
            pieces.append(_piece(each, record, track, number))
        except OmnitraceError as error:
            wrong.append(error)
        except UNREADABLE as error:
            wrong.append(SettingsError(f"{quoted(each)} is no piece of {record.label} ({quoted(error)})."))
    if not pieces and not wrong:
        wrong.append(_none(record))
    return _distinct(pieces), wrong


def _none(record: PartRecord) -> SettingsError:
    return SettingsError(f"there are no pieces of {record.label}: give at least one, or a unit.")


def _listed(given: Any, record: PartRecord, track: str, wrong: list[OmnitraceError]) -> Iterable[Any] | Parcels:  # noqa: ANN401
    """Give the pieces one by one, as far as they can be told apart; a transcript's that cannot be read are wrong."""
    given = plain(given)
    if track == "image":
        return _pictured(given, record)
    if track == "text":
        return _located(given, record)
    spoken = isinstance(given, (str, Mapping))
    rows = given if spoken else given.tolist() if isinstance(given, np.ndarray) else _list(given, record)
    if spoken or (rows and all(isinstance(each, Mapping) for each in rows)):
        rows, unread = entries(rows)
        wrong += [error for _, error in unread]
    return rows


def _list(given: Any, record: PartRecord) -> list[Any]:  # noqa: ANN401
    try:
        return listed(given)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{quoted(given)} is no list of pieces of {record.label} ({error}).") from None


def _pictured(given: Any, record: PartRecord) -> Iterable[Any] | Parcels:  # noqa: ANN401
    width, height = record.size or (0, 0)
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.shape == (height, width):  # noqa: PLR2004
        if given.dtype == bool:
            return [given]
        if np.issubdtype(given.dtype, np.integer):
            numbers = given.astype(np.int64)
            return Parcels(numbers, {int(each): "" for each in np.unique(numbers[numbers >= 0])})
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.shape[1] != 4:  # noqa: PLR2004 - no list of boxes
        raise _other_size(f"the map of regions of {record.label}", given, record)
    found = read(
        list(given) if isinstance(given, np.ndarray) else given if is_detections(given) else _list(given, record),
        size=(width, height),
    )
    if isinstance(found, Parcels) and found.numbers.shape != (height, width):
        raise _other_size(f"the map of regions of {record.label}", found.numbers, record)
    return found


def _located(given: Any, record: PartRecord) -> Iterable[Any]:  # noqa: ANN401
    """Find strings in their text, each behind the one before; other pieces stay as they are."""
    text, at = record.text or "", 0
    found: list[Any] = []
    if isinstance(given, (str, bytes)):
        raise SettingsError(f"{quoted(given)} is no list of spans of {record.label}.")
    for each in given.tolist() if isinstance(given, np.ndarray) else _list(given, record):
        start = text.find(each, at) if isinstance(each, str) and each else -1
        if start < 0:
            found.append(each)
            continue
        at = start + len(each)
        found.append((start, at))
    return found


def _piece(piece: Any, record: PartRecord, track: str, number: int) -> Piece:  # noqa: ANN401
    if track == "text":
        return span(piece, record)
    return region(piece, record, number) if track == "image" else interval(piece, record)


def _distinct(pieces: Sequence[Piece]) -> list[Piece]:
    """Number regions of one name, so that each can be asked for."""
    named = Counter(each.label for each in pieces if isinstance(each, Region))
    seen: Counter[str] = Counter()
    told: list[Piece] = []
    for each in pieces:
        if isinstance(each, Region) and named[each.label] > 1:
            seen[each.label] += 1
            told.append(replace(each, label=f"{each.label} {seen[each.label]}"))
        else:
            told.append(each)
    return told


def span(piece: Any, record: PartRecord) -> Span:  # noqa: ANN401 - a user's
    """Read `(start, end)` or `(start, end, label)` in characters."""
    length = len(record.text or "")
    match piece:
        case [Integral() as first, Integral() as stop, *label] if len(label) <= 1:
            start, end = int(first), int(stop)
            if not 0 <= start < end <= length:
                raise SettingsError(
                    f"span ({start}, {end}) of {record.label} is outside its {length} characters, or empty."
                )
            return Span(start, end, str(label[0]) if label else f"characters {start}-{end}")
        case str():
            raise SettingsError(f"{quoted(piece)} does not occur in {record.label} behind the piece before it.")
    raise SettingsError(f"{quoted(piece)} is no span of {record.label}; give (start, end) or (start, end, label).")


def interval(piece: Any, record: PartRecord) -> Interval:  # noqa: ANN401 - a user's
    """Read `(t0, t1)` or `(t0, t1, label)` in seconds, or a segment of a transcript."""
    duration = record.duration or 0.0
    words = speaker = ""
    if isinstance(piece, Segment):
        words, speaker = piece.text, piece.speaker
        # What is said often stays on the screen after its sound has ended.
        end = min(piece.t1, duration) if piece.t0 < duration else piece.t1
        piece = (piece.t0, end, *([speaker] if speaker else []))
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
            return Interval(start, min(end, duration), str(label[0]) if label else "", words, speaker)
    raise SettingsError(f"{quoted(piece)} is no interval of {record.label}; give (t0, t1) or (t0, t1, label), seconds.")


def region(piece: Any, record: PartRecord, number: int) -> Region:  # noqa: ANN401 - a user's
    """Read a box, or a mapping with a box or a mask, and a label."""
    width, height = record.size or (0, 0)
    if isinstance(piece, Mapping):
        unknown = set(piece) - {"box", "mask", "label", "score"}
        if unknown or not {"box", "mask"} & set(piece):
            raise SettingsError(
                f"region {number} of {record.label} has {sorted(map(str, piece))}; give box or mask, and label."
            )
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
                    f"box {quoted(tuple(numbers))} of {record.label} is empty; give left < right, top < bottom."
                )
            if left >= width or top >= height or right <= 0 or bottom <= 0:
                raise SettingsError(
                    f"box {quoted(tuple(numbers))} lies outside the {width} x {height} pixels of {record.label}."
                )
            return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    raise SettingsError(f"{quoted(given)} is no box of {record.label}; give (left, top, right, bottom) in pixels.")


def _masked(mask: np.ndarray, label: str, record: PartRecord) -> Region:
    width, height = record.size or (0, 0)
    if mask.shape != (height, width):
        raise _other_size(f"the mask of {label!r}", mask, record)
    inside = mask.astype(bool)
    if not inside.any():
        raise SettingsError(f"the mask of {label!r} of {record.label} is empty.")
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Region(box, inside, label)


def _other_size(what: str, given: np.ndarray, record: PartRecord) -> SettingsError:
    width, height = record.size or (0, 0)
    return SettingsError(
        f"{what} is {given.shape}, but {record.label} has {(height, width)} pixels (height, width): resize it to the "
        "original picture."
    )
