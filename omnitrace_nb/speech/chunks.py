"""Semantic chunks of speech: neighbouring sentences stay together as long as they are about the same (the paper's)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import ContentError, SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.speech.transcript import Segment, closes, sentences, usable
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from collections.abc import Callable

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
    speaker changes; a chunk shorter than `shortest` takes in what follows, or else joins the one before it, if
    the speaker is the same; none is made longer than `longest` unless one segment is. Where segments end with the signs
    of sentences, those that break off within one, as cues of subtitles do, are joined to whole sentences first.

    Args:
        segments: of a transcript; times may overlap.
        embed: texts -> `float [k, d]`, such as `SentenceTransformer(...).encode`; left out: words weighted by how rare
            they are in this transcript (TF-IDF), which needs no model.
        threshold: cosine similarity, -1..1; left out: the mean over adjacent segments minus 0.8 standard deviations,
            clamped to 0.3-0.7.
        shortest: seconds.
        longest: seconds.

    Raises:
        SettingsError: lengths or a threshold out of range, or embeddings of another number than texts.
        ContentError: a segment whose times are negative or in disorder.
    """
    _check(embed, threshold, shortest, longest)
    if not isinstance(segments, Sequence) or isinstance(segments, (str, bytes)):
        raise ContentError(
            f"segments={quoted(segments)} is no list of segments; give what read_transcript(path) returns."
        )
    said, wrong = usable(segments)
    if wrong:
        raise wrong[0][1]
    if not said:
        return ()
    segments = sorted(said, key=lambda each: (each.t0, each.t1))
    segments = sentences(segments) if any(closes(each.text) for each in segments) else segments
    similar = similarities([segment.text for segment in segments], embed)
    limit = adaptive_threshold(similar) if threshold is None else threshold
    chunks: list[list[Segment]] = [[segments[0]]]
    t0, t1 = segments[0].t0, segments[0].t1  # of the last chunk
    for segment, likeness in zip(segments[1:], similar, strict=True):
        held = chunks[-1]
        together = max(t1, segment.t1) - t0 <= longest
        apart = segment.speaker != held[-1].speaker
        if together and not apart and (likeness >= limit or t1 - t0 < shortest):
            held.append(segment)
            t1 = max(t1, segment.t1)
        else:
            chunks.append([segment])
            t0, t1 = segment.t0, segment.t1
    return tuple(
        Segment(held[0].t0, _end(held), " ".join(each.text for each in held), held[0].speaker)
        for held in _with_remnants(chunks, shortest, longest)
    )


def _with_remnants(chunks: Sequence[list[Segment]], shortest: float, longest: float) -> list[list[Segment]]:
    """Give a chunk that found nothing to take in (the speaker changes, the talk ends) to the one before it."""
    found: list[list[Segment]] = []
    last = 0.0  # end of the one before
    for held in chunks:
        before, end = found[-1] if found else [], _end(held)
        fits = before and before[-1].speaker == held[0].speaker
        if fits and end - held[0].t0 < shortest and max(last, end) - before[0].t0 <= longest:
            before.extend(held)
            last = max(last, end)
        else:
            found.append(held)
            last = end
    return found


def _check(embed: object, threshold: object, shortest: object, longest: object) -> None:
    least, most = number_of(shortest), number_of(longest)
    if not 0 <= least <= most or least == math.inf:
        raise SettingsError(
            f"shortest={quoted(shortest)} and longest={quoted(longest)}: expected 0 <= shortest <= longest, seconds."
        )
    likeness = 0.0 if threshold is None else number_of(threshold)
    if not -1 <= likeness <= 1:
        raise SettingsError(f"threshold={quoted(threshold)} is no cosine similarity; give a number from -1 to 1.")
    if embed is not None and not callable(embed):
        raise SettingsError(f"embed={quoted(embed)} is no function; give one from texts to vectors, or leave it out.")


def _end(held: Sequence[Segment]) -> float:
    return max(each.t1 for each in held)


def similarities(texts: Sequence[str], embed: Embed | None = None) -> np.ndarray:
    """Give the cosine similarity of each text with the next: `float64 [k - 1]`."""
    try:
        vectors = np.asarray((embed or _by_words)(list(texts)), np.float64)
    except Exception as error:
        raise SettingsError(
            f"embed failed ({type(error).__name__}: {error}); give a function from k texts to numbers, (k, d)."
        ) from error
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
