"""Ways of decoding in one process, taking turns token by token, so that whatever else a machine does falls on all.

Each way decodes in a thread of its own with its own modules over the same weights; a streamer holds the thread back
after each token until its turn comes round again. With one thread for torch's kernels, the processor time of that
thread is all that a way costs.
"""

from __future__ import annotations

import copy
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.measure import prompt_ids, thinker, way_of_decoding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Baton:
    """Who may run: one of several threads, in turn."""

    def __init__(self, runners: int) -> None:
        """Give the first turn to number 0."""
        self._changed = threading.Condition()
        self._running = list(range(runners))
        self._turn = 0

    def wait(self, number: int) -> None:
        """Wait for one's turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn == number)

    def hand_on(self, number: int, *, ended: bool = False) -> None:
        """Give the turn to the next runner that has not ended."""
        with self._changed:
            after = [*(each for each in self._running if each > number), *self._running]
            if ended:
                self._running.remove(number)
            self._turn = next((each for each in after if each != number), number)
            self._changed.notify_all()


@dataclass
class Turns:
    """A streamer that notes the processor time of each token and gives the turn away after it."""

    baton: Baton
    number: int
    seconds: list[float] = field(default_factory=list)
    _since: float | None = None

    def put(self, _ids: torch.Tensor) -> None:
        """Note a token; the first call is the prompt's."""
        if self._since is None:
            self._since = time.thread_time()
            return
        self.seconds.append(time.thread_time() - self._since)
        self.baton.hand_on(self.number)
        self.baton.wait(self.number)
        self._since = time.thread_time()

    def end(self) -> None:
        """Do nothing: `generate` wants this method."""


def take_turns(ways: Sequence[str], length: int, steps: int) -> dict[str, list[float]]:
    """Decode `steps` tokens after a prompt of `length` positions in every way; give the seconds of each token."""
    torch.set_num_threads(1)
    model = thinker()
    weights = {id(each): each for each in (*model.parameters(), *model.buffers())}
    copies = [copy.deepcopy(model, dict(weights)) for _ in ways]
    ids = prompt_ids(length)
    baton = Baton(len(ways))
    streamers = [Turns(baton, number) for number in range(len(ways))]
    failed: list[BaseException] = []

    def run(number: int) -> None:
        baton.wait(number)
        try:
            way_of_decoding(ways[number])(copies[number], ids, steps, streamers[number])
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            failed.append(error)
        finally:
            baton.hand_on(number, ended=True)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(ways))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return {way: streamer.seconds for way, streamer in zip(ways, streamers, strict=True)}


def ratio(times: Mapping[str, Sequence[float]], way: str, of: str) -> float:
    """Give a way's time over plain's: of the "whole" run, the "first" token, or the median "step", turn by turn."""
    ours, plain = times[way], times["plain"]
    if of == "step":
        return median(one / other for one, other in zip(ours[1:], plain[1:], strict=True))
    return ours[0] / plain[0] if of == "first" else sum(ours) / sum(plain)


def main() -> None:
    """Take turns as the command line says (length, steps, ways) and print the seconds as a line of JSON."""
    length, steps = map(int, sys.argv[1:3])
    found: dict[str, Any] = take_turns(sys.argv[3:], length, steps)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
