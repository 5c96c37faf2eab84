"""From parts to the chat prompt's text, knowing by construction where every part's own text stands in it.

The chat template is rendered twice: once with marks in place of the texts, which gives the template's own pieces, and
once with the texts. The second must be the pieces and the texts in turn, or the prompt is refused: nothing is ever
found by searching for the user's words, which may stand in a prompt more than once.

Templates take the thinking out of earlier answers, or move it. A text that holds marks of thinking is then cut at them,
and each stretch between has a mark of its own: what the template left out is known by the mark that it left out.
Some write what a tool gave as JSON: each of its characters is then known by how JSON writes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from omnitrace_nb.content.chat import texts_of
from omnitrace_nb.errors import ContentError, ModelError
from omnitrace_nb.thinking import stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart

    Template = Callable[..., str]
    Stretch = tuple[int, int]

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
_REFUSALS = (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError)


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
class Turn:
    """A message with its parts; `fields` as in `content.chat.Message`; `begins`: the response goes on from it."""

    role: str
    parts: tuple[LoadedPart, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    begins: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """One value given to the template: a text (of one part, several, or the response), or a medium."""

    kind: str
    text: str
    spans: tuple[Span, ...]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"part {self.spans[0].part + 1}" if self.spans else "the last message"


def render(parts: Sequence[LoadedPart], template: Template | None, *, separator: str | None = None) -> Prompt:
    """Render parts as one chat, ready for the model's answer: the messages that they were given in (`turns`).

    Args:
        parts: in prompt order.
        template: messages to text; it takes what the chat's template is given besides as keywords (`tools`, ...), and
            those of `apply_chat_template` for a response that goes on. None writes the texts alone.
        separator: None gives the template a message's content as a list of items (models of several modalities);
            otherwise texts are joined by it, and content is one string.

    Raises:
        ContentError: there is no part, or the last one is the assistant's and no beginning of the response.
        ModelError: the template refuses the messages or alters a part's text.
    """
    chat = turns(parts)
    if template is None:
        return _plain(chat, parts, "\n" if separator is None else separator)
    messages = [(turn, _blocks(turn, separator)) for turn in chat]
    write = partial(_written, template, messages, separator, _options(parts, chat))
    texts = [block for _, blocks in messages for block in blocks if block.kind == "text"]
    whole = [[(0, len(block.text))] for block in texts]
    try:
        return _fitted(write, texts, whole)
    except ModelError:
        cut = [stretches(block.text) for block in texts]
        if cut == whole:
            raise
        return _fitted(write, texts, cut)


def turns(parts: Sequence[LoadedPart]) -> list[Turn]:
    """Give the messages of a prompt: those of its chat; of parts that belong to none, one for each run of a role.

    Raises:
        ContentError: there is no part, or the last one is the assistant's and no beginning of the response.
    """
    if not parts:
        raise ContentError("The prompt is empty: give at least one part.")
    chat = parts[0].chat
    of_chat = [loaded for loaded in parts if chat is not None and loaded.chat is chat]
    rest = [loaded for loaded in parts if chat is None or loaded.chat is not chat]
    found: list[Turn] = []
    if chat is not None:
        turn_of = chat.turns
        for number, message in enumerate(chat.messages):
            own = tuple(loaded for loaded in of_chat if turn_of[loaded.index] == number)
            begins = chat.continues and not rest and number == len(chat.messages) - 1
            found.append(Turn(message.role, own, message.fields, begins))
    found += [Turn(role, tuple(run)) for role, run in groupby(rest, key=lambda loaded: loaded.part.role)]
    if found[-1].role == "assistant" and not found[-1].begins:
        raise ContentError(
            f"The last part (number {len(parts)}) has the role 'assistant', but a response follows a user's part: "
            "leave it out, or put the user's next part after it."
        )
    return found


def joined(parts: Sequence[LoadedPart], separator: str) -> Prompt:
    """Join text parts; the separators belong to nobody."""
    text, spans = "", []
    for number, loaded in enumerate(parts):
        text += separator if number else ""
        spans.append(Span(len(text), len(text) + len(str(loaded.content)), loaded.index, 0))
        text += str(loaded.content)
    return Prompt(text, tuple(spans))


def _plain(chat: Sequence[Turn], parts: Sequence[LoadedPart], separator: str) -> Prompt:
    """Write the texts alone, for a model without a template."""
    if unread := [name for turn in chat if not turn.begins for name in turn.fields]:
        raise ModelError(
            f"The model has no chat template, so it cannot be told {unread[0]!r} of a message: give a tokenizer or "
            "processor with a chat template, or leave it out."
        )
    prompt = joined(parts, separator)
    begun = separator.join(texts_of(chat[-1].fields)) if chat[-1].begins else ""
    return Prompt(prompt.text + (separator + begun if begun else ""), prompt.spans, len(begun))


def _options(parts: Sequence[LoadedPart], chat: Sequence[Turn]) -> dict[str, Any]:
    options = dict(parts[0].chat.options) if parts[0].chat is not None else {}
    return options | ({"add_generation_prompt": False, "continue_final_message": True} if chat[-1].begins else {})


def _blocks(turn: Turn, separator: str | None) -> list[_Block]:
    if turn.begins:
        texts = texts_of(turn.fields)
        return [_Block("text", text, ()) for text in (texts if separator is None else [separator.join(texts)])]
    if separator is not None:
        prompt = joined(turn.parts, separator)
        return [_Block("text", prompt.text, prompt.spans)] if turn.parts else []
    blocks = []
    for loaded in turn.parts:
        text = loaded.content if isinstance(loaded.content, str) else ""
        blocks.append(_Block(loaded.kind, text, (Span(0, len(text), loaded.index, 0),)))
    return blocks


def _written(
    template: Template,
    messages: list[tuple[Turn, list[_Block]]],
    separator: str | None,
    options: Mapping[str, Any],
    texts: Sequence[str],
) -> str:
    """Render the messages with `texts` in place of their own."""
    values = iter(texts)
    chat: list[dict[str, Any]] = []
    for turn, blocks in messages:
        items = [{"type": "text", "text": next(values)} if b.kind == "text" else {"type": b.kind} for b in blocks]
        if not items and turn.fields.get("content"):  # a beginning that something follows: an answer like any other
            items = [{"type": "text", "text": text} for text in texts_of(turn.fields)]
        content = items if separator is None else separator.join(item["text"] for item in items)
        chat.append({"role": turn.role, **turn.fields, **({"content": content} if items else {})})
    try:
        return template(chat, **options)
    except _REFUSALS as error:
        roles = ", ".join(turn.role for turn, _ in messages)
        raise ModelError(
            f"The model's chat template refused a prompt whose messages have the roles: {roles}. It says: {error} "
            "Change the messages, or give a processor with another chat template."
        ) from error


def _fitted(write: Callable[[Sequence[str]], str], texts: Sequence[_Block], cut: Sequence[Sequence[Stretch]]) -> Prompt:
    """Render texts, each of whose stretches has a mark of its own, and find them."""
    marks = _marks(texts, cut)
    marked = [_replaced(block.text, own, marks_of) for block, own, marks_of in zip(texts, cut, marks, strict=True)]
    skeleton = write(marked)
    there = _there(skeleton, marks)
    actual = write([block.text for block in texts])
    place = {
        mark: (block, stretch)
        for block, own, marks_of in zip(texts, cut, marks, strict=True)
        for stretch, mark in zip(own, marks_of, strict=True)
    }
    return _match(actual, _pieces(skeleton, there), [place[mark] for mark in there])


def _marks(texts: Sequence[_Block], cut: Sequence[Sequence[Stretch]]) -> list[list[str]]:
    """Give one mark a stretch: letters and digits that no text holds, so that no template treats them specially."""
    everything = "\0".join(block.text for block in texts)
    seed = hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()
    while (stem := f"omnitrace{seed[:24]}") in everything:
        seed = hashlib.sha256(seed.encode()).hexdigest()
    return [[f"{stem}x{number}y{place}x" for place in range(len(own))] for number, own in enumerate(cut)]


def _replaced(text: str, cut: Sequence[Stretch], marks: Sequence[str]) -> str:
    pieces, at = [], 0
    for (start, end), mark in zip(cut, marks, strict=True):
        pieces += [text[at:start], mark]
        at = end
    return "".join([*pieces, text[at:]])


def _there(skeleton: str, marks: Sequence[Sequence[str]]) -> list[str]:
    """Give the marks that the template wrote, in its order: each once; of a text in several stretches, any of them."""
    found = [mark for own in marks for mark in own if len(own) == 1 or mark in skeleton]
    if any(skeleton.count(mark) != 1 for mark in found):
        raise ModelError(
            "The model's chat template does not write each text exactly once, so the places of the parts are unknown. "
            "Give a processor with another chat template, or leave out what this one does not read."
        )
    return sorted(found, key=skeleton.index)


def _pieces(skeleton: str, marks: Sequence[str]) -> list[str]:
    """Give what stands before, between and behind the marks."""
    pieces, rest = [], skeleton
    for mark in marks:
        before, _, rest = rest.partition(mark)
        pieces.append(before)
    return [*pieces, rest]


def _match(actual: str, pieces: list[str], texts: Sequence[tuple[_Block, Stretch]]) -> Prompt:
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
