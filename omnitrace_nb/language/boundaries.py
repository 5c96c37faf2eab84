"""Where sentences end in a text of any language, by its marks alone: Unicode's rules (UAX #29) and a few more.

Used where no pipeline knows the text's language. Beyond Unicode's rules, nothing is cut inside a short quote or
bracket, at initials and at the abbreviations that spaCy lists for the language; a language that is written without
marks (Thai) is cut at its line breaks alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from omnitrace_nb.language.foreign import abbreviations
from omnitrace_nb.language.marks import ALWAYS, CLOSING, SOFT, pairs
from omnitrace_nb.language.scripts import SPACELESS, of_letter

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = 300  # characters: within a longer quote sentences are told apart
_OWN = {"el": ";\u037e", "hy": ":", "grc": ";\u037e"}  # signs that end sentences in these languages alone
_GO_ON = ",;:\u3001\uff0c\uff1b\uff1a\u060c\u061b"  # signs that no sentence begins with
_PHRASE = "\u1361{2}"  # two word spaces, as Ethiopic full stops are often typed
# Where "3." is "third", or a part of a date.
_ORDINALS = frozenset(("cs", "da", "de", "et", "fi", "hr", "hu", "lt", "lv", "nb", "sk", "sl", "sr", "tr", "ko"))
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
    """Give where what closes behind a sign ends, and whether there is anything; a space may precede a guillemet."""
    first = at
    while at < end:
        if at in closing or text[at] in CLOSING:
            at += 1
        elif at + 1 in closing and text[at] in " \u00a0\u202f" and text[at + 1] in "\u00bb\u203a\u00ab\u2039":
            at += 2
        else:
            break
    return at, at > first


def _is_end(text: str, stretch: tuple[int, int], sign: re.Match[str], at: int, language: str, *, quoted: bool) -> bool:
    """Judge whether a sentence ends at `at`, behind a sign and what closes behind it."""
    before = text[max(stretch[0], sign.start() - _LOOK) : sign.start()]
    ahead = text[at : min(at + _LOOK, stretch[1])]
    following = ahead.lstrip()[:1]
    if not following or (following in _GO_ON and following not in _OWN.get(language, "")):
        return False
    if not _ALWAYS_SIGN.search(sign.group()):
        return _ends_softly(before, sign.group(), ahead, language)
    if sign.group() == "\uff0e" and before[-1:].isdigit() and ahead[:1].isdigit():
        return False
    # What is said goes on behind its quote in lower case, and in Japanese with a particle.
    return not (quoted and (_letter(ahead).islower() or of_letter(ahead[:1]) == "HIRAGANA"))


def _ends_softly(before: str, sign: str, ahead: str, language: str) -> bool:
    """Judge a sign that may stand within a sentence too, by what is around it."""
    letter = _letter(ahead)
    if not ahead[:1].isspace():
        among = {of_letter(ahead[:1]), of_letter(before[-1:])}  # a full stop in Thai is an abbreviation's
        return among <= (_EAST_ASIAN if sign == "." else SPACELESS) and "\u2026" not in sign
    if letter.islower():
        return False
    if sign == ".":
        return not _abbreviates(before, ahead, language)
    trails_off = not sign.strip(".\u2026")
    return not trails_off or letter.isupper() or letter.isdigit()


def _letter(ahead: str) -> str:
    return next((char for char in ahead if char.isalnum()), "")


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
