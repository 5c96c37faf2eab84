"""What is chosen for a whole statement, laid on its steps: for baselines that know no steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from omnitrace_nb.passes.finished import Finished

LEAD = 1.05


def refuse_edited(run: Finished, signal: str, reads: str) -> None:
    """Refuse a run whose prompt's embeddings are edited, for a signal that does not read them: it would say the same.

    Raises:
        SignalError: such a run.
    """
    if run.edit is not None:
        raise SignalError(
            f"signal {signal!r} {reads}, never the prompt's embeddings, which minus_null and minus_swapped edit: it "
            "says the same of an edited prompt, and subtracting that means nothing. Use it without these controls"
        )


def in_turns(run: Finished, values: np.ndarray) -> np.ndarray:
    """Lay what each source is worth to each statement, `[C, S]`, on the statement's steps: scores `[T, n]`.

    At every step of a statement, each source with a value above 0 has that value as its mass. The statement's steps are
    dealt out among them besides, the largest first, an even share of the part-of-speech weights each; in its turn a
    source has 1.05 times the largest of the values. Curation takes one source a step, and so takes them all; where
    there are more sources than steps with a weight, the last have no turn. A source that stands alone keeps its value.
    """
    masses = np.zeros((run.steps, len(run.sources)))
    for statement, own in enumerate(values):
        steps = np.flatnonzero(run.statement_of == statement)
        kept = np.argsort(-own, kind="stable")[: (own > 0).sum()]
        if not len(steps) or not len(kept):
            continue
        masses[np.ix_(steps, kept)] = own[kept]
        if len(kept) > 1:
            weights = run.weights[steps] if run.weights[steps].any() else np.ones(len(steps))
            middles = (np.cumsum(weights) - weights / 2) / weights.sum()
            masses[steps, kept[np.minimum((middles * len(kept)).astype(int), len(kept) - 1)]] = own[kept[0]] * LEAD
    return run.spread(masses)
