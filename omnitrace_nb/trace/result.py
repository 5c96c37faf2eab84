"""A trace: everything that one run gave, read through tables; nothing in it needs the model again."""

from __future__ import annotations

import dataclasses
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb import curation as curating
from omnitrace_nb.curation import ASSIGNMENTS, CurationSettings
from omnitrace_nb.errors import SettingsError, SignalError, TraceFileError
from omnitrace_nb.trace import tables
from omnitrace_nb.trace.packed import PackedScores, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from omnitrace_nb.curation import Assign, Curated
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.passes import Scored
    from omnitrace_nb.statements import StatementOptions, Statements
    from omnitrace_nb.trace.records import PartRecord, Response, RunInfo, Source
    from omnitrace_nb.view import TraceView


class Trace:
    """One run: a prompt of `n` positions and `S` sources, a response of `T` steps, and the scores of its signals.

    Made by `Tracer.trace`, `ot.open` or `Trace.build`; never changed afterwards. Tables are fresh copies.

    Attributes:
        parts: what is kept of each part of the prompt.
        layout: where each prompt position comes from.
        source_records: the sources as values; `sources` is their table.
        response_record: the response with its tokens; `response` is its text.
        run: model, settings, versions, seconds.
        settings: the curation that `spans` uses.
        statement_chars: start and end of each statement in the response; `statements` is their table.
        statement_of: `int64 [T]`, the statement of each step, -1 for none.
        tags: `[T]`, the Universal POS tag of each step, "" for none.
        packed: signal -> its scores as they are kept; `scores`, `earlier` and `mass` read them.
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
    ) -> None:
        """Take the pieces as they are; `Trace.build` makes them."""
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
        self._masses: dict[tuple[str, str], np.ndarray] = {}

    @classmethod
    def build(  # noqa: PLR0917 (the contract of the rooms; most callers name them)
        cls,
        parts: Sequence[PartRecord],
        layout: Layout,
        sources: Sequence[Source],
        response: Response,
        scores: Mapping[str, np.ndarray],
        run: RunInfo,
        curation: CurationSettings | None = None,
        statements: Statements | StatementOptions | None = None,
    ) -> Trace:
        """Make a trace from what a run gave.

        Args:
            parts: the prompt's parts, in order.
            layout: of the `n` prompt positions.
            sources: numbered from 0, with disjoint positions.
            response: of `T` steps.
            scores: signal -> `float32 [T, n + T]`, of every earlier position for each step.
            run: where it comes from.
            curation: how sources are chosen for `spans`.
            statements: the response's statements, or how it is cut into them.

        Raises:
            ValueError: scores of another shape, or sources that are not numbered from 0 within the prompt.
        """
        from omnitrace_nb.statements import Statements  # noqa: PLC0415 (opening a saved trace never comes here)

        _check_scores(scores, len(layout), len(response.token_ids))
        if not isinstance(statements, Statements):
            statements = Statements.of(response, statements)
        trace = cls(
            parts=parts,
            layout=layout,
            sources=sources,
            response=response,
            scores={name: pack(each) for name, each in scores.items()},
            statements=statements.chars,
            statement_of=statements.of_step,
            tags=statements.tags,
            run=run,
            settings=curation or CurationSettings(),
        )
        check(trace)
        return trace

    def with_scores(self, scored: Scored) -> Trace:
        """Give the same trace with further signals, or with some in place of its own."""
        _check_scores(scored.scores, len(self.layout), len(self))
        run = dataclasses.replace(
            self.run,
            signals={**self.run.signals, **scored.notes},
            seconds={**self.run.seconds, **{name: round(taken, 3) for name, taken in scored.seconds.items()}},
        )
        return self._but(scores={**self.packed, **{name: pack(each) for name, each in scored.scores.items()}}, run=run)

    def _but(self, **changed: Any) -> Trace:  # noqa: ANN401 (the constructor's own keywords)
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
        }
        return Trace(**{**kept, **changed})

    @property
    def response(self) -> str:
        """The generated text."""
        return self.response_record.text

    @property
    def signals(self) -> tuple[str, ...]:
        """The names of the signals, in the order in which they were asked for."""
        return tuple(self.packed)

    @property
    def sources(self) -> pd.DataFrame:
        """A row a source (docs/tables.md)."""
        return self._sources.copy()

    @property
    def steps(self) -> pd.DataFrame:
        """A row a generated token (docs/tables.md)."""
        return tables.steps_table(self.response_record, self.statement_of, self.tags, self._weights(self.settings))

    @property
    def statements(self) -> pd.DataFrame:
        """A row a statement (docs/tables.md)."""
        return tables.statements_table(self.response, self.statement_chars, self.statement_of)

    @property
    def spans(self) -> pd.DataFrame:
        """A row a (signal, statement, source with votes), best first, under `settings` (docs/tables.md)."""
        return self._spans.copy()

    @property
    def intervals(self) -> pd.DataFrame:
        """The selected time bins of sound and film, merged where they touch (docs/tables.md)."""
        return tables.intervals_table(self._spans, self.source_records, self.parts)

    def curate(self, **settings: Any) -> pd.DataFrame:  # noqa: ANN401 (each is checked by CurationSettings)
        """Give the spans again under other settings, those of `CurationSettings`; no model is needed.

        Raises:
            SettingsError: an unknown setting, or a value outside its range.
        """
        return self._curate(self.settings.but(**settings))

    def scores(self, signal: str) -> np.ndarray:
        """Give what a signal says of each prompt position at each step: `float32 [T, n]`."""
        return self._of(signal).unpack(slice(0, len(self.layout)))

    def earlier(self, signal: str) -> np.ndarray:
        """Give what a signal says of each earlier generated token: `float32 [T, T]`, 0 from the diagonal on."""
        return self._of(signal).unpack(slice(len(self.layout), None))

    def mass(self, signal: str, assign: Assign = "sum") -> np.ndarray:
        """Give the mass of each source at each step: `float64 [T, S]`; `assign` as in `CurationSettings`."""
        return self._mass(signal, assign).copy()

    def votes(self, signal: str, **settings: Any) -> pd.DataFrame:  # noqa: ANN401 (checked by CurationSettings)
        """Give the source, confidence and vote of each step (the paper's Algorithm 1; docs/tables.md)."""
        chosen = self.settings.but(**settings)
        weights = self._weights(chosen)
        source, confidence, vote = curating.votes(self._credited(signal, chosen), weights, chosen.gamma)
        columns = {"step": range(len(source)), "statement": self.statement_of, "source": source}
        return tables.table("votes", {**columns, "confidence": confidence, "weight": weights, "vote": vote})

    def save(self, path: str | Path, *, embed_media: bool = False) -> Path:
        """Write the trace to one file, whole or not at all; `ot.open` reads it, without a model.

        Args:
            path: where to; `.omnitrace` is added to a name without a suffix.
            embed_media: keep the original pictures, sounds and films too, not only thumbnails and outlines.

        Returns:
            the path written.

        Raises:
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.trace.files import save  # noqa: PLC0415 (files knows Trace)

        return save(self, path, embed_media=embed_media)

    def to_dict(self) -> dict[str, Any]:
        """Give the trace as plain values, without scores and media (docs/trace-file.md)."""
        from omnitrace_nb.trace.plain import to_dict  # noqa: PLC0415 (plain knows Trace)

        return to_dict(self)

    def to_json(self, path: str | Path | None = None) -> str:
        """Give `to_dict()` as JSON text; write it to `path` if given."""
        return _written(json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False), path)

    def view(self, **options: Any) -> TraceView:  # noqa: ANN401 (passed on)
        """Give the linked view as a widget."""
        from omnitrace_nb.view import TraceView  # noqa: PLC0415 (a trace works where no widget does)

        return TraceView(self, **options)

    def to_html(self, path: str | Path | None = None) -> str:
        """Give the linked view as one interactive page that needs no network; write it to `path` if given."""
        from omnitrace_nb.view import page  # noqa: PLC0415 (a trace works where no widget does)

        return _written(page(self), path)

    def __len__(self) -> int:
        """Give the number of steps."""
        return len(self.response_record.token_ids)

    def __repr__(self) -> str:
        """Say what was traced, in a few lines."""
        kinds = [part.kind for part in self.parts]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        return (
            f"<Trace by {self.run.model}: {counted or 'no parts'} in {len(self.layout)} positions and "
            f"{len(self.source_records)} sources; {len(self)} steps in {len(self.statement_chars)} statements; "
            f"signals {', '.join(self.signals) or 'none'}>\n{_shorten(self.response)!r}"
        )

    def _repr_mimebundle_(self, **_wanted: object) -> tuple[dict[str, Any], dict[str, Any]]:
        from omnitrace_nb.view import mimebundle  # noqa: PLC0415 (a trace works where no widget does)

        return mimebundle(self)

    @cached_property
    def _sources(self) -> pd.DataFrame:
        return tables.sources_table(self.source_records, self.parts)

    @cached_property
    def _spans(self) -> pd.DataFrame:
        return self._curate(self.settings)

    def _of(self, signal: str) -> PackedScores:
        if signal not in self.packed:
            there = ", ".join(map(repr, self.signals)) or "none"
            raise SignalError(
                f"This trace has no signal {signal!r}; it has {there}. Trace again with signals=[{signal!r}]."
            )
        return self.packed[signal]

    def _mass(self, signal: str, assign: str) -> np.ndarray:
        packed = self._of(signal)
        if assign not in ASSIGNMENTS:
            raise SettingsError(f"assign={assign!r} is unknown; use one of {', '.join(map(repr, ASSIGNMENTS))}.")
        if (signal, assign) not in self._masses:
            positions = [source.positions for source in self.source_records]
            scores = packed.unpack(slice(0, len(self.layout)))
            self._masses[signal, assign] = curating.masses(scores, positions, assign)  # type: ignore[arg-type]
        return self._masses[signal, assign]

    def _credited(self, signal: str, settings: CurationSettings) -> np.ndarray:
        """Give the masses that may be credited: without the question's, if the settings say so."""
        mass = self._mass(signal, settings.assign)
        if settings.question:
            return mass
        return np.where([source.question for source in self.source_records], 0.0, mass)

    def _weights(self, settings: CurationSettings) -> np.ndarray:
        return settings.token_weights(self.tags)

    def _curate(self, settings: CurationSettings) -> pd.DataFrame:
        return tables.spans_table(self._curated(settings), self.source_records, self.signals)

    def _curated(self, settings: CurationSettings) -> Iterator[tuple[str, int, Curated, np.ndarray]]:
        weights = self._weights(settings)
        for signal in self.signals:
            mass = self._credited(signal, settings)
            for statement in range(len(self.statement_chars)):
                steps = self.statement_of == statement
                if steps.any():
                    found = curating.curate(mass[steps], weights[steps], settings)
                    yield signal, statement, found, mass[steps].mean(axis=0)


def check(trace: Trace) -> None:
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
    if len(owned) and (owned.min() < 0 or owned.max() >= n or len(np.unique(owned)) < len(owned)):
        raise ValueError(f"sources must own different positions, from 0 to {n - 1}")
    if len(trace.tags) != len(trace) or len(trace.statement_of) != len(trace):
        raise ValueError("each step must have a tag and a statement")
    if any(not 0 <= start < end <= len(trace.response) for start, end in trace.statement_chars):
        raise ValueError("statements must lie within the response")


def _check_scores(scores: Mapping[str, np.ndarray], n: int, steps: int) -> None:
    for name, each in scores.items():
        if each.shape != (steps, n + steps):
            raise ValueError(f"scores[{name!r}] has shape {each.shape}, expected {(steps, n + steps)}")


def _shorten(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _written(text: str, path: str | Path | None) -> str:
    """Give the text, written to `path` if there is one; `TraceFileError` where that cannot be."""
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise TraceFileError(
                f"{path} could not be written: {reason}. Give a file in an existing folder."
            ) from error
    return text
