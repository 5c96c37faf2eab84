"""A trace: everything that one run gave, read through tables; nothing in it needs the model again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from omnitrace_nb import curation as curating
from omnitrace_nb import options
from omnitrace_nb.arguments import told
from omnitrace_nb.quoting import shortened
from omnitrace_nb.trace import tables
from omnitrace_nb.trace.exports import Exports
from omnitrace_nb.trace.grouping import steps_of
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd

    from omnitrace_nb.charts import Charts
    from omnitrace_nb.curation import Curated, CurationSettings
    from omnitrace_nb.sources import SourceOptions
    from omnitrace_nb.targets import TargetLike
    from omnitrace_nb.view import CompareView, TraceView
    from omnitrace_nb.view.piece import Piece


class Trace(Exports):
    """One run, as tables: a prompt of `n` positions and `S` sources, a response of `T` steps, and what signals say.

    Made by `Tracer.trace`, `ot.open` or `Trace.build`; never changed afterwards. Tables are fresh copies. What it is
    made of (`parts`, `layout`, `run`, ...) is described in `omnitrace_nb.trace.pieces`.
    """

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
        return tables.statements_table(self.response_record, self.statement_chars, self.statement_of)

    @property
    def spans(self) -> pd.DataFrame:
        """A row a (signal, statement, source with votes), best first, under `settings` (docs/tables.md)."""
        return self._spans.copy()

    @property
    def intervals(self) -> pd.DataFrame:
        """The selected time bins of sound and film, merged where they touch (docs/tables.md)."""
        return tables.intervals_table(self._spans, self.source_records, self.parts)

    @property
    def checks(self) -> pd.DataFrame:
        """A row a (statement, source) that `Tracer.verify` hid, random ones too (docs/tables.md)."""
        return tables.checks_table(self.verification, self.source_records)

    @property
    def budget(self) -> pd.DataFrame:
        """A row a (signal, statement, place that its scores went to): the evidence budget (docs/tables.md)."""
        from omnitrace_nb.budget import budget  # noqa: PLC0415 (budget knows Trace)

        return budget(self)

    @property
    def modalities(self) -> pd.DataFrame:
        """A row a (signal, statement, modality), with its share of the evidence (docs/tables.md)."""
        from omnitrace_nb.budget import modalities  # noqa: PLC0415 (budget knows Trace)

        return modalities(self)

    @property
    def charts(self) -> Charts:
        """Charts of this trace, as altair charts that draw offline (docs/charts.md)."""
        from omnitrace_nb.charts import Charts  # noqa: PLC0415 (charts know Trace)

        return Charts(self)

    @told(signals=str, top=int)
    def agreement(self, *signals: str, top: int = 3) -> pd.DataFrame:
        """Give how far signals agree on each statement, disagreements first (docs/tables.md).

        Args:
            signals: two or more; all of the trace's if left out.
            top: how many sources with the largest masses are compared.

        Raises:
            SettingsError: fewer than two signals, or `top` below 1.
            SignalError: a signal that the trace does not have.
        """
        from omnitrace_nb import agreement, comparing  # noqa: PLC0415 (they know Trace)

        return agreement.agreement(comparing.columns([self], signals or None), top)

    def curate(self, **settings: Any) -> pd.DataFrame:  # noqa: ANN401 (each is checked by CurationSettings)
        """Give the spans again under other settings, those of `CurationSettings`; no model is needed.

        Raises:
            SettingsError: an unknown setting, or a value outside its range.
        """
        return self._curate(self.settings.but(**settings))

    def regroup(self, sources: SourceOptions | Mapping[str, Any] | None = None) -> Trace:
        """Cut the prompt anew; masses follow from the scores that the trace keeps, and no model is needed.

        Args:
            sources: as for `Tracer.trace`, such as `{"text": "word", "image": (4, 4)}`.

        Returns:
            a new trace. Ablations and verdicts are of the old sources and stay behind.

        Raises:
            SettingsError: a setting out of range, or own pieces outside their part.
            ContentError: a cut that needs a picture, sound or film which the trace does not keep.
        """
        from omnitrace_nb.media import kept  # noqa: PLC0415 (decoding is wanted only here)
        from omnitrace_nb.sources import SourceOptions, cut, resolve  # noqa: PLC0415 (it knows a trace's records)

        how = options.read(SourceOptions, sources, "sources")
        found, parts = resolve(how, self.parts, kept.content)
        for note in filter(None, (part.note for part in parts)):
            warn(note)
        sources_of, parts = cut(self.layout, parts, how, found)
        return self._but(parts=parts, sources=sources_of, ablations={}, verification=None)

    @told(which=(int, str))
    def source(self, which: int | str) -> Piece:
        """Give one source by itself, by its number or label: its words, crop, frames or seconds, shown in a notebook.

        Raises:
            SettingsError: no such source.
        """
        from omnitrace_nb.view.piece import Piece  # noqa: PLC0415 (pictures are wanted only here)

        return Piece.of(self, which)

    @told(signal=str)
    def votes(self, signal: str, **settings: Any) -> pd.DataFrame:  # noqa: ANN401 (checked by CurationSettings)
        """Give the source, confidence and vote of each step (the paper's Algorithm 1; docs/tables.md)."""
        chosen = self.settings.but(**settings)
        weights = self._weights(chosen)
        source, confidence, vote = curating.votes(self._credited(signal, chosen), weights, chosen.gamma)
        columns = {"step": range(len(source)), "statement": self.statement_of, "source": source}
        return tables.table("votes", {**columns, "confidence": confidence, "weight": weights, "vote": vote})

    @told(signal=str, target=(int, str, list, tuple, slice, Mapping))
    def attribute(self, signal: str, target: TargetLike = None) -> pd.DataFrame:
        """Give what each source is worth for a target, by a signal (docs/tables.md); no model is needed.

        Masses are summed over the target's steps. A signal that ablates sources is worked out again for the target as a
        whole, from the log-probabilities that the trace keeps, if its explainer is not a sum over steps.

        Args:
            signal: one of `signals`.
            target: None for the whole response, the number of a statement (from 1), a range of steps (from 0),
                `(start, end)` in characters of the response, or a text that occurs in it once.

        Raises:
            SignalError: a signal that the trace does not have.
            SettingsError: a target outside the response, or none.
        """
        from omnitrace_nb.attribution import attribute  # noqa: PLC0415 (it knows Trace)

        return attribute(self, signal, target)

    @told(signals=str)
    def compare(self, *signals: str, **options: Any) -> CompareView:  # noqa: ANN401 (those of CompareView)
        """Show two to four signals side by side, linked, with their differences; see `omnitrace_nb.compare`.

        Args:
            signals: all of the trace's if left out; one alone with several `settings=[{}, {"question": False}]`.
            options: `settings`, `names`, `mode`, `reference`, `pinned`.

        Raises:
            SettingsError: fewer than two or more than four columns, or unknown settings.
            SignalError: a signal that the trace does not have.
        """
        from omnitrace_nb.view import CompareView  # noqa: PLC0415 (a trace works where no widget does)

        return CompareView([self], signals=signals or None, **options)

    def view(self, **options: Any) -> TraceView:  # noqa: ANN401 (passed on)
        """Give the linked view as a widget."""
        from omnitrace_nb.view import TraceView  # noqa: PLC0415 (a trace works where no widget does)

        return TraceView(self, **options)

    def __repr__(self) -> str:
        """Say what was traced, in a few lines."""
        kinds = [part.kind for part in self.parts]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        return (
            f"<Trace by {self.run.model}: {counted or 'no parts'} in {len(self.layout)} positions and "
            f"{len(self.source_records)} sources; {len(self)} steps in {len(self.statement_chars)} statements; "
            f"signals {', '.join(self.signals) or 'none'}>\n{shortened(self.response)!r}"
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

    def _credited(self, signal: str, settings: CurationSettings) -> np.ndarray:
        """Give the masses that may be credited: without the question's, if the settings say so."""
        mass = self._mass(signal, settings.assign)
        asked = [source.id for source in self.source_records if source.question]
        if settings.question or not asked:
            return mass
        credited = mass.copy()
        credited[:, asked] = 0
        return credited

    def _weights(self, settings: CurationSettings) -> np.ndarray:
        return settings.token_weights(self.tags)

    def _curate(self, settings: CurationSettings) -> pd.DataFrame:
        return tables.spans_table(self._curated(settings), self.source_records, self.signals, self.verification)

    def _curated(self, settings: CurationSettings) -> Iterator[tuple[str, int, Curated, np.ndarray]]:
        weights = self._weights(settings)
        for signal in self.signals:
            mass = self._credited(signal, settings)
            for statement, steps in enumerate(steps_of(self.statement_of, len(self.statement_chars))):
                if len(steps):
                    found = curating.curate(mass[steps], weights[steps], settings)
                    yield signal, statement, found, mass[steps].mean(axis=0)
