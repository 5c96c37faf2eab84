"""Coordinated clauses by dependency parse, as in "The cat sleeps, | and the dog barks".

A clause begins at a verb that is coordinated (`conj`) with the sentence's root, directly or through another such verb,
and that has a subject of its own; so "it opens and closes" stays whole. English parsers hang the first clause of "it
rained, so we left" and "it rained; we left" on the last as a complement (`ccomp`): it ends where a conjunction or ";"
follows. The conjunction goes with the clause it opens, the comma before it with the clause it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitrace_nb.language.foreign import foreign
from omnitrace_nb.language.pipeline import PARSES, parse, readable
from omnitrace_nb.language.sentences import Interval, says_something, trim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spacy.language import Language
    from spacy.tokens import Doc, Token

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl", "nsubj:pass", "csubj:pass"})
_VERBS = frozenset({"VERB", "AUX"})
_CONJUNCTIONS = frozenset({"and", "but", "or", "so", "yet", "then", "thus", "hence", "therefore"})


def clauses(text: str, sentences: Sequence[Interval], nlp: Language | None = None) -> tuple[Interval, ...]:
    """Cut sentences of `text` at their coordinated clauses; one without any stays whole.

    A pipeline without a dependency parser cuts nothing, and none cuts sentences of another language than its own.

    Example:
        >>> clauses("The cat sleeps, and the dog barks.", [(0, 34)])
        ((0, 15), (16, 34))
    """
    read = [each for each in sentences if foreign(text[slice(*each)], text, nlp) is None]
    docs = parse((readable(text[start:end]) for start, end in read), nlp, PARSES) if read else iter(())
    openings = {each: tuple(_openings(doc)) for each, doc in zip(read, docs, strict=True)}
    found: list[Interval] = []
    for start, end in sentences:
        first = start
        for opening in openings.get((start, end), ()):
            at = start + opening
            if says_something(text[first:at]):
                found.append(trim(text, first, at))
                first = at
        found.append(trim(text, first, end))
    return tuple(found)


def _openings(doc: Doc) -> Iterator[int]:
    """Give the character at which each coordinated clause after the first begins, in order."""
    if not doc.has_annotation("DEP"):
        return
    for sentence in doc.sents:
        before = [child for child in sentence.root.lefts if child.dep_ == "ccomp" and _is_clause(child)]
        verbs = [*before, sentence.root]
        for verb in verbs:
            verbs += [child for child in verb.rights if child.dep_ == "conj" and _is_clause(child)]
        opened = [_opening(verb) for verb in verbs[len(before) + 1 :]]
        opened += [at for verb in before if (at := _next_opening(verb)) is not None]
        yield from sorted({doc[at].idx for at in opened})


def _is_clause(verb: Token) -> bool:
    return verb.pos_ in _VERBS and any(child.dep_ in _SUBJECTS for child in verb.lefts)


def _opening(verb: Token) -> int:
    """Find the clause's first token: its conjunction, if only adverbs or signs lie between, else its edge."""
    edge: int = verb.left_edge.i
    for token in reversed(list(verb.head.rights)):
        if token.dep_ == "cc" and token.i < edge:
            between = verb.doc[token.i + 1 : edge]
            return token.i if all(word.pos_ in {"ADV", "PUNCT", "SPACE"} for word in between) else edge
    return edge


def _next_opening(verb: Token) -> int | None:
    """Find where the clause after a complement begins, if a conjunction or ";" says that one does."""
    doc, at = verb.doc, verb.right_edge.i + 1
    while doc[at - 1].dep_ in {"cc", "punct"}:
        at -= 1
    signs = ""
    while at < len(doc) and doc[at].dep_ == "punct":
        signs += doc[at].text
        at += 1
    return at if at < len(doc) and (";" in signs or doc[at].lower_ in _CONJUNCTIONS) else None
