"""Where sentences end in a text of any language, by its marks alone: Unicode's rules (UAX #29, section 5) and a few more.

Used where no pipeline knows the text's language. Beyond Unicode's rules, nothing is cut inside a short quote or
bracket, at initials and at the abbreviations that spaCy lists for the language; a language that is written without marks
(Thai) is cut at its line breaks alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from omnitrace_nb.language.foreign import abbreviations
from omnitrace_nb.language.marks import ALWAYS, CLOSERS, SOFT, pairs
from omnitrace_nb.language.scripts import SPACELESS, of_letter

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = 300  # characters: within a longer quote sentences are told apart
_OWN = {"el": ";\u037e", "hy": ":", "grc": ";\u037e"}  # signs that end sentences in these languages alone
_PHRASE = "\u1361{2}"  # two word spaces, as Ethiopic full stops are often typed
_ORDINALS = frozenset("cs da de et fi hr hu is lb lt lv nb nn sk sl sr tr ko".split())  # "3." is "third", or of a date
_LOOK = 40  # characters that a sign's surroundings are judged by
_NUMBER = re.compile(r"(?:^|(?<=[\s(\[]))\d{1,4}$")
_BEFORE = re.compile(r"[^\s(\[{\u00ab\u201e\u201c\"]+$")
_ALWAYS_SIGN = re.compile(rf"[{ALWAYS}]|{_PHRASE}")
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA"})
_CAPITALS = re.compile(r"\s*([^\W\d_]{1,2})\.")


def ends(text: str, start: int, end: int, language: str | None = None) -> Iterator[int]:
    """Give where sentences end within a stretch of a text: behind the sign and all that closes behind it.

    The end of the stretch itself is not among them. Without a language only the signs that always end a sentence, such
    as the Chinese full stop, are looked for. Time is linear in the stretch.
    """
    closed = list(pairs(text, start, end))
    closing = {at for _, at in closed}
    inside = _Inside(closed)
    for found in _signs(language).finditer(text, start, end):
        at, quoted = _behind(text, found.end(), end, closing)
        if at < end and not inside(at) and _is_end(text, (start, end), found, at, language or "", quoted=quoted):
            yield at


@lru_cache(maxsize=32)
def _signs(language: str | None) -> re.Pattern[str]:
    """Give the runs of signs that may end a sentence of a language."""
    if language is None:
        return re.compile(rf"(?:[{ALWAYS}]|{_PHRASE})++")
    own = re.escape(_OWN.get(language, ""))
    return re.compile(rf"(?:[.\u2026{SOFT}{ALWAYS}{own}]|{_PHRASE})++")


class _Inside:
    """Whether a place lies within a short quote or bracket: looked up in time logarithmic in their number."""

    def __init__(self, closed: list[tuple[int, int]]) -> None:
        """Keep the outermost of the short pairs."""
        self.opens: list[int] = []
        self.closes: list[int] = []
        for opened, at in sorted(each for each in closed if each[1] - each[0] <= HELD):
            if not self.closes or opened > self.closes[-1]:
                self.opens.append(opened)
                self.closes.append(at)

    def __call__(self, at: int) -> bool:
        """Say whether the character at `at` is in one, or closes it."""
        place = bisect_left(self.opens, at) - 1
        return place >= 0 and at <= self.closes[place]


def _behind(text: str, at: int, end: int, closing: set[int]) -> tuple[int, bool]:
    """Give where what closes behind a sign ends, and whether there is anything; a space may stand before a guillemet."""
    first = at
    while at < end:
        if at in closing or text[at] in CLOSERS:
            at += 1
        elif at + 1 in closing and text[at] in " \u00a0\u202f" and text[at + 1] in "\u00bb\u203a\u00ab\u2039":
            at += 2
        else:
            break
    return at, at > first


def _is_end(
    text: str, stretch: tuple[int, int], sign: re.Match[str], at: int, language: str, *, quoted: bool
) -> bool:
    """Judge whether a sentence ends at `at`, behind a sign and what closes behind it."""
    ahead = text[at : min(at + _LOOK, stretch[1])]
    following = ahead.lstrip()[:1]
    if not following or following in ",;:\u3001\uff0c\uff1b\uff1a\u060c\u061b" and following not in _OWN.get(language, ""):
        return False
    letter = next((char for char in ahead if char.isalnum()), "")
    spaced = ahead[:1].isspace()
    if _ALWAYS_SIGN.search(sign.group()):
        if sign.group() == "\uff0e" and letter.isdigit() and text[sign.start() - 1].isdigit():
            return False
        return not (quoted and (letter.islower() or (not spaced and of_letter(ahead[:1]) == "HIRAGANA")))
    before = text[max(stretch[0], sign.start() - _LOOK) : sign.start()]
    if not spaced:
        among = {of_letter(ahead[:1]), of_letter(before[-1:])}  # a full stop in Thai is an abbreviation's
        return among <= (_EAST_ASIAN if sign.group() == "." else SPACELESS) and "\u2026" not in sign.group()
    if letter.islower():
        return False
    if sign.group() == ".":
        return not _abbreviates(before, ahead, language)
    trailing = sign.group().strip(".\u2026") == ""
    return not trailing or letter.isupper() or letter.isdigit()


def _abbreviates(before: str, ahead: str, language: str) -> bool:
    """Say whether a full stop belongs to the word before it: an initial, an abbreviation, an ordinal number."""
    if _NUMBER.search(before) and language in _ORDINALS:
        return True
    word = match.group() if (match := _BEFORE.search(before)) else ""
    if "." in word.strip(".") or f"{word}.".lower() in abbreviations(language):
        return True
    if len(word) == 1 and word.isupper():  # "J. Bach"
        return True
    following = _CAPITALS.match(ahead)  # "z. B.", "EE. UU."
    return following is not None and len(word) == len(following[1]) and (len(word) == 1 or word.isupper())
