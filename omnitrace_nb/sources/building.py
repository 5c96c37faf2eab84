"""From a layout to sources: pieces of text, regions of pictures, intervals of sound and film."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.layout import AUDIO, VIDEO
from omnitrace_nb.sources import coarseness
from omnitrace_nb.sources.baseline import question_sources
from omnitrace_nb.sources.given import own_pieces
from omnitrace_nb.sources.options import SourceOptions
from omnitrace_nb.sources.pictures import regions
from omnitrace_nb.sources.texts import text_sources
from omnitrace_nb.sources.times import intervals
from omnitrace_nb.sources.ways import DEFAULTS, Shots, Superpixels, check_parts, chosen, is_own
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.resolving import Found
    from omnitrace_nb.trace.records import PartRecord, Source

_TRACKS = {"video": VIDEO, "audio": AUDIO}


def build(
    layout: Layout,
    records: Sequence[PartRecord],
    options: SourceOptions | None = None,
    found: Found | None = None,
) -> tuple[Source, ...]:
    """Cut a prompt into sources, numbered in prompt order; their positions are disjoint unless own pieces overlap.

    A part's sources are in order of its text, its rows and columns, or its time; a film's frames come before its sound.
    Positions of the chat template belong to none, nor does white space between sentences. A region or bin that holds
    the centre of no position is no source: nothing could be credited to it (`cut` says so).

    Args:
        layout: where each of the `n` prompt positions comes from.
        records: the parts, in order; text, size and duration are read.
        options: how to cut.
        found: pieces that follow from the content of parts, as `resolve` gives them.

    Raises:
        SettingsError: own pieces outside their part, or a cut that needs content which `found` does not have.

    Example:
        >>> from omnitrace_nb.layout import Layout
        >>> build(Layout.blank(np.arange(3)), [])  # three positions of the template
        ()
    """
    return cut(layout, records, options, found)[0]


def cut(
    layout: Layout,
    records: Sequence[PartRecord],
    options: SourceOptions | None = None,
    found: Found | None = None,
) -> tuple[tuple[Source, ...], tuple[PartRecord, ...]]:
    """Cut a prompt into sources as `build` does, and give the parts too, with a note where a cut is too fine.

    Whatever is noted is warned about.
    """
    options = options or SourceOptions()
    check_parts(options, records)
    made: list[Source] = []
    noted: list[PartRecord] = []
    for record in records:
        notes: list[str] = []
        for track in options.tracks(record.kind):
            way = _way(options, record, records, track, found or {})
            own = list(_sources(layout, (record, records), track, way, options))
            notes += coarseness.notes(layout, (record, track), way, options, own)
            made += own
        for each in notes:
            warn(each)
        noted.append(replace(record, note=" ".join(filter(None, [record.note, *notes]))))
    numbered = [replace(source, id=index) for index, source in enumerate(made)]
    asked = question_sources(numbered, records)
    return tuple(replace(source, question=source.id in asked) for source in numbered), tuple(noted)


def _sources(
    layout: Layout,
    of: tuple[PartRecord, Sequence[PartRecord]],
    track: str,
    way: Any,  # noqa: ANN401 - see `ways.Way`
    options: SourceOptions,
) -> Iterator[Source]:
    """Give the sources of one track of a part, which stands before all parts in `of`."""
    record, records = of
    if track == "text":
        return text_sources(layout, record, records, way, options)
    if track == "image":
        return regions(layout, record, (1, 1) if isinstance(way, str) else way, rest=options.rest)
    return intervals(layout, record, _TRACKS[track], None if isinstance(way, str) else way, options)


def overlapping(sources: Sequence[Source]) -> bool:
    """Say whether any position belongs to several sources."""
    owned = np.concatenate([np.zeros(0, np.int64), *(source.positions for source in sources)])
    return len(np.unique(owned)) < len(owned)


def _way(options: SourceOptions, record: PartRecord, records: Sequence[PartRecord], track: str, found: Found) -> Any:  # noqa: ANN401 - see `ways.Way`; pieces are of the track's kind
    """Give how a track is cut: a unit, a grid, or own pieces that have been read."""
    if (record.index, track) in found:
        pieces = found[record.index, track]
        return DEFAULTS[track] if pieces is None else pieces
    way = chosen(options, record, records, track)
    if isinstance(way, (Superpixels, Shots)) or callable(way):
        raise SettingsError(f"{record.label} cannot be cut by {way!r} here: that needs its content.")
    return own_pieces(way, record, track) if is_own(way) and not isinstance(way, tuple) else way
