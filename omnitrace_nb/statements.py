"""Statements: the response cut into the spans that are attributed (the paper's chunks `C_k`), and its tokens tagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.language import Interval, clauses, sentences, words
from omnitrace_nb.language.pipeline import check
from omnitrace_nb.quoting import quoted
from omnitrace_nb.thinking import cut_at, unmarked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacy.language import Language

    from omnitrace_nb.trace.records import Response

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class StatementOptions:
    """How a response is cut.

    Attributes:
        clauses: cut sentences at coordinated clauses too ("The cat sleeps, | and the dog barks.").
        nlp: a spaCy pipeline; by default the installed English one.

    Raises:
        SettingsError: a value of another kind, or a pipeline that finds no sentences.
    """

    clauses: bool = False
    nlp: Language | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning, before anything is generated."""
        if not isinstance(self.clauses, bool):
            raise SettingsError(f"clauses={quoted(self.clauses)} is not usable; give True or False.")
        check(self.nlp)


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """A response of `T` steps, cut into statements.

    Attributes:
        chars: start and end of each, in characters of the response.
        of_step: `int64 [T]`, the statement of each step, -1 for none.
        tags: `[T]`, the Universal POS tag of each step, "" for none.
    """

    chars: tuple[Interval, ...]
    of_step: np.ndarray
    tags: tuple[str, ...]

    @classmethod
    def of(cls, response: Response, options: StatementOptions | None = None) -> Statements:
        """Cut a response, and tag its tokens."""
        chars = split(response.text, options, response.thinking)
        words, tags = tag(response.text, options)
        return cls(chars, statement_of_tokens(response.chars, chars), tags_of_tokens(response.chars, words, tags))


def split(
    text: str, options: StatementOptions | None = None, thinking: Sequence[Interval] = ()
) -> tuple[Interval, ...]:
    r"""Give start and end of each statement of `text`, in characters, without white space around it.

    Statements are spaCy's sentences, cut at every line break; a list marker ("-", "*", "1.") stays with its item.
    Where `thinking` begins and ends a statement does too, and the marks around it are in none.

    Example:
        >>> split("1. It cost 3.5 francs, e.g. for Dr. Who.\n2. She left.")
        ((0, 40), (41, 53))
    """
    options = options or StatementOptions()
    text = unmarked(text, thinking)
    whole = sentences(text, options.nlp)
    cut = clauses(text, whole, options.nlp) if options.clauses else whole
    return cut_at(cut, text, [edge for part in thinking for edge in part]) if thinking else cut


def tag(text: str, options: StatementOptions | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give the words of `text`, `int32 [w, 2]` (start, end), and the Universal POS tag of each."""
    return words(text, options.nlp if options else None)


def statement_of_tokens(chars: np.ndarray, statements: Sequence[Interval]) -> np.ndarray:
    """Give the statement of each of `T` tokens from their characters `int32 [T, 2]`: `int64 [T]`.

    A token takes the statement with which it shares most characters, the earlier of equals; -1 without any.
    """
    return most_overlapping(chars, np.array(statements, np.int32).reshape(-1, 2))


def tags_of_tokens(chars: np.ndarray, words: np.ndarray, tags: Sequence[str]) -> tuple[str, ...]:
    """Give the part of speech of each of `T` tokens from their characters `int32 [T, 2]`.

    A token takes the tag of the word with which it shares most characters, the earlier of equals; "SPACE" if it is
    white space between words, "" if it has no characters.
    """
    of_token = most_overlapping(chars, words)
    return tuple(
        tags[word] if word >= 0 else ("SPACE" if end > start else "")
        for word, (start, end) in zip(of_token.tolist(), chars.tolist(), strict=True)
    )


def most_overlapping(intervals: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Give, for each of `intervals [k, 2]`, which of the disjoint `ordered [m, 2]` it overlaps most: `int64 [k]`.

    The earlier of equals; -1 for none.
    """
    best = np.full(len(intervals), NOWHERE, np.int64)
    if not len(ordered) or not len(intervals):
        return best
    first = np.searchsorted(ordered[:, 1], intervals[:, 0], side="right")
    last = np.searchsorted(ordered[:, 0], intervals[:, 1], side="left")
    longest = np.zeros(len(intervals), np.int64)
    for offset in range(int((last - first).max(initial=0))):
        candidate = np.minimum(first + offset, len(ordered) - 1)
        shared = np.minimum(intervals[:, 1], ordered[candidate, 1]) - np.maximum(intervals[:, 0], ordered[candidate, 0])
        better = (first + offset < last) & (shared > longest)
        best[better], longest[better] = candidate[better], shared[better]
    return best
