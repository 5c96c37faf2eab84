"""Left and right: the order in which the letters of a line are drawn.

The core of Unicode's bidirectional algorithm (UAX #9) for one line: strong letters, numbers, and what stands between
them. Marks that override directions are not obeyed, so that a text cannot be made to look like another.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

STRONG = {"L": 0, "R": 1, "AL": 1}
LEFT, RIGHT, NUMBER = "left", "right", "number"  # drawn from; a number among letters from the right
NUMBERS = {"EN", "AN"}
BETWEEN = {"ES", "CS", "ET"}  # signs that belong to a number beside them
OPENING = dict(zip("([{", ")]}", strict=True))
MIRROR = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))


def from_right(text: str) -> bool:
    """Say whether a text is read from the right: by its first strong letter.

    Example:
        >>> from_right("1. שלום abc"), from_right("abc שלום")
        (True, False)
    """
    strong = (STRONG.get(unicodedata.bidirectional(each)) for each in text)
    return next((bool(each) for each in strong if each is not None), False)


def order(text: str, *, rtl: bool) -> list[tuple[int, int, bool]]:
    """Give the pieces of a line as they stand from left to right: start, end, and whether each is drawn from the right.

    Example:
        >>> order("abc אבג 12", rtl=False)
        [(0, 4, False), (8, 10, False), (4, 8, True)]
    """
    levels = _levels(text, base=int(rtl))
    runs, at = [], 0
    for level, group in groupby(levels):
        count = len(list(group))
        runs.append((at, at + count, level))
        at += count
    for level in range(max(levels, default=0), 0, -1):
        runs = _turned(runs, level)
    return [(start, end, bool(level % 2)) for start, end, level in runs]


def mirrored(text: str) -> str:
    """Give letters in the order they are drawn from the left, marks after their letters, for a host that cannot."""
    clusters: list[str] = []
    for each in text:
        if clusters and unicodedata.combining(each):
            clusters[-1] += each
        else:
            clusters.append(MIRROR.get(each, each))
    return "".join(reversed(clusters))


def _turned(runs: list[tuple[int, int, int]], level: int) -> list[tuple[int, int, int]]:
    turned: list[tuple[int, int, int]] = []
    for high, group in groupby(runs, lambda run: run[2] >= level):
        own = list(group)
        turned += own[::-1] if high else own
    return turned


def _levels(text: str, base: int) -> list[int]:
    """Give each character its level: even is drawn from the left, odd from the right."""
    directions = _directions([unicodedata.bidirectional(each) for each in text], base)
    _set_brackets(text, directions, RIGHT if base else LEFT)
    left, right, number = (2, 1, 2) if base else (0, 1, 2)
    return [{LEFT: left, RIGHT: right, NUMBER: number}[each] for each in _resolved(directions, base)]


def _set_brackets(text: str, directions: list[str], line: str) -> None:
    """Give both brackets of a pair one direction: the line's, if it occurs in them, else that of what they follow."""
    waiting: list[tuple[str, int]] = []
    pairs = []
    for at, each in enumerate(text):
        if each in OPENING:
            waiting.append((OPENING[each], at))
        elif any(each == closing for closing, _ in waiting):
            while waiting[-1][0] != each:
                waiting.pop()
            pairs.append((waiting.pop()[1], at))
    for start, end in sorted(pairs):
        inside = {_strong(each) for each in directions[start + 1 : end]} - {""}
        if inside:
            before = next(filter(None, map(_strong, reversed(directions[:start]))), line)
            directions[start] = directions[end] = line if line in inside else before


def _strong(direction: str) -> str:
    return RIGHT if direction == NUMBER else direction


def _directions(kinds: list[str], base: int) -> list[str]:
    """Give letters their direction, numbers that of the letters before them, marks that of what they stand on."""
    found: list[str] = []
    before = RIGHT if base else LEFT
    for at, kind in enumerate(kinds):
        if kind in STRONG:
            before = RIGHT if STRONG[kind] else LEFT
            found.append(before)
        elif kind in NUMBERS or (kind in BETWEEN and _beside_numbers(kinds, at)):
            found.append(NUMBER if before == RIGHT else LEFT)
        else:
            found.append(found[-1] if kind == "NSM" and found else "")
    return found


def _beside_numbers(kinds: list[str], at: int) -> bool:
    before = at > 0 and kinds[at - 1] in NUMBERS
    after = at + 1 < len(kinds) and kinds[at + 1] in NUMBERS
    return (before or after) if kinds[at] == "ET" else (before and after)


def _resolved(directions: list[str], base: int) -> list[str]:
    """Give what stands between letters their direction if they agree, else the line's; numbers go with the right."""
    line = RIGHT if base else LEFT
    filled: list[str] = []
    before = line
    for direction, group in groupby(enumerate(directions), lambda each: each[1]):
        own = [at for at, _ in group]
        if direction:
            before = LEFT if direction == LEFT else RIGHT
            filled += [direction] * len(own)
        else:
            after = line if own[-1] + 1 == len(directions) else directions[own[-1] + 1]
            filled += [before if (after == LEFT) == (before == LEFT) else line] * len(own)
    return filled
