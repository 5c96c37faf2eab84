"""Which script a text is written in, by the names that Unicode gives its letters."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

# A letter of these says as much as several of an alphabet.
_WEIGHTS = {"CJK": 3, "HIRAGANA": 3, "KATAKANA": 3, "HANGUL": 2}
# Scripts that put no white space between words.
SPACELESS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "YI"})
_OF_LANGUAGES = {
    "CYRILLIC": ("be", "bg", "kk", "ky", "mk", "ru", "sr", "tt", "uk"),
    "GREEK": ("el", "grc"),
    "ARABIC": ("ar", "fa", "ur"),
    "HEBREW": ("he",),
    "DEVANAGARI": ("hi", "mr", "ne", "sa"),
    "CJK": ("zh", "ja"),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
    "THAI": ("th",),
    "ARMENIAN": ("hy",),
    "ETHIOPIC": ("am", "ti"),
    "BENGALI": ("bn",),
    "GUJARATI": ("gu",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "SINHALA": ("si",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "TIBETAN": ("bo",),
}


def script(text: str) -> str:
    """Give the script of most of a text's letters by Unicode's name of it, such as "LATIN"; "" without letters.

    Example:
        >>> script("Привет"), script("今日は晴れ"), script("3.5")
        ('CYRILLIC', 'HIRAGANA', '')
    """
    counts: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if name := of_letter(char):
            counts[name] += count * _WEIGHTS.get(name, 1)
    if counts["HIRAGANA"] or counts["KATAKANA"]:  # Japanese is written in three scripts at once
        counts["HIRAGANA"] += counts.pop("CJK", 0) + counts.pop("KATAKANA", 0)
    return max(counts, key=lambda name: counts[name], default="")


@lru_cache(maxsize=1 << 15)
def of_letter(char: str) -> str:
    """Give the script of a letter; "" for what is none."""
    if not char.isalpha():
        return ""
    names = unicodedata.name(char, "").split()
    return names[1] if names[:1] in (["FULLWIDTH"], ["HALFWIDTH"]) and len(names) > 1 else names[0] if names else ""


def languages(name: str) -> tuple[str, ...]:
    """Give the languages (ISO 639) that are written in a script, as far as spaCy knows them; of Latin, all others."""
    return _OF_LANGUAGES.get(name, ())


def written_in(language: str, name: str) -> bool:
    """Say whether a language is written in a script."""
    own = [each for each, known in _OF_LANGUAGES.items() if language in known]
    return name in own if own else name == "LATIN"
