"""The names that parts have in tables, views and messages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from omnitrace_nb.content.parts import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.content.parts import Part

_WORDS = {"Text": "text", "Image": "image", "Audio": "sound", "Video": "film"}


def labels(parts: Sequence[Part]) -> tuple[str, ...]:
    """Give each part's label: the user's own, a document's id or title, else its kind and number among it, from 1.

    Example:
        >>> from omnitrace_nb.content import Image, Text, labels
        >>> labels([Text("Look:"), Image("a.png"), Image("b.png", label="the map"), Image("c.png")])
        ('text 1', 'image 1', 'the map', 'image 3')
    """
    seen: Counter[str] = Counter()
    names = []
    for part in parts:
        word = _WORDS[type(part).__name__]
        seen[word] += 1
        document = (part.id or part.title) if isinstance(part, Text) else None
        names.append(part.label or document or f"{word} {seen[word]}")
    return tuple(names)
