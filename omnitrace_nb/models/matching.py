"""A rendered prompt held against its template's pieces: where each text stands in it, character by character."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from omnitrace_nb.thinking import Interval

# What chat templates do to a message's ends: nothing, `trim`, or `strip` of newlines, on either side.
TRIMS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    str.strip,
    lambda text: text.strip("\n"),
    str.lstrip,
    str.rstrip,
    lambda text: text.lstrip("\n"),
    lambda text: text.rstrip("\n"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of the prompt are those of part `part` from its character `first` on."""

    start: int
    end: int
    part: int
    first: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text that a model reads, media still one placeholder each, and the places of the user's text, in order.

    The last `begun` characters are the beginning of the response, where the user gave one.
    """

    text: str
    spans: tuple[Span, ...]
    begun: int = 0

    def template_pieces(self) -> list[tuple[int, int]]:
        """Give the intervals between the spans: the template's own text, `len(spans) + 1` of them."""
        edges = [0, *(edge for span in self.spans for edge in (span.start, span.end)), len(self.text)]
        return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Block:
    """One value given to the template: a text (of one part, several, or the response), or a medium."""

    kind: str
    text: str
    spans: tuple[Span, ...]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"part {self.spans[0].part + 1}" if self.spans else "the last message"


def pieces_of(skeleton: str, marks: Sequence[str]) -> list[str]:
    """Give what stands before, between and behind the marks."""
    pieces, rest = [], skeleton
    for mark in marks:
        before, _, rest = rest.partition(mark)
        pieces.append(before)
    return [*pieces, rest]


def match(actual: str, pieces: list[str], texts: Sequence[tuple[Block, Interval]]) -> Prompt:
    """Walk along the prompt: a piece of the template, a text as templates write it, and so on."""
    spans: list[Span] = []
    at, begun = len(pieces[0]), len(actual)
    fits = actual.startswith(pieces[0])
    for (block, (start, end)), following in zip(texts, pieces[1:], strict=True):
        text = block.text[start:end]
        forms = (form for form in _forms(text) if actual.startswith(form[1] + following, at))
        kept, written = next(forms, (None, ""))
        if kept is None or not fits:
            raise ModelError(
                f"The model's chat template alters the text of {block.name} beyond trimming its ends, so its tokens "
                "cannot be traced back to characters. Change the text, or give a processor with another chat template."
            )
        cut = start + (text.index(kept) if kept else 0)
        moved = _moved(block.spans, cut, len(kept), at)
        spans += moved if written == kept else _escaped(moved, kept, at)
        begun = begun if block.spans else min(begun, at)
        at += len(written) + len(following)
    if at != len(actual):
        raise ModelError("The model's chat template writes more than its pieces and the parts; give another template.")
    return Prompt(actual, tuple(spans), len(actual) - begun)


def _forms(text: str) -> Iterator[tuple[str, str]]:
    """Give what templates keep of a text, and how they write it: as it is, or as JSON (what a tool gave)."""
    for write in (str, _json):
        for trim in TRIMS:
            yield trim(text), write(trim(text))


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _escaped(spans: Sequence[Span], text: str, at: int) -> list[Span]:
    """Stretch spans of a text that stands at `at` to its JSON: a character is the last one of what is written of it."""
    ends = at + np.cumsum([0, *(len(_json(char)) for char in text)])
    found: list[Span] = []
    for span in spans:
        for char in range(span.start - at, span.end - at):
            end, first = int(ends[char + 1]), span.first + char - (span.start - at)
            last = found[-1] if found else None
            if last and (last.end, last.part, last.first + last.end - last.start) == (end - 1, span.part, first):
                found[-1] = replace(last, end=end)
            else:
                found.append(Span(end - 1, end, span.part, first))
    return found


def _moved(spans: tuple[Span, ...], cut: int, length: int, at: int) -> list[Span]:
    """Clip a block's spans to the `length` characters kept from `cut` on, and move them to the prompt's `at`."""
    moved = []
    for span in spans:
        start, end = max(span.start, cut), min(span.end, cut + length)
        if start < end:
            moved.append(Span(start - cut + at, end - cut + at, span.part, span.first + start - span.start))
    return moved
