"""One way of decoding on a GPU, measured: seconds of each token, and the most memory that torch held."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from omnitrace_nb import signals
from omnitrace_nb.capture import decode

if TYPE_CHECKING:
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.prompting import Prompt

ONLINE = ("attmean", "rawatt", "excess", "attgrads")
REFERENCE = "output_attentions"
Row = dict[str, Any]


class Clock:
    """A streamer that notes when each token was there."""

    def __init__(self) -> None:
        """Start."""
        self.at: list[float] = []

    def put(self, _ids: torch.Tensor) -> None:
        """Note the prompt, then each token."""
        self.at.append(time.perf_counter())

    def end(self) -> None:
        """Do nothing: `generate` wants this method."""


class Gauge:
    """Seconds and peak memory (bytes that torch holds) of what runs inside the block."""

    def __init__(self, device: str) -> None:
        """Take the device."""
        self.cuda = device.startswith("cuda")
        self.seconds, self.peak, self.before = 0.0, 0, 0

    def __enter__(self) -> Gauge:  # noqa: PYI034 - typing.Self would say no more
        """Start."""
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        self.started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        if self.cuda:
            torch.cuda.synchronize()
            self.peak = torch.cuda.max_memory_allocated()
        self.seconds = time.perf_counter() - self.started


def once(adapter: Adapter, prompt: Prompt, way: str, steps: int) -> Row:
    """Decode `steps` tokens in one way; give seconds of the whole, of the prompt, of each token, and peak bytes."""
    clock, device = Clock(), str(adapter.model.device)
    exactly: dict[str, Any] = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False, "streamer": clock}
    plainly = way in {"plain", REFERENCE}
    if way == REFERENCE:
        exactly |= {"output_attentions": True, "return_dict_in_generate": True}
        adapter.model.set_attn_implementation("eager")
    try:
        with Gauge(device) as gauge:
            if plainly:
                with torch.no_grad():
                    adapter.model.generate(**prompt.encoded.inputs, **prompt.encoded.options, **exactly)
            else:
                chosen = [signals.get(name) for name in (ONLINE if way == "all four" else (way,))]
                decode(adapter, prompt.encoded, chosen, prompt.baseline, progress=False, **exactly)
    except torch.OutOfMemoryError:
        return {"way": way, "out_of_memory": True}
    finally:
        if way == REFERENCE:
            adapter.model.set_attn_implementation("sdpa")
    each = [after - before for before, after in zip(clock.at[1:-1], clock.at[2:], strict=True)]
    first = clock.at[1] - gauge.started
    return {
        "way": way,
        "whole": gauge.seconds,
        "first": first,
        "step": median(each),
        "steps": each,
        "peak": gauge.peak,
        "grown": gauge.peak - gauge.before,
    }
