"""Which layers and heads: what a user may say, checked, and taken from rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch

from omnitrace_nb.errors import SignalError
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from torch import Tensor

Layers: TypeAlias = int | slice | Iterable[int] | Literal["upper"] | None
Heads: TypeAlias = int | Iterable[int] | Iterable[tuple[int, int]] | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Some heads of some layers. Numbers start at 0; negative ones count from the last.

    Attributes:
        layers: layer numbers, a slice, "upper" (the upper third, rounded up), or None for every layer.
        heads: head numbers, the same in every chosen layer, or None for every head.
        pairs: single heads, (layer, head), in place of both.
    """

    layers: tuple[int, ...] | slice | Literal["upper"] | None = None
    heads: tuple[int, ...] | None = None
    pairs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, layers: Layers = None, heads: Heads = None) -> Selection:
        """Read what a user wrote.

        Raises:
            SignalError: neither numbers nor anything else that is meant; none at all; single heads and layers.
        """
        chosen = layers if layers is None or layers == "upper" else _slice(layers) or _numbers("layers", layers)
        if heads is None:
            return cls(chosen)
        several = tuple(heads) if isinstance(heads, Iterable) and not isinstance(heads, str) else heads
        if not isinstance(several, tuple) or not several or not all(isinstance(each, tuple | list) for each in several):
            return cls(chosen, _numbers("heads", several))
        if layers is not None:
            raise SignalError(f"heads={heads!r} name their layers: leave layers={layers!r} out")
        pairs = [_numbers("heads", each) for each in several]
        if wrong := [pair for pair in pairs if len(pair) != 2]:  # noqa: PLR2004 - layer and head
            raise SignalError(f"heads={heads!r}: {wrong[0]} is no pair of a layer and a head")
        return cls(pairs=tuple((layer, head) for layer, head in pairs))

    @property
    def everything(self) -> bool:
        """Tell whether it is every head of every layer."""
        return self == Selection()

    @property
    def said(self) -> list[str]:
        """Say what is chosen, for a signal's name: such as `["layers=2-3", "heads=0+4"]`; nothing for everything."""
        if self.pairs:
            return ["heads=" + "+".join(f"{layer}.{head}" for layer, head in self.pairs)]
        found = []
        if isinstance(self.layers, slice):
            ends = (self.layers.start, self.layers.stop, self.layers.step)
            found.append("layers=" + ":".join("" if end is None else str(end) for end in ends).removesuffix(":"))
        elif self.layers is not None:
            found.append("layers=" + (self.layers if isinstance(self.layers, str) else _runs(self.layers)))
        return found if self.heads is None else [*found, "heads=" + _runs(self.heads)]

    def of_layers(self, count: int) -> list[int]:
        """Give the numbers of the chosen layers of a model that has `count`; `SignalError` for one that it has not."""
        every = range(count)
        if self.pairs:
            return [_known("layer", layer, count) for layer, _ in self.pairs]
        if self.layers == "upper":
            return list(every[2 * count // 3 :])
        if isinstance(self.layers, slice):
            if not every[self.layers]:
                raise SignalError(f"{self.said[0]} is none of this model's layers: {_range('layer', count)}")
            return list(every[self.layers])
        return list(every) if self.layers is None else [_known("layer", layer, count) for layer in self.layers]

    def take(self, rows: Tensor) -> Tensor:
        """Give the chosen heads' rows: `[layers, heads, p] -> [k, p]`; `SignalError` for one that the model has not."""
        layers, heads = self.of_layers(len(rows)), rows.shape[1]
        if self.pairs:
            return rows[layers, [_known("head", head, heads) for _, head in self.pairs]]
        if self.layers is not None:
            rows = rows[layers]
        if self.heads is not None:
            rows = rows[:, [_known("head", head, heads) for head in self.heads]]
        return rows.flatten(0, 1)


def reduced(rows: Tensor, reduce: Literal["mean", "max"]) -> Tensor:
    """Reduce heads: `[k, p] -> [p]`."""
    return rows.mean(0) if reduce == "mean" else torch.amax(rows, 0)


def titled(name: str, *said: str) -> str:
    """Give a signal's name with its parameters: such as `"attention(layers=2-3, reduce=max)"`."""
    return f"{name}({', '.join(said)})" if said else name


def _slice(given: object) -> slice | None:
    return given if isinstance(given, slice) else None


def _numbers(keyword: str, given: Any) -> tuple[int, ...]:  # noqa: ANN401 - whatever a user wrote
    numbers = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    if not numbers or not all(is_whole(each) for each in numbers):
        more = ', a slice or "upper"' if keyword == "layers" else ", or (layer, head) pairs"
        raise SignalError(f"{keyword}={given!r}: expected a number, some numbers{more}")
    return tuple(map(int, numbers))


def _known(what: str, number: int, count: int) -> int:
    if not -count <= number < count:
        raise SignalError(f"{what} {number} is not in this model: {_range(what, count)}")
    return number % count


def _range(what: str, count: int) -> str:
    return f"it has {what}s 0 to {count - 1}"


def _runs(numbers: tuple[int, ...]) -> str:
    """Write numbers with neighbours joined: `(2, 3, 7) -> "2-3+7"`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1 and number > 0:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "+".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
