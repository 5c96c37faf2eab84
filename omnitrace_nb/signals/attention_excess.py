"""Excess: what a step looks at beyond what is looked at anyway, in attention and in gradient x attention."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Literal, TypeAlias

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.selection import Heads, Layers, Selection, titled
from omnitrace_nb.capture.signal import Signal
from omnitrace_nb.errors import SignalError
from omnitrace_nb.signals.attention_rows import attention
from omnitrace_nb.signals.registry import add, register

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.capture.signal import Step

UsualRows: TypeAlias = Literal["after", "question", "template", "response"]
_WHAT: dict[UsualRows, str] = {
    "after": "what question and template pay anyway",
    "question": "what the question pays anyway",
    "template": "what the template pays anyway",
    "response": "what the response has paid so far",
}


@told(
    layers=(int, slice, range, str, list, tuple),
    heads=(int, slice, range, str, list, tuple),
    rows=str,
    times=(int, float),
)
def excess(
    layers: Layers = None, heads: Heads = None, *, rows: UsualRows | Literal["null"] = "after", times: float = 1.0
) -> Signal:
    """Attention beyond what other rows pay anyway: `relu(mean over heads of a_t(i) - times * the mean of a_r(i))`.

    Plain attention falls on whatever is always looked at (a prompt's first sentence, long media). `r` are the rows that
    are subtracted.

    Args:
        layers: as in `attention`.
        heads: as in `attention`.
        rows: what is subtracted: the mean over the prompt's rows "after" its last source (question and template), its
            "question" alone, its "template" alone, or the "response" so far. Generated positions have no baseline
            except in "response". A prompt without rows of that name falls back on "after". Or "null": what the
            same positions get, averaged over the response, in a prompt without evidence (`attention`, then the
            controls `minus_null` and `clamped`); it costs a second decode.
        times: how many times it is subtracted (over-subtraction, as in spectral subtraction, Berouti et al. 1979);
            once for "null".

    Raises:
        SignalError: as for `attention`; rows of no known name; `times` that is no number above 0, or is given for a
            null prompt.

    >>> excess("upper", rows="question").name
    'excess(layers=upper, rows=question)'
    """
    if not isinstance(times, Real) or not 0 < times < inf:
        raise SignalError(f"times={times!r}: expected a number above 0")
    if rows == "null":
        return _beyond_null(layers, heads, times)
    chosen, name = Selection.of(layers, heads), _rows(rows)

    def score(step: Step) -> Tensor:
        assert step.rows is not None  # noqa: S101 - declared in `reads`
        return (chosen.take(step.rows).mean(0) - times * chosen.take(getattr(step, name)).mean(0)).relu()

    return Signal(
        titled("excess", *_said(chosen, name), *([] if times == 1 else [f"times={times:g}"])),
        f"Attention beyond {_WHAT[name]}, clamped at 0.",
        family="attention",
        cost="a few more rows at prefill" if name != "response" else "one row of attention a layer and step",
        source="this project",
        reads=frozenset({"rows", name}),
        score=score,
    )


def _beyond_null(layers: Layers, heads: Heads, times: float) -> Signal:
    """Give `relu(a_t(i) - the mean over the steps s of a0_s(i))`, `a0` the attention in the null prompt."""
    from omnitrace_nb import controls  # noqa: PLC0415 - they run signals themselves

    if times != 1:
        raise SignalError(f'times={times!r}: what a null prompt gets (rows="null") is subtracted once; leave times out')
    beyond = attention(layers, heads) | controls.minus_null | controls.clamped
    summary = "Attention beyond what the same positions get in a prompt without evidence, clamped at 0."
    label = titled("excess", *Selection.of(layers, heads).said, "rows=null")
    return replace(beyond, summary=summary, cost="a second decode", source="this project", label=label)


@told(layers=(int, slice, range, str, list, tuple), heads=(int, slice, range, str, list, tuple), rows=str)
def excess_grads(layers: Layers = None, heads: Heads = None, *, rows: UsualRows = "after") -> Signal:
    """Gradient x excess attention: `mean over heads of relu(g_t(i)) relu(a_t(i) - mean over the rows of a_r(i))`.

    `g` is the gradient of the chosen token's logit in `a`: what a head looks at more than usual counts by what the
    logit gains from it. Clamped head by head, so that what one head takes does not hide what another finds.

    Args:
        layers: as in `attention`.
        heads: as in `attention`.
        rows: as in `excess`.

    Raises:
        SignalError: as for `excess`.
    """
    chosen, name = Selection.of(layers, heads), _rows(rows)

    def score(step: Step) -> Tensor:
        assert step.own is not None  # noqa: S101 - declared in `reads`
        assert step.gradients is not None  # noqa: S101 - declared in `reads`
        beyond = chosen.take(step.own) - chosen.take(getattr(step, name))
        return (chosen.take(step.gradients).relu() * beyond.relu()).mean(0)

    return Signal(
        titled("excess_grads", *_said(chosen, name)),
        f"Gradient x attention beyond {_WHAT[name]}, both clamped at 0 head by head.",
        family="gradient",
        cost="a backward through every layer a step",
        source="this project",
        reads=frozenset({"gradients", name}),
        score=score,
    )


def _rows(name: UsualRows) -> UsualRows:
    if name not in tuple(_WHAT):
        raise SignalError(f"rows={name!r}: expected one of {', '.join(map(repr, _WHAT))} (excess also takes 'null')")
    return name


def _said(chosen: Selection, rows: str) -> list[str]:
    return [*chosen.said, *([] if rows == "after" else [f"rows={rows}"])]


@register(
    "excess", reads={"mean", "baseline"}, family="attention", cost="a few more rows at prefill", source="this project"
)
def _everywhere(step: Step) -> Tensor:
    """Attention beyond what question and template pay anyway: `relu(attmean - its mean over the baseline rows)`.

    The same as `excess()`, from averages that are added up as the layers run.
    """
    assert step.mean is not None  # noqa: S101 - declared in `reads`
    assert step.baseline is not None  # noqa: S101 - declared in `reads`
    return (step.mean - step.baseline).relu()


add(excess_grads())
