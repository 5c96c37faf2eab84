"""The one place where a model is run again and again: in batches, with a progress bar, and to be interrupted."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_watch: ContextVar[Callable[[], None] | None] = ContextVar("watch", default=None)


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
