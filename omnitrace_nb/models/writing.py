"""The token ids with which a model would have written a text as its response.

A response is tokenised apart from the prompt, as plain characters: a special token's name in it is the characters it
is. What depends on the prompt is a first word's space, which tokenizers of sentencepiece's kind write or leave out by
what stands before: there the end of the prompt's template is read along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import NOBODY
from omnitrace_nb.models.tokenizing import plain_ids
from omnitrace_nb.models.tokens import is_byte_level, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedTokenizerBase

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.models.adapter import Adapter

ANSWER = "omnitrace7answer"


def written(adapter: Adapter, layout: Layout, text: str) -> np.ndarray:
    """Give the ids `int64 [T]` with which a model would have written a text behind a prompt.

    Args:
        adapter: the model.
        layout: of the prompt.
        text: the response; some character at least.

    Raises:
        ModelError: no tokens of the model write exactly this text.
    """
    wanted, reached, instead = text.encode(), -1, b""
    for way in _ways(adapter.tokenizer, layout):
        ids = way(text)
        if ids is None:
            continue
        found = b"".join(adapter.token_bytes(ids.tolist()))
        if found == wanted:
            return ids
        if (same := shared(found, wanted)) > reached:
            reached, instead = same, found[same:]
    start = len(wanted[: max(reached, 0)].decode(errors="ignore"))
    raise ModelError(
        f"response=: this model's tokens cannot write {text[start : start + 20]!r} (character {start} on) as it stands;"
        f" they write {instead.decode(errors='replace')[:20]!r}. Give a text that they can, or token ids."
    )


def _ways(tokenizer: PreTrainedTokenizerBase, layout: Layout) -> Iterator[Callable[[str], np.ndarray | None]]:
    """Give ways to tokenise a response, the likeliest first."""
    if not getattr(tokenizer, "is_fast", False):
        yield lambda text: np.array(tokenizer.encode(text, add_special_tokens=False), np.int64)
    elif not is_byte_level(tokenizer):  # whose pieces never depend on what stands before them
        yield lambda text: _behind(tokenizer, _tail(layout), text)
    yield lambda text: plain_ids(tokenizer, text)
    yield lambda text: plain_ids(tokenizer, text, first=False)
    yield lambda text: plain_ids(tokenizer, " " + text)  # the space that a decoder drops, where none is put before one


def _tail(layout: Layout) -> list[int]:
    """Give the ids of the template behind the prompt's last part."""
    owned = np.flatnonzero(layout.part != NOBODY)
    tail: list[int] = layout.token_ids[owned[-1] + 1 if len(owned) else 0 :].tolist()
    return tail


def _behind(tokenizer: PreTrainedTokenizerBase, tail: list[int], text: str) -> np.ndarray | None:
    """Tokenise a text behind the chat template's end; None where the prompt ends otherwise."""
    before, space = _end(tokenizer)
    left: list[int] = tokenizer.encode(before, add_special_tokens=False)
    if not tail or left[len(left) - len(tail) :] != tail:
        return None
    ids: list[int] = tokenizer.encode(before + space + text, add_special_tokens=False)
    return np.array(ids[len(left) :], np.int64) if ids[: len(left)] == left else None


def _end(tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """Give what a chat template writes before an answer, and the spaces that it puts between (Llama 2's has one)."""
    asked: list[dict[str, Any]] = [{"role": "user", "content": "a"}]
    answered = [*asked, {"role": "assistant", "content": ANSWER}]
    try:
        before: str = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        whole: str = tokenizer.apply_chat_template(answered, tokenize=False)
    except (jinja2.TemplateError, TypeError, ValueError):  # none, or one of other roles, or of items
        return "", ""
    between, found, _ = whole.removeprefix(before).partition(ANSWER)
    told = found and whole.startswith(before) and not between.strip(" ")
    return before, between if told else ""
