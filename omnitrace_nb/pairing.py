"""Which source and which statement of one trace stand for which of another: what a comparison of two traces rests on.

Sources are paired by what they are: a sentence by its words, an interval or region by the bytes of its file and its
place in it. What is left is paired by where it stands: the same place in a part of the same index, so that a picture
put in place of another is its partner. Statements are paired by number where both traces say the same; else equal texts
are paired in order, and of the rest those most alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from omnitrace_nb.trace import Trace

ALIKE = 0.6  # of two texts, as difflib's ratio: about that share of their characters in common
NEAR = 12  # statements more than so many places apart are not compared


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """How a left and a right trace stand for each other.

    Attributes:
        sources: `int64 [S]`, for each source of the left trace that of the right, -1 for none; no source twice.
        statements: `int64 [K]`, the same for statements, by their indices.
        moved: left sources whose partner holds something else (another picture in the same place).
        notes: in words, what cannot be compared; empty where everything can.
    """

    sources: np.ndarray
    statements: np.ndarray
    moved: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def pair(left: Trace, right: Trace) -> Pairing:
    """Pair the sources and statements of two traces."""
    if left is right:
        return Pairing(np.arange(len(left.source_records)), np.arange(len(left.statement_chars)))
    sources, moved = pair_sources(left, right)
    statements = pair_statements(_texts(left), _texts(right), same=left.statement_chars == right.statement_chars)
    return Pairing(sources, statements, moved, tuple(_said(left, right, sources, statements, moved)))


def pair_sources(left: Trace, right: Trace) -> tuple[np.ndarray, tuple[int, ...]]:
    """Give the partner of each source of the left trace, and which were paired by their place alone."""
    partner = np.full(len(left.source_records), -1, np.int64)
    taken: set[int] = set()
    _match(left, right, _what, partner, taken)
    before = partner >= 0
    _match(left, right, _where, partner, taken)
    return partner, tuple(np.flatnonzero((partner >= 0) & ~before).tolist())


def pair_statements(left: Sequence[str], right: Sequence[str], *, same: bool = False) -> np.ndarray:
    """Give the partner of each left text: by number where both lists are the same, else equal texts, then alike ones.

    Example:
        >>> pair_statements(["A bell.", "A red ball."], ["A blue ball.", "A bell."]).tolist()
        [1, 0]
    """
    if same and list(left) == list(right):
        return np.arange(len(left))
    partner = np.full(len(left), -1, np.int64)
    places = defaultdict(list)
    for place, text in enumerate(right):
        places[text].append(place)
    for at, text in enumerate(left):
        if places[text]:
            partner[at] = places[text].pop(0)
    free = [place for own in places.values() for place in own]
    for _, _, at, place in sorted(_alike(left, right, np.flatnonzero(partner < 0).tolist(), free)):
        if partner[at] < 0 and place not in partner:
            partner[at] = place
    return partner


def _alike(
    left: Sequence[str], right: Sequence[str], open_: Sequence[int], free: Sequence[int]
) -> Iterator[tuple[float, int, int, int]]:
    """Give `(-likeness, distance, left, right)` of texts that are much alike and about as far along."""
    scale = len(right) / max(len(left), 1)
    for at in open_:
        matcher = SequenceMatcher(b=left[at], autojunk=False)
        for place in free:
            if abs(place - at * scale) > NEAR:
                continue
            matcher.set_seq1(right[place])
            if matcher.quick_ratio() >= ALIKE and (ratio := matcher.ratio()) >= ALIKE:
                yield -ratio, abs(place - at), at, place


def _match(
    left: Trace, right: Trace, key: Callable[[Trace], list[Hashable]], partner: np.ndarray, taken: set[int]
) -> None:
    """Pair sources with equal keys that have no partner yet, in order."""
    places = defaultdict(list)
    for id_, name in enumerate(key(right)):
        if id_ not in taken:
            places[name].append(id_)
    for id_, name in enumerate(key(left)):
        if partner[id_] < 0 and places[name]:
            partner[id_] = places[name].pop(0)
            taken.add(int(partner[id_]))


def _what(trace: Trace) -> list[Hashable]:
    """Give what each source is."""
    keys: list[Hashable] = []
    for source in trace.source_records:
        part = trace.parts[source.part]
        if source.chars is not None:
            keys.append((source.modality, (part.text or "")[slice(*source.chars)].strip()))
        else:
            keys.append((source.modality, part.sha256, *_place(source)))
    return keys


def _where(trace: Trace) -> list[Hashable]:
    """Give where each source stands: its part, and its place in it (of text: its number among the part's sentences)."""
    keys: list[Hashable] = []
    counted: dict[tuple[int, str], int] = defaultdict(int)
    for source in trace.source_records:
        number = counted[source.part, source.modality]
        counted[source.part, source.modality] += 1
        place = _place(source) if source.time else (number,)
        keys.append((trace.parts[source.part].kind, source.part, source.modality, *place))
    return keys


def _place(source: Any) -> tuple[Any, ...]:  # noqa: ANN401 (a Source)
    return tuple(round(float(at), 3) for at in (*(source.box or ()), *(source.time or ())))


def _texts(trace: Trace) -> list[str]:
    return [trace.response[start:end].strip() for start, end in trace.statement_chars]


def _said(left: Trace, right: Trace, sources: np.ndarray, statements: np.ndarray, moved: tuple[int, ...]) -> list[str]:
    """Say what cannot be compared."""
    notes = []
    alone = _left_over(len(sources), len(right.source_records), sources)
    if any(alone):
        notes.append(f"Of the sources, {alone[0]} on the left and {alone[1]} on the right have no partner.")
    if moved:
        labels = list(dict.fromkeys(left.parts[left.source_records[id_].part].label for id_ in moved))
        notes.append(f"Compared by place, as what stands there differs: {', '.join(labels)}.")
    alone = _left_over(len(statements), len(right.statement_chars), statements)
    if any(alone):
        notes.append(f"Of the statements, {alone[0]} on the left and {alone[1]} on the right have no partner.")
    elif left.response != right.response:
        notes.append("The responses differ; statements are paired by their words.")
    return notes


def _left_over(left: int, right: int, partner: np.ndarray) -> tuple[int, int]:
    paired = int((partner >= 0).sum())
    return left - paired, right - paired
