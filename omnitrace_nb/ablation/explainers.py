"""From ablations to effects: captum's perturbation methods and ContextCite, over any function of kept sources.

An explainer knows nothing of a model. It is given `values`, which takes sets of kept sources `bool [m, S]` and gives
the log-probabilities `[m, T]` of the response's tokens: an `Ablator` live, or a stored record. Targets are weights
over tokens, `[k, T]`, so that a target's value is a sum of log-probabilities; all targets share the same sets, and one
more costs no forward.

captum's algorithms draw the sets and make the effects of them. They run over our function of masks, not over captum's
language model wrappers, which are wrong with transformers 5 (see docs/signals/ablation.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

Values = Callable[[np.ndarray], np.ndarray]
ALPHA = 0.01  # weight of the L1 penalty, in ContextCite and in captum's Lime
SUREST = -1e-6  # nats; a log-probability nearer to 0 is lost in float32's rounding


class Explainer(Protocol):
    """Effects of `S` sources on `k` targets: what each source adds to the target's value, signed."""

    def __call__(self, values: Values, sources: int, targets: np.ndarray, *, samples: int, seed: int) -> np.ndarray:
        """Give `float64 [k, S]`; NaN where `values` gave NaN."""
        ...


def leave_one_out(
    values: Values,
    sources: int,
    targets: np.ndarray,
    *,
    samples: int = 0,  # noqa: ARG001 - nothing is drawn
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> np.ndarray:
    """Leave each source out: what the target loses without it, all others kept; captum's `FeatureAblation`.

    `S + 1` sets. Sources that stand in for each other get no credit.
    """
    from captum.attr import FeatureAblation  # noqa: PLC0415 - captum is loaded when an explainer runs

    return _captum(lambda forward: FeatureAblation(forward).attribute, values, sources, targets)


def shapley(values: Values, sources: int, targets: np.ndarray, *, samples: int, seed: int) -> np.ndarray:
    """Shapley values from random permutations; captum's `ShapleyValueSampling` (Castro et al. 2009).

    `samples` permutations of at most `S` sets each. The effects of any number of permutations add up to what the target
    loses without all sources.
    """
    from captum.attr import ShapleyValueSampling  # noqa: PLC0415 - captum is loaded when an explainer runs

    def method(forward: Any) -> Any:  # noqa: ANN401 - captum is untyped
        def attribute(inputs: Tensor, **options: Any) -> Any:  # noqa: ANN401 - captum is untyped
            with _seeded(seed):
                return ShapleyValueSampling(forward).attribute(inputs, n_samples=samples, **options)

        return attribute

    return _captum(method, values, sources, targets)


def kernel_shap(values: Values, sources: int, targets: np.ndarray, *, samples: int, seed: int) -> np.ndarray:
    """Shapley values by a weighted linear fit over random sets; captum's `KernelShap` (Lundberg & Lee 2017).

    `samples` sets; fewer than `S + 2` different ones leave effects undetermined (the smallest are taken then).
    """
    from captum.attr import KernelShap  # noqa: PLC0415 - captum is loaded when an explainer runs
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - as captum

    if sources <= 1 or not len(targets):  # one player: nothing to draw
        return leave_one_out(values, sources, targets)
    sets, weights = _drawn(KernelShap, sources, samples, seed)

    def fit(made: np.ndarray) -> np.ndarray:
        return LinearRegression().fit(sets, made, sample_weight=weights).coef_.reshape(len(targets), sources)

    return _effects(_worth(values(sets), targets), fit)


def lime(values: Values, sources: int, targets: np.ndarray, *, samples: int, seed: int) -> np.ndarray:
    """A local LASSO over random sets, near ones counting more; captum's `Lime` (Ribeiro et al. 2016).

    `samples` sets, each source kept with probability .5, weighted by captum's kernel exp(-d^2 / 2), d the cosine
    distance to the whole prompt; L1 penalty of .01.
    """
    from captum.attr import Lime  # noqa: PLC0415 - captum is loaded when an explainer runs

    if not sources or not len(targets):
        return np.zeros((len(targets), sources))
    sets, weights = _drawn(Lime, sources, samples, seed)
    return _effects(_worth(values(sets), targets), lambda made: _lasso(sets, made, weights))


def contextcite(values: Values, sources: int, targets: np.ndarray, *, samples: int, seed: int) -> np.ndarray:
    """LASSO on the logit of the target's probability over random sets (ContextCite; Cohen-Wang et al. 2024).

    `samples` sets, each source kept with probability .5. The fit sees sources scaled to unit variance and the logit per
    token of the target, L1 penalty of .01; effects are of the whole target's logit. A contrast (weights of both signs)
    is fitted as it stands: the difference of two log-probabilities is a logit between the two.
    """
    if not sources or not len(targets):
        return np.zeros((len(targets), sources))
    sets = np.random.default_rng(seed).random((samples, sources)) < 0.5  # noqa: PLR2004 - half of them
    contrast = (targets < 0).any(axis=1)
    tokens = np.abs(targets).sum(axis=1)
    scale = sets.std(axis=0)
    scale[scale == 0] = 1  # a source that every set kept, or none, shows no effect

    def fit(made: np.ndarray) -> np.ndarray:
        sure = np.minimum(made, SUREST)
        logits = np.where(contrast, made, sure - np.log(-np.expm1(sure))) / np.where(tokens > 0, tokens, 1)
        return _lasso(sets / scale, logits) / scale * tokens[:, None]

    return _effects(_worth(values(sets), targets), fit)


EXPLAINERS: dict[str, Explainer] = {
    each.__name__: each for each in (leave_one_out, shapley, kernel_shap, lime, contextcite)
}


def _captum(method: Any, values: Values, sources: int, targets: np.ndarray) -> np.ndarray:  # noqa: ANN401 - captum is untyped
    """Run a captum method twice: to see which sets it wants, which are then run together, and for its effects."""
    import torch  # noqa: PLC0415 - with captum

    if not sources or not len(targets):
        return np.zeros((len(targets), sources))
    wanted: list[np.ndarray] = []

    def rehearse(keep: Tensor) -> Tensor:
        wanted.append(keep.numpy() > 0)
        return torch.zeros(len(keep), dtype=torch.float64)

    def perform(keep: Tensor) -> Tensor:
        return torch.from_numpy(np.stack([made[row.tobytes()] for row in keep.numpy() > 0]))

    whole = torch.ones(1, sources)
    options = {"baselines": 0, "perturbations_per_eval": 32}
    method(rehearse)(whole, **options)
    sets = np.unique(np.concatenate(wanted), axis=0)
    made: dict[bytes, np.ndarray] = {}

    def run(worth: np.ndarray) -> np.ndarray:
        made.update({row.tobytes(): each for row, each in zip(sets, worth, strict=True)})
        found: np.ndarray = method(perform)(whole, **options).double().numpy()
        return found.reshape(len(targets), sources)

    return _effects(_worth(values(sets), targets), run)


def _worth(logprobs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Give what each set is worth for each target, `[m, k]`; NaN where a token of the target is not finite."""
    finite = np.isfinite(logprobs)
    worth = np.where(finite, logprobs, 0) @ targets.T
    return np.where((~finite).astype(float) @ np.abs(targets.T) > 0, np.nan, worth)


def _effects(worth: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Fit effects `[k, S]` to worths `[m, k]`; NaN for targets that some set has no worth for, and for them alone."""
    lost = np.isnan(worth).any(axis=0)
    effects = fit(np.where(lost, 0, worth))
    effects[lost] = np.nan
    return effects


def _drawn(method: Any, sources: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401 - captum is untyped
    """Give the sets `bool [samples, S]` that captum's Lime or KernelShap draws, and their weights in its fit."""
    import torch  # noqa: PLC0415 - with captum

    class Drawn:
        """In the place of captum's linear model: keeps what there is to fit."""

        def fit(self, data: Any) -> None:  # noqa: ANN401 - captum is untyped
            [(self.sets, _, self.weights)] = list(data)

        def representation(self) -> Tensor:
            return torch.zeros(1, sources)

    drawn = Drawn()
    explainer = method(lambda keep: torch.zeros(len(keep)))
    explainer.interpretable_model = drawn
    with _seeded(seed):
        explainer.attribute(torch.ones(1, sources), baselines=0, n_samples=samples, perturbations_per_eval=samples)
    return drawn.sets.numpy() > 0, drawn.weights.double().numpy()


def _lasso(inputs: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Fit each column of `outputs` `[m, k]` by `inputs` `[m, S]`: coefficients `[k, S]`."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - most runs fit nothing
    from sklearn.linear_model import Lasso  # noqa: PLC0415 - most runs fit nothing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fit of noise around nothing
        return np.stack(
            [Lasso(alpha=ALPHA).fit(inputs.astype(float), each, sample_weight=weights).coef_ for each in outputs.T]
        )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator, from which captum draws, and give it back as it was."""
    import torch  # noqa: PLC0415 - with captum

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
