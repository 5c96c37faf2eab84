"""captum's gradient methods on the input embeddings of every modality, as signals with parameters.

A target is a set of steps: one step, a statement, or the response; its value is the sum of its tokens' logits. Media
are encoded once, and the encoders are not run again. How targets share forwards stands in `passes.gradients`.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Signal
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.captum_pass import TARGETS_AT_ONCE, Baseline, CaptumPass
from omnitrace_nb.passes.deeplift import NAME
from omnitrace_nb.passes.finished import Per
from omnitrace_nb.passes.gradients import Of
from omnitrace_nb.signals import registry

if TYPE_CHECKING:
    from collections.abc import Callable

Smoothing = Literal["smoothgrad", "smoothgrad_sq", "vargrad"]
SEEDS = 2**32


@told(per=str, of=str)
def saliency(*, per: Per = "step", of: Of = "logit") -> Signal:
    """Length of the gradient in a position's input embedding (Simonyan et al., arXiv 1312.6034; captum's `Saliency`).

    Args:
        per: what is explained at a time: "step", "statement" or "response".
        of: the value of a token: "logit", or "logprob".

    Raises:
        SignalError: settings that are none of these (so do all factories here).
    """
    return _signal(saliency, "Saliency", "arXiv 1312.6034", {"per": per, "of": of}, length=True)


@told(per=str, of=str)
def input_x_gradient(*, per: Per = "step", of: Of = "logit") -> Signal:
    """Input embedding x its gradient, summed over the embedding (Shrikumar et al., arXiv 1605.01713; `InputXGradient`).

    Args:
        per: what is explained at a time: "step", "statement" or "response".
        of: the value of a token: "logit", or "logprob".
    """
    return _signal(input_x_gradient, "InputXGradient", "arXiv 1605.01713", {"per": per, "of": of})


@told(steps=int, per=str, of=str, baseline=str)
def integrated_gradients(
    *, steps: int = 20, per: Per = "statement", of: Of = "logit", baseline: Baseline = "mean"
) -> Signal:
    """Gradients along a straight path from a baseline, x the way (Sundararajan et al., arXiv 1703.01365).

    captum's `IntegratedGradients`, by Gauss-Legendre quadrature. Summed over all positions it is the target's value
    less that of the baseline, as exactly as the quadrature is.

    Args:
        steps: points of the path, each a forward.
        per: what is explained at a time: "step", "statement" or "response".
        of: the value of a token: "logit", or "logprob".
        baseline: where the path begins: "mean" (the mean embedding of each position's modality), "zero", or the id of
            a token whose embedding stands everywhere. Norms make a model change all at once next to zero, where a
            quadrature of few points misses it: from "zero", 20 points are far from the integral, from "mean" close.
    """
    given = {"steps": steps, "per": per, "of": of, "baseline": baseline}
    return _signal(integrated_gradients, "IntegratedGradients", "arXiv 1703.01365", given, settings={"n_steps": steps})


@told(samples=int, noise=(int, float), per=str, of=str, baseline=str, seed=int)
def gradient_shap(
    *,
    samples: int = 20,
    noise: float = 0.0,
    per: Per = "statement",
    of: Of = "logit",
    baseline: Baseline = "mean",
    seed: int = 0,
) -> Signal:
    """Gradients at random points of a path, under noise, x the way (Lundberg & Lee, arXiv 1705.07874; `GradientShap`).

    Args:
        samples: points, each a forward.
        noise: standard deviation of the noise on the input, as a share of the input embeddings' own.
        per: what is explained at a time: "step", "statement" or "response".
        of: the value of a token: "logit", or "logprob".
        baseline: where the path begins, as for `integrated_gradients`.
        seed: of points and noise.
    """
    given = {"samples": samples, "noise": noise, "per": per, "of": of, "baseline": baseline, "seed": seed}
    return _signal(
        gradient_shap, "GradientShap", "arXiv 1705.07874", given, settings={"n_samples": samples}, noise=noise
    )


@told(per=str, of=str, baseline=str)
def deeplift(*, per: Per = "statement", of: Of = "logit", baseline: Baseline = "mean") -> Signal:
    """DeepLIFT's rescale rule at activations, gradients elsewhere (Shrikumar et al., arXiv 1704.02685; `DeepLift`).

    Refused, when it is run, for models whose activations captum has no rule for: most language models of today.

    Args:
        per: what is explained at a time: "step", "statement" or "response".
        of: the value of a token: "logit", or "logprob".
        baseline: what the input is compared with, as for `integrated_gradients`.
    """
    return _signal(deeplift, "DeepLift", "arXiv 1704.02685", {"per": per, "of": of, "baseline": baseline})


@told(signal=(str, Signal), samples=int, noise=(int, float), kind=str, seed=int)
def noise_tunnel(
    signal: str | Signal, *, samples: int = 10, noise: float = 0.02, kind: Smoothing = "smoothgrad", seed: int = 0
) -> Signal:
    """Another of these signals over noisy inputs (SmoothGrad, Smilkov et al., arXiv 1706.03825; `NoiseTunnel`).

    Args:
        signal: one of this family: a name, or what a factory gave; a noise of its own is replaced.
        samples: noisy inputs; the cost of `signal` is paid for each.
        noise: standard deviation of the noise, as a share of the input embeddings' own.
        kind: "smoothgrad", the mean; "smoothgrad_sq", the mean square; "vargrad", the variance.
        seed: of the noise.
    """
    inner = registry.get(signal)
    made = inner.credit
    if not isinstance(made, CaptumPass) or made.tunnel is not None or inner.controls:
        raise SignalError(
            f"noise_tunnel({inner.label!r}): expected one of captum's gradient signals, neither a tunnel nor under "
            'controls, such as "saliency" or "integrated_gradients"; controls go behind the whole'
        )
    given = {"signal": inner.name, "samples": samples, "noise": noise, "kind": kind, "seed": seed}
    name = _name(noise_tunnel, given)
    return replace(
        inner,
        name=name,
        label="",
        summary=f"{inner.name} over noisy inputs ({kind}).",
        cost=f"{samples} times that of {inner.name}",
        source="arXiv 1706.03825",
        signed=inner.signed and kind == "smoothgrad",
        credit=replace(made, name=name, tunnel={"nt_type": kind, "nt_samples": samples}, noise=noise, seed=seed),
    )


def _signal(
    factory: Callable[..., Signal],
    algorithm: str,
    source: str,
    given: dict[str, Any],
    **more: Any,  # noqa: ANN401
) -> Signal:
    """Give the signal that a factory makes of `given`."""
    name = _name(factory, given)
    own = {key: given[key] for key in ("per", "of", "baseline", "seed") if key in given}
    made = CaptumPass(name, algorithm, **own, **more)
    points = given.get("steps", given.get("samples", 1))
    forwards = f"{points} forwards" if points > 1 else "a forward"
    cost = f"{forwards} for up to {TARGETS_AT_ONCE} targets, and as many backwards for each {given['per']}"
    return Signal(
        name,
        (factory.__doc__ or "").splitlines()[0],
        family="gradient",
        cost=f"2 forwards and backwards for each {given['per']}" if algorithm == NAME else cost,
        source=source,
        signed=not made.length,
        credit=made,
    )


def _name(factory: Callable[..., Signal], given: dict[str, Any]) -> str:
    """Name a factory's signal after what differs from its defaults; refuse settings that are none."""
    allowed = {"per": get_args(Per), "of": get_args(Of), "kind": get_args(Smoothing)}
    for key, value in given.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if key in allowed and value not in allowed[key]:
            raise SignalError(
                f"{factory.__name__}: {key}={value!r} is unknown; use {' or '.join(map(repr, allowed[key]))}"
            )
        if key in {"steps", "samples"} and not (whole and value > 0):
            raise SignalError(f"{factory.__name__}: {key}={value!r}: expected a whole number from 1 on")
        if key == "seed" and not (whole and 0 <= value < SEEDS):
            raise SignalError(f"{factory.__name__}: seed={value!r}: expected a whole number from 0 to {SEEDS - 1}")
        number = isinstance(value, Real) and not isinstance(value, bool)
        if key == "noise" and not (number and 0 <= value < inf):
            raise SignalError(
                f"{factory.__name__}: noise={value!r}: expected a share of the embeddings' deviation, from 0 on"
            )
        if key == "baseline" and value not in ("zero", "mean") and not (whole and value >= 0):
            raise SignalError(f'{factory.__name__}: baseline={value!r}: expected "zero", "mean" or a token id')
    defaults = inspect.signature(factory).parameters
    changed = [f"{key}={value}" for key, value in given.items() if value != defaults[key].default and key != "signal"]
    changed = [given["signal"], *changed] if "signal" in given else changed
    return f"{factory.__name__}({', '.join(changed)})" if changed else factory.__name__


for _factory in (saliency, input_x_gradient, integrated_gradients, gradient_shap, deeplift):
    registry.add(_factory())
