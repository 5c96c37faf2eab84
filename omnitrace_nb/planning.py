"""What a run would take, before it starts: passes, positions and memory, from the sizes of model and prompt.

Counts of forwards are those that the signals make; work and memory follow from the sizes of the layers:

    work of a forward of q positions over c earlier ones:  2 P q + 4 L H d q c     floating-point operations
    memory of a forward:                                   b q (6 I + 12 D)        bytes, freed layer by layer
    memory of a backward:                                  b q L (4 I + 8 D)       bytes, held until it is done
    keys and values:                                       2 b (n + T) L K d       bytes
    attention rows of every layer:                         4 (n + T) L H           bytes, and a few copies a step
    what attnorm keeps:                                    4 (n + T) L H(H+1)/2    bytes
    what a flow keeps of its forward:                      b (n + T) L (H + 2K) d  bytes, of routes H d + 2 D more

with P weights, L layers of H heads (K of keys) of size d, width D, inner width I, and b bytes a number.

What a signal takes is asked of the function that computes it, never of the signal's name or family: a function that
reads the decode takes what its readings take; any other says it by its `need`, a function of the run's `Shape`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch import nn

from omnitrace_nb.capture.norms import ROOM
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes.batches import sequences_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.capture.signal import Reading, Signal
    from omnitrace_nb.models.adapter import Adapter, Encoded
    from omnitrace_nb.trace.records import Source

STATEMENT = 12  # steps, assumed before there are statements
SURELY = 0.6  # of what a backward is estimated to hold: what leaner layers than the usual ones hold too
COPIES = {"after": 2, "question": 2, "template": 2, "response": 3, "gradients": 3}  # of every layer's rows, in a step
_Function = TypeVar("_Function", bound="Callable[..., object]")
LAST_LAYER, ALL_LAYERS = 0.25, 1.2  # of a decoding step: a backward through attention alone


@dataclass(frozen=True, slots=True)
class Need:
    """What one signal, or decoding, takes beyond the loaded model.

    Attributes:
        forwards: sequences pushed through the language model; NaN if it cannot be known.
        backwards: gradients taken.
        tokens: positions pushed through in forwards.
        memory: bytes at its peak.
        least: bytes that it cannot do without, with passes of one sequence; NaN if that cannot be known.
        work: floating-point operations.
        steps: decoding steps that it takes besides.
    """

    forwards: float = 0
    backwards: float = 0
    tokens: float = 0
    memory: float = 0
    least: float = 0
    work: float = 0
    steps: float = 0


@dataclass(frozen=True, eq=False)
class Shape:
    """Sizes of a run: a model, a prompt of `n` positions with its sources, and at most `T` steps."""

    adapter: Adapter
    encoded: Encoded
    sources: Sequence[Source]
    steps: int

    @property
    def prompt(self) -> int:
        """`n`."""
        return len(self.encoded.layout)

    @property
    def width(self) -> int:
        """`n + T`."""
        return self.prompt + self.steps

    @property
    def statements(self) -> int:
        """A guess, before there are any."""
        return max(1, round(self.steps / STATEMENT))

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The decoder's sizes by the names of the formulas above; `V` is the vocabulary, `E` the encoders' weights."""
        model, decoder = self.adapter.model, self.adapter.decoder()
        config: Any = getattr(decoder, "config", model.config.get_text_config())
        count, embedding = model.get_input_embeddings().weight.shape
        width = _size(config, "hidden_size", embedding)
        heads = _size(config, "num_attention_heads", 1)
        layers = sum(weight.numel() for weight in decoder.parameters())
        tables = sum(each.weight.numel() for each in decoder.modules() if isinstance(each, nn.Embedding))
        return {
            "P": max(layers - tables, 1),
            "L": _size(config, "num_hidden_layers", 1),
            "H": heads,
            "K": _size(config, "num_key_value_heads", heads),
            "d": _size(config, "head_dim", width // heads),
            "D": width,
            "I": _size(config, "intermediate_size", 4 * width),
            "V": count,
            "E": max(sum(weight.numel() for weight in model.parameters()) - layers, 0),
            "b": next(decoder.parameters()).element_size(),
        }

    @property
    def cache(self) -> float:
        """Bytes of keys and values of prompt and response, as if every layer kept them all."""
        s = self.sizes
        return 2 * s["b"] * self.width * s["L"] * s["K"] * s["d"]

    @property
    def device(self) -> str:
        """The type of the device that reads the prompt, such as "cpu"."""
        return str(self.adapter.model.get_input_embeddings().weight.device.type)

    @property
    def whole(self) -> float:
        """Share of the layers that keep all keys and values; the others have a window or a state."""
        config: Any = getattr(self.adapter.decoder(), "config", None)
        kinds = getattr(config, "layer_types", None) or ["full_attention"]
        return kinds.count("full_attention") / len(kinds)

    def work(self, queries: float, before: float = 0) -> float:
        """Give the operations of a forward of some positions that follow others."""
        s = self.sizes
        return queries * (2 * s["P"] + 4 * s["L"] * s["H"] * s["d"] * (before + queries / 2))

    def held(self, positions: float, *, backward: bool = False) -> float:
        """Give the bytes that a forward over some positions holds at its peak."""
        s = self.sizes
        once = s["b"] * positions * (6 * s["I"] + 12 * s["D"])
        return once + backward * s["b"] * positions * s["L"] * (4 * s["I"] + 8 * s["D"])


def _size(config: Any, name: str, otherwise: int) -> int:  # noqa: ANN401 - a configuration of any model
    """Give a size; the largest where layers differ."""
    differ = name in (getattr(config, "per_layer_attributes", None) or ())
    layers = config.per_layer_config if differ else [config]
    found = [getattr(each, name, None) or otherwise for each in layers]
    return int(max(size for each in found for size in (each if isinstance(each, (list, tuple)) else [each])))


def decoding(shape: Shape) -> Need:
    """Give what prefill and decoding take: the last of them with keys and values of everything."""
    s = shape.sizes
    cache = shape.cache
    memory = shape.held(shape.prompt) + cache + 8 * s["V"]
    media = int((shape.encoded.layout.modality > 1).sum())
    encoders = 8 * s["E"] * media  # four patches a position
    steps = max(shape.steps - 1, 0)
    return Need(
        forwards=shape.steps,
        tokens=shape.width - 1,
        memory=memory,
        least=shape.whole * cache + s["b"] * shape.prompt * (3 * s["I"] + 2 * s["D"]),
        work=shape.work(shape.prompt) + encoders,
        steps=steps,
    )


def needing(need: Callable[..., Need]) -> Callable[[_Function], _Function]:
    """Let the decorated function say by its `need` what it takes beyond decoding, whatever it is the function of.

    Args:
        need: `shape` -> `Need`, of a signal's function; `(shape, signal) -> Need`, of a control's behind that signal.
    """

    def decorate(function: _Function) -> _Function:
        function.need = need  # type: ignore[attr-defined]
        return function

    return decorate


def need(signal: Signal, shape: Shape) -> Need:
    """Give what a signal takes beyond decoding, and what its controls add.

    Raises:
        SignalError: the signal's function says by its `need` something else than a `Need`.
    """
    rows = 4 * shape.steps * shape.width
    found = _bare(signal, shape)
    for control in signal.controls:
        if (own := getattr(control.apply, "need", None)) is not None:
            found = plus(found, own(shape, signal))
    return plus(found, Need(memory=rows))


def again(shape: Shape, signal: Signal) -> Need:
    """Say that a control scores its signal once more, on another prompt."""
    return decoding(shape) if signal.online else _bare(signal, shape)


def nothing(_shape: Shape) -> Need:
    """Say that a function takes nothing that counts."""
    return Need()


def _bare(signal: Signal, shape: Shape) -> Need:
    own = getattr(signal.score or signal.explain or signal.credit, "need", None)
    if own is not None:
        found = own(shape)
        if not isinstance(found, Need):
            raise SignalError(
                f"the need of signal {signal.label!r} gave a {type(found).__name__}: expected "
                "omnitrace_nb.signals.Need(forwards=..., tokens=..., memory=...)"
            )
        return found
    if signal.online:
        return _online(signal, shape)
    if signal.explain is not None:  # a forward and a backward a step, as most are
        mean = shape.prompt + shape.steps / 2
        return passes(shape, shape.steps, shape.steps * mean, backwards=shape.steps, length=shape.width)
    return Need(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)


def _online(signal: Signal, shape: Shape) -> Need:
    s = shape.sizes
    kept = _readings(signal.reads, shape)
    every = "gradients" in signal.reads
    if not every and "gradient" not in signal.reads:
        return kept
    graph = 2 * s["b"] * shape.width * s["H"] * s["d"] * (s["L"] if every else 1)
    share = ALL_LAYERS if every else LAST_LAYER
    return Need(
        backwards=shape.steps,
        memory=graph + kept.memory,
        least=graph / 2 + kept.least,
        steps=share * shape.steps,
    )


def _readings(reads: frozenset[Reading], shape: Shape) -> Need:
    """Give the memory of what a step shows of every layer: its rows, what they are held against, what attnorm keeps."""
    s = shape.sizes
    rows = 4 * shape.width * s["L"] * s["H"]
    every = bool(reads & {"rows", "gradients", "norms", "response"})
    copies = sum(COPIES.get(reading, 0) for reading in reads)
    pairs = s["H"] * (s["H"] + 1) // 2 if "norms" in reads else 0
    room = shape.prompt + ROOM
    while room < shape.width:
        room *= 2
    return Need(
        memory=rows * (2 * every + copies) + 4 * pairs * (s["L"] * room + 2 * shape.width),
        least=rows * every + 4 * pairs * s["L"] * shape.width,
    )


def passes(
    shape: Shape, forwards: float, tokens: float, *, backwards: float = 0, length: int, batch: int | None = None
) -> Need:
    """Give what passes take.

    Args:
        shape: of the run.
        forwards: sequences pushed through.
        tokens: their positions together.
        backwards: gradients taken.
        length: of the longest sequence.
        batch: sequences at a time; left out: as many as fit a pass that may be differentiated.
    """
    backward = backwards > 0
    at_once = min(forwards, sequences_at_once(length) if batch is None else batch)
    a_forward = shape.work(tokens / max(forwards, 1))
    return Need(
        forwards=forwards,
        backwards=backwards,
        tokens=tokens,
        memory=shape.held(at_once * length, backward=backward),
        least=SURELY * shape.held(length, backward=backward),
        work=a_forward * (forwards + 1.5 * backwards),
    )


def plus(one: Need, other: Need) -> Need:
    """Add what is done after each other: work adds up, memory is the larger."""
    return Need(
        forwards=one.forwards + other.forwards,
        backwards=one.backwards + other.backwards,
        tokens=one.tokens + other.tokens,
        memory=float(np.maximum(one.memory, other.memory)),
        least=float(np.maximum(one.least, other.least)),
        work=one.work + other.work,
        steps=one.steps + other.steps,
    )
