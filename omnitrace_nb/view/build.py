"""From a trace to its view model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.chatting import left_out
from omnitrace_nb.layout import AUDIO, VIDEO
from omnitrace_nb.sources import overlapping
from omnitrace_nb.trace.grouping import steps_of
from omnitrace_nb.trace.records import HIGHEST_HERTZ
from omnitrace_nb.view import outlines
from omnitrace_nb.view.cells import Cells
from omnitrace_nb.view.evidence import checked, legend
from omnitrace_nb.view.records import Box, MediaKept, Note, Said, Span, Spectrogram, ViewPart, ViewSource, ViewStatement
from omnitrace_nb.view.rows import Rows
from omnitrace_nb.view.shapes import own_cells
from omnitrace_nb.view.stepwise import Later, oddities
from omnitrace_nb.view.viewmodel import ViewModel, concatenate
from omnitrace_nb.view.words import clean, excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.trace.records import PartRecord, Source


def build(trace: Trace, signals: Sequence[str] | None = None) -> ViewModel:
    """Give the view model of a trace; see `omnitrace_nb.view.viewmodel`."""
    names = tuple(signals) if signals else trace.signals
    cells = Cells(trace.layout)
    thumbnails, thumbnail_spans = concatenate([each for part in trace.parts for each in part.thumbnails])
    peaks = [outlines.peaks(part) for part in trace.parts]
    spectra = [outlines.spectrogram(part) for part in trace.parts]
    parts, at, heard, first = [], 0, 0, 0
    for part, own, spectrum in zip(trace.parts, peaks, spectra, strict=True):
        shown = thumbnail_spans[first : first + len(part.thumbnails)]
        parts.append(_part(part, cells, shown, (at, len(own)), _spectrogram(spectrum, heard)))
        at, heard, first = at + len(own), heard + spectrum.size, first + len(part.thumbnails)
    notes = [] if trace.signals else [Note("This trace has no signal, so nothing can be shaded.")]
    if overlapping(trace.source_records):
        notes.append(Note("Sources overlap: a position counts for each of its sources."))
    if trace.response_record.stopped == "given":
        notes.append(Note("The response was given, not generated: its tokens are scored as they stand."))
    notes += [Note(clean(note)) for part in trace.parts for note in (left_out(part), part.note) if note]
    return ViewModel(
        model=clean(trace.run.model),
        signals=names,
        parts=tuple(parts),
        sources=tuple(_source(source, trace.parts, trace.layout) for source in trace.source_records),
        statements=_statements(trace),
        said=_said(trace),
        settings=settings_of(trace.settings),
        chars=np.concatenate([np.zeros((0, 2), np.int32), *cells.chars]),
        peaks=np.concatenate([np.zeros(0, np.int8), *peaks]),
        spectrograms=np.concatenate([np.zeros(0, np.uint8), *(each.reshape(-1) for each in spectra)]),
        thumbnails=thumbnails,
        originals=tuple(part.media if isinstance(part.media, bytes) else b"" for part in trace.parts),
        cells=cells.count,
        rows=Rows(trace, names, cells),
        later=Later(trace, names, cells),
        checked=checked(trace),
        notes=(*legend(trace), *oddities(trace, names), *notes),
    )


def settings_of(settings: CurationSettings) -> dict[str, Any]:
    """Give curation settings as plain values, by name."""
    return {
        each.name: dict(value) if isinstance(value := getattr(settings, each.name), Mapping) else value
        for each in fields(settings)
    }


def _statements(trace: Trace) -> tuple[ViewStatement, ...]:
    statements = []
    steps = steps_of(trace.statement_of, len(trace.statement_chars))
    for id_, ((start, end), own) in enumerate(zip(trace.statement_chars, steps, strict=True)):
        first, stop = (int(own[0]), int(own[-1]) + 1) if len(own) else (0, 0)
        text = clean(trace.response[start:end])
        thinks = trace.response_record.thinks(start)
        statements.append(ViewStatement(id_, text, len(own), first, stop, (int(start), int(end)), thinks))
    return tuple(statements)


def _said(trace: Trace) -> Said:
    response = trace.response_record
    return Said(
        text=clean(response.text),
        pieces=tuple(map(clean, response.tokens)),
        chars=np.asarray(response.chars, np.int32).reshape(-1, 2),
        statement_of=np.asarray(trace.statement_of, np.int32),
        logprobs=np.nan_to_num(response.logprobs, nan=0.0, posinf=0.0, neginf=-1e9).astype(np.float32),
        tags=trace.tags,
        stopped=response.stopped,
        begun=clean(response.begun),
    )


def _part(
    part: PartRecord, cells: Cells, thumbnails: tuple[Span, ...], peaks: Span, spectrum: Spectrogram | None
) -> ViewPart:
    timed = part.kind in {"audio", "video"}
    return ViewPart(
        index=part.index,
        kind=part.kind,
        role=part.role,
        label=clean(part.label),
        detail=outlines.detail(part),
        text=None if part.text is None else clean(part.text),
        size=part.size,
        duration=part.duration,
        thumbnails=thumbnails,
        thumbnail_times=tuple(map(float, part.thumbnail_times)),
        peaks=peaks if peaks[1] else None,
        spectrogram=spectrum,
        media=MediaKept(len(part.media), part.mime or "") if part.media and part.kind != "text" else None,
        media_note="not kept in this trace" if timed and not part.media else None,
        tokens=cells.tokens(part),
        patches=cells.patches(part),
        frames=cells.frames(part),
        strip=cells.strip(part, VIDEO) if part.kind == "video" else None,
        sound=cells.strip(part, AUDIO) if timed else None,
        unread=part.unread,
    )


def _spectrogram(values: np.ndarray, at: int) -> Spectrogram | None:
    bands, columns = values.shape
    return Spectrogram((at, values.size), bands, columns, HIGHEST_HERTZ) if values.size else None


def _source(source: Source, parts: Sequence[PartRecord], layout: Layout) -> ViewSource:
    part = parts[source.part]
    text, chars = part.text or "", None
    if source.chars is not None:
        chars = (min(source.chars[0], len(text)), min(source.chars[1], len(text)))
    box: Box | None = None
    if source.box is not None:
        width, height = part.size or (source.box[2], source.box[3])
        left, top, right, bottom = source.box
        box = (left / width, top / height, right / width, bottom / height)
    words = excerpt(source.words if chars is None else text[slice(*chars)])
    label, cells = clean(source.label), None if box is None else own_cells(layout, source)
    return ViewSource(source.id, source.part, source.modality, label, words, chars, box, source.time, cells)
