"""Marks of all scripts: signs that end sentences, what may close behind them, and pairs of quotes and brackets."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    Interval = tuple[int, int]

# Unicode's Sentence_Break=STerm (UAX #29) without the signs of SOFT, which may stand within a sentence, and with the
# full-width full stop.
ALWAYS = (
    "\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u104a\u104b\u1362\u1367\u1368"
    "\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b4e\u1b4f\u1b5a\u1b5b\u1b5e\u1b5f\u1b7d-\u1b7f"
    "\u1c3b\u1c3c\u1c7e\u1c7f\u2e60\u2e61\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9"
    "\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb\ufe12\ufe15\ufe16\ufe56\ufe57\uff01\uff0e\uff1f\uff61"
)
SOFT = "!?\u203c\u203d\u2047-\u2049\u2cf9-\u2cfb\u2e2e\u2e3c\u2e53\u2e54"
# Unicode's categories of closing and final marks, ASCII's quotes, and what Markdown sets words off with.
CLOSING = frozenset(mark for mark in map(chr, range(0x10000)) if unicodedata.category(mark) in {"Pe", "Pf"}) | {
    *"'\"*_"
}
CLOSERS = re.escape("".join(sorted(CLOSING)))
# What closes a quote or bracket. Some marks close in one language what they open in another.
_CLOSED_BY = {
    "(": ")",
    "[": "]",
    "{": "}",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab\u00bb",
    "\u2039": "\u203a",
    "\u203a": "\u2039",
    "\u2018": "\u2019",
    "\u201a": "\u2018\u2019",
    "\u201c": "\u201d",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    **{mark: chr(ord(mark) + 1) for mark in "\u3008\u300a\u300c\u300e\u3010\u3014\u3016\u3018\u301d\ufe41\ufe43\uff08"},
    "\uff3b": "\uff3d",
    "\uff5b": "\uff5d",
    "\uff62": "\uff63",
}
_EITHER = re.compile(f"[{re.escape(''.join({*_CLOSED_BY, *''.join(_CLOSED_BY.values())}))}]")
_ENDS = re.compile(rf"[.\u2026{SOFT}{ALWAYS}]")
_CLOSERS = re.compile(f"[{CLOSERS}]*+")


def ends(text: str) -> bool:
    """Say whether a text ends with the sign of a sentence's end; what closes quotes and brackets may stand behind it.

    Example:
        >>> ends("Is it here?)"), ends("It is here,")
        (True, False)
    """
    closed = _CLOSERS.match(text[::-1])
    at = len(text) - (closed.end() if closed else 0)
    return at > 0 and _ENDS.match(text[at - 1]) is not None


def pairs(text: str, start: int, end: int) -> Iterator[Interval]:
    """Give where each quote or bracket opens and where it is closed, inner ones first; those never closed are none."""
    opened: list[int] = []
    for mark in _EITHER.finditer(text, start, end):
        at, sign = mark.start(), mark.group()
        if opened and sign in _CLOSED_BY[text[opened[-1]]]:
            yield opened.pop(), at
        # An apostrophe is written like a closing quote, and a right quote that opens is rare: both need a space before.
        elif sign in _CLOSED_BY and (sign not in "\u201d\u203a\u00bb" or at == start or text[at - 1].isspace()):
            opened.append(at)
