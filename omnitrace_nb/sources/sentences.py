"""Sentences of a text part, and which of its positions each one owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import language
from omnitrace_nb.layout import TEXT
from omnitrace_nb.statements import most_overlapping
from omnitrace_nb.trace.records import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord


def sentence_sources(layout: Layout, record: PartRecord, options: SourceOptions) -> Iterator[Source]:
    """Give the sentences of a text part, in order (ids are given later).

    A token that straddles two sentences goes to the one that has most of its characters, the earlier of equals. A token
    of white space between sentences goes to neither.
    """
    positions = layout.positions(record.index, TEXT)
    if not len(positions) or record.text is None or not record.text.strip():
        return
    if options.text == "part":
        whole = record.text.strip()
        start = record.text.index(whole)
        intervals: tuple[language.Interval, ...] = ((start, start + len(whole)),)
    else:
        intervals = language.sentences(record.text, options.nlp, wrapped=True)
    chars = layout.chars[positions]
    # A token of a few bytes may have an empty interval inside its character; it counts as that character.
    chars = np.stack([chars[:, 0], np.maximum(chars[:, 1], chars[:, 0] + 1)], axis=1)
    owner = most_overlapping(chars, np.array(intervals, np.int32))
    # Grouped by one sort: a long text has thousands of sentences.
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(intervals) + 1))
    for index, interval in enumerate(intervals):
        own = positions[order[bounds[index] : bounds[index + 1]]]
        if len(own):
            label = record.label if options.text == "part" else f"{record.label}, sentence {index + 1}"
            yield Source(
                id=0, modality="text", part=record.index, label=label, positions=own.astype(np.int32), chars=interval
            )
