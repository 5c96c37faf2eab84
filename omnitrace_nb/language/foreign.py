"""Whether a text is of another language than the pipeline that would read it, and what is known of that language.

By its script; among languages of Latin script by their commonest words, spaCy's own lists of which are counted. That
is a cheap rule: it needs some ten words to be sure, and takes what it does not know for the pipeline's language.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from omnitrace_nb.language.scripts import languages, script, written_in

if TYPE_CHECKING:
    from spacy.language import Language

_LATIN: tuple[str, ...] = (
    "ca",
    "cs",
    "da",
    "de",
    "es",
    "et",
    "fi",
    "fr",
    "hr",
    "hu",
    "id",
    "it",
    "lt",
    "lv",
    "nb",
    "nl",
    "pl",
    "pt",
)
_LATIN += ("ro", "sk", "sl", "sq", "sv", "tr")
# spaCy takes seconds to import its French, for a list of 15,000 words with hyphens.
_FRENCH = (
    "au aux avec ce cette dans de des du elle elles en est et il ils je la le les leur lui mais ne nous on ont ou par "
    "pas plus pour qu que qui sa se ses son sont sur un une vous"
)
# Beside those of spaCy, which has few of these languages.
_ABBREVIATIONS = {
    "fr": "m mm mme mlle dr pr st ste av apr art chap ch cf env éd ex fig p pp vol n°",
    "it": "dott prof sig avv ing arch cap fig pag pagg vol ecc es",
    "pl": "np tzn itp itd dr prof inż mgr ul al godz str tel im św r w",
    "cs": "např tzv apod atd dr prof ing mgr ul str tel sv č",
    "pt": "dr dra sr sra prof av ex pág fig vol",
}
_ENOUGH, _CLEARLY = 0.3, 1.5  # share of common words in prose; by how much another language must have more of them
_FEW = 2
_STRANGE = 0.2  # share of words with letters outside ASCII that no English text has
_WORD = re.compile(r"[^\W\d_]{2,}")  # letters alone are those of formulas
_LOOKED_AT = 4_000  # characters


def foreign(line: str, text: str, nlp: Language | None) -> str | None:
    """Give the language of a line of a text if it is not the pipeline's: its ISO 639 code, "xx" if that is not known.

    A line that does not say is of the language of the whole text; None for the pipeline's own.

    Example:
        >>> foreign("It is here.", "", None), foreign("Где она?", "", None)
        (None, 'ru')
    """
    own = "en" if nlp is None else str(getattr(nlp, "lang", "xx") or "xx")
    if own == "xx":
        return None
    told = _language(line[:_LOOKED_AT], own) or _language(text[:_LOOKED_AT], own)
    return None if told == own else told


@lru_cache(maxsize=4096)
def _language(text: str, own: str) -> str | None:
    """Give a text's language as far as it says: the pipeline's `own`, another, "xx" for another that is not known."""
    written = script(text)
    if not written:
        return None
    if not written_in(own, written):
        known = languages(written)
        return ("ru" if written == "CYRILLIC" else known[0]) if known else "xx"
    return _latin(text, own) if written == "LATIN" else own


def _latin(text: str, own: str) -> str | None:
    """Give the language of Latin script whose common words a text has; another one only if it has clearly more."""
    words = [word.lower() for word in _WORD.findall(text)]
    ours = sum(word in common(own) for word in words)
    if ours >= _ENOUGH * len(words):
        return own
    counts = {name: sum(word in common(name) for word in words) for name in _LATIN if name != own}
    best = max(counts, key=lambda name: counts[name])
    if counts[best] >= max(_CLEARLY * ours + 1, _ENOUGH * len(words)) and len(common(best) & set(words)) >= _FEW:
        return best
    strange = sum(not word.isascii() for word in words)
    return "xx" if own == "en" and strange >= max(_FEW, _STRANGE * len(words)) else None


@lru_cache(maxsize=64)
def common(language: str) -> frozenset[str]:
    """Give the commonest words of a language, in lower case; none of one that spaCy does not know."""
    if language == "fr":
        return frozenset(_FRENCH.split())
    try:
        return frozenset(import_module(f"spacy.lang.{language}.stop_words").STOP_WORDS)
    except ImportError:
        return frozenset()


@lru_cache(maxsize=64)
def abbreviations(language: str) -> frozenset[str]:
    """Give the abbreviations of a language, each with its full stop, in lower case: those of spaCy's tokenizer."""
    ours = frozenset(f"{word}." for word in _ABBREVIATIONS.get(language, "").split())
    if language == "fr":
        return ours
    try:
        known = import_module(f"spacy.lang.{language}.tokenizer_exceptions").TOKENIZER_EXCEPTIONS
    except (ImportError, AttributeError):
        return ours
    # Every letter of ASCII is among them, though some are words.
    listed = {word.lower() for word in known if word.endswith(".")}
    return ours | {word for word in listed if len(word) > len("a.") or not word.isascii()}
