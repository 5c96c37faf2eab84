"""Thinking: the marks between which a model thinks before it answers, as its own template or tokenizer has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.models.adapter import Adapter
    from omnitrace_nb.trace.records import Response

Interval = tuple[int, int]
Marks = tuple[str, str]  # where thinking begins, and where it ends

_NAME = r"(?:[a-z0-9]+[:_])?(?:think|thinking|thought|thoughts|reason|reasoning)"
# <think>...</think> and its kin, [THINK]...[/THINK] (Magistral), <|begin_of_thought|> (Sky-T1), channels (Gemma 4).
_MARK = re.compile(
    rf"</?{_NAME}>|\[/?{_NAME}\]|<\|(?:begin|end)_of_{_NAME}\|>|<\|channel>{_NAME}|<channel\|>", re.IGNORECASE
)


def stretches(text: str) -> list[Interval]:
    """Give the stretches of a text between all that looks like a mark of thinking: start and end of each.

    Example:
        >>> stretches("<think>Hm.</think>Yes.")
        [(0, 0), (7, 10), (18, 22)]
    """
    edges = [0, *(edge for found in _MARK.finditer(text) for edge in found.span()), len(text)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def mark_free(text: str) -> str:
    """Give a text without all that looks like a mark of thinking."""
    return _MARK.sub("", text)


def templates(adapter: Adapter) -> tuple[str, ...]:
    """Give the sources of the chat templates that an adapter's processor and tokenizer have."""
    found: list[str] = []
    for holder in (getattr(adapter, "processor", None), adapter.tokenizer):
        template: str | Mapping[str, str] | None = getattr(holder, "chat_template", None)
        found += [template] if isinstance(template, str) else (template or {}).values()
    return tuple(dict.fromkeys(found))


def marks(adapter: Adapter) -> tuple[Marks, ...]:
    """Give the marks of thinking that a model's template writes or looks for, or that its tokenizer has as tokens."""
    return _marks(templates(adapter), _added(adapter.tokenizer))


def _added(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    tokens: object = getattr(tokenizer, "added_tokens_decoder", None)
    return tuple(str(token) for token in tokens.values()) if isinstance(tokens, Mapping) else ()


@lru_cache(maxsize=64)
def _marks(sources: tuple[str, ...], added: tuple[str, ...]) -> tuple[Marks, ...]:
    there = {found.group() for text in (*sources, *added) for found in _MARK.finditer(text)}
    pairs = ((mark, _end(mark)) for mark in sorted(there))
    return tuple((begin, end) for begin, end in pairs if end and (end in there or end == "<channel|>"))


def _end(mark: str) -> str:
    """Give what ends the thinking that a mark begins; "" for a mark that begins none."""
    if mark.startswith("<|channel>"):
        return "<channel|>"
    if mark.lower().startswith("<|begin_"):
        return mark.replace("begin", "end")
    if mark.startswith(("</", "[/", "<|", "<channel")):
        return ""
    return f"{mark[0]}/{mark[1:]}"


def thinking(text: str, marks: Sequence[Marks], *, begun: bool = False) -> tuple[Interval, ...]:
    """Give start and end of each thinking part of a text, its marks included; `begun`: the first one has begun.

    A part that no mark ends reaches to the end of the text, as that of a response which was cut.

    Example:
        >>> thinking("Hm.</think>Yes.", [("<think>", "</think>")], begun=True)
        ((0, 11),)
    """
    found, open_at = _parts(text, marks, begun=begun)
    return (*found, (open_at, len(text))) if 0 <= open_at < len(text) else found


def _parts(text: str, marks: Sequence[Marks], *, begun: bool) -> tuple[tuple[Interval, ...], int]:
    """Give the thinking parts that end within a text, and where one begins that does not; -1 if none does."""
    found: list[Interval] = []
    open_at, at = (0 if begun else -1), 0
    wanted = [end for _, end in marks] if begun else [begin for begin, _ in marks]
    while marks and (here := re.compile("|".join(map(re.escape, wanted))).search(text, at)):
        at = here.end()
        if open_at < 0:
            open_at, wanted = here.start(), [end for begin, end in marks if begin == here.group()]
        else:
            found.append((open_at, at))
            open_at, wanted = -1, [begin for begin, _ in marks]
    return tuple(found), open_at


def told_apart(adapter: Adapter, layout: Layout, response: Response) -> Response:
    """Give a response whose thinking parts are known, by the marks that the model's own template has.

    The first one may have begun in the prompt: where the template, or the response's given beginning, opens it.
    """
    own = marks(adapter)
    if not own:
        return response
    owned = np.flatnonzero(layout.part >= 0)
    behind = layout.token_ids[owned[-1] + 1 if len(owned) else 0 :].tolist()
    _, open_at = _parts(str(adapter.tokenizer.decode(behind)), own, begun=False)
    text, char = _with_special(adapter.tokenizer, response)
    found = thinking(text, own, begun=open_at >= 0)
    apart = tuple((int(char[start]), int(char[end])) for start, end in found)
    return replace(response, thinking=tuple((start, end) for start, end in apart if start < end))


def _with_special(tokenizer: PreTrainedTokenizerBase, response: Response) -> tuple[str, np.ndarray]:
    """Give a response with the names of its special tokens, and the character `[len + 1]` that each of its own is."""
    text, names, at = response.text, [], 0
    char: list[int] = []
    for index, (start, end) in zip(response.token_ids.tolist(), response.chars.tolist(), strict=True):
        if start == end:
            name = str(tokenizer.convert_ids_to_tokens(index))
            names += [text[at:start], name]
            char += [*range(at, start), *[start] * len(name)]
            at = start
    return "".join([*names, text[at:]]), np.array([*char, *range(at, len(text) + 1)])


def unmarked(text: str, parts: Sequence[Interval]) -> str:
    """Give a text with line breaks in place of the marks around its thinking parts, as long as it was."""
    for start, end in parts:
        for found in _MARK.finditer(text, start, end):
            if found.start() == start or found.end() == end:
                text = text[: found.start()] + "\n" * len(found.group()) + text[found.end() :]
    return text


def cut_at(intervals: Sequence[Interval], text: str, edges: Sequence[int]) -> tuple[Interval, ...]:
    """Cut intervals of a text at some characters; what is left of each is without white space around it."""
    found: list[Interval] = []
    for start, end in intervals:
        for first, last in pairwise([start, *(edge for edge in sorted(edges) if start < edge < end), end]):
            piece = text[first:last]
            if piece.strip():
                found.append((first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip())))
    return tuple(found)
