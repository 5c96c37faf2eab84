"""Targets: the part of a response that is to be explained, as a user names it, turned into steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.numbering import index
from omnitrace_nb.quoting import quoted, shortened
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from omnitrace_nb.trace.pieces import Pieces

TargetLike: TypeAlias = "int | range | tuple[int, int] | str | None"
FORMS = (
    "None for the whole response, the number of a statement (from 1), range(first, last) of steps, (start, end) in "
    "characters of the response, or a text that occurs in it"
)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Some steps of a response.

    Attributes:
        steps: `int64 [k]`, in order, at least one.
        chars: start and end in the response's text: as asked for, or of the steps' tokens.
    """

    steps: np.ndarray
    chars: tuple[int, int]


def find(trace: Pieces, target: TargetLike = None) -> Target:
    """Give the steps of a target.

    Args:
        trace: whose response it is.
        target: None for the whole response; a whole number, from 1, for a statement; a range of steps, such as
            `range(3, 4)`; `(start, end)` in characters of the response; a text that occurs in it once. Characters take
            every token that writes at least one of them.

    Raises:
        SettingsError: outside the response, empty, ambiguous, or of another kind; the message says what there is.
    """
    steps = len(trace)
    if not steps:
        raise SettingsError("the response is empty: it has nothing to attribute")
    if target is None:
        return _of_steps(trace, np.arange(steps))
    if isinstance(target, str):
        return _of_text(trace, target)
    if is_whole(target):
        return _of_statement(trace, int(target))
    if isinstance(target, range):
        return _of_range(trace, target)
    if isinstance(target, tuple) and len(target) == 2 and all(map(is_whole, target)):  # noqa: PLR2004 - start and end
        return _of_chars(trace, int(target[0]), int(target[1]))
    raise SettingsError(f"target={quoted(target)} is unknown: give {FORMS}")


def _of_steps(trace: Pieces, steps: np.ndarray) -> Target:
    chars = trace.response_record.chars[steps]
    return Target(steps, (int(chars[:, 0].min()), int(chars[:, 1].max())))


def _of_statement(trace: Pieces, statement: int) -> Target:
    at = index(statement, [trace.response[start:end] for start, end in trace.statement_chars], "target")
    steps = np.flatnonzero(trace.statement_of == at)
    if not len(steps):
        raise SettingsError(f"target={statement}: no token belongs to this statement")
    return Target(steps, trace.statement_chars[at])


def _of_range(trace: Pieces, target: range) -> Target:
    last = len(trace) - 1
    if not target:
        raise SettingsError(f"target={target!r} is empty: there are the steps 0 to {last}")
    if not (0 <= target[0] <= last and 0 <= target[-1] <= last):  # its ends, however many lie between
        raise SettingsError(f"target={target!r} reaches outside the response: there are the steps 0 to {last}")
    return _of_steps(trace, np.sort(np.array(target, np.int64)))


def _of_chars(trace: Pieces, start: int, end: int) -> Target:
    count = len(trace.response)
    if not 0 <= start < end <= count:
        raise SettingsError(f"target={quoted((start, end))}: give start < end within the response's {count} characters")
    chars = trace.response_record.chars
    steps = np.flatnonzero((chars[:, 0] < end) & (chars[:, 1] > start) & (chars[:, 1] > chars[:, 0]))
    if not len(steps):
        raise SettingsError(f"target=({start}, {end}): no token writes these characters")
    return Target(steps, (start, end))


def _of_text(trace: Pieces, text: str) -> Target:
    if not text:
        raise SettingsError(f"target='' is empty: give {FORMS}")
    found, at = [], trace.response.find(text)
    while at >= 0:
        found.append((at, at + len(text)))
        at = trace.response.find(text, at + 1)
    if not found:
        raise SettingsError(
            f"target={quoted(text)} does not occur in the response, which is {shortened(trace.response)!r}"
        )
    if len(found) > 1:
        places = ", ".join(map(str, found[:8]))
        raise SettingsError(f"target={quoted(text)} occurs {len(found)} times: give one of the places {places}")
    return _of_chars(trace, *found[0])
