"""Semantic chunks of speech: neighbouring sentences stay together as long as they are about the same (the paper's)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.speech.transcript import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Embed = Callable[[Sequence[str]], np.ndarray]

SHORTEST, LONGEST = 5.0, 60.0  # seconds
SPREADS = 0.8  # standard deviations below the mean similarity
CLAMP = (0.3, 0.7)


def semantic_chunks(
    segments: Sequence[Segment],
    embed: Embed | None = None,
    *,
    threshold: float | None = None,
    shortest: float = SHORTEST,
    longest: float = LONGEST,
) -> tuple[Segment, ...]:
    """Join the segments of a transcript into chunks that each are about one thing.

    Adjacent segments are split where the cosine similarity of their embeddings falls below a threshold, and where the
    speaker changes; a chunk shorter than `shortest` takes in what follows, and none is made longer than `longest`
    unless one segment is.

    Args:
        segments: in order of time.
        embed: texts -> `float [k, d]`, such as `SentenceTransformer(...).encode`; left out: words weighted by how rare
            they are in this transcript (TF-IDF), which needs no model.
        threshold: cosine similarity, -1..1; left out: the mean over adjacent segments minus 0.8 standard deviations,
            clamped to 0.3-0.7.
        shortest: seconds.
        longest: seconds.

    Raises:
        SettingsError: lengths or a threshold out of range, or embeddings of another number than texts.
    """
    if not 0 <= shortest <= longest:
        raise SettingsError(
            f"shortest={shortest:g} and longest={longest:g}: expected 0 <= shortest <= longest, seconds."
        )
    if threshold is not None and not -1 <= threshold <= 1:
        raise SettingsError(f"threshold={threshold!r} is no cosine similarity; give a number from -1 to 1.")
    if not segments:
        return ()
    similar = similarities([segment.text for segment in segments], embed)
    limit = adaptive_threshold(similar) if threshold is None else threshold
    chunks: list[list[Segment]] = [[segments[0]]]
    for segment, likeness in zip(segments[1:], similar, strict=True):
        held = chunks[-1]
        together = segment.t1 - held[0].t0
        apart = segment.speaker != held[-1].speaker
        short = held[-1].t1 - held[0].t0 < shortest
        if together <= longest and not apart and (likeness >= limit or short):
            held.append(segment)
        else:
            chunks.append([segment])
    return tuple(
        Segment(held[0].t0, held[-1].t1, " ".join(each.text for each in held), held[0].speaker) for held in chunks
    )


def similarities(texts: Sequence[str], embed: Embed | None = None) -> np.ndarray:
    """Give the cosine similarity of each text with the next: `float64 [k - 1]`."""
    vectors = np.asarray((embed or _by_words)(list(texts)), np.float64)
    if vectors.ndim != 2 or len(vectors) != len(texts):  # noqa: PLR2004 - texts and dimensions
        raise SettingsError(f"embed gave an array of shape {vectors.shape} for {len(texts)} texts; expected (k, d).")
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    product: np.ndarray = (vectors[:-1] * vectors[1:]).sum(axis=1)
    return product


def adaptive_threshold(similar: np.ndarray) -> float:
    """Give the mean minus 0.8 standard deviations, clamped to 0.3-0.7.

    Example:
        >>> adaptive_threshold(np.array([0.9, 0.9, 0.5]))
        0.6158172200135364
    """
    if not len(similar):
        return CLAMP[0]
    return float(np.clip(similar.mean() - SPREADS * similar.std(), *CLAMP))


def _by_words(texts: Sequence[str]) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 (slow to import)

    try:
        vectors: np.ndarray = TfidfVectorizer(stop_words=None).fit_transform(texts).toarray()
    except ValueError:  # no word at all: signs alone
        vectors = np.zeros((len(texts), 1))
    return vectors
