"""Coordinated clauses by dependency parse, as in "The cat sleeps, | and the dog barks".

A clause begins at a verb that is coordinated (`conj`) with the sentence's root, directly or through another such verb,
and that has a subject of its own; so "it opens and closes" stays whole. The conjunction goes with the clause it
opens, the comma before it with the clause it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacy.tokens import Doc, Token

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl", "nsubj:pass", "csubj:pass"})
_VERBS = frozenset({"VERB", "AUX"})


def clause_starts(doc: Doc) -> Iterator[int]:
    """Give the character at which each coordinated clause after a sentence's first begins, in order."""
    if not doc.has_annotation("DEP"):
        return
    for sentence in doc.sents:
        verbs = [sentence.root]
        for verb in verbs:
            verbs += [child for child in verb.rights if _is_clause(child)]
        for verb in sorted(verbs[1:], key=lambda token: token.i):
            yield doc[_opening(verb)].idx


def _is_clause(verb: Token) -> bool:
    return verb.dep_ == "conj" and verb.pos_ in _VERBS and any(child.dep_ in _SUBJECTS for child in verb.lefts)


def _opening(verb: Token) -> int:
    """Find the clause's first token: its conjunction, if only adverbs or signs lie between, else its edge."""
    edge: int = verb.left_edge.i
    for token in reversed(list(verb.head.rights)):
        if token.dep_ == "cc" and token.i < edge:
            between = verb.doc[token.i + 1 : edge]
            return token.i if all(word.pos_ in {"ADV", "PUNCT", "SPACE"} for word in between) else edge
    return edge
