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
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import jinja2

from omnitrace_nb.content.chat import texts_of
from omnitrace_nb.errors import ContentError, ModelError
from omnitrace_nb.models.matching import Block, Prompt, Span, match, pieces_of
from omnitrace_nb.thinking import stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.thinking import Interval

    Template = Callable[..., str]

_REFUSALS = (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Turn:
    """A message with its parts; `fields` as in `content.chat.Message`; `begins`: the response goes on from it."""

    role: str
    parts: tuple[LoadedPart, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    begins: bool = False


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
    told = parts[0].chat.options if parts[0].chat is not None else {}
    if unread := [*told, *(name for turn in chat if not turn.begins for name in turn.fields if name != "content")]:
        raise ModelError(
            f"The model has no chat template, so it cannot be told {unread[0]!r}: give a tokenizer or processor with a "
            "chat template, or leave it out."
        )
    prompt = joined(parts, separator)
    begun = separator.join(texts_of(chat[-1].fields)) if chat[-1].begins else ""
    return Prompt(prompt.text + (separator + begun if begun else ""), prompt.spans, len(begun))


def _options(parts: Sequence[LoadedPart], chat: Sequence[Turn]) -> dict[str, Any]:
    options = dict(parts[0].chat.options) if parts[0].chat is not None else {}
    return options | ({"add_generation_prompt": False, "continue_final_message": True} if chat[-1].begins else {})


def _blocks(turn: Turn, separator: str | None) -> list[Block]:
    if turn.begins:
        texts = texts_of(turn.fields)
        return [Block("text", text, ()) for text in (texts if separator is None else [separator.join(texts)])]
    if separator is not None:
        prompt = joined(turn.parts, separator)
        return [Block("text", prompt.text, prompt.spans)] if turn.parts else []
    blocks = []
    for loaded in turn.parts:
        text = loaded.content if isinstance(loaded.content, str) else ""
        blocks.append(Block(loaded.kind, text, (Span(0, len(text), loaded.index, 0),)))
    return blocks


def _written(
    template: Template,
    messages: list[tuple[Turn, list[Block]]],
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


def _fitted(write: Callable[[Sequence[str]], str], texts: Sequence[Block], cut: Sequence[Sequence[Interval]]) -> Prompt:
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
    return match(actual, pieces_of(skeleton, there), [place[mark] for mark in there])


def _marks(texts: Sequence[Block], cut: Sequence[Sequence[Interval]]) -> list[list[str]]:
    """Give one mark a stretch: letters and digits that no text holds, so that no template treats them specially."""
    everything = "\0".join(block.text for block in texts)
    seed = hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()
    while (stem := f"omnitrace{seed[:24]}") in everything:
        seed = hashlib.sha256(seed.encode()).hexdigest()
    return [[f"{stem}x{number}y{place}x" for place in range(len(own))] for number, own in enumerate(cut)]


def _replaced(text: str, cut: Sequence[Interval], marks: Sequence[str]) -> str:
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
