"""Statements: the response cut into the spans that are attributed (the paper's chunks `C_k`), and its tokens tagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.language import Reading, read

if TYPE_CHECKING:
    from spacy.language import Language

NO_STATEMENT = -1


@dataclass(frozen=True, slots=True)
class StatementOptions:
    """How a response is cut.

    Attributes:
        clauses: cut sentences at coordinated clauses too ("The cat sleeps, | and the dog barks.").
        nlp: a spaCy pipeline; by default the installed English one.
    """

    clauses: bool = False
    nlp: Language | None = None


def split(text: str, options: StatementOptions | None = None) -> tuple[tuple[int, int], ...]:
    r"""Give start and end of each statement of `text`, in characters, without white space around it.

    Statements are spaCy's sentences, cut at every line break; a list marker ("-", "*", "1.") stays with its item.

    Example:
        >>> split("1. It cost 3.5 francs, e.g. for Dr. Who.\n2. She left.")
        ((0, 40), (41, 53))
    """
    return _statements(read(text, options.nlp if options else None), options)


def tag(text: str, options: StatementOptions | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give the words of `text`, `int32 [w, 2]` (start, end), and the Universal POS tag of each."""
    reading = read(text, options.nlp if options else None)
    return reading.words, reading.tags


def split_and_tag(
    text: str, chars: np.ndarray, options: StatementOptions | None = None
) -> tuple[tuple[tuple[int, int], ...], np.ndarray, tuple[str, ...]]:
    """Read a response once: its statements, and the statement and part of speech of each of its `T` tokens.

    A token takes the statement, and the tag of the word, with which it shares most characters (the earlier of equals).
    A token without characters, or of white space between statements, has statement -1.

    Args:
        text: the response.
        chars: `int32 [T, 2]`, each token's characters.
        options: how the response is cut.

    Returns:
        statements, `int64 [T]` statement of each token, `[T]` tags ("SPACE" for white space, "" for no characters).
    """
    reading = read(text, options.nlp if options else None)
    statements = _statements(reading, options)
    of_token = most_overlapping(chars, np.array(statements, np.int32).reshape(-1, 2))
    word_of = most_overlapping(chars, reading.words)
    tags = tuple(
        reading.tags[word] if word >= 0 else ("SPACE" if end > start else "")
        for word, (start, end) in zip(word_of.tolist(), chars.tolist(), strict=True)
    )
    return statements, of_token, tags


def most_overlapping(intervals: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Give, for each of `intervals [k, 2]`, which of the disjoint `ordered [m, 2]` it overlaps most: `int64 [k]`.

    The earlier of equals; -1 for none.
    """
    best = np.full(len(intervals), NO_STATEMENT, np.int64)
    if not len(ordered):
        return best
    first = np.searchsorted(ordered[:, 1], intervals[:, 0], side="right")
    for index, (start, end) in enumerate(intervals.tolist()):
        longest = 0
        for candidate in range(int(first[index]), len(ordered)):
            low, high = ordered[candidate].tolist()
            if low >= end:
                break
            shared = min(end, high) - max(start, low)
            if shared > longest:
                longest, best[index] = shared, candidate
    return best


def _statements(reading: Reading, options: StatementOptions | None) -> tuple[tuple[int, int], ...]:
    return reading.clauses if options and options.clauses else reading.sentences
