"""Words and their parts of speech."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.language.blocks import blocks
from omnitrace_nb.language.pipeline import TAGS, parse, readable

if TYPE_CHECKING:
    from spacy.language import Language


def words(text: str, nlp: Language | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give the words of a text, in order, with the Universal POS tag of each.

    A list marker is "PUNCT", whatever it is made of; a pipeline without tags gives "".

    Returns:
        `int32 [w, 2]`, start and end of each word; `[w]`, their tags.
    """
    found: list[tuple[int, int]] = []
    tags: list[str] = []
    cut = list(blocks(text, wrapped=False))
    docs = parse((readable(text[block.body : block.end]) for block in cut), nlp, TAGS) if cut else iter(())
    for block, doc in zip(cut, docs, strict=True):
        marker = text[block.start : block.body].rstrip()
        if marker:
            found.append((block.start, block.start + len(marker)))
            tags.append("PUNCT")
        found += [(block.body + word.idx, block.body + word.idx + len(word)) for word in doc]
        tags += [word.pos_ for word in doc]
    return np.array(found, np.int32).reshape(-1, 2), tuple(tags)
