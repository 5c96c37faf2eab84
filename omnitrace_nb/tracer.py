"""The tracer: a prompt goes in, a trace comes out. Here the rooms are tied together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from omnitrace_nb import alignment, capture, models, options, passes, releases, responses
from omnitrace_nb import estimate as estimating
from omnitrace_nb._version import __version__
from omnitrace_nb.arguments import told
from omnitrace_nb.capture import caches, settings
from omnitrace_nb.chatting import template_options
from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.live import shown_while_made
from omnitrace_nb.models.checks import check_adapter
from omnitrace_nb.partial import Partial
from omnitrace_nb.planning import Shape
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.revisits import GRADIENTS_ALLOWED, Revisits, allowed, chosen_signals, run_of, warn_of
from omnitrace_nb.signals import Signal
from omnitrace_nb.sources import SourceOptions
from omnitrace_nb.statements import StatementOptions, Statements
from omnitrace_nb.trace import Trace
from omnitrace_nb.trace.records import RunInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import torch

    from omnitrace_nb.estimate import Estimate
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.responses import ResponseLike

DEFAULT_SIGNALS = ("excess", "attmean")
_OWN = frozenset(
    {
        *("signals", "response", "max_new_tokens", "sources", "statements", "curation", "first_step", "progress"),
        *("live", "seed", "chat_template_kwargs", "tools", "enable_thinking"),
    }
)


def load(
    model: Any = None,  # noqa: ANN401 - see below
    processor: Any = None,  # noqa: ANN401 - any of transformers' processors or tokenizers
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    device_map: Any = None,  # noqa: ANN401 - as in transformers
    trust_remote_code: bool = False,
    max_positions: int | None = None,
    **from_pretrained: Any,  # noqa: ANN401 - as in transformers
) -> Tracer:
    """Give a tracer: of the embedded model, or of yours.

    Args:
        model: None for the embedded model; a hub id; a local folder; a `.gguf` file; or a model in memory, with its
            processor.
        processor: the model's processor or tokenizer, if `model` is a model in memory.
        device: "cpu", "cuda", "mps"; None for the best there is.
        dtype: such as "bfloat16"; None for the device's usual.
        device_map: "auto" spreads a large model over several devices.
        trust_remote_code: run code from a model's own repository.
        max_positions: how many positions prompt and response may take, where the model reads more (or fewer) than its
            configuration says.
        from_pretrained: further arguments of transformers' `from_pretrained`, such as `revision` or `gguf_file`.

    Raises:
        ModelError: no such model, or one that cannot be traced.
        SettingsError: arguments that do not go together.
    """
    return Tracer(
        models.load(
            model,
            processor,
            device=device,
            dtype=dtype,
            device_map=device_map,
            trust_remote_code=trust_remote_code,
            max_positions=max_positions,
            **from_pretrained,
        )
    )


class Tracer(Revisits):
    """Traces prompts with one model. It keeps nothing between calls, so that an error in one leaves the next unharmed.

    Args:
        adapter: the model, as `omnitrace_nb.models.load` or `adapt` gives it.
    """

    def __init__(self, adapter: Adapter) -> None:
        """Take the model to trace with."""
        check_adapter(adapter)
        self.adapter = adapter

    def __repr__(self) -> str:
        """Name the model and what it reads."""
        return f"Tracer({_name(self.adapter)!r}, reads {', '.join(self.adapter.modalities)})"

    @told(
        signals=(str, Signal, list, tuple),
        max_new_tokens=int,
        first_step=str,
        progress=bool,
        live=bool,
        seed=int,
        enable_thinking=bool,
    )
    @GRADIENTS_ALLOWED
    def trace(
        self,
        content: object,
        signals: Sequence[str | Signal] | str | Signal = DEFAULT_SIGNALS,
        *,
        response: ResponseLike | None = None,
        max_new_tokens: int | None = None,
        sources: SourceOptions | Mapping[str, Any] | None = None,
        statements: StatementOptions | Mapping[str, Any] | None = None,
        curation: CurationSettings | Mapping[str, Any] | None = None,
        first_step: Literal["last", "prompt_mean"] = "last",
        progress: bool = True,
        live: bool = False,
        seed: int | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        tools: Sequence[Any] | None = None,
        enable_thinking: bool | None = None,
        **generation: Any,  # noqa: ANN401 - settings are of many kinds
    ) -> Trace:
        """Generate a response, or take one that exists, and trace it: every signal in one decode (arXiv 2604.13073).

        Interrupting the kernel (KeyboardInterrupt) once a token is there gives the trace of what was decoded. A signal
        that turns out after the decode to be impossible, or to need more memory than there is, warns and scores 0.

        Args:
            content: the prompt: a part, string, path, picture or array, a list of them, chat messages, or a sample of
                the paper's files.
            signals: names from `omnitrace_nb.signals.list()`, or signals such as `signals.get("attmean") | control`.
            response: one that exists already, to be scored as if the model had just decoded it: a text, or the ids of
                its tokens; left out, the model generates one (docs/given_responses.md).
            max_new_tokens: the longest response, in tokens; left out: what the model's generation configuration says,
                else 256.
            sources: how finely the prompt is cut, such as `{"image": (4, 4), "bin_seconds": 0.5}`.
            statements: how the response is cut, such as `{"clauses": True}`.
            curation: how a statement's sources are chosen, such as `{"gamma": 1.0}`; the trace can choose again later.
            first_step: the attention row of the first token: the prompt's last ("last"), or the mean of all the
                prompt's rows, as the paper's code has it ("prompt_mean").
            progress: show a bar that counts tokens.
            live: show the trace while it is made, with a button that stops and keeps what is there; in a terminal, the
                text alone (docs/live.md).
            seed: seed of sampling.
            chat_template_kwargs: what the model's chat template reads besides messages.
            tools: functions or JSON schemas that the template tells the model of, as transformers takes them.
            enable_thinking: short for `chat_template_kwargs={"enable_thinking": ...}`.
            generation: settings of transformers' `generate`: `do_sample`, `temperature`, `top_p`,
                `no_repeat_ngram_size`, `stop_strings`, ...

        Raises:
            SettingsError: an unknown keyword, a setting that cannot be traced, or one that says nothing beside
                `response`; a `response` of the wrong kind.
            SignalError: an unknown signal, or one that this model or this cache cannot give.
            ContentError: a prompt that cannot be read; `MediaError` for a file that cannot.
            ModelError: a model that cannot take the prompt, or whose numbers break down; a prompt that cannot fit the
                memory (`SignalError` where it is a signal that cannot).
        """
        releases.warn_outside()
        chosen = chosen_signals(signals)
        allowed(self.adapter, chosen)
        cut = options.read(SourceOptions, sources, "sources")
        statement_options = options.read(StatementOptions, statements, "statements")
        selection = options.read(CurationSettings, curation, "curation")
        template = template_options(chat_template_kwargs, tools, enable_thinking)
        if max_new_tokens is not None:
            generation["max_new_tokens"] = max_new_tokens
        settings.check(generation, first_step=first_step, seed=seed, own=_OWN)
        caches.check_gradients(generation, chosen)
        if response is not None:
            responses.check(response, generation, seed=seed)
        prompt = Prompt.read(self.adapter, content, cut, template)
        forced, generation = self._length(prompt, response, generation)
        shape = self._shape(prompt, generation, forced)
        estimating.refuse(shape, chosen)
        about = RunInfo(
            model=_name(self.adapter),
            family=str(getattr(self.adapter, "family", type(self.adapter).__name__)),
            signals={},
            generation=settings.plain(
                {**generation, "first_step": first_step, "seed": seed}
                | ({} if forced is None else {"response": "text" if isinstance(response, str) else "token ids"})
            ),
            versions={
                "omnitrace_nb": __version__,
                **{name: version(name) for name in ("torch", "transformers", "captum", "numpy")},
            },
            seconds={},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            chat=prompt.chat.plain() if prompt.chat is not None else {},
        )
        with shown_while_made(
            lambda: Partial(self.adapter, prompt, chosen, statement_options, selection, about), shape.steps, live=live
        ) as shown:
            decoded = capture.decode(
                self.adapter,
                prompt.encoded,
                list(passes.told_apart(chosen).values()),
                prompt.baseline,
                first_step=first_step,
                progress=progress and not live,
                seed=seed,
                forced=forced,
                watch=shown.decoded,
                **generation,
            )
            record = alignment.align(
                self.adapter.token_bytes(decoded.token_ids.tolist()),
                decoded.token_ids,
                decoded.logprobs,
                decoded.stopped,
            )
            record = prompt.told_apart(self.adapter, record)
            text = Statements.of(record, statement_options)
            run = run_of(self.adapter, prompt, record, text, selection, first_step=first_step, progress=progress)
            run.interrupted = decoded.stopped == "interrupted"
            with shown.scoring([] if run.interrupted else chosen):
                scored = passes.score(run, chosen, decoded.scores, forgiving=True)
            warn_of(scored)
            seconds = {**decoded.seconds, **shown.seconds, **scored.seconds}
            about = replace(
                about,
                signals=scored.notes,
                seconds={stage: round(spent, 3) for stage, spent in seconds.items()},
            )
            trace = Trace.build(
                prompt.records,
                prompt.encoded.layout,
                prompt.sources,
                record,
                scored.scores,
                about,
                selection,
                text,
                ablations=run.ablations,
            )
            shown.finish(trace)
        return trace

    @told(signals=(str, Signal, list, tuple), max_new_tokens=int, enable_thinking=bool)
    def estimate(
        self,
        content: object,
        signals: Sequence[str | Signal] | str | Signal = DEFAULT_SIGNALS,
        *,
        response: ResponseLike | None = None,
        max_new_tokens: int | None = None,
        sources: SourceOptions | Mapping[str, Any] | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        tools: Sequence[Any] | None = None,
        enable_thinking: bool | None = None,
    ) -> Estimate:
        """Say what `trace` would take with the same arguments: tokens, passes, memory, seconds, and whether it fits.

        The prompt is read and encoded; the model is run for a moment only, to see how fast it is.

        Raises:
            ContentError: a prompt that cannot be read; `MediaError` for a file that cannot.
            SignalError: an unknown signal.
            SettingsError: a setting out of range, or a `response` of the wrong kind.
        """
        chosen = chosen_signals(signals)
        cut = options.read(SourceOptions, sources, "sources")
        generation = {} if max_new_tokens is None else {"max_new_tokens": max_new_tokens}
        settings.check(generation, own=_OWN)
        if response is not None:
            responses.check(response, generation)
        template = template_options(chat_template_kwargs, tools, enable_thinking)
        prompt = Prompt.read(self.adapter, content, cut, template)
        forced, generation = self._length(prompt, response, generation)
        return estimating.estimate(self._shape(prompt, generation, forced), chosen)

    def _length(
        self, prompt: Prompt, response: ResponseLike | None, generation: dict[str, Any]
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Give the tokens of a response that exists (None: one is generated), and the settings with a length."""
        if response is None:
            return None, settings.with_length(self.adapter.model, generation)
        return responses.tokens(self.adapter, prompt.encoded, response), generation

    def _shape(self, prompt: Prompt, generation: Mapping[str, Any], forced: np.ndarray | None) -> Shape:
        most = settings.most_steps(self.adapter.model, generation, len(prompt.encoded.layout))
        return Shape(self.adapter, prompt.encoded, prompt.sources, most if forced is None else len(forced))


def _name(adapter: Adapter) -> str:
    return str(getattr(adapter, "name", type(adapter.model).__name__))
