"""How Qwen's sound encoders make tokens of mel frames: how many, and which frames each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

QUARTER = 4  # mel frames of a token of Qwen2.5-Omni
WINDOW = 50  # Qwen3-Omni's encoder convolves two windows at a time, 100 frames, apart from all others
CHUNK = 2 * WINDOW
STRIDE = 8  # frames between the centres of a chunk's tokens: three convolutions, each of stride 2
CHUNK_TOKENS = 13


@dataclass(frozen=True, slots=True)
class Hearing:
    """A family's way of hearing.

    Attributes:
        tokens: number of mel frames -> number of tokens.
        frames: number of tokens -> `int [k, 2]`, the first mel frame of each and the one after its last.
        fill: samples that a sound is filled up to with silence; None: one analysis window beyond its end.
    """

    tokens: Callable[[int], int]
    frames: Callable[[int], np.ndarray]
    fill: int | None = None

    def a_second(self, extractor: Any) -> float:  # noqa: ANN401 - transformers ships no types
        """Give how many tokens a second of a long sound takes."""
        frames = 1000 * CHUNK
        return self.tokens(frames) * extractor.sampling_rate / (frames * extractor.hop_length)


def _tokens_of_quarters(frames: int) -> int:
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


def _quarters(tokens: int) -> np.ndarray:
    starts = np.arange(tokens) * QUARTER
    return np.stack([starts, starts + QUARTER], axis=-1)


def _tokens_of_chunks(frames: int) -> int:
    chunks, rest = divmod(frames, CHUNK)
    return chunks * CHUNK_TOKENS + -(-rest // STRIDE)


def _in_chunks(tokens: int) -> np.ndarray:
    """Cut each chunk half way between its tokens' centres, which stand at frames 0, 8, ... 96 of it."""
    chunk, number = np.divmod(np.arange(tokens), CHUNK_TOKENS)
    starts = np.maximum(number * STRIDE - STRIDE // 2, 0)
    ends = np.where(number == CHUNK_TOKENS - 1, CHUNK, number * STRIDE + STRIDE // 2)
    return np.stack([starts, ends], axis=-1) + chunk[:, None] * CHUNK


QWEN2_5 = Hearing(_tokens_of_quarters, _quarters)
QWEN3 = Hearing(_tokens_of_chunks, _in_chunks)
