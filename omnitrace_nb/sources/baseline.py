"""The trailing question, and the prompt rows that `excess` attention takes as its baseline.

The rows after the sources (a question and the chat template) look at the sources for no reason of any one statement;
what they look at anyway is the model's habit, and is taken off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.trace.records import PartRecord, Source

MOST_ROWS = 64


def question_sources(sources: Sequence[Source], records: Sequence[PartRecord]) -> frozenset[int]:
    """Give the ids of the sources that are the trailing question.

    The question is the last part, if that is text and other parts come before it; if it stands alone, its last
    sentence. A system message does not count as a part before it. A prompt that ends with a picture, sound or film, or
    with what a tool gave, has none.
    """
    if not sources or sources[-1].modality != "text":
        return frozenset()
    last = sources[-1].part
    roles = {record.index: record.role for record in records}
    if roles.get(last) == "tool":
        return frozenset()
    alone = all(source.part == last or roles.get(source.part) == "system" for source in sources)
    if alone:
        return frozenset({sources[-1].id})
    return frozenset(source.id for source in sources if source.part == last)


def row_sets(layout: Layout, sources: Sequence[Source]) -> dict[str, np.ndarray]:
    """Give the prompt rows that a step's row can be held against, by name: `int64 [k]` each, k at most 64.

    "after": see `baseline_rows`; "question": those of them that belong to the trailing question; "template": those that
    belong to no part. A prompt without a question, or without a template behind its sources, has none of that name.
    """
    after = baseline_rows(layout, sources)
    asked = [source.positions for source in sources if source.question]
    question = np.intersect1d(np.concatenate(asked), after) if asked else after[:0]
    return {"after": after, "question": question, "template": after[layout.part[after] < 0]}


def baseline_rows(layout: Layout, sources: Sequence[Source]) -> np.ndarray:
    """Give the prompt rows of the baseline: `int64 [k]`, 1 <= k <= 64 for a prompt of at least one position.

    They are the rows after the last source that is not the trailing question, the last 64 of them at most: question and
    template, or the template alone if there is no question. If nothing follows the sources, the last row stands in.
    The rows of a beginning that was given to the response are the response's, and are none of them.
    """
    ends = [int(source.positions.max()) for source in sources if not source.question]
    stop = len(layout) - layout.begun
    first = max(ends, default=-1) + 1
    first = max(min(first, stop - 1), stop - MOST_ROWS, 0)
    return np.arange(first, stop, dtype=np.int64)
