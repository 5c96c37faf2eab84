"""One decode, every signal: the room's one entrance."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from transformers import DynamicCache, LogitsProcessorList, StoppingCriteriaList

from omnitrace_nb.capture import caches, settings
from omnitrace_nb.capture.borrow import evaluating, seeded, tapped
from omnitrace_nb.capture.edits import editing
from omnitrace_nb.capture.loop import Loop
from omnitrace_nb.capture.result import Decode
from omnitrace_nb.capture.tap import Tap
from omnitrace_nb.capture.usual import Usual
from omnitrace_nb.errors import OmnitraceError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.capture.loop import Decoded
    from omnitrace_nb.capture.signal import Reading, Signal
    from omnitrace_nb.models.adapter import Adapter, Encoded

FirstStep = Literal["last", "prompt_mean"]
# Where transformers turns settings into a choice of tokens, and into a cache.
_FOLLOWING = frozenset(each.__module__ for each in (LogitsProcessorList, StoppingCriteriaList, DynamicCache))


def decode(
    adapter: Adapter,
    encoded: Encoded,
    signals: Sequence[Signal],
    baseline_rows: Mapping[str, np.ndarray] | np.ndarray | slice | None = None,
    *,
    first_step: FirstStep = "last",
    progress: bool = True,
    seed: int | None = None,
    forced: np.ndarray | None = None,
    edit: Callable[[torch.Tensor], torch.Tensor] | None = None,
    watch: Callable[[Sequence[Decoded]], None] | None = None,
    **generation: Any,  # noqa: ANN401 - settings are of many kinds
) -> Decode:
    """Decode a response and score every earlier position for each of its tokens (the paper's Algorithm 1, lines 1-4).

    The model is given back as it was found, also after an error. A KeyboardInterrupt once a token is there ends the
    decode and keeps what is done.

    Args:
        adapter: the model.
        encoded: its prompt, of `n` positions.
        signals: what to score with, all in this one decode: those that read it as it runs.
        baseline_rows: prompt rows whose mean an excess subtracts, by name ("after", "question", "template"); rows alone
            are those "after"; a name left out has the rows "after", and none given: the last row alone.
        first_step: the row of the first token: the prompt's last ("last", the paper's text) or the mean of all the
            prompt's rows ("prompt_mean", the paper's code).
        progress: show bars that count tokens and passes.
        seed: seed of sampling; torch's generators are given back as they were.
        forced: `int64 [T]`, a response to decode again, at least one token; None lets the model choose.
        edit: changes the prompt's embeddings `[1, n, width]`, as `embed` gives them, before the model reads them.
        watch: called after each token but the last with the steps so far; it ends the decode by a KeyboardInterrupt.
        generation: settings of `generate`; `max_new_tokens` is 256 if no length is set.

    Raises:
        SettingsError: a setting that is unknown or cannot be traced.
        SignalError: a signal that this model cannot give.
        ModelError: NaN or inf in the logits, or media that the model itself cannot read.
    """
    if forced is not None:
        generation["max_new_tokens"] = len(forced)
    options, streamer = settings.prepare(adapter.model, adapter.tokenizer, generation, first_step=first_step, seed=seed)
    prompt = len(encoded.layout)
    reads: frozenset[Reading] = frozenset().union(*(signal.reads for signal in signals))
    usual = Usual(reads, _row_sets(baseline_rows, prompt))
    tap = Tap(adapter.decoder(), reads, usual, prompt_mean=first_step == "prompt_mean") if reads else None
    if tap is not None and tap.graded:
        options = caches.growing(adapter.model, options)
    loop = Loop(signals, tap, progress, streamer, None if forced is None else torch.as_tensor(forced), watch)
    with ExitStack() as borrowed:
        borrowed.enter_context(evaluating(adapter.model))
        borrowed.enter_context(seeded(seed, adapter.model))
        if edit is not None:
            borrowed.enter_context(editing(adapter, edit))
        if tap is not None:
            borrowed.enter_context(tapped(adapter.decoder()))
        try:
            adapter.model.generate(**encoded.inputs, **encoded.options, **options, custom_generate=loop)
        except Exception as error:
            if not loop.steps and not isinstance(error, OmnitraceError):
                borrowed.close()
                adapter.embed(encoded, torch.zeros(1, dtype=torch.long))  # says so if it is media it cannot read
            if _of_settings(error, loop):
                raise SettingsError(
                    f"generate refuses these settings ({', '.join(generation)}): {str(error) or type(error).__name__}"
                ) from error
            raise
    return _assemble(signals, loop, prompt)


def _row_sets(rows: Mapping[str, np.ndarray] | np.ndarray | slice | None, prompt: int) -> dict[str, np.ndarray]:
    every = np.arange(prompt)
    given = rows if isinstance(rows, Mapping) else {} if rows is None else {"after": rows}
    chosen = {name: every[which] for name, which in given.items()}
    after = chosen["after"] if len(chosen.get("after", ())) else every[-1:]
    return {name: chosen[name] if len(chosen.get(name, ())) else after for name in ("after", "question", "template")}


def _of_settings(error: Exception, loop: Loop) -> bool:
    """Tell whether an error comes from settings: it came before the loop, or where they are followed."""
    if isinstance(error, OmnitraceError | torch.OutOfMemoryError):
        return False
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return not loop.begun or any(frame.f_globals.get("__name__") in _FOLLOWING for frame in frames)


def _assemble(signals: Sequence[Signal], loop: Loop, prompt: int) -> Decode:
    tokens = np.array([step.token for step in loop.steps], np.int64)
    logprobs = np.array([step.logprob for step in loop.steps], np.float32)
    scores = {}
    for signal in signals:
        scores[signal.name] = matrix = np.zeros((len(tokens), prompt + len(tokens)), np.float32)
        for row, step in zip(matrix, loop.steps, strict=True):
            found = step.scores[signal.name]
            row[: len(found)] = found.detach().float().cpu().numpy()
    stopped = loop.stopped if loop.forced is None or loop.stopped == "interrupted" else "given"
    return Decode(tokens, logprobs, scores, stopped, dict(loop.seconds))
