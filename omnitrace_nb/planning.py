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
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from omnitrace_nb.ablation import Effects
from omnitrace_nb.ablation.replay import sees_windows
from omnitrace_nb.capture.norms import ROOM
from omnitrace_nb.passes.captum_pass import TARGETS_AT_ONCE, CaptumPass
from omnitrace_nb.passes.scoring import PASS_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.capture.signal import Reading, Signal
    from omnitrace_nb.models.adapter import Adapter, Encoded
    from omnitrace_nb.trace.records import Source

STATEMENT = 12  # steps, assumed before there are statements
SURELY = 0.6  # of what a backward is estimated to hold: what leaner layers than the usual ones hold too
COPIES = {"after": 2, "question": 2, "template": 2, "response": 3, "gradients": 3}  # of every layer's rows, in a step
LAST_LAYER, ALL_LAYERS = 0.25, 1.2  # of a decoding step: a backward through attention alone


@dataclass(frozen=True, slots=True)
class Need:
    """What one signal, or decoding, takes beyond the loaded model.

    Attributes:
        forwards: sequences pushed through the language model; NaN if it cannot be known.
        backwards: gradients taken.
        tokens: positions pushed through in forwards.
        memory: bytes at its peak.
        least: bytes that it cannot do without, with passes of one sequence.
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


def need(signal: Signal, shape: Shape) -> Need:
    """Give what a signal takes beyond decoding, and what its controls add."""
    rows = 4 * shape.steps * shape.width
    found = _bare(signal, shape)
    again = sum(control.name.startswith("minus") for control in signal.controls)
    if again:  # the same once more on another prompt
        second = decoding(shape) if signal.online else found
        found = _plus(found, second, again)
    return _plus(found, Need(memory=rows), 1)


def _bare(signal: Signal, shape: Shape) -> Need:
    if signal.online:
        return _online(signal, shape)
    if signal.explain is not None:
        forwards = shape.steps
        mean = shape.prompt + shape.steps / 2
        return _passes(shape, forwards, forwards * mean, backwards=forwards, length=shape.width)
    return _credited(signal, shape)


def _credited(signal: Signal, shape: Shape) -> Need:
    if isinstance(signal.credit, Effects):
        return _ablations(signal.credit, shape)
    if isinstance(signal.credit, CaptumPass):
        return _gradients(signal.credit, shape)
    if signal.family == "flow":
        return _flow(shape, writes=signal.name == "routes")
    if signal.name == "self_attribution":
        return decoding(shape)
    return Need() if signal.family == "baseline" else Need(np.nan, np.nan, np.nan, np.nan, 0, np.nan)


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


def _flow(shape: Shape, *, writes: bool) -> Need:
    """Give what a flow takes: a forward, what is kept of its layers, and their attention rows once or twice more."""
    s, width = shape.sizes, shape.width
    kept = s["b"] * width * s["L"] * ((s["H"] + 2 * s["K"]) * s["d"] + writes * (s["H"] * s["d"] + 2 * s["D"]))
    found = _passes(shape, 1, width, length=width)
    again = 2 * s["L"] * width**2 * ((1 + writes) * s["H"] * s["d"] + shape.steps)
    more = kept + 8 * shape.steps * width
    return replace(found, memory=found.memory + more, least=found.least + more, work=found.work + again)


def _ablations(effects: Effects, shape: Shape) -> Need:
    count, end = len(shape.sources), shape.width - 1
    drawn = effects.drawn(count)
    forwards = {"leave_one_out": count, "shapley": drawn * max(count - 1, 0) + 1}.get(effects.method, drawn) + 1
    forwards = min(forwards, 2**count)  # no set is run twice
    out = effects.operator == "mask" and not _windowed(shape)  # what is hidden is left out, not read and unseen
    if effects.operator == "mask_direct":
        tokens: float = end + (forwards - 1) * shape.steps
    elif effects.method == "leave_one_out" and effects.operator in {"mask", "mean"}:
        tokens = end + sum(end - int(own.positions[0]) - out * len(own.positions) for own in shape.sources)
    else:
        tokens = end + (forwards - 1) * end * (0.5 if out else 1)
    made = _passes(shape, forwards, tokens, length=end)
    copies = 1 + max(1, PASS_TOKENS // shape.width)
    return _plus(made, Need(memory=copies * shape.cache, least=shape.whole * shape.cache), 1)


def _windowed(shape: Shape) -> bool:
    config: Any = getattr(shape.adapter.decoder(), "config", None)
    return config is not None and sees_windows(config, shape.width)


def _gradients(captum: CaptumPass, shape: Shape) -> Need:
    targets = {"step": shape.steps, "statement": shape.statements}.get(captum.per, 1)
    points = captum.settings.get("n_steps", captum.settings.get("n_samples", 1))
    points *= captum.tunnel["nt_samples"] if captum.tunnel else 1
    shared = 1 if captum.algorithm == "DeepLift" else TARGETS_AT_ONCE
    forwards = points * -(-targets // shared)
    mean = shape.prompt + shape.steps / 2
    return _passes(shape, forwards, forwards * mean, backwards=points * targets, length=shape.width)


def _passes(shape: Shape, forwards: float, tokens: float, *, backwards: float = 0, length: int) -> Need:
    """Give what passes over the whole sequence take, in batches of `PASS_TOKENS` positions."""
    backward = backwards > 0
    batch = min(forwards, max(1, PASS_TOKENS // max(length, 1)))
    a_forward = shape.work(tokens / max(forwards, 1))
    return Need(
        forwards=forwards,
        backwards=backwards,
        tokens=tokens,
        memory=shape.held(batch * length, backward=backward),
        least=SURELY * shape.held(length, backward=backward),
        work=a_forward * (forwards + 1.5 * backwards),
    )


def _plus(one: Need, other: Need, times: float) -> Need:
    """Add what is done after each other: work adds up, memory is the larger."""
    return Need(
        forwards=one.forwards + times * other.forwards,
        backwards=one.backwards + times * other.backwards,
        tokens=one.tokens + times * other.tokens,
        memory=float(np.maximum(one.memory, other.memory)),
        least=max(one.least, other.least),
        work=one.work + times * other.work,
        steps=one.steps + times * other.steps,
    )
