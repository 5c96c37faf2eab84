"""Chance: what any signal must do better than."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.passes.choices import in_turns, refuse_edited
from omnitrace_nb.planning import nothing
from omnitrace_nb.signals.registry import register
from omnitrace_nb.signals.similarity import THRESHOLD

if TYPE_CHECKING:
    from omnitrace_nb.passes import Finished


@register(
    "random",
    over="run",
    family="baseline",
    cost="nothing",
    source="OmniTrace, arXiv 2604.13073, appendix C.2.3",
    need=nothing,
)
def random(run: Finished) -> np.ndarray:
    """As `embed_processor`, with a random number from -1 to 1 in place of the cosine.

    The numbers follow from the run's prompt and response alone: the same run gives the same scores. Under controls that
    edit the prompt's embeddings it is refused (`SignalError`).
    """
    refuse_edited(run, "random", "draws from the tokens alone")
    told = run.encoded.layout.token_ids.tobytes() + run.response.token_ids.tobytes()
    seed = int.from_bytes(hashlib.sha256(told).digest()[:8], "big")
    drawn = np.random.default_rng(seed).uniform(-1, 1, (len(run.statements), len(run.sources)))
    return in_turns(run, np.where(drawn >= THRESHOLD, drawn, 0))
