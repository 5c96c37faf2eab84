"""What a tracer does with a trace that is there: more signals, verification, any target, its run given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import torch

from omnitrace_nb import contrast, estimate, passes, targets, verification
from omnitrace_nb import signals as registry
from omnitrace_nb.arguments import told
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.planning import Shape
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.quoting import quoted
from omnitrace_nb.signals import Signal
from omnitrace_nb.signals.likeness import same
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace import Trace
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.input_maps import InputMaps
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.targets import TargetLike
    from omnitrace_nb.trace.records import Response

# Within a user's own inference_mode nothing could be differentiated, nor its tensors be used again.
GRADIENTS_ALLOWED = torch.inference_mode(mode=False)


class Revisits:
    """The half of `Tracer` that goes back to a finished trace with the model; nothing is generated again."""

    adapter: Adapter

    @told(signals=(str, Signal, list, tuple), progress=bool)
    @GRADIENTS_ALLOWED
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
            SettingsError: no trace.
            ContentError: the prompt's media are not there, or are others.
            SignalError: an unknown signal, or one that this model cannot give.
        """
        chosen = chosen_signals(signals)
        allowed(self.adapter, chosen)
        run = self.finished(trace, content=content, progress=progress)
        estimate.refuse(Shape(self.adapter, run.encoded, run.sources, run.steps), chosen, decodes=False)
        scored = passes.score(run, chosen)
        warn_of(scored)
        return trace.with_scores(scored, run.ablations)

    @told(top=int, operator=str, signal=(str, Signal, list, tuple), seed=int, progress=bool)
    @GRADIENTS_ALLOWED
    def verify(
        self,
        trace: Trace,
        top: int = 5,
        operator: str = "mask",
        signal: str | Signal | Sequence[str | Signal] | None = None,
        *,
        seed: int = 0,
        content: object = None,
        progress: bool = True,
    ) -> Trace:
        """Ablate what signals proposed, and at least as many random sources of like length, and judge each proposal.

        docs/signals/verify.md says how, and what a verdict means.

        Args:
            trace: made by this model. It stays as it is.
            top: at most so many of the sources that the curation selected for each statement and signal.
            operator: how a source is ablated: "mask", "mask_direct", "mean" or "raw".
            signal: whose proposals; left out: those of all the trace's signals but `random`.
            seed: of the random sources and the bootstrap.
            content: as for `add`.
            progress: show a bar that counts forwards.

        Returns:
            a new trace: `spans` with verdict and drop, `checks` with the random sources and the cost, `ablations` with
            the log-probabilities. An interrupted verification has the statements that were finished.

        Raises:
            SignalError: a signal that the trace does not have, or an operator that this model does not allow.
            SettingsError: no trace, or `top` or `seed` out of range.
            ContentError: as for `add`.
        """
        run = self.finished(trace, content=content, progress=progress)
        return verification.verify(trace, run, top=top, operator=operator, signal=signal, seed=seed)

    @told(signal=(str, Signal), target=(int, str, list, tuple, slice, Mapping), against=str, progress=bool)
    @GRADIENTS_ALLOWED
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
            SettingsError: no trace, a target outside the response, or a text that cannot stand in its place.
            SignalError: an unknown signal, or `against` for one that knows no other text (attention, attgrads).
            ContentError: as for `add`.
        """
        chosen = registry.get(signal)
        _check_trace(trace)
        targets.find(trace, target)
        if contrast.explains_targets(chosen):
            run = self.finished(trace, content=content, progress=progress)
            return contrast.attribute(trace, run, chosen, target, against)
        if against is not None:
            raise contrast.refusal(chosen)
        if chosen.label not in trace.signals:
            trace = self.add(trace, chosen, content=content, progress=progress)
        return trace.attribute(chosen.label, target)

    @told(method=(str, Signal), target=(int, str, list, tuple, slice, Mapping), progress=bool)
    @GRADIENTS_ALLOWED
    def input_map(
        self,
        trace: Trace,
        method: str | Signal = "saliency",
        target: TargetLike = None,
        *,
        content: object = None,
        progress: bool = True,
    ) -> InputMaps:
        """Say what each pixel of the pictures, and each hundredth of a second of the sounds, is worth for a target.

        Args:
            trace: made by this model.
            method: one of captum's gradient signals, such as "saliency" or `signals.integrated_gradients(steps=50)`.
            target: as for `Trace.attribute`; None for the whole response.
            content: as for `add`.
            progress: show a bar.

        Returns:
            a map for each picture and sound (a film's track too), in the order pictures, then sounds.

        Raises:
            SignalError: another signal; a prompt without picture and sound; a model whose inputs cannot be followed.
            SettingsError: a target outside the response.
        """
        from omnitrace_nb.input_maps import input_maps  # noqa: PLC0415 - most traces are never taken back to pixels

        return input_maps(trace, self.finished(trace, content=content, progress=progress), method, target)

    @told(progress=bool)
    @GRADIENTS_ALLOWED
    def finished(self, trace: Trace, *, content: object = None, progress: bool = True) -> passes.Finished:
        """Give a trace's run back with its model, for passes over it; arguments and errors as for `add`."""
        _check_trace(trace)
        prompt = Prompt.of_trace(self.adapter, trace, content)
        text = Statements(trace.statement_chars, trace.statement_of, trace.tags)
        first_step = trace.run.generation.get("first_step", "last")
        run = run_of(
            self.adapter, prompt, trace.response_record, text, trace.settings, first_step=first_step, progress=progress
        )
        for operator, record in trace.ablations.items():
            run.ablator(operator).remember(record)
        return run


def run_of(
    adapter: Adapter,
    prompt: Prompt,
    response: Response,
    text: Statements,
    selection: CurationSettings,
    *,
    first_step: Literal["last", "prompt_mean"],
    progress: bool,
) -> passes.Finished:
    """Put a finished run together."""
    return passes.Finished(
        adapter,
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


def chosen_signals(given: Sequence[str | Signal] | str | Signal) -> tuple[Signal, ...]:
    """Give the signals that a user named, each once.

    Raises:
        SignalError: no signal, one that does not exist, or two different ones of one label.
    """
    if isinstance(given, (str, Signal)):
        given = [given]
    if not isinstance(given, Iterable):
        raise SignalError(f"signals={given!r}: expected a name or a list of names, of {', '.join(registry.names())}")
    wanted: dict[str, Signal] = {}
    for signal in map(registry.get, given):
        if not same(wanted.setdefault(signal.label, signal), signal):
            raise SignalError(
                f"two different signals are called {signal.label!r}: give one of them another label by .named(...)"
            )
    if not wanted:
        raise SignalError(f"no signal was given: name at least one of {', '.join(registry.names())}")
    return tuple(wanted.values())


def allowed(adapter: Adapter, signals: Sequence[Signal]) -> None:
    """Ask each signal that can tell, by its `credit.check`, whether a model allows it; `SignalError` if not."""
    for signal in signals:
        if (check := getattr(signal.credit, "check", None)) is not None:
            check(adapter)


def _check_trace(given: object) -> None:
    if not isinstance(given, Trace):
        raise SettingsError(f"trace={quoted(given)}: expected a Trace, as tracer.trace(...) or ot.open(path) gives it")


def warn_of(scored: passes.Scored) -> None:
    """Warn of signals that failed, and of steps whose scores are not finite."""
    for name, note in scored.notes.items():
        if failed := note.get("failed"):
            warn(f"{name} failed, so its scores are 0: {failed}")
        if steps := note.get("not_finite"):
            warn(f"{name}: the scores of {len(steps)} steps are not finite and count as 0 (first: step {steps[0]})")
