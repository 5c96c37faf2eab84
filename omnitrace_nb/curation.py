"""Curation: the few sources of a statement, chosen from its steps (the paper's `CurateSourcesWithConf`).

Pure functions on arrays; `T` steps, `S` sources, `n` prompt positions. For step t with masses `m_t(j)`:

    source(t) = argmax_j m_t(j)      confidence(t) = max_j m_t(j)      vote(t) = W[pos_t] * confidence(t) ** gamma

and for a statement's steps: `p_j` is the share of the votes that went to j; `r_j` the largest sum of votes over
consecutive steps whose source is j, as a share of all votes. Sources are ranked by `alpha * p_j + (1 - alpha) * r_j`;
one with `p_j < p_min` is skipped unless `r_j >= run_min`; sources are taken until the `p_j` taken reach `coverage`.

What the formulas leave open: a tie goes to the lower id, in the argmax and in the ranking; a step with no positive mass
has no source, gives no vote and ends a run; a score that is not finite counts as 0; a source without votes is never
taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Assign = Literal["sum", "peak", "mean"]
ASSIGNMENTS: tuple[str, ...] = get_args(Assign)

POS_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("NOUN", "PROPN", "NUM"), 1.0),
        "VERB": 0.9,
        "ADJ": 0.8,
        "ADV": 0.5,
        **dict.fromkeys(("AUX", "PRON", "DET", "ADP", "CCONJ", "SCONJ", "PART"), 0.1),
        "PUNCT": 0.0,
    }
)
OTHER_WEIGHT = 0.3

# Shares are compared after rounding, so that ties and thresholds do not hang on the order of a sum.
_DECIMALS = 12
_SLACK = 1e-9
_RANGES = {
    "coverage": (0.0, 1.0),
    "p_min": (0.0, 1.0),
    "run_min": (0.0, 1.0),
    "alpha": (0.0, 1.0),
    "gamma": (0.0, 64.0),
}


@dataclass(frozen=True, slots=True)
class CurationSettings:
    """How sources are chosen; the defaults are the paper's.

    Attributes:
        assign: how a source's mass follows from its positions' scores: their "sum" (the paper's text), the highest one,
            "peak" (the paper's code: the step goes to the source of the highest position, with that score as its
            confidence), or the "mean" per token.
        coverage: share of the votes at which taking stops, 0-1, above 0.
        p_min: share of the votes below which a source is skipped, 0-1.
        run_min: run, as a share of the votes, that saves a source from being skipped, 0-1.
        alpha: weight of the share against the run in the ranking, 0-1.
        gamma: power of the confidence in a vote, 0-64.
        weights: part of speech (Universal POS tag) -> weight, 0 or more; a tag not named here weighs 0.3.
        question: whether the sentences of the trailing question may be credited too. A question repeats the words of
            its answer, so False finds the evidence more surely.

    Raises:
        SettingsError: a value outside its range.
    """

    assign: Assign = "sum"
    coverage: float = 0.85
    p_min: float = 0.07
    run_min: float = 0.10
    alpha: float = 0.8
    gamma: float = 2.0
    weights: Mapping[str, float] = field(default_factory=lambda: POS_WEIGHTS)
    question: bool = True

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not isinstance(self.assign, str) or self.assign not in ASSIGNMENTS:
            raise SettingsError(
                f"assign={quoted(self.assign)} is unknown; use one of {', '.join(map(repr, ASSIGNMENTS))}."
            )
        for name, (low, high) in _RANGES.items():
            value = number_of(getattr(self, name))
            if not low <= value <= high:
                given = quoted(getattr(self, name))
                raise SettingsError(f"{name}={given} is not usable; give a number from {low:g} to {high:g}.")
            object.__setattr__(self, name, value)
        if self.coverage == 0:
            raise SettingsError("coverage=0 would select nothing; give a number above 0, up to 1.")
        if not isinstance(self.question, bool):
            raise SettingsError(f"question={quoted(self.question)} is not usable; give True or False.")
        if not isinstance(self.weights, Mapping):
            raise SettingsError(
                f"weights={quoted(self.weights)} is not usable; give a mapping such as {{'NOUN': 1.0}}."
            )
        weights: dict[str, float] = {}
        for tag, each in self.weights.items():
            weight = number_of(each)
            if not isinstance(tag, str):
                raise SettingsError(f"weights name the part of speech {quoted(tag)}; give tags such as 'NOUN'.")
            if not 0 <= weight < math.inf:
                raise SettingsError(f"weights[{tag!r}]={quoted(each)} is not usable; give a number of 0 or more.")
            weights[tag] = weight
        object.__setattr__(self, "weights", weights)

    def but(self, **settings: Any) -> CurationSettings:  # noqa: ANN401 (checked just below, field by field)
        """Give the same settings with some replaced; `SettingsError` for an unknown name."""
        known = [each.name for each in fields(self)]
        for name in settings:
            if name not in known:
                raise SettingsError(f"{name!r} is no curation setting; there are {', '.join(known)}.")
        return replace(self, **settings)

    def token_weights(self, tags: Sequence[str]) -> np.ndarray:
        """Give the weight of each tag: `float64 [T]`."""
        return np.array([self.weights.get(tag, OTHER_WEIGHT) for tag in tags], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Curated:
    """What curation says of each of `S` sources: arrays `[S]`.

    Attributes:
        p: share of the votes.
        run: largest run of votes, as a share of all votes.
        score: `alpha * p + (1 - alpha) * run`.
        rank: place by score among the sources with votes, from 1; 0 for a source without votes.
        selected: whether the source is taken.
    """

    p: np.ndarray
    run: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    selected: np.ndarray


def masses(scores: np.ndarray, positions: Sequence[np.ndarray], assign: Assign = "sum") -> np.ndarray:
    """Gather the scores `[T, n]` of positions into the mass of each source: `float64 [T, S]`.

    `positions` holds each source's own positions, at least one each. Scores that are not finite count as 0.

    Example:
        >>> masses(np.array([[1.0, 2.0, 4.0]]), [np.array([0, 1]), np.array([2])])
        array([[3., 4.]])
    """
    if not positions:
        return np.zeros((len(scores), 0))
    sizes = np.array([len(own) for own in positions])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    owned = np.concatenate(positions)
    gather = np.maximum if assign == "peak" else np.add
    gathered = np.empty((len(scores), len(positions)))
    for row, mass in zip(scores, gathered, strict=True):
        gather.reduceat(_finite(row[owned]), starts, out=mass)
    return gathered / sizes if assign == "mean" else gathered


def votes(masses: np.ndarray, weights: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let each step vote: its source `int64 [T]` (-1 for none), confidence and vote `float64 [T]` (Algorithm 1)."""
    if not masses.size:
        return np.full(len(masses), -1), np.zeros(len(masses)), np.zeros(len(masses))
    clean = _finite(masses)
    source = clean.argmax(axis=1)
    confidence = clean.max(axis=1)
    some = confidence > 0
    confidence = np.where(some, confidence, 0.0)
    return np.where(some, source, -1), confidence, np.where(some, weights * confidence**gamma, 0.0)


def curate(masses: np.ndarray, weights: np.ndarray, settings: CurationSettings | None = None) -> Curated:
    """Choose the sources of one statement from its steps' masses `[T, S]` and part-of-speech weights `[T]`.

    Example:
        >>> curate(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([1.0, 0.1])).selected
        array([ True, False])
    """
    settings = settings or CurationSettings()
    count = masses.shape[1]
    source, confidence, _ = votes(masses, weights, 1.0)
    # Shares do not depend on the scale of the confidences; the largest is made 1 lest small ones vanish under gamma.
    confidence /= confidence.max(initial=0.0) or 1.0
    vote = np.where(source >= 0, weights * confidence**settings.gamma, 0.0)
    total = vote.sum()
    if not total > 0:
        nothing = np.zeros(count)
        return Curated(nothing, nothing.copy(), nothing.copy(), np.zeros(count, np.int64), np.zeros(count, bool))
    p = np.bincount(source[source >= 0], vote[source >= 0], count) / total
    p, run = p.round(_DECIMALS), (_largest_runs(source, vote, count) / total).round(_DECIMALS)
    score = (settings.alpha * p + (1 - settings.alpha) * run).round(_DECIMALS)
    some = np.flatnonzero(p > 0)
    order = some[np.lexsort((some, -score[some]))].tolist()
    rank = np.zeros(count, np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    selected = np.zeros(count, bool)
    selected[_take(order, p, run, settings)] = True
    return Curated(p, run, score, rank, selected)


def _finite(values: np.ndarray) -> np.ndarray:
    clean = values.astype(np.float64, copy=False)
    finite = np.isfinite(clean)
    return clean if finite.all() else np.where(finite, clean, 0.0)


def _largest_runs(source: np.ndarray, vote: np.ndarray, count: int) -> np.ndarray:
    """Give, for each source, the largest sum of votes over consecutive steps that are its own."""
    largest = np.zeros(count)
    starts = np.flatnonzero(np.concatenate(([True], source[1:] != source[:-1])))
    for own, total in zip(source[starts].tolist(), np.add.reduceat(vote, starts).tolist(), strict=True):
        if own >= 0:
            largest[own] = max(largest[own], total)
    return largest


def _take(order: Sequence[int], p: np.ndarray, run: np.ndarray, settings: CurationSettings) -> list[int]:
    taken: list[int] = []
    covered = 0.0
    for j in order:
        if p[j] < settings.p_min and run[j] < settings.run_min:
            continue
        taken.append(j)
        covered += float(p[j])
        if covered >= settings.coverage - _SLACK:
            break
    return taken
