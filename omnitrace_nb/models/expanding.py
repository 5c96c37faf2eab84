"""From one placeholder a medium, as chat templates write them, to what a processor puts in its place."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from omnitrace_nb.errors import ModelError
from omnitrace_nb.models.matching import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart


def expand(
    prompt: Prompt, placeholders: Mapping[str, str], kinds: Sequence[str], texts: Sequence[str]
) -> tuple[Prompt, list[tuple[int, int]]]:
    """Put each medium's text in place of its placeholder, among the template's own words alone.

    Args:
        prompt: what `render` gave.
        placeholders: kind of medium -> what the template writes for it.
        kinds: the kind of each medium, in prompt order.
        texts: what stands for each medium instead.

    Returns:
        The expanded prompt, and each medium's start and end in it.

    Raises:
        ModelError: the template wrote other placeholders than those of the prompt's media, or in another order.
    """
    found = _placeholders(prompt, placeholders)
    if (wrote := [kind for _, _, kind in found]) != list(kinds):
        raise ModelError(_other(wrote, list(kinds), placeholders))
    pieces, media, moves = [], [], []
    at = length = 0
    for (start, end, _), text in zip(found, texts, strict=True):
        pieces += [prompt.text[at:start], text]
        length += start - at + len(text)
        media.append((length - len(text), length))
        moves.append((end, length - end))
        at = end
    spans = tuple(
        replace(span, start=span.start + moved, end=span.end + moved)
        for span in prompt.spans
        for moved in [next((by for end, by in reversed(moves) if end <= span.start), 0)]
    )
    return Prompt("".join([*pieces, prompt.text[at:]]), spans, prompt.begun), media


def ordered(prompt: Prompt, placeholders: Mapping[str, str], media: Sequence[LoadedPart]) -> list[LoadedPart]:
    """Give a prompt's media in the order in which the template wrote their placeholders.

    Some templates put all pictures of a message before its films, and both before its texts. Which medium a
    placeholder stands for is no question even so: a processor gives those of a kind their media one after the other.

    Raises:
        ModelError: the template wrote other placeholders than those of the prompt's media.
    """
    kinds = [kind for _, _, kind in _placeholders(prompt, placeholders)]
    given = [loaded.kind for loaded in media]
    if sorted(kinds) != sorted(given):
        raise ModelError(_other(kinds, given, placeholders))
    left = {kind: iter([loaded for loaded in media if loaded.kind == kind]) for kind in set(kinds)}
    return [next(left[kind]) for kind in kinds]


def holds(prompt: Prompt, names: Sequence[str]) -> bool:
    """Tell whether a user's text holds one of the names, such as a special token's."""
    texts = [prompt.text[span.start : span.end] for span in prompt.spans]
    return any(name in text for text in texts for name in names if name)


def _other(wrote: Sequence[str], given: Sequence[str], placeholders: Mapping[str, str]) -> str:
    """Say that a template wrote other placeholders than those of the prompt's media."""
    names = ", ".join(f"{text!r} for {kind}" for kind, text in placeholders.items())
    return (
        f"The chat template wrote placeholders for {counted(wrote)}, but the prompt has {counted(given)}; the "
        f"processor's placeholders are {names}. Give the processor that belongs to this model, with its own chat "
        "template."
    )


def counted(kinds: Sequence[str]) -> str:
    """Name kinds of media with their numbers.

    Example:
        >>> counted(["image", "audio", "image"])
        '2 x image, 1 x audio'
    """
    return ", ".join(f"{count} x {kind}" for kind, count in Counter(kinds).items()) or "no media"


def _placeholders(prompt: Prompt, placeholders: Mapping[str, str]) -> list[tuple[int, int, str]]:
    kinds = {placeholder: kind for kind, placeholder in placeholders.items()}
    if not kinds:
        return []
    pattern = re.compile("|".join(map(re.escape, sorted(kinds, key=len, reverse=True))))
    return [
        (start + match.start(), start + match.end(), kinds[match.group()])
        for start, end in prompt.template_pieces()
        for match in pattern.finditer(prompt.text[start:end])
    ]
