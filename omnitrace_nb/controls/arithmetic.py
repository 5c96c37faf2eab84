"""Controls that need no pass: what a signal's scores say of its own habits is taken out of them."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Control
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.passes import Finished

SINK_TIMES, SINK_STEPS = 5.0, 0.9
DEGREE = 1


def _per_token(scores: np.ndarray, run: Finished, _signal: Signal) -> np.ndarray:
    """Divide every score by the number of tokens of what its position belongs to.

        a'_t(i) = a_t(i) / |S_j| for i in S_j

    so that a source's mass is its mean score a token. The prompt's positions outside every source count as one thing,
    and so do the tokens generated before step t, whose number is t.
    """
    sizes = np.ones((run.steps, run.width))
    outside = np.ones(run.prompt, bool)
    for source in run.sources:
        sizes[:, source.positions] = len(source.positions)
        outside[source.positions] = False
    sizes[:, : run.prompt][:, outside] = outside.sum()
    sizes[:, run.prompt :] = np.maximum(np.arange(run.steps), 1)[:, None]
    return scores / sizes


@told(times=(int, float), steps=(int, float))
def sinks(scores: np.ndarray, *, times: float = SINK_TIMES, steps: float = SINK_STEPS) -> np.ndarray:
    """Tell which positions are attention sinks: `bool [n]`, from the scores `[T, n]` of prompt positions.

    A sink is looked at whatever is being said (Xiao et al., arXiv 2309.17453): at no fewer than the share `steps` of
    all steps, its score is at least `times` the step's mean over the prompt, both without their signs. Steps without
    any score are not counted.

    Example:
        >>> sinks(np.array([[8.0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [9.0, 0, 1, 0, 0, 0, 0, 0, 0, 0]])).nonzero()
        (array([0]),)
    """
    if not isinstance(scores, np.ndarray) or scores.ndim != 2 or scores.dtype.kind not in "fiu":  # noqa: PLR2004
        raise SettingsError(f"scores={quoted(scores)}: expected an array [steps, positions] of numbers")
    size = np.abs(np.nan_to_num(scores, posinf=0.0, neginf=0.0))
    size = size[size.any(axis=1)]
    if not len(size):
        return np.zeros(scores.shape[1], bool)
    high = size >= times * size.mean(axis=1, keepdims=True)
    found: np.ndarray = high.mean(axis=0) >= steps
    return found


@told(times=(int, float), steps=(int, float))
def sinks_above(times: float = SINK_TIMES, steps: float = SINK_STEPS) -> Control:
    """Give `without_sinks` with another criterion.

    Args:
        times: a sink's score over the step's mean, above 1.
        steps: share of the steps at which it must be so high, above 0 and up to 1.

    Raises:
        SettingsError: a value outside its range.
    """
    if not isinstance(times, Real) or not times > 1:
        raise SettingsError(f"times={times!r}: expected a number above 1, such as {SINK_TIMES:g}")
    if not isinstance(steps, Real) or not 0 < steps <= 1:
        raise SettingsError(f"steps={steps!r}: expected a share of the steps, above 0 and up to 1")
    usual = (times, steps) == (SINK_TIMES, SINK_STEPS)

    def apply(scores: np.ndarray, run: Finished, _signal: Signal) -> np.ndarray:
        kept = scores.copy()
        kept[:, : run.prompt][:, sinks(scores[:, : run.prompt], times=times, steps=steps)] = 0
        return kept

    return Control(
        "without_sinks" if usual else f"without_sinks(times={times:g}, steps={steps:g})",
        f"0 at positions with at least {times:g} times the mean score at {steps:.0%} of the steps",
        apply,
    )


@told(degree=int)
def detrend(degree: int = DEGREE) -> Control:
    """Give `detrended` with a polynomial of another degree.

        a'_t(i) = a_t(i) - f(i / n)

    where f is the polynomial that lies nearest (least squares) to the scores of the sources' positions, each averaged
    over the steps; the question's are left out. It is taken off every position of the prompt. Nothing is taken off
    where the sources have fewer than 4 positions for each coefficient: f would follow the evidence itself.

    Args:
        degree: 0 for the mean, 1 for a line, 2 for a bow (more at both ends, or in the middle); at most 8.

    Raises:
        SettingsError: another degree.
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or not 0 <= degree <= 8:  # noqa: PLR2004 - said in the message
        raise SettingsError(f"degree={degree!r}: expected a whole number from 0 to 8")

    def apply(scores: np.ndarray, run: Finished, _signal: Signal) -> np.ndarray:
        fitted = [source.positions for source in run.sources if not source.question]
        own = np.concatenate([np.zeros(0, np.int64), *fitted])
        if len(own) < 4 * (degree + 1):
            return scores
        basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, run.prompt), degree)
        return without_habit(scores, basis @ (np.linalg.pinv(basis[own]) @ mean_step(scores[:, own])))

    return Control(
        "detrended" if degree == DEGREE else f"detrended(degree={degree})",
        f"minus the polynomial of degree {degree} in the position that fits the mean step",
        apply,
    )


def mean_step(scores: np.ndarray) -> np.ndarray:
    """Average scores `[T, n]` over the steps that are finite: `float64 [n]`, 0 if there is none."""
    finite = scores[np.isfinite(scores).all(axis=1)]
    mean: np.ndarray = finite.mean(axis=0, dtype=np.float64) if len(finite) else np.zeros(scores.shape[1])
    return mean


def without_habit(scores: np.ndarray, habit: np.ndarray) -> np.ndarray:
    """Subtract from scores `[T, n + T]` what each prompt position gets anyway, `[n]`; differences stay signed."""
    kept = scores.astype(np.float64)
    kept[:, : len(habit)] -= habit
    return kept


def _clamped(scores: np.ndarray, _run: Finished, _signal: Signal) -> np.ndarray:
    """Put 0 where a score is negative: `a'_t(i) = max(a_t(i), 0)`."""
    return np.maximum(scores, 0)


clamped = Control("clamped", "0 in place of every negative score", _clamped)
per_token = Control("per_token", "each source's scores divided by its number of tokens", _per_token)
without_sinks = sinks_above()
detrended = detrend()
