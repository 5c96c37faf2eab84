"""The registry: names to signals."""

from __future__ import annotations

import difflib
import operator
from functools import reduce
from typing import TYPE_CHECKING, Literal, TypeVar

from omnitrace_nb import planning
from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import READINGS, Reading, Signal
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from omnitrace_nb.planning import Need, Shape

_SIGNALS: dict[str, Signal] = {}
_OWN: set[str] = set()
_Function = TypeVar("_Function", bound="Callable[..., object]")
Over = Literal["steps", "run"]


@told(name=str, reads=(str, list, tuple, set, frozenset), over=str, family=str, cost=str, source=str, signed=bool)
def register(
    name: str,
    *,
    reads: Iterable[Reading] | Reading = (),
    over: Over = "steps",
    family: str = "custom",
    cost: str = "",
    source: str = "",
    signed: bool = False,
    need: Callable[[Shape], Need] | None = None,
) -> Callable[[_Function], _Function]:
    """Make the decorated function a signal; its docstring's first line is the summary.

    With `reads`, the function is `Step -> [p]` and runs at every decoding step. Without, it is
    `(TeacherForced, steps [b]) -> [b, q]` and runs over the finished response, in batches; with `over="run"`, it is
    `Finished -> ndarray [T, q]` and does what it likes.

    Registering a name of yours again replaces it, so that a notebook cell can be run twice.

    Args:
        name: what users write.
        reads: what the function uses of a `Step`.
        over: what a function that reads no `Step` is called for: some steps, or the run.
        family: its family, for `list`.
        cost: what it costs, in words, for `list`.
        source: its paper, for `list`.
        signed: whether negative scores mean evidence against.
        need: what the function takes, for `Tracer.estimate`: `shape` (`prompt`, `steps` and `width` in positions,
            `sources`) -> `Need`. It stays with the function, whatever signal is made of it. Left out, a function over
            the run is not estimated (NaN).

    Raises:
        SignalError: an unusable name, one of the package's own, or a reading that no step has.
    """
    wanted: frozenset[Reading] = frozenset([reads] if isinstance(reads, str) else reads)
    if not name.isidentifier():
        raise SignalError(f"signal name {name!r}: expected a Python identifier, such as 'my_signal'")
    if unknown := wanted - set(READINGS):
        raise SignalError(f"signal {name!r} reads {sorted(unknown)}: expected some of {list(READINGS)}")
    kind = "score" if wanted else {"steps": "explain", "run": "credit"}.get(over)
    if kind is None:
        raise SignalError(f"signal {name!r}: over={over!r} is unknown; use 'steps' or 'run'")

    def decorate(function: _Function) -> _Function:
        if need is not None:
            function = planning.needing(need)(function)
        summary = (function.__doc__ or name).strip().splitlines()[0]
        about = {"family": family, "cost": cost, "source": source, "signed": signed}
        add(Signal(name, summary, reads=wanted, **about, **{kind: function}))  # type: ignore[arg-type]
        return function

    return decorate


@told(signal=Signal)
def add(signal: Signal) -> Signal:
    """Register a signal under its label, in place of any of yours of that label; give it back.

    Raises:
        SignalError: the label is that of one of the package's own signals.
    """
    if signal.label in _OWN:
        raise SignalError(f"{signal.label!r} is one of the package's own signals: give yours another name")
    _SIGNALS[signal.label] = signal
    return signal


def seal() -> None:
    """Let the signals registered so far be the package's own, which nothing replaces."""
    _OWN.update(_SIGNALS)


@told(name=(str, Signal))
def get(name: str | Signal) -> Signal:
    """Give the signal of a name, such as "attmean" or "attmean|per_token" (with controls); a signal is given back.

    Raises:
        SignalError: no such signal or control; the message lists those there are.
    """
    if isinstance(name, Signal):
        return name
    try:
        return _SIGNALS[name]
    except (KeyError, TypeError):
        if isinstance(name, str) and "|" in name:
            from omnitrace_nb import controls  # noqa: PLC0415 - it runs signals itself

            signal, *behind = name.split("|")
            return reduce(operator.or_, map(controls.get, behind), get(signal))
        if isinstance(name, str) and (factory := _factory(name)):
            raise SignalError(
                f"signal {name!r} was made by the factory {factory}(...), and its label alone does not make it again: "
                "give the signal itself"
            ) from None
        near = difflib.get_close_matches(str(name), _SIGNALS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SignalError(f"unknown signal {name!r}: {hint}there are {', '.join(names())}") from None


def _factory(label: str) -> str:
    """Give the factory that a label such as "attention(layers=2-3)" says it was made by, "" for none."""
    from omnitrace_nb import signals  # noqa: PLC0415 - which imports this

    name, bracket, _ = label.partition("(")
    return name if bracket and name in signals.__all__ and callable(getattr(signals, name)) else ""


def names() -> tuple[str, ...]:
    """Give the names of all signals, in alphabetical order."""
    return tuple(sorted(_SIGNALS))


def table() -> pd.DataFrame:
    """Give a row a signal: name, family, needs, cost, source, signed, summary; by family and name."""
    import pandas as pd  # noqa: PLC0415 - signals are used without tables too

    rows = [
        {
            "name": name,
            "family": signal.family,
            "needs": _needs(signal),
            "cost": signal.cost,
            "source": signal.source,
            "signed": signal.signed,
            "summary": signal.summary,
        }
        for name, signal in sorted(_SIGNALS.items(), key=lambda item: (item[1].family, item[0]))
    ]
    return pd.DataFrame(rows, columns=["name", "family", "needs", "cost", "source", "signed", "summary"])


def _needs(signal: Signal) -> str:
    if not signal.online:
        return "passes over the response"
    if signal.reads & {"gradient", "gradients"}:
        return "attention rows and their gradients"
    return "attention rows and values" if "norms" in signal.reads else "attention rows"
