"""The one place where a model is run again and again: in batches, with a progress bar, and to be interrupted.

How large batches are is said here too: passes go by it, and so does their estimate.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASS_TOKENS = 4096  # inputs of a batch that may be differentiated
ABLATED_TOKENS, ABLATED_ON_CPU = 8192, 512  # inputs of a batch of ablations; a CPU gains nothing from more
ABLATED_KEYS = 65536  # keys of such a batch, which each of its rows has copied

_watch: ContextVar[Callable[[], None] | None] = ContextVar("watch", default=None)


def sequences_at_once(length: int) -> int:
    """Give how many sequences of `length` inputs fit one pass that may be differentiated."""
    return max(1, PASS_TOKENS // max(length, 1))


def ablations_at_once(device: str, inputs: int, keys: int) -> int:
    """Give how many ablations fit one pass, each of so many `inputs` and `keys`, on a type of device ("cpu")."""
    tokens = ABLATED_ON_CPU if device == "cpu" else ABLATED_TOKENS
    return max(1, min(tokens // max(inputs, 1), ABLATED_KEYS // max(keys, 1)))


@contextmanager
def watched(watch: Callable[[], None]) -> Iterator[None]:
    """Call `watch` before each batch of passes within the block; it ends their run by a KeyboardInterrupt."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def run_passes(
    work: Callable[[Tensor], Tensor], count: int, *, batch: int, label: str, progress: bool = True
) -> tuple[list[Tensor], bool]:
    """Run `work` over the items `0 .. count - 1`, a batch at a time.

    A batch that does not fit the device's memory is halved, and so are those after it. A KeyboardInterrupt ends the
    run and keeps the batches that are done.

    Args:
        work: items `int64 [b]` -> their results `[b, ...]`, which are moved off the device at once.
        count: number of items.
        batch: items at a time, at first.
        label: what the progress bar says.
        progress: whether there is a bar.

    Returns:
        The results by item, for the first items, and whether all were run.

    Raises:
        torch.OutOfMemoryError: a single item does not fit.
    """
    done: list[Tensor] = []
    watch = _watch.get()
    with tqdm(total=count, desc=label, unit="pass", disable=not progress, leave=False) as bar:
        try:
            while len(done) < count:
                if watch is not None:
                    watch()
                items = torch.arange(len(done), min(len(done) + batch, count))
                try:
                    results = work(items).cpu()
                except torch.OutOfMemoryError:
                    if len(items) == 1:
                        raise
                    batch = len(items) // 2
                    continue
                done.extend(results)
                bar.update(len(items))
        except KeyboardInterrupt:
            return done, False
    return done, True
