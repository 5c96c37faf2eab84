"""One decode, every signal: the room's one entrance."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from omnitrace_nb.capture import settings
from omnitrace_nb.capture.borrow import evaluating, seeded, tapped
from omnitrace_nb.capture.loop import Loop
from omnitrace_nb.capture.passes import run_passes
from omnitrace_nb.capture.result import Decode
from omnitrace_nb.capture.tap import Tap
from omnitrace_nb.capture.teacher import TeacherForced
from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.capture.signal import Reading, Signal
    from omnitrace_nb.models.adapter import Adapter, Encoded

FirstStep = Literal["last", "prompt_mean"]
_PASS_TOKENS = 4096


def decode(
    adapter: Adapter,
    encoded: Encoded,
    signals: Sequence[Signal],
    baseline_rows: np.ndarray | slice | None = None,
    *,
    first_step: FirstStep = "last",
    progress: bool = True,
    seed: int | None = None,
    **generation: Any,  # noqa: ANN401 - settings are of many kinds
) -> Decode:
    """Decode a response and score every earlier position for each of its tokens (the paper's Algorithm 1, lines 1-4).

    The model is given back as it was found, also after an error. A KeyboardInterrupt once a token is there ends the
    decode, and signals that need passes of their own are then left out; one during such passes keeps the steps done.

    Args:
        adapter: the model.
        encoded: its prompt, of `n` positions.
        signals: what to score with, all in this one decode.
        baseline_rows: prompt rows whose mean `excess` subtracts; none given: the last row alone.
        first_step: the row of the first token: the prompt's last ("last", the paper's text) or the mean of all the
            prompt's rows ("prompt_mean", the paper's code).
        progress: show bars that count tokens and passes.
        seed: seed of sampling; torch's generators are given back as they were.
        generation: settings of `generate`; `max_new_tokens` is 256 if no length is set.

    Raises:
        SettingsError: a setting that is unknown or cannot be traced.
        SignalError: a signal that this model cannot give.
        ModelError: NaN or inf in the logits.
    """
    options, streamer = settings.prepare(adapter.model, adapter.tokenizer, generation, first_step=first_step, seed=seed)
    prompt = len(encoded.layout)
    rows = _baseline(baseline_rows, prompt)
    reads: frozenset[Reading] = frozenset().union(*(signal.reads for signal in signals))
    tap = Tap(adapter.decoder(), reads, rows, prompt_mean=first_step == "prompt_mean") if reads else None
    loop = Loop([signal for signal in signals if signal.score is not None], tap, progress, streamer)
    with ExitStack() as borrowed:
        borrowed.enter_context(evaluating(adapter.model))
        borrowed.enter_context(seeded(seed, adapter.model))
        if tap is not None:
            borrowed.enter_context(tapped(adapter.decoder()))
        try:
            adapter.model.generate(**encoded.inputs, **encoded.options, **options, custom_generate=loop)
        except (ValueError, TypeError) as error:
            if loop.begun:
                raise
            raise SettingsError(f"generate refuses these settings: {error}") from error
    return _assemble(adapter, encoded, signals, loop, progress=progress)


def _baseline(rows: np.ndarray | slice | None, prompt: int) -> np.ndarray:
    every = np.arange(prompt)
    chosen = every[-1:] if rows is None else every[rows]
    return chosen if len(chosen) else every[-1:]


def _assemble(adapter: Adapter, encoded: Encoded, signals: Sequence[Signal], loop: Loop, *, progress: bool) -> Decode:
    tokens = np.array([step.token for step in loop.steps], np.int64)
    width = len(encoded.layout) + len(tokens)
    scores: dict[str, np.ndarray] = {}
    notes: dict[str, dict[str, Any]] = {}
    seconds = dict(loop.seconds)
    interrupted = loop.stopped == "interrupted"
    for signal in signals:
        if signal.explain is None:
            found, whole = [step.scores[signal.name] for step in loop.steps], True
        else:
            started = time.perf_counter()
            found, whole = ([], False) if interrupted else _explain(adapter, encoded, signal, tokens, progress=progress)
            seconds[signal.name] = time.perf_counter() - started
            interrupted = interrupted or not whole
        scores[signal.name] = _matrix(found, len(tokens), width)
        bad = np.flatnonzero(~np.isfinite(scores[signal.name]).all(1))
        scores[signal.name][bad] = 0
        notes[signal.name] = {"steps": len(found)}
        if not whole:
            notes[signal.name]["interrupted"] = True
        if len(bad):
            notes[signal.name]["not_finite"] = bad.tolist()
    logprobs = np.array([step.logprob for step in loop.steps], np.float32)
    return Decode(tokens, logprobs, scores, loop.stopped, seconds, notes)


def _explain(
    adapter: Adapter, encoded: Encoded, signal: Signal, tokens: np.ndarray, *, progress: bool
) -> tuple[list[torch.Tensor], bool]:
    response = torch.as_tensor(tokens, device=adapter.model.device)
    forced = TeacherForced.of(adapter, encoded, response)
    width = len(encoded.layout) + len(tokens)
    batch = max(1, _PASS_TOKENS // width)
    with forced.running():
        return run_passes(
            lambda steps: signal.explained(forced, steps, width),
            len(tokens),
            batch=batch,
            label=signal.name,
            progress=progress,
        )


def _matrix(found: Sequence[torch.Tensor], steps: int, width: int) -> np.ndarray:
    """Stack scores of growing length into `float32 [T, n + T]`, 0 where there is nothing."""
    matrix = np.zeros((steps, width), np.float32)
    for row, score in zip(matrix, found, strict=False):
        row[: len(score)] = score.detach().float().cpu().numpy()
    return matrix
