"""Cutting a text into blocks that spaCy reads one by one: lines, list items, wrapped paragraphs.

A sentence never crosses a block. Blocks keep the reading of 2 MB of text in bounds, and keep a list marker from being
taken for a sentence of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 4_000

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_MARKER = re.compile(
    r"(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2043\u2013\u2014]|\(?(?:\d{1,3}|[A-Za-z])[.)])(?=\s|$)\s*"
)
_ENDS = re.compile(r"[.!?\u2026]['\"\u2019\u201d)\]]*\s+")


class Block(NamedTuple):
    """A stretch of text: `start` to `end`, of which `start` to `body` is its list marker, if it has one.

    `joined` says that it was cut off the block before it, only because that would have been too long.
    """

    start: int
    body: int
    end: int
    joined: bool = False


def blocks(text: str, *, wrapped: bool) -> Iterator[Block]:
    """Give the blocks of a text in order; lines of white space are in none.

    With `wrapped`, a line that goes on in lower case belongs to the line before it (text wrapped at a fixed width).
    """
    for start, body, end in _items(text, wrapped=wrapped):
        cut = body
        while end - cut > LONGEST:
            to = _cut(text, cut, cut + LONGEST)
            yield Block(start if cut == body else cut, cut, to, joined=cut != body)
            cut = to
        yield Block(start if cut == body else cut, cut, end, joined=cut != body)


def _items(text: str, *, wrapped: bool) -> Iterator[tuple[int, int, int]]:
    """Give lines as `(start, body, end)`, a lone marker joined to the next line, wrapped lines joined if asked."""
    held: tuple[int, int, int] | None = None
    for line in _LINE.finditer(text):
        stripped = line.group().strip()
        if not stripped:
            continue
        start = line.start() + len(line.group()) - len(line.group().lstrip())
        end = start + len(stripped)
        marker = _MARKER.match(text, start, end)
        body = marker.end() if marker else start
        if held is not None:
            lone_marker = held[1] == held[2]
            goes_on = wrapped and marker is None and stripped[0].islower() and _next_line(text, held[2], start)
            if lone_marker or goes_on:
                held = held[0], start if lone_marker else held[1], end
                continue
            yield held
        held = start, body, end
    if held is not None:
        yield held


def _next_line(text: str, end: int, start: int) -> bool:
    """Say whether only one line break lies between (a blank line ends a paragraph)."""
    gap = text[end:start].replace("\r\n", "\n")
    return len(gap.splitlines()) <= 2 and gap.count("\n") <= 1  # noqa: PLR2004 (the rest of one line, the start of the next)


def _cut(text: str, low: int, high: int) -> int:
    """Find where to cut: after the last end of a sentence, else the last white space, else at the limit."""
    last = None
    for last in _ENDS.finditer(text, low + LONGEST // 2, high):  # noqa: B007 (the last match is wanted)
        pass
    if last is not None:
        return last.end()
    space = max(text.rfind(" ", low + 1, high), text.rfind("\t", low + 1, high))
    return space + 1 if space > low else high
