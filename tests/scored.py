"""Traces from bare scores: one text, a character a position; a response of one character a token."""

from __future__ import annotations

import numpy as np

from omnitrace_nb.layout import TEXT, Layout
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace.records import PartRecord, Response, RunInfo, Source
from omnitrace_nb.trace.result import Trace

TAGS = ("NOUN", "VERB", "ADJ", "ADV", "DET", "PUNCT", "SPACE", "X", "toString", "")


def make_scored(scores, owner, seed=0, statements=5):
    """Make a trace with scores `[T, n]` by signal; `owner [n]` is the source of each position, -1 for none.

    Statements and tags are drawn at random; the last source is a question's.
    """
    rng = np.random.default_rng(seed)
    steps, n = next(iter(scores.values())).shape
    layout = Layout(
        token_ids=np.arange(n),
        part=np.zeros(n, np.int32),
        modality=np.full(n, TEXT, np.int8),
        chars=_each(n),
        box=np.full((n, 4), np.nan, np.float32),
        time=np.full((n, 2), np.nan, np.float32),
        grids={},
    )
    last = owner.max()
    own = [np.flatnonzero(owner == j).astype(np.int32) for j in range(last + 1)]
    sources = [
        Source(j, "text", 0, f"sentence {j + 1}", each, chars=(int(each[0]), int(each[-1]) + 1), question=j == last)
        for j, each in enumerate(own)
    ]
    said = Response("a" * steps, np.arange(steps), ("a",) * steps, _each(steps), -np.ones(steps, np.float32), "eos")
    of = np.sort(rng.integers(0, statements, steps))
    steps_of = [np.flatnonzero(of == k) for k in range(statements)]
    chars = tuple((int(each[0]), int(each[-1]) + 1) if len(each) else (0, 1) for each in steps_of)
    # As a special token inside a statement: it belongs to none.
    of[rng.random(steps) < 0.1] = -1
    cut = Statements(chars, of, tuple(map(str, rng.choice(TAGS, steps))))
    padded = {name: np.pad(each, ((0, 0), (0, steps))).astype(np.float32) for name, each in scores.items()}
    part = PartRecord(0, "text", "user", "text 1", "", text="b" * n)
    return Trace.build([part], layout, sources, said, padded, RunInfo("none", "none"), statements=cut)


def _each(count):
    """Give one character for each of `count`."""
    return np.stack([np.arange(count), np.arange(1, count + 1)], 1).astype(np.int32)
