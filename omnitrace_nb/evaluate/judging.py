"""The selected sources of a trace, held against what its statements truly rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from omnitrace_nb.curation import ASSIGNMENTS
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.evaluate.support import Support, supporting
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from omnitrace_nb.trace import Trace

_KINDS = {
    "signal": "string",
    "assign": "string",
    "modality": "string",
    "statement": "int64",
    **dict.fromkeys(("tp", "fp", "fn"), "int64"),
}


def judge(
    trace: Trace,
    truth: Mapping[int, Iterable[Support]],
    *,
    assign: Sequence[str] = ASSIGNMENTS,
    **settings: Any,  # noqa: ANN401 (checked by CurationSettings)
) -> pd.DataFrame:
    """Count right, wrong and missed sources of each statement, for every signal and assignment rule.

    Args:
        trace: what was generated and attributed.
        truth: number of a statement, from 1 -> its supports; statements that are not named are not judged, and what
            rests on one beyond the response's last is missed.
        assign: the assignment rules to try.
        settings: other settings of `CurationSettings`.

    Returns:
        a row a (signal, assign, statement): `modality`, that of the right sources, "mixed" if they have several and
        "none" without any; `tp`, `fp`, `fn`, numbers of sources. Concatenate the tables of several traces for `score`.

    Raises:
        SettingsError: an unknown setting, a value outside its range, or a statement below 1.
    """
    sources = trace.source_records
    for statement in truth:
        if not is_whole(statement) or statement < 1:
            count = len(trace.statement_chars)
            raise SettingsError(f"truth names statement {statement!r}: statements count from 1 to {count}")
    right = {statement: supporting(sources, supports) for statement, supports in truth.items()}
    rows = []
    for rule in assign:
        spans = trace.curate(assign=rule, **settings)
        taken = spans[spans["selected"]]
        for signal in trace.signals:
            own = taken[taken["signal"] == signal]
            for statement, true in right.items():
                chosen = set(own.loc[own["statement"] == statement, "source"].tolist())
                modalities = {sources[id_].modality for id_ in true}
                modality = "none" if not modalities else modalities.pop() if len(modalities) == 1 else "mixed"
                counts = len(chosen & true), len(chosen - true), len(true - chosen)
                rows.append((signal, rule, modality, statement, *counts))
    return pd.DataFrame(rows, columns=list(_KINDS)).astype(_KINDS)
