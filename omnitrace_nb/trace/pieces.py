"""The pieces of a trace: what one run gave, as plain values, checked once; `Trace` reads them through tables."""

from __future__ import annotations

import dataclasses
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from omnitrace_nb import curation as curating
from omnitrace_nb.arguments import told
from omnitrace_nb.curation import ASSIGNMENTS, CurationSettings
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.trace.packed import PackedScores, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from omnitrace_nb.curation import Assign
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.passes import Scored
    from omnitrace_nb.statements import StatementOptions, Statements
    from omnitrace_nb.trace.records import Ablations, PartRecord, Response, RunInfo, Source, Verification


class Pieces:
    """One run: a prompt of `n` positions and `S` sources, a response of `T` steps, and the scores of its signals.

    Attributes:
        parts: what is kept of each part of the prompt.
        layout: where each prompt position comes from.
        source_records: the sources as values.
        response_record: the response with its tokens; `response` is its text.
        run: model, settings, versions, seconds.
        settings: the curation that `spans` uses.
        statement_chars: start and end of each statement in the response.
        statement_of: `int64 [T]`, the index in `statement_chars` of each step's statement, -1 for none.
        tags: `[T]`, the Universal POS tag of each step, "" for none.
        packed: signal -> its scores as they are kept; `scores`, `earlier` and `mass` read them.
        ablations: operator -> the response's log-probabilities under every mask that was run.
        verification: the last verification, whose rows are `checks`; None before there is one.
    """

    def __init__(
        self,
        *,
        parts: Sequence[PartRecord],
        layout: Layout,
        sources: Sequence[Source],
        response: Response,
        scores: Mapping[str, PackedScores],
        statements: Sequence[tuple[int, int]],
        statement_of: np.ndarray,
        tags: Sequence[str],
        run: RunInfo,
        settings: CurationSettings,
        ablations: Mapping[str, Ablations] | None = None,
        verification: Verification | None = None,
    ) -> None:
        """Take the pieces as they are; `build` makes them."""
        self.parts = tuple(parts)
        self.layout = layout
        self.source_records = tuple(sources)
        self.response_record = response
        self.run = run
        self.settings = settings
        self.packed = dict(scores)
        self.statement_chars = tuple(statements)
        self.statement_of = statement_of
        self.tags = tuple(tags)
        self.ablations = dict(ablations or {})
        self.verification = verification
        self._masses: dict[tuple[str, str], np.ndarray] = {}
        self._held: tuple[str, np.ndarray] | None = None
        self._odd: dict[str, tuple[int, bool]] = {}
        self._earlier: weakref.ref[Pieces] | None = None

    @classmethod
    def build(  # noqa: PLR0917 (the contract of the rooms; most callers name them)
        cls,
        parts: Sequence[PartRecord],
        layout: Layout,
        sources: Sequence[Source],
        response: Response,
        scores: Mapping[str, np.ndarray | PackedScores],
        run: RunInfo,
        curation: CurationSettings | None = None,
        statements: Statements | StatementOptions | None = None,
        ablations: Mapping[str, Ablations] | None = None,
    ) -> Self:
        """Make a trace from what a run gave.

        Args:
            parts: the prompt's parts, in order.
            layout: of the `n` prompt positions.
            sources: numbered from 0, with disjoint positions.
            response: of `T` steps.
            scores: signal -> `float32 [T, n + T]`, of every earlier position for each step; or packed.
            run: where it comes from.
            curation: how sources are chosen for `spans`.
            statements: the response's statements, or how it is cut into them.
            ablations: operator -> the log-probabilities under its masks.

        Raises:
            ValueError: scores of another shape, or sources that are not numbered from 0 within the prompt.
        """
        from omnitrace_nb.statements import Statements  # noqa: PLC0415 (opening a saved trace never comes here)

        unpacked = {name: each for name, each in scores.items() if isinstance(each, np.ndarray)}
        _check_scores(unpacked, len(layout), len(response.token_ids))
        if not isinstance(statements, Statements):
            statements = Statements.of(response, statements)
        trace = cls(
            parts=parts,
            layout=layout,
            sources=sources,
            response=response,
            scores={name: each if isinstance(each, PackedScores) else pack(each) for name, each in scores.items()},
            statements=statements.chars,
            statement_of=statements.of_step,
            tags=statements.tags,
            run=run,
            settings=curation or CurationSettings(),
            ablations=ablations,
        )
        check(trace)
        return trace

    def with_scores(self, scored: Scored, ablations: Mapping[str, Ablations] | None = None) -> Self:
        """Give the same trace with further signals, or with some in place of its own, and with further ablations."""
        _check_scores(scored.scores, len(self.layout), len(self))
        run = dataclasses.replace(
            self.run,
            signals={**self.run.signals, **scored.notes},
            seconds={**self.run.seconds, **{name: round(taken, 3) for name, taken in scored.seconds.items()}},
        )
        scores = {**self.packed, **{name: pack(each) for name, each in scored.scores.items()}}
        return self._but(scores=scores, run=run, ablations={**self.ablations, **(ablations or {})})

    def with_verification(self, verification: Verification, ablations: Mapping[str, Ablations]) -> Self:
        """Give the same trace with this verification in place of any other, and with further ablations."""
        return self._but(verification=verification, ablations={**self.ablations, **ablations})

    def _but(self, **changed: Any) -> Self:  # noqa: ANN401 (the constructor's own keywords)
        kept = {
            "parts": self.parts,
            "layout": self.layout,
            "sources": self.source_records,
            "response": self.response_record,
            "scores": self.packed,
            "statements": self.statement_chars,
            "statement_of": self.statement_of,
            "tags": self.tags,
            "run": self.run,
            "settings": self.settings,
            "ablations": self.ablations,
            "verification": self.verification,
        }
        return type(self)(**{**kept, **changed})

    @property
    def response(self) -> str:
        """The generated text."""
        return self.response_record.text

    @property
    def prefilled(self) -> str:
        """What the user gave of the answer, before `response`; "" if the model wrote all of it."""
        return self.response_record.begun

    @property
    def signals(self) -> tuple[str, ...]:
        """The names of the signals, in the order in which they were asked for."""
        return tuple(self.packed)

    @told(signal=str)
    def scores(self, signal: str) -> np.ndarray:
        """Give what a signal says of each prompt position at each step: `float32 [T, n]`."""
        if self._held is not None and self._held[0] == signal:
            return self._held[1]
        return self._of(signal).unpack(slice(0, len(self.layout)))

    @contextmanager
    def reading(self, signal: str) -> Iterator[None]:
        """Unpack a signal's scores once for all that is read of them inside the block, which must not change them."""
        self._held = signal, self.scores(signal)
        try:
            yield
        finally:
            self._held = None

    @told(signal=str)
    def earlier(self, signal: str) -> np.ndarray:
        """Give what a signal says of each earlier generated token: `float32 [T, T]`, 0 from the diagonal on."""
        return self._of(signal).unpack(slice(len(self.layout), None))

    @told(signal=str, assign=str)
    def mass(self, signal: str, assign: Assign = "sum") -> np.ndarray:
        """Give the mass of each source at each step: `float64 [T, S]`; `assign` as in `CurationSettings`."""
        return self._mass(signal, assign).copy()

    def odd(self, signal: str) -> tuple[int, bool]:
        """Count a signal's scores of the prompt that are no numbers, and tell whether any of the others is negative."""
        if not isinstance(signal, str) or signal not in self._odd:
            self._odd[signal] = self._of(signal).odd(slice(0, len(self.layout)))
        return self._odd[signal]

    def tail(self, start: int) -> Self:
        """Give the same trace with the steps from `start` on alone, for what is worked out step by step."""
        response = self.response_record
        later = slice(start, None)
        kept = {name: getattr(response, name)[later] for name in ("token_ids", "tokens", "chars", "logprobs")}
        return self._but(
            response=dataclasses.replace(response, **kept),
            scores={name: each.rows(later) for name, each in self.packed.items()},
            statement_of=self.statement_of[later],
            tags=self.tags[later],
        )

    def continue_from(self, earlier: Pieces) -> None:
        """Take over what a trace of the same run's first steps has worked out, and work out the rest."""
        self._earlier = weakref.ref(earlier)
        rest = self.tail(len(earlier))
        for (signal, assign), mass in earlier._masses.items():
            self._masses[signal, assign] = np.concatenate([mass, rest.mass(signal, cast("Assign", assign))])
        for signal in self.signals:
            (broken, negative), (more, also) = earlier.odd(signal), rest.odd(signal)
            self._odd[signal] = broken + more, negative or also

    def continues(self, earlier: Pieces) -> bool:
        """Tell whether this trace has been made to continue that one."""
        return self._earlier is not None and self._earlier() is earlier

    def __len__(self) -> int:
        """Give the number of steps."""
        return len(self.response_record.token_ids)

    def _of(self, signal: str) -> PackedScores:
        if not isinstance(signal, str) or signal not in self.packed:
            there = ", ".join(map(repr, self.signals)) or "none"
            name = quoted(signal)
            raise SignalError(f"This trace has no signal {name}; it has {there}. Trace again with signals=[{name}].")
        return self.packed[signal]

    def _mass(self, signal: str, assign: str) -> np.ndarray:
        self._of(signal)
        if not isinstance(assign, str) or assign not in ASSIGNMENTS:
            raise SettingsError(f"assign={quoted(assign)} is unknown; use one of {', '.join(map(repr, ASSIGNMENTS))}.")
        if (signal, assign) not in self._masses:
            positions = [source.positions for source in self.source_records]
            if assign == "mean":
                self._masses[signal, assign] = self._mass(signal, "sum") / [len(own) for own in positions]
            else:
                scores = self.scores(signal)
                self._masses[signal, assign] = curating.masses(scores, positions, assign)  # type: ignore[arg-type]
        return self._masses[signal, assign]


def check(trace: Pieces) -> None:
    """Refuse what would make every later index silently wrong: `ValueError`."""
    n, sources, response = len(trace.layout), trace.source_records, trace.response_record
    _check_scores({name: each.halves for name, each in trace.packed.items()}, n, len(trace))
    for name in ("tokens", "chars", "logprobs"):
        if len(getattr(response, name)) != len(trace):
            raise ValueError(f"the response has {len(trace)} token ids, but {len(getattr(response, name))} {name}")
    if [part.index for part in trace.parts] != list(range(len(trace.parts))):
        raise ValueError("parts must be numbered from 0, in order")
    if [source.id for source in sources] != list(range(len(sources))):
        raise ValueError("sources must be numbered from 0, in order")
    if any(not 0 <= source.part < len(trace.parts) or not len(source.positions) for source in sources):
        raise ValueError("each source must belong to a part and own at least one position")
    owned = np.concatenate([np.zeros(0, np.int64), *(source.positions for source in sources)])
    if len(owned) and (owned.min() < 0 or owned.max() >= n):
        raise ValueError(f"sources must own positions from 0 to {n - 1}")
    if len(trace.tags) != len(trace) or len(trace.statement_of) != len(trace):
        raise ValueError("each step must have a tag and a statement")
    if any(not 0 <= start < end <= len(trace.response) for start, end in trace.statement_chars):
        raise ValueError("statements must lie within the response")
    _check_ablations(trace)


def _check_scores(scores: Mapping[str, np.ndarray], n: int, steps: int) -> None:
    for name, each in scores.items():
        if each.shape != (steps, n + steps):
            raise ValueError(f"scores[{name!r}] has shape {each.shape}, expected {(steps, n + steps)}")


def _check_ablations(trace: Pieces) -> None:
    statements, sources = len(trace.statement_chars), len(trace.source_records)
    for operator, each in trace.ablations.items():
        shapes = (len(each.keep), sources), (len(each.keep), len(trace))
        if each.operator != operator or (each.keep.shape, each.logprobs.shape) != shapes:
            raise ValueError(f"ablations[{operator!r}] must have masks {shapes[0]} and log-probabilities {shapes[1]}")
    for row in trace.verification.checks if trace.verification else ():
        if not (0 <= row.statement < statements and 0 <= row.source < sources):
            raise ValueError("checks must be of the trace's own statements and sources")
