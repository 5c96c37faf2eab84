"""Passes over a finished response, measured in one process: `python -m benchmarks.passes LENGTH STEPS SOURCES`.

Everything is the processor time of one thread: a prefill, rollout, leave-one-out by two operators, and captum's
`FeatureAblation` over a forward of the whole sequence for each source, as its sequence mode does it.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from captum.attr import FeatureAblation
from scipy.stats import spearmanr

from benchmarks.measure import TextOnly, prompt_ids, thinker
from omnitrace_nb import passes, signals
from omnitrace_nb.layout import Layout
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.trace.records import Response, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def finished(length: int, steps: int, count: int) -> passes.Finished:
    """Give a run of a prompt of `length` random tokens, cut into `count` even sources, and its greedy response."""
    model: Any = thinker()
    ids = prompt_ids(length)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        whole = model.generate(**inputs, max_new_tokens=steps, min_new_tokens=steps, do_sample=False)
    tokens = whole[0, length:].numpy()
    cuts = np.linspace(0, length - 8, count + 1).astype(int)  # the last positions are the template's
    sources = [
        Source(id_, "text", 0, f"source {id_}", np.arange(start, end, dtype=np.int32))
        for id_, (start, end) in enumerate(itertools.pairwise(cuts))
    ]
    chars = np.stack([np.arange(steps), np.arange(steps) + 1], axis=1).astype(np.int32)
    response = Response("x" * steps, tokens, ("x",) * steps, chars, np.zeros(steps, np.float32), "length")
    adapter: Any = TextOnly(model)
    return passes.Finished(
        adapter,
        Encoded(inputs, {}, Layout.blank(ids[0].numpy())),
        response,
        sources=sources,
        statements=[(0, steps)],
        statement_of=np.zeros(steps, np.int64),
        progress=False,
    )


def peer(run: passes.Finished) -> np.ndarray:
    """Give each source's effect on the response's log-probability, by captum's FeatureAblation in sequence mode.

    A forward over prompt and response for each source, without a cache and with the logits of every position; a source
    is ablated by token 0 in place of its own.
    """
    model, n = run.adapter.model, run.prompt
    response = torch.as_tensor(run.response.token_ids)[None]
    # captum ablates every feature, and each position is in one: the template's go with the last source.
    features = torch.full((1, n), len(run.sources) - 1)
    for source in run.sources:
        features[0, source.positions] = source.id

    def logprob(ids: Tensor) -> Tensor:
        whole = torch.cat([ids, response.expand(len(ids), -1)], dim=1)
        with torch.no_grad():
            logits = model(input_ids=whole, attention_mask=torch.ones_like(whole), use_cache=False).logits
        chosen = logits[:, n - 1 : -1].log_softmax(-1).gather(-1, response.expand(len(ids), -1)[..., None])
        return chosen.sum((1, 2))

    found = FeatureAblation(logprob).attribute(run.encoded.inputs["input_ids"], feature_mask=features)
    return np.array([float(found[0, source.positions[0]]) for source in run.sources])


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Run something; give its processor seconds and what it gave."""
    started = time.thread_time()
    found = work()
    return time.thread_time() - started, found


def prefill(run: passes.Finished) -> None:
    """Read the prompt once, for a cache and its last logits."""
    with torch.no_grad():
        run.adapter.model(**run.encoded.inputs, use_cache=True, logits_to_keep=1)


def main() -> None:
    """Measure, and print a line of JSON."""
    torch.set_num_threads(1)
    run = finished(*map(int, sys.argv[1:4]))
    found: dict[str, Any] = {"prefill": min(seconds(lambda: prefill(run))[0] for _ in range(3))}
    effects = {}
    for name, signal in (
        ("rollout", signals.get("rollout")),
        ("mask", signals.get("leave_one_out")),
        ("mask_direct", signals.ablate("leave_one_out", operator="mask_direct")),
    ):
        # Each on a run of its own, or the second operator would find the first one's cache.
        found[name], scored = seconds(partial(passes.score, run.but(), [signal]))
        (scores,) = scored.scores.values()
        effects[name] = np.array([scores[:, source.positions].sum() for source in run.sources])
        found[f"{name} cost"] = next(iter(scored.notes.values()))
    found["captum"], effects["captum"] = seconds(lambda: peer(run))
    found["rank correlation of mask and mask_direct"] = float(spearmanr(effects["mask"], effects["mask_direct"])[0])
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
