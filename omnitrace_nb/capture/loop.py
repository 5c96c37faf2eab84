"""The decoding loop: `generate`'s own, with a look at attention in every step.

It runs through `generate(..., custom_generate=loop)`, so that preparing inputs, logits processors, stopping criteria
and caches stay transformers' business, and the tokens are those of plain `generate` with the same arguments and seed.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from omnitrace_nb.capture.borrow import require_gradients
from omnitrace_nb.capture.head import HeadWatch
from omnitrace_nb.capture.layers import unread
from omnitrace_nb.capture.signal import Signal, Step
from omnitrace_nb.errors import ModelError, SignalError
from omnitrace_nb.transformers_names import (
    after_forward,
    cache_in,
    decoding,
    detach,
    prefill,
    read_last,
    refusal_to_crop,
    without_last,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList

    from omnitrace_nb.capture.tap import Rows, Tap


@dataclass(slots=True, eq=False)
class Decoded:
    """One chosen token: its id, its log-probability (nats), and signal name -> scores `[p]` of the positions before it.

    Scores stay on the device until the step after the token's.
    """

    token: int
    logprob: float
    scores: dict[str, Tensor]

    def leave_device(self) -> None:
        """Move the scores off the device."""
        self.scores = {name: score.detach().float().cpu() for name, score in self.scores.items()}


@dataclass(slots=True, eq=False)
class Loop:
    """A decoding loop for `custom_generate`, and the record of what it decoded.

    Args:
        signals: those that read the decode; the record holds one score vector of each, a step.
        tap: what reads attention; None if no signal does.
        progress: whether a bar counts the tokens.
        streamer: served each token, as `generate` would.
        forced: `int64 [T]`, the tokens to decode; None lets the model choose.
        watch: given the steps so far after each token but the last; a KeyboardInterrupt from it ends the decode.
    """

    signals: Sequence[Signal]
    tap: Tap | None
    progress: bool = True
    streamer: Any = None
    forced: Tensor | None = None
    watch: Callable[[Sequence[Decoded]], None] | None = None
    begun: bool = False
    steps: list[Decoded] = field(default_factory=list)
    stopped: str = "length"
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(
        self,
        model: PreTrainedModel,
        input_ids: Tensor,
        logits_processor: LogitsProcessorList,
        stopping_criteria: StoppingCriteriaList,
        generation_config: GenerationConfig,
        **model_kwargs: Any,  # noqa: ANN401 - inputs are of many kinds
    ) -> Tensor:
        """Decode until a criterion or the user says stop; give the ids, as `generate` expects."""
        self.begun = True
        graded = self.tap is not None and self.tap.graded
        run = _Run(model, self.tap, graded, generation_config, model_kwargs)
        started = time.perf_counter()
        if self.streamer is not None:
            self.streamer.put(input_ids.cpu())
        limit = stopping_criteria.max_length
        bar = tqdm(
            total=None if limit is None else limit - input_ids.shape[1],
            desc="tracing",
            unit="token",
            disable=not self.progress,
            leave=False,
        )
        try:
            with bar, run.head.watching() if graded else nullcontext(), decoding(model):
                logits, rows = run.prompt(input_ids)
                self.seconds["prefill"] = time.perf_counter() - started
                while True:
                    token = self._token(input_ids, logits, logits_processor, sample=bool(generation_config.do_sample))
                    step = run.step(input_ids, token, rows, first=not self.steps)
                    found = {signal.name: signal.scored(step, input_ids.shape[1]) for signal in self.signals}
                    input_ids = torch.cat([input_ids, token[:, None]], dim=-1)
                    done = self._done(input_ids, stopping_criteria)
                    logprob = logits.log_softmax(-1).gather(-1, token[:, None])
                    # One transfer a step: whatever the device still has to do for the scores goes on behind it.
                    chosen, nats, finished = (
                        torch.stack((token.float(), logprob[:, 0], done.float())).flatten().tolist()
                    )
                    if not np.isfinite(nats):
                        raise ModelError(_not_a_number(model, len(self.steps)))
                    self.steps.append(Decoded(int(chosen), nats, found))
                    self._tell(token, bar)
                    if finished:
                        self.stopped = _reason(int(chosen), input_ids, stopping_criteria, generation_config)
                        break
                    if self.watch is not None:
                        self.watch(self.steps)
                    logits, rows = run.next(input_ids)
        except KeyboardInterrupt:
            if not self.steps:
                raise
            self.stopped = "interrupted"
        self.seconds["decode"] = time.perf_counter() - started - self.seconds["prefill"]
        if self.streamer is not None:
            self.streamer.end()
        return input_ids

    def _token(self, ids: Tensor, logits: Tensor, processors: LogitsProcessorList, *, sample: bool) -> Tensor:
        if self.forced is not None:
            return self.forced[len(self.steps)].view(1).to(ids)
        return _choose(processors(ids, logits), sample=sample)

    def _done(self, ids: Tensor, criteria: StoppingCriteriaList) -> Tensor:
        if self.forced is not None:
            return torch.tensor([len(self.steps) + 1 == len(self.forced)], device=ids.device)
        done: Tensor = criteria(ids, None)
        return done

    def _tell(self, token: Tensor, bar: tqdm) -> None:
        bar.update()
        if len(self.steps) > 1:
            self.steps[-2].leave_device()
        if self.streamer is not None:
            self.streamer.put(token.cpu())


class _Run:
    """The forwards of one decode."""

    def __init__(
        self, model: PreTrainedModel, tap: Tap | None, graded: bool, config: GenerationConfig, kwargs: dict[str, Any]
    ) -> None:
        self.model, self.tap, self.graded, self.config, self.kwargs = model, tap, graded, config, kwargs
        self.head = HeadWatch(model)
        self._logits = torch.empty(0)
        if graded:
            require_gradients(model)
            cache = cache_in(kwargs)
            _require_croppable(cache, read=False)
            cache.activate_past_recording()

    def prompt(self, ids: Tensor) -> tuple[Tensor, Rows | None]:
        """Read the prompt."""
        outputs, rows = self._watched(lambda: prefill(self.model, ids, self.config, self.kwargs), ids)
        self.head.learn(outputs.logits)
        if self.tap is not None and (missed := self.tap.missed):
            raise SignalError(unread(type(self.model).__name__, missed))
        if self.graded:
            _require_croppable(cache_in(self.kwargs), read=True)
            self._again = dict(self.kwargs)
        return self._finish(outputs, ids), rows

    def next(self, ids: Tensor) -> tuple[Tensor, Rows | None]:
        """Read the token that was chosen last."""
        outputs, rows = self._watched(lambda: read_last(self.model, ids, self.kwargs), ids, graded=self.graded)
        if self.graded:
            self._logits = outputs.logits
        return self._finish(outputs, ids), rows

    def step(self, ids: Tensor, token: Tensor, rows: Rows | None, *, first: bool) -> Step:
        """Put together what signals may read, once the token is chosen."""
        if rows is None or self.tap is None:
            return Step()
        own, gradients = rows, None
        if self.graded:
            with self._last_prompt_token_again(ids) if first else nullcontext(rows) as own:
                gradients = self.tap.placed(self.head.gradients(self._logits, token, own.leaves))
        return Step(
            mean=rows.mean,
            last=rows.last,
            row=own.last,
            gradient=None if gradients is None else gradients[-1],
            rows=rows.every,
            own=own.every,
            gradients=gradients,
            norms=rows.norms,
            **self.tap.usual.beside(rows),
        )

    def _watched(self, forward: Any, ids: Tensor, *, graded: bool = False) -> tuple[Any, Rows | None]:  # noqa: ANN401
        # The tap switches gradients on at an attention layer; leaving `no_grad` switches them off again.
        if self.tap is None:
            return forward(), None
        with torch.no_grad(), self.tap.listening(ids.shape[1], graded=graded):
            outputs = forward()
        if graded:
            detach(cache_in(self.kwargs))
        return outputs, self.tap.take()

    def _finish(self, outputs: Any, ids: Tensor) -> Tensor:  # noqa: ANN401 - a model's output class
        self.kwargs = after_forward(self.model, outputs, self.kwargs)
        # A copy, or the whole prompt's logits would stay alive.
        return outputs.logits[:, -1].detach().to(copy=True, dtype=torch.float32, device=ids.device)

    @contextmanager
    def _last_prompt_token_again(self, ids: Tensor) -> Iterator[Rows]:
        """Run the prompt's last token a second time, alone and with its row in the graph.

        After the block, keys and values of the position are as the prefill had computed them, bit for bit.
        """
        with without_last(cache_in(self.kwargs)):
            outputs, rows = self._watched(lambda: read_last(self.model, ids, self._again), ids, graded=True)
            self._logits = outputs.logits
            assert rows is not None  # noqa: S101 - the prefill has shown rows
            yield rows


def _require_croppable(cache: Any, *, read: bool) -> None:  # noqa: ANN401 - any of transformers' caches
    if why := refusal_to_crop(cache, read=read):
        raise SignalError(
            f"gradients of attention run the prompt's last token twice, {why} leave attgrads and its like out"
        )


def _choose(scores: Tensor, *, sample: bool) -> Tensor:
    if not sample:
        return scores.argmax(-1)
    # NaN would kill a CUDA context inside `multinomial`; it is reported a few lines later, from the log-probability.
    return torch.multinomial(scores.softmax(-1).nan_to_num(nan=1.0), num_samples=1).squeeze(1)


def _reason(token: int, ids: Tensor, criteria: StoppingCriteriaList, config: GenerationConfig) -> str:
    ends = config.eos_token_id
    if token in ([] if ends is None else ends if isinstance(ends, list) else [ends]):
        return "eos"
    return "length" if criteria.max_length is not None and ids.shape[1] >= criteria.max_length else "stop"


def _not_a_number(model: PreTrainedModel, step: int) -> str:
    advice = (
        " (float16 overflows easily: load with dtype=torch.bfloat16 or float32)" if model.dtype == torch.float16 else ""
    )
    return (
        f"the model's logits hold NaN or inf at step {step}, in {model.dtype} on {model.device}: "
        f"no token can be chosen from them; check the weights and the inputs{advice}"
    )
