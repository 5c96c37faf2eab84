"""The estimate of a run: what it would take on this machine, and whether it fits; `omnitrace_nb.planning` has the sums.

Seconds come from a short probe of the model itself: a forward of a few hundred positions and one decoding step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from omnitrace_nb import planning
from omnitrace_nb import signals as registry
from omnitrace_nb.capture.borrow import evaluating
from omnitrace_nb.errors import ModelError, SignalError
from omnitrace_nb.layout import MODALITIES
from omnitrace_nb.transformers_names import cache_of, with_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.models.adapter import Adapter
    from omnitrace_nb.planning import Need, Shape

PROBE = 256  # positions
LOOP = 0.002  # seconds a step spends outside the decoder: choosing a token, reading scores
DECODING = "(decoding)"
COLUMNS = {
    "signal": "string", "family": "string", "forwards": "float64", "backwards": "float64", "tokens": "float64",
    "seconds": "float64", "memory": "float64", "fits": "boolean",
}  # fmt: skip
GB = 1e9


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a run would take, before it starts.

    Attributes:
        tokens: prompt positions by modality, "template" among them.
        new_tokens: the most steps that would be decoded; the costs are those of a response of that length.
        sources: how many sources the prompt has.
        free: bytes of memory free beside the loaded model; None if that cannot be known.
        table: a row for decoding and one a signal: signal, family, forwards, backwards, tokens (positions pushed
            through the language model), seconds, memory (bytes at its peak, beside the model), fits. NaN and <NA>: not
            known.
    """

    tokens: dict[str, int]
    new_tokens: int
    sources: int
    free: int | None
    table: pd.DataFrame

    @property
    def seconds(self) -> float:
        """All of it together; what is not known counts as 0."""
        return float(self.table["seconds"].sum())

    @property
    def fits(self) -> bool | None:
        """Whether every signal fits; None if none is known not to, but not all are known to."""
        fits = self.table["fits"]
        return None if fits.isna().any() and fits.all() else bool(fits.all())

    def __repr__(self) -> str:
        """Give the header and the table, in units that people read."""
        return f"{self._header()}\n{self._shown().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._header())}</p>{self._shown().to_html(index=False, border=0)}"

    def _header(self) -> str:
        counted = ", ".join(f"{count:,} {name}" for name, count in self.tokens.items() if count)
        free = "memory not known" if self.free is None else f"{self.free / GB:.1f} GB of memory free"
        return (
            f"Estimate: {sum(self.tokens.values()):,} positions ({counted}) with {self.sources} sources, at most "
            f"{self.new_tokens} new tokens; about {_seconds(self.seconds)}; {free}"
        )

    def _shown(self) -> pd.DataFrame:
        table = self.table
        whole = {name: [_count(value) for value in table[name]] for name in ("forwards", "backwards", "tokens")}
        return pd.DataFrame(
            {
                "signal": table["signal"],
                "family": table["family"],
                **whole,
                "seconds": [_seconds(value) for value in table["seconds"]],
                "memory": ["?" if np.isnan(value) else f"{value / GB:.2f} GB" for value in table["memory"]],
                "fits": table["fits"].map({True: "yes", False: "no"}).astype("object").fillna("?"),
            }
        )


def estimate(shape: Shape, signals: Sequence[Signal]) -> Estimate:
    """Estimate a run; the model is run for a moment, to see how fast it is."""
    rate, step = speed(shape.adapter)
    free = free_memory(shape.adapter.model.device)
    rows = []
    for name, family, wanted in [(DECODING, "", planning.decoding(shape)), *_needs(shape, signals)]:
        seconds = wanted.work / rate + wanted.steps * (LOOP + step + shape.work(1, shape.width) / rate)
        fits = None if free is None or np.isnan(wanted.least) else wanted.least <= free
        numbers = wanted.forwards, wanted.backwards, wanted.tokens, seconds, wanted.memory
        rows.append((name, family, *numbers, fits))
    modality = shape.encoded.layout.modality
    return Estimate(
        tokens={name: int((modality == index).sum()) for index, name in enumerate(MODALITIES)},
        new_tokens=shape.steps,
        sources=len(shape.sources),
        free=free,
        table=pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS),
    )


def refuse(shape: Shape, signals: Sequence[Signal], *, decodes: bool = True) -> None:
    """Refuse a run that cannot fit the memory, before it starts; what might fit is let through.

    Raises:
        ModelError: decoding itself cannot fit.
        SignalError: a signal cannot; the message names those that would.
    """
    free = free_memory(shape.adapter.model.device)
    if free is None:
        return
    needed = planning.decoding(shape).least
    if decodes and needed > free:
        raise ModelError(
            f"decoding {shape.steps} tokens after {shape.prompt:,} positions needs at least {needed / GB:.1f} GB "
            f"beside the model, and {free / GB:.1f} GB are free: shorten the prompt (fewer seconds, smaller pictures) "
            "or max_new_tokens"
        )
    for name, _, wanted in _needs(shape, signals):
        if wanted.least > free:
            raise SignalError(
                f"signal {name!r} needs at least {wanted.least / GB:.1f} GB beside the model for {shape.width:,} "
                f"positions, and {free / GB:.1f} GB are free; these would fit: {', '.join(_fitting(shape, free))}"
            )


def _needs(shape: Shape, signals: Sequence[Signal]) -> list[tuple[str, str, Need]]:
    return [(signal.label, signal.family, planning.need(signal, shape)) for signal in signals]


def _fitting(shape: Shape, free: int) -> list[str]:
    every = [registry.get(name) for name in registry.names()]
    fitting = [signal.label for signal in every if planning.need(signal, shape).memory <= free]
    return fitting or ["none"]


def speed(adapter: Adapter) -> tuple[float, float]:
    """Measure the decoder: floating-point operations a second in a forward, and seconds of a decoding step."""
    decoder = adapter.decoder()
    ids = torch.zeros(1, PROBE, dtype=torch.long, device=adapter.model.get_input_embeddings().weight.device)
    with torch.no_grad(), evaluating(adapter.model):
        # A GPU chooses its kernels when a length is new to it, which can take forty times as long as the forward.
        decoder(input_ids=ids, use_cache=True)
        taken, outputs = _timed(lambda: decoder(input_ids=ids, use_cache=True), ids.device)
        cache, one = with_cache(decoder, cache_of(outputs)), ids[:, :1]
        # The first of four may be as slow.
        step = min(_timed(lambda: decoder(input_ids=one, use_cache=True, **cache), ids.device)[0] for _ in range(4))
    weights = sum(each.numel() for each in decoder.parameters()) - adapter.model.get_input_embeddings().weight.numel()
    return 2 * max(weights, 1) * PROBE / taken, step


def _timed(work: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, result


def free_memory(device: torch.device) -> int | None:
    """Give the bytes that a device has free, what torch holds but does not use among them; None if not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "cpu":
        return _free_on_host()
    return None


def _free_on_host() -> int | None:
    """Read Linux's own numbers: of the machine, and of the container that this runs in."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        cached = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        file = next(int(line.split()[1]) for line in cached if line.startswith("inactive_file "))
    except (OSError, StopIteration, ValueError):  # no container, or one without a limit
        return free
    return min(free, max(limit - used + file, 0))


def _count(value: float) -> str:
    return "?" if np.isnan(value) else f"{value:,.0f}"


def _seconds(value: float) -> str:
    if np.isnan(value):
        return "?"
    return f"{value:.1f} s" if value < 100 else f"{value / 60:.0f} min"  # noqa: PLR2004 - what is easy to read
