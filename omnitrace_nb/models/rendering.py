"""From parts to the chat prompt's text, knowing by construction where every part's own text stands in it.

The chat template is rendered twice: once with marks in place of the texts, which gives the template's own pieces, and
once with the texts. The second must be the pieces and the texts in turn, or the prompt is refused: nothing is ever
found by searching for the user's words, which may stand in a prompt more than once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import jinja2

from omnitrace_nb.errors import ContentError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.media.loaded import LoadedPart

    Template = Callable[[list[dict[str, Any]]], str]

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
    """The text that a model reads, media still one placeholder each, and the places of the user's text, in order."""

    text: str
    spans: tuple[Span, ...]

    def template_pieces(self) -> list[tuple[int, int]]:
        """Give the intervals between the spans: the template's own text, `len(spans) + 1` of them."""
        edges = [0, *(edge for span in self.spans for edge in (span.start, span.end)), len(self.text)]
        return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class _Block:
    """One value given to the template: a text (of one part or several, joined), or a medium."""

    kind: str
    text: str
    spans: tuple[Span, ...]


def render(parts: Sequence[LoadedPart], template: Template | None, *, separator: str | None = None) -> Prompt:
    """Render parts as one chat, a message for each run of parts of one role, ready for the model's answer.

    Args:
        parts: in prompt order.
        template: messages to text; None writes the texts alone.
        separator: None gives the template a message's content as a list of items (models of several modalities);
            otherwise texts are joined by it, and content is one string.

    Raises:
        ContentError: the last part is the assistant's, or there is no part.
        ModelError: the template refuses the messages or alters a part's text.
    """
    check_end(parts)
    if template is None:
        return joined(parts, "\n" if separator is None else separator)
    runs = groupby(parts, key=lambda loaded: loaded.part.role)
    messages = [(role, _blocks(list(run), separator)) for role, run in runs]
    texts = [block for _, blocks in messages for block in blocks if block.kind == "text"]
    marks = _marks([block.text for block in texts])
    skeleton = _apply(template, messages, marks, separator)
    actual = _apply(template, messages, [block.text for block in texts], separator)
    return _match(actual, _pieces(skeleton, marks), texts)


def _blocks(parts: list[LoadedPart], separator: str | None) -> list[_Block]:
    if separator is not None:
        return [_joined(parts, separator)]
    blocks = []
    for loaded in parts:
        text = loaded.content if isinstance(loaded.content, str) else ""
        blocks.append(_Block(loaded.kind, text, (Span(0, len(text), loaded.index, 0),)))
    return blocks


def check_end(parts: Sequence[LoadedPart]) -> None:
    """Refuse a prompt without parts, or one that no response follows; `ContentError`."""
    if not parts:
        raise ContentError("The prompt is empty: give at least one part.")
    if parts[-1].part.role == "assistant":
        raise ContentError(
            f"The last part (number {len(parts)}) has the role 'assistant', but a response follows a user's part: "
            "leave it out, or put the user's next part after it."
        )


def joined(parts: Sequence[LoadedPart], separator: str) -> Prompt:
    """Join text parts; the separators belong to nobody."""
    block = _joined(parts, separator)
    return Prompt(block.text, block.spans)


def _joined(parts: Sequence[LoadedPart], separator: str) -> _Block:
    text, spans = "", []
    for number, loaded in enumerate(parts):
        text += separator if number else ""
        spans.append(Span(len(text), len(text) + len(str(loaded.content)), loaded.index, 0))
        text += str(loaded.content)
    return _Block("text", text, tuple(spans))


def _marks(texts: list[str]) -> list[str]:
    """Give one mark a text: letters and digits that no text holds, so that no template treats them specially."""
    everything = "\0".join(texts)
    seed = hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()
    while (stem := f"omnitrace{seed[:24]}") in everything:
        seed = hashlib.sha256(seed.encode()).hexdigest()
    return [f"{stem}x{number}x" for number in range(len(texts))]


def _apply(
    template: Template, messages: list[tuple[str, list[_Block]]], texts: list[str], separator: str | None
) -> str:
    values = iter(texts)
    chat = []
    for role, blocks in messages:
        items = [{"type": "text", "text": next(values)} if b.kind == "text" else {"type": b.kind} for b in blocks]
        chat.append({"role": role, "content": items if separator is None else items[0]["text"]})
    try:
        return template(chat)
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        roles = ", ".join(role for role, _ in messages)
        raise ModelError(
            f"The model's chat template refused a prompt whose messages have the roles: {roles}. It says: {error} "
            "Change the parts' roles, or give a processor with another chat template."
        ) from error


def _pieces(skeleton: str, marks: list[str]) -> list[str]:
    """Cut the skeleton at its marks: each must stand in it once, in order."""
    pieces, rest = [], skeleton
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest or mark in before:
            raise ModelError(
                "The model's chat template does not write each text exactly once and in order, so the places of the "
                "parts are unknown. Give a processor with another chat template."
            )
        pieces.append(before)
    return [*pieces, rest]


def _match(actual: str, pieces: list[str], texts: list[_Block]) -> Prompt:
    """Walk along the prompt: a piece of the template, a text (whole, or trimmed as templates do), and so on."""
    spans: list[Span] = []
    at = len(pieces[0])
    fits = actual.startswith(pieces[0])
    for block, following in zip(texts, pieces[1:], strict=True):
        kept = next((trim(block.text) for trim in TRIMS if actual.startswith(trim(block.text) + following, at)), None)
        if kept is None or not fits:
            number = block.spans[0].part + 1
            raise ModelError(
                f"The model's chat template alters the text of part {number} beyond trimming its ends, so its tokens "
                "cannot be traced back to characters. Change the text, or give a processor with another chat template."
            )
        cut = block.text.index(kept) if kept else 0
        spans += _moved(block.spans, cut, len(kept), at)
        at += len(kept) + len(following)
    if at != len(actual):
        raise ModelError("The model's chat template writes more than its pieces and the parts; give another template.")
    return Prompt(actual, tuple(spans))


def _moved(spans: tuple[Span, ...], cut: int, length: int, at: int) -> list[Span]:
    """Clip a block's spans to the `length` characters kept from `cut` on, and move them to the prompt's `at`."""
    moved = []
    for span in spans:
        start, end = max(span.start, cut), min(span.end, cut + length)
        if start < end:
            moved.append(Span(start - cut + at, end - cut + at, span.part, span.first + start - span.start))
    return moved
