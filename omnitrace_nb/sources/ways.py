"""The ways to cut a part: a unit, a grid, the user's own pieces, or a function of the part's content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.sources.detections import is_detections
from omnitrace_nb.values import is_whole, number_of

if TYPE_CHECKING:
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord

TEXT_UNITS = ("token", "word", "clause", "sentence", "line", "paragraph", "section", "part", "turn", "document")
WORDS = {
    "text": TEXT_UNITS,
    "image": ("whole", "superpixels"),
    "audio": ("bins",),
    "video": ("bins", "shots"),
}
DEFAULTS = {"text": "sentence", "image": "whole", "audio": "bins", "video": "bins"}
MOST_CELLS = 10_000  # rows, columns, superpixels: far more than a model has patches
OWN = (
    "or your own: a list for the only part of its kind, a function of the part's content, or a mapping from part (its "
    "number or its label) to any of these"
)
_BESIDES = {
    "text": " a compiled regular expression,",
    "image": ' (rows, columns), two whole numbers above 0, {"superpixels": 60},',
    "video": ' {"shots": 27},',
}
_HEARD = {"audio", "video"}


@dataclass(frozen=True, slots=True)
class Superpixels:
    """Regions of like colour, about so many, by SLIC."""

    count: int = 60


@dataclass(frozen=True, slots=True)
class Shots:
    """What lies between the cuts of a film: where frames differ by more than `threshold` (0-255)."""

    threshold: float = 27.0


Way = str | tuple[int, int] | re.Pattern[str] | Superpixels | Shots | Callable[..., Any] | Any


def check(kind: str, given: object) -> None:
    """Refuse what is no way to cut a kind of part.

    Raises:
        SettingsError: naming what there is.
    """
    for key, each in given.items() if isinstance(given, Mapping) and _by_part(kind, given) else [(None, given)]:
        if read(kind, each) is None or _by_part(kind, each):
            known = ", ".join(map(repr, WORDS[kind]))
            file = isinstance(each, str) and each.lower().endswith((".srt", ".vtt", ".json"))
            how = " A transcript is read by omnitrace_nb.speech.read_transcript(path)." if file else ""
            name = kind if key is None else f"{kind}[{quoted(key)}]"
            raise SettingsError(
                f"{name}={quoted(each)} is not usable; give {known},{_BESIDES.get(kind, '')} {OWN}.{how}"
            )


def read(kind: str, given: Any) -> Way | None:  # noqa: ANN401 - a user's
    """Give the way that a user meant; None for what is none."""
    match kind, given if isinstance(given, (str, Mapping)) else None:
        case ("image", "superpixels"):
            return Superpixels()
        case ("video", "shots"):
            return Shots()
        case ("image", {"superpixels": number, **rest}) if not rest:
            return Superpixels(_count("superpixels", number))
        case ("video", {"shots": number, **rest}) if not rest:
            return Shots(_threshold(number))
    own = list(given) if isinstance(given, tuple) else given  # from here on a tuple is a grid
    if kind == "image" and is_grid(given):
        own = grid("image", given)
    is_word = isinstance(given, str) and given in WORDS[kind]
    is_pattern = kind == "text" and isinstance(given, re.Pattern) and isinstance(given.pattern, str)
    return own if is_word or is_pattern or callable(given) or is_own(own) else None


def is_own(given: object) -> bool:
    """Say whether something is a user's own pieces."""
    if isinstance(given, np.ndarray):
        return given.ndim in {2, 3}
    return (isinstance(given, (Sequence, Mapping)) and not isinstance(given, (str, bytes))) or is_detections(given)


def chosen(options: SourceOptions, record: PartRecord, records: Sequence[PartRecord], track: str) -> Way:
    """Give the way that one part is cut.

    Args:
        options: as the user gave them.
        record: the part.
        records: all parts.
        track: "text", "image", "audio" or "video"; of a film "video" (frames) or "audio" (its sound).

    Raises:
        SettingsError: a part that is not there or of another kind, or a bare list where several parts are of the kind.
    """
    led = leading(options, record, records, track)
    found = _named(getattr(options, led), record, _candidates(led, records), led)
    return DEFAULTS[led] if found is None else found


def leading(options: SourceOptions, record: PartRecord, records: Sequence[PartRecord], track: str) -> str:
    """Give the track by which a track is cut: a film's sound as its frames are, unless `audio` speaks of it."""
    if record.kind != "video" or track != "audio":
        return track
    heard = _named(options.audio, record, _candidates("audio", records), "audio")
    return "video" if heard is None else "audio"


def _named(given: Any, record: PartRecord, candidates: Sequence[PartRecord], track: str) -> Way | None:  # noqa: ANN401
    """Give what was given for a part; None for nothing but what goes for all of them."""
    if _by_part(track, given):
        return next((read(track, given[name]) for name in names(record) if name in given), None)
    way = read(track, given)
    beside = track == "audio" and record.kind == "video"
    if not is_own(way) or isinstance(way, tuple):
        return way if not beside or callable(way) else None
    if beside and any(each.kind == "audio" for each in candidates):
        return None
    return way if record is _meant(track, candidates) else None


def names(record: PartRecord) -> tuple[int | str, ...]:
    """Give what a user may call a part: its number, its label, its document's id."""
    return (record.index, record.label, *([record.document] if record.document else []))


def check_parts(options: SourceOptions, records: Sequence[PartRecord]) -> None:
    """Refuse own pieces that are of no part.

    Raises:
        SettingsError: naming the parts that there are.
    """
    for track in WORDS:
        given, candidates = getattr(options, track), _candidates(track, records)
        there = ", ".join(f"{each.index} ({each.label})" for each in candidates) or "none"
        if _by_part(track, given):
            for key in given:
                if not any(key in names(each) for each in candidates):
                    raise SettingsError(f"sources are given for part {quoted(key)}, but the {track} parts are {there}.")
        elif is_own(way := read(track, given)) and not isinstance(way, tuple):
            if not candidates:
                raise SettingsError(f"{track}= holds your own sources, but the prompt has no part of that kind.")
            _meant(track, candidates)


def _meant(track: str, candidates: Sequence[PartRecord]) -> PartRecord:
    """Give the part that a bare list is of."""
    asked = [each for each in candidates if each.role == "user"]
    if track == "text":
        return (asked or list(candidates))[0]
    own = [each for each in candidates if each.kind == track] or list(candidates)
    if len(own) > 1:
        raise SettingsError(
            f"a list of own sources needs one {track} part, but there are {len(own)}: give a mapping from part "
            f"to list, such as {{{own[0].label!r}: [...]}}."
        )
    return own[0]


def _candidates(track: str, records: Sequence[PartRecord]) -> list[PartRecord]:
    """Give the parts that have a track; a film may have sound."""
    kinds = _HEARD if track == "audio" else {track}
    return [each for each in records if each.kind in kinds]


def _by_part(kind: str, given: object) -> bool:
    """Say whether a mapping is one from parts, not a way of its own."""
    own = {"image": "superpixels", "video": "shots"}.get(kind)
    return isinstance(given, Mapping) and set(given) != {own} and not is_detections(given)


def is_grid(given: object) -> bool:
    """Say whether something was meant as rows and columns."""
    pair = isinstance(given, (tuple, list)) and len(given) == 2  # noqa: PLR2004 - rows and columns
    return pair and all(isinstance(each, (Real, bool)) for each in _items(given))


def grid(name: str, given: object) -> tuple[int, int]:
    """Read rows and columns.

    Raises:
        SettingsError: anything but two whole numbers above 0.
    """
    match given if isinstance(given, (tuple, list)) else None:
        case [Integral() as rows, Integral() as columns] if (
            0 < int(rows) <= MOST_CELLS
            and 0 < int(columns) <= MOST_CELLS
            and not isinstance(rows, bool) | isinstance(columns, bool)
        ):
            return int(rows), int(columns)
    raise SettingsError(
        f"{name}={quoted(given)} is not usable; give (rows, columns), two whole numbers above 0, up to {MOST_CELLS:,}."
    )


def _items(given: Any) -> Iterator[Any]:  # noqa: ANN401 - a tuple or list
    yield from given


def _count(name: str, given: object) -> int:
    if not is_whole(given) or not 1 <= int(given) <= MOST_CELLS:
        raise SettingsError(
            f"{name}: {quoted(given)} is not usable; give a whole number above 0, up to {MOST_CELLS:,}."
        )
    return int(given)


def _threshold(given: object) -> float:
    value = number_of(given)
    if not 0 < value <= 255:  # noqa: PLR2004 - of a channel
        raise SettingsError(
            f"shots: {quoted(given)} is not usable; give how much frames must differ, above 0 and up to 255."
        )
    return value
