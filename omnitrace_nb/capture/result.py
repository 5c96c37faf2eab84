"""What one decode gives: plain arrays, free of the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """The response to a prompt of `n` positions in `T` steps.

    Attributes:
        token_ids: `int64 [T]`, the generated ids, an end token included.
        logprobs: `float32 [T]`, the log-probability of each chosen token under the model's own logits (nats).
        scores: signal name -> `float32 [T, n + T]`; row t scores every earlier position, generated ones included;
            entries from `n + t` on are 0.
        stopped: why it ended: "eos", "length", "stop", "interrupted", or "given" for a response that was forced.
        seconds: seconds of wall time, by stage ("prefill", "decode").
    """

    token_ids: np.ndarray
    logprobs: np.ndarray
    scores: dict[str, np.ndarray]
    stopped: str
    seconds: dict[str, float] = field(default_factory=dict)
