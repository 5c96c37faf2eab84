"""The tracer: a prompt goes in, a trace comes out. Here the rooms are tied together, and nowhere else."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from omnitrace_nb import alignment, capture, contrast, models, passes, targets, verification
from omnitrace_nb import signals as registry
from omnitrace_nb._version import __version__
from omnitrace_nb.capture import settings
from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.signals import Signal
from omnitrace_nb.sources import SourceOptions
from omnitrace_nb.statements import StatementOptions, Statements
from omnitrace_nb.trace import Trace
from omnitrace_nb.trace.records import RunInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import torch

    from omnitrace_nb.models import Adapter
    from omnitrace_nb.targets import TargetLike
    from omnitrace_nb.trace.records import Response

DEFAULT_SIGNALS = ("excess", "attmean")
_Options = TypeVar("_Options", SourceOptions, StatementOptions, CurationSettings)
_OWN = frozenset({"signals", "max_new_tokens", "sources", "statements", "curation", "first_step", "progress", "seed"})


def load(
    model: Any = None,  # noqa: ANN401 - see below
    processor: Any = None,  # noqa: ANN401 - any of transformers' processors or tokenizers
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    device_map: Any = None,  # noqa: ANN401 - as in transformers
    trust_remote_code: bool = False,
    **from_pretrained: Any,  # noqa: ANN401 - as in transformers
) -> Tracer:
    """Give a tracer: of the embedded model, or of yours.

    Args:
        model: None for the embedded model; a hub id; a local folder; or a model in memory, with its processor.
        processor: the model's processor or tokenizer, if `model` is a model in memory.
        device: "cpu", "cuda", "mps"; None for the best there is.
        dtype: such as "bfloat16"; None for the device's usual.
        device_map: "auto" spreads a large model over several devices.
        trust_remote_code: run code from a model's own repository.
        from_pretrained: further arguments of transformers' `from_pretrained`.

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
            **from_pretrained,
        )
    )


class Tracer:
    """Traces prompts with one model. It keeps nothing between calls, so that an error in one leaves the next unharmed.

    Args:
        adapter: the model, as `omnitrace_nb.models.load` or `adapt` gives it.
    """

    def __init__(self, adapter: Adapter) -> None:
        """Take the model to trace with."""
        self.adapter = adapter

    def __repr__(self) -> str:
        """Name the model and what it reads."""
        return f"Tracer({_name(self.adapter)!r}, reads {', '.join(self.adapter.modalities)})"

    def trace(
        self,
        content: object,
        signals: Sequence[str | Signal] | str | Signal = DEFAULT_SIGNALS,
        *,
        max_new_tokens: int | None = None,
        sources: SourceOptions | Mapping[str, Any] | None = None,
        statements: StatementOptions | Mapping[str, Any] | None = None,
        curation: CurationSettings | Mapping[str, Any] | None = None,
        first_step: Literal["last", "prompt_mean"] = "last",
        progress: bool = True,
        seed: int | None = None,
        **generation: Any,  # noqa: ANN401 - settings are of many kinds
    ) -> Trace:
        """Generate a response and trace it, with every signal in one decode (OmniTrace, arXiv 2604.13073).

        Interrupting the kernel (KeyboardInterrupt) once a token is there gives the trace of what was decoded.

        Args:
            content: the prompt: a part, string, path, picture or array, a list of them, chat messages, or a sample of
                the paper's files.
            signals: names from `omnitrace_nb.signals.list()`, or signals such as `signals.get("attmean") | control`.
            max_new_tokens: the longest response, in tokens; left out: what the model's generation configuration says,
                else 256.
            sources: how finely the prompt is cut, such as `{"image": (4, 4), "bin_seconds": 0.5}`.
            statements: how the response is cut, such as `{"clauses": True}`.
            curation: how a statement's sources are chosen, such as `{"gamma": 1.0}`; the trace can choose again later.
            first_step: the attention row of the first token: the prompt's last ("last"), or the mean of all the
                prompt's rows, as the paper's code has it ("prompt_mean").
            progress: show a bar that counts tokens.
            seed: seed of sampling.
            generation: settings of transformers' `generate`: `do_sample`, `temperature`, `top_p`,
                `no_repeat_ngram_size`, `stop_strings`, ...

        Raises:
            SettingsError: an unknown keyword, or a setting that cannot be traced.
            SignalError: an unknown signal, or one that this model cannot give.
            ContentError: a prompt that cannot be read; `MediaError` for a file that cannot.
            ModelError: a model that cannot take the prompt, or whose numbers break down.
        """
        chosen = _signals(signals)
        cut = _options(SourceOptions, sources, "sources")
        statement_options = _options(StatementOptions, statements, "statements")
        selection = _options(CurationSettings, curation, "curation")
        if max_new_tokens is not None:
            generation["max_new_tokens"] = max_new_tokens
        settings.check(generation, first_step=first_step, seed=seed, own=_OWN)
        generation = settings.with_length(self.adapter.model, generation)
        prompt = Prompt.read(self.adapter, content, cut)
        decoded = capture.decode(
            self.adapter,
            prompt.encoded,
            list({signal.name: signal.bare for signal in chosen if signal.online}.values()),
            prompt.baseline,
            first_step=first_step,
            progress=progress,
            seed=seed,
            **generation,
        )
        response = alignment.align(
            self.adapter.token_bytes(decoded.token_ids.tolist()), decoded.token_ids, decoded.logprobs, decoded.stopped
        )
        text = Statements.of(response, statement_options)
        run = self._run(prompt, response, text, selection, first_step=first_step, progress=progress)
        run.interrupted = decoded.stopped == "interrupted"
        scored = passes.score(run, chosen, decoded.scores)
        _warn(scored)
        about = RunInfo(
            model=_name(self.adapter),
            family=str(getattr(self.adapter, "family", type(self.adapter).__name__)),
            signals=scored.notes,
            generation=settings.plain({**generation, "first_step": first_step, "seed": seed}),
            versions={
                "omnitrace_nb": __version__,
                **{name: version(name) for name in ("torch", "transformers", "captum", "numpy")},
            },
            seconds={stage: round(seconds, 3) for stage, seconds in (decoded.seconds | scored.seconds).items()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return Trace.build(
            prompt.records,
            prompt.encoded.layout,
            prompt.sources,
            response,
            scored.scores,
            about,
            selection,
            text,
            ablations=run.ablations,
        )

    def add(
        self,
        trace: Trace,
        signals: Sequence[str | Signal] | str | Signal,
        *,
        content: object = None,
        progress: bool = True,
    ) -> Trace:
        """Score a trace's response with further signals; nothing is generated again.

        Args:
            trace: made by this model. It stays as it is.
            signals: names or signals; one that the trace has already is computed anew.
            content: the prompt again, where the trace does not keep its media (it does in a live session, and in a file
                saved with `embed_media=True`).
            progress: show bars that count passes.

        Returns:
            a new trace with the old signals and the new.

        Raises:
            ContentError: the prompt's media are not there, or are others.
            SignalError: an unknown signal, or one that this model cannot give.
        """
        chosen = _signals(signals)
        run = self.finished(trace, content=content, progress=progress)
        scored = passes.score(run, chosen)
        _warn(scored)
        return trace.with_scores(scored, run.ablations)

    def verify(
        self,
        trace: Trace,
        top: int = 5,
        operator: str = "mask",
        signal: str | Sequence[str] | None = None,
        *,
        seed: int = 0,
        content: object = None,
        progress: bool = True,
    ) -> Trace:
        """Ablate what signals proposed, and as many random sources of like length, and judge each proposal.

        docs/signals/verify.md says how, and what a verdict means.

        Args:
            trace: made by this model. It stays as it is.
            top: at most so many of the sources that the curation selected for each statement and signal.
            operator: how a source is ablated: "mask", "mask_direct", "mean" or "raw".
            signal: whose proposals; left out: those of all the trace's signals.
            seed: of the random sources and the bootstrap.
            content: as for `add`.
            progress: show a bar that counts forwards.

        Returns:
            a new trace: `spans` with verdict and drop, `checks` with the random sources and the cost, `ablations` with
            the log-probabilities. An interrupted verification has the statements that were finished.

        Raises:
            SignalError: a signal that the trace does not have, or an operator that this model does not allow.
            SettingsError: `top` or `seed` out of range.
            ContentError: as for `add`.
        """
        run = self.finished(trace, content=content, progress=progress)
        return verification.verify(trace, run, top=top, operator=operator, signal=signal, seed=seed)

    def attribute(
        self,
        trace: Trace,
        signal: str | Signal,
        target: TargetLike = None,
        against: str | None = None,
        *,
        content: object = None,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Give what each source is worth for a target, or for a target against another text (docs/tables.md).

        Args:
            trace: made by this model. It stays as it is.
            signal: a name or a signal, one of the trace or not.
            target: as for `Trace.attribute`.
            against: a text to put in the target's place: values say what speaks for the target rather than for it.
            content: as for `add`.
            progress: show bars that count passes.

        Returns:
            a row a source, as `Trace.attribute` gives it.

        Raises:
            SettingsError: a target outside the response, or a text that cannot stand in its place.
            SignalError: an unknown signal, or `against` for one that knows no other text (attention, attgrads).
            ContentError: as for `add`.
        """
        chosen = registry.get(signal)
        targets.find(trace, target)
        if contrast.explains_targets(chosen):
            run = self.finished(trace, content=content, progress=progress)
            return contrast.attribute(trace, run, chosen, target, against)
        if against is not None:
            raise contrast.refusal(chosen)
        if chosen.label not in trace.signals:
            trace = self.add(trace, chosen, content=content, progress=progress)
        return trace.attribute(chosen.label, target)

    def finished(self, trace: Trace, *, content: object = None, progress: bool = True) -> passes.Finished:
        """Give a trace's run back with its model, for passes over it; arguments and errors as for `add`."""
        prompt = Prompt.of_trace(self.adapter, trace, content)
        text = Statements(trace.statement_chars, trace.statement_of, trace.tags)
        first_step = trace.run.generation.get("first_step", "last")
        run = self._run(prompt, trace.response_record, text, trace.settings, first_step=first_step, progress=progress)
        for operator, record in trace.ablations.items():
            run.ablator(operator).remember(record)
        return run

    def _run(
        self,
        prompt: Prompt,
        response: Response,
        text: Statements,
        selection: CurationSettings,
        *,
        first_step: Literal["last", "prompt_mean"],
        progress: bool,
    ) -> passes.Finished:
        return passes.Finished(
            self.adapter,
            prompt.encoded,
            response,
            loaded=prompt.loaded,
            records=prompt.records,
            sources=prompt.sources,
            statements=text.chars,
            statement_of=text.of_step,
            weights=selection.token_weights(text.tags),
            baseline=prompt.baseline,
            first_step=first_step,
            progress=progress,
        )


def _name(adapter: Adapter) -> str:
    return str(getattr(adapter, "name", type(adapter.model).__name__))


def _signals(given: Sequence[str | Signal] | str | Signal) -> tuple[Signal, ...]:
    if isinstance(given, (str, Signal)):
        given = [given]
    if not isinstance(given, Iterable):
        raise SignalError(f"signals={given!r}: expected a name or a list of names, of {', '.join(registry.names())}")
    wanted = {signal.label: signal for signal in map(registry.get, given)}
    if not wanted:
        raise SignalError(f"no signal was given: name at least one of {', '.join(registry.names())}")
    return tuple(wanted.values())


def _options(kind: type[_Options], given: _Options | Mapping[str, Any] | None, keyword: str) -> _Options:
    if isinstance(given, kind):
        return given
    known = [field.name for field in fields(kind)]
    if given is not None and not isinstance(given, Mapping):
        raise SettingsError(
            f"{keyword}={given!r}: expected a mapping or {kind.__name__}, with some of {', '.join(known)}"
        )
    options = dict(given or {})
    if unknown := [name for name in options if name not in known]:
        raise SettingsError(f"{keyword} has no setting {unknown[0]!r}; there are {', '.join(known)}")
    return kind(**options)


def _warn(scored: passes.Scored) -> None:
    for name, note in scored.notes.items():
        if steps := note.get("not_finite"):
            warnings.warn(
                f"{name}: the scores of {len(steps)} steps are not finite and count as 0 (first: step {steps[0]})",
                RuntimeWarning,
                stacklevel=3,
            )
