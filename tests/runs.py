"""Runs for tests of signals: decoded and scored as the tracer does it, from an adapter and an encoded prompt."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from omnitrace_nb import passes, signals
from omnitrace_nb.alignment import align
from omnitrace_nb.capture import decode


def finished(adapter, encoded, token_ids, **pieces):
    """Give the finished run of a response, without sources or statements unless `pieces` has them."""
    ids = np.asarray(token_ids, np.int64)
    tokens = [str(token).encode() + b" " for token in ids.tolist()]
    response = align(tokens, ids, np.zeros(len(ids), np.float32), "length")
    return passes.Finished(adapter, encoded, response, **{"progress": False, **pieces})


def scored(adapter, encoded, names, baseline=None, **generation):
    """Decode and score: what `capture.decode` gives, with the scores, notes and seconds of every signal."""
    chosen = [signals.get(name) for name in names]
    online = list(passes.told_apart(chosen).values())
    got = decode(adapter, encoded, online, baseline, progress=False, **generation)
    run = finished(adapter, encoded, got.token_ids, baseline=baseline)
    run.interrupted = got.stopped == "interrupted"
    found = passes.score(run, chosen, got.scores)
    return SimpleNamespace(
        token_ids=got.token_ids,
        logprobs=got.logprobs,
        stopped=got.stopped,
        scores=found.scores,
        notes=found.notes,
        seconds=got.seconds | found.seconds,
    )
