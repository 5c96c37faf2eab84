"""What `trace.json` may hold: records with fields of known types and ranges, checked before anything is made of them.

A record's fields and their types are those of the dataclass that it becomes, so they stand in one place. What one field
says of another, or of an array, is checked in `omnitrace_nb.trace.references`.
"""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from omnitrace_nb.trace.records import VERDICTS, Check, PartRecord, Response, RunInfo, Source, Verification
from omnitrace_nb.trace.tables import SOURCE_MODALITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_SECONDS = 1e8  # three years
MOST_PIXELS = 1e9  # of a side
MOST_NUMBER = 2**53  # that every reader of JSON takes as it is

_COUNT, _SECONDS = (0, MOST_NUMBER), (0, MOST_SECONDS)
_RANGES: Mapping[str, tuple[float, float]] = {
    "positions": _COUNT, "steps": _COUNT, "masks": _COUNT, "forwards": _COUNT, "top": _COUNT, "index": _COUNT,
    "part": _COUNT, "statement": _COUNT, "source": _COUNT, "chars": _COUNT, "statements": _COUNT, "frames": _COUNT,
    "tokens": _COUNT, "max_pixels": _COUNT, "thumbnails": (0, 9_999), "size": (1, MOST_PIXELS),
    "read_size": (1, MOST_PIXELS), "box": (-MOST_PIXELS, MOST_PIXELS), "duration": _SECONDS, "read": _SECONDS,
    "time": _SECONDS, "seconds": _SECONDS, "thumbnail_times": (-MOST_SECONDS, MOST_SECONDS), "fps": (0, MOST_PIXELS),
    "grids": (1, MOST_NUMBER),
}  # fmt: skip
_ORDERED = {"chars", "read", "time", "box"}  # halves of which the first is no more than the second
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": SOURCE_MODALITIES,
    "modality": SOURCE_MODALITIES,
    "verdict": VERDICTS,
}
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
# Of what a signal's notes say, what is read again; the rest is the signal's own.
_NOTES: Mapping[str, Any] = {"forwards": int, "backwards": int, "tokens": int, "steps": int}


@dataclass(frozen=True)
class Record:
    """A JSON object of named fields; those of `required` must be there, and others may where it is `open`."""

    fields: Mapping[str, Any]
    required: frozenset[str] = frozenset()
    open: bool = False


@dataclass(frozen=True)
class Many:
    """A JSON array of like values."""

    each: Any


@dataclass(frozen=True)
class Named:
    """A JSON object of like values under any names."""

    each: Any


@dataclass(frozen=True)
class Maybe:
    """A value, or null."""

    value: Any


def _kept(kind: type, *, without: Iterable[str] = (), **changed: Any) -> Record:  # noqa: ANN401 (types)
    """Give the record that a dataclass is kept as: without some of its fields, and with some of another type."""
    types = get_type_hints(kind, localns={"np": np, "Stored": object}) | changed
    known = fields(kind)
    optional = {each.name for each in known if each.default is not MISSING or each.default_factory is not MISSING}
    kept = {name: hint for name, hint in types.items() if name not in set(without)}
    return Record(kept, frozenset(set(kept) - optional))


_CHECK = _kept(Check, drop=float | None, low=float | None, high=float | None)
TRACE = Record(
    {
        "positions": int,
        "steps": int,
        "begun": int,
        "run": _kept(RunInfo, signals=Named(Record(_NOTES, open=True))),
        "settings": dict[str, Any],
        "signals": Many(str),
        "parts": Many(_kept(PartRecord, without=["media"], thumbnails=int, peaks=bool, spectrogram=bool)),
        "grids": Named(tuple[int, int, int]),
        "sources": Many(_kept(Source, without=["id", "positions"], tokens=int)),
        "response": _kept(Response, without=["token_ids", "chars", "logprobs"]),
        "statements": Many(tuple[int, int]),
        "tags": Many(str),
        "ablations": Many(Record({"operator": str, "masks": int}, frozenset({"operator", "masks"}))),
        "verification": Maybe(_kept(Verification, checks=Many(_CHECK))),
    },
    frozenset({"positions", "steps", "run", "settings", "signals", "parts", "grids", "sources"})
    | {"response", "statements", "tags"},
    open=True,
)


def check(about: object) -> None:
    """Refuse what `trace.json` cannot hold: `ValueError`, which names the field, what is there and what is expected."""
    _check(about, TRACE, "trace.json", "")


def _check(value: Any, hint: Any, name: str, where: str) -> None:  # noqa: ANN401 (any JSON value and any type)
    """Check a value that is called `name`, and stands at `where`."""
    match hint:
        case Record():
            _check_record(value, hint, where)
        case Many():
            for at, each in enumerate(_of(list, value, name, where)):
                _check(each, hint.each, name, f"{where}[{at}]")
        case Named():
            for key, each in _of(dict, value, name, where).items():
                _check(each, hint.each, name, f"{where}[{key!r:.40}]")
        case Maybe():
            if value is not None:
                _check(value, hint.value, name, where)
        case _ if hint is Any:
            return
        case type() if get_origin(hint) is None:
            _check_plain(value, hint, name, where)
        case _:
            _check_typed(value, hint, name, where)


def _check_record(value: Any, record: Record, where: str) -> None:  # noqa: ANN401 (as above)
    found = _of(dict, value, "", where or "trace.json")
    prefix = f"{where}." if where else ""
    for name in record.required:
        if name not in found:
            raise ValueError(f"{prefix}{name} is missing")
    for name, each in found.items():
        if name in record.fields:
            _check(each, record.fields[name], name, prefix + name)
        elif not record.open:
            raise ValueError(f"{where} has {name!r:.60}, which is unknown")


def _check_typed(value: Any, hint: Any, name: str, where: str) -> None:  # noqa: ANN401 (as above)
    """Check a value against the type of a dataclass's field."""
    inner = get_args(hint)
    if get_origin(hint) in {Union, types.UnionType}:
        if value is not None or type(None) not in inner:
            _check(value, next(each for each in inner if each is not type(None)), name, where)
    elif get_origin(hint) is dict:
        _check(value, Named(inner[1]), name, where)
    elif inner[-1] is ...:
        _check(value, Many(inner[0]), name, where)
    else:
        if len(_of(list, value, name, where)) != len(inner):
            raise ValueError(f"{where}: expected {len(inner)} values, got {value!r:.60}")
        for each, kind in zip(value, inner, strict=True):
            _check(each, kind, name, where)
        if name in _ORDERED and any(value[at] > value[at + len(value) // 2] for at in range(len(value) // 2)):
            raise ValueError(f"{where}: expected its start before its end, got {value!r:.60}")


def _check_plain(value: object, kind: type, name: str, where: str) -> None:
    """Check a text, a number, true or false."""
    right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool) == isinstance(value, bool)
    if not right:
        raise ValueError(f"{where}: expected {_WORDS.get(kind, kind.__name__)}, got {value!r:.60}")
    if isinstance(value, (int, float)) and kind is not bool:
        low, high = _RANGES.get(name, (-MOST_NUMBER, MOST_NUMBER) if kind is int else (-math.inf, math.inf))
        if not low <= value <= high or not abs(value) < math.inf:
            raise ValueError(f"{where}: expected {_WORDS[kind]} from {low:g} to {high:g}, got {value!r:.60}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{where}: expected one of {', '.join(map(repr, _CHOICES[name]))}, got {value!r:.60}")


def _of(kind: type, value: Any, name: str, where: str) -> Any:  # noqa: ANN401 (as above)
    if isinstance(value, kind):
        return value
    raise ValueError(f"{where or name}: expected {'a list' if kind is list else 'an object'}, got {value!r:.60}")
