"""What each source is worth for a target, by a signal of a finished trace; no model is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import targets
from omnitrace_nb.trace import tables

if TYPE_CHECKING:
    import pandas as pd

    from omnitrace_nb.targets import TargetLike
    from omnitrace_nb.trace.pieces import Pieces


def attribute(trace: Pieces, signal: str, target: TargetLike = None) -> pd.DataFrame:
    """Give a row a source (docs/tables.md); see `Trace.attribute`."""
    mass = trace.mass(signal)
    steps = targets.find(trace, target).steps
    values = _explained_again(trace, signal, steps)
    if values is None:
        values = np.nan_to_num(mass, nan=0.0, posinf=0.0, neginf=0.0)[steps].sum(axis=0)
    return tables.attribute_table(values, trace.source_records)


def _explained_again(trace: Pieces, signal: str, steps: np.ndarray) -> np.ndarray | None:
    """Give what an ablation signal's explainer makes of the stored log-probabilities for some steps together, `[S]`.

    None for other signals, and for those whose ablations the trace does not keep.
    """
    if not trace.ablations:
        return None
    from omnitrace_nb.ablation import stored  # noqa: PLC0415 (torch is loaded for signals that ablate, no others)
    from omnitrace_nb.signals.ablations import effects_of  # noqa: PLC0415 (as above)

    effects = effects_of(signal)
    if effects is None or effects.operator not in trace.ablations:
        return None
    weights = np.zeros((1, len(trace)))
    weights[0, steps] = 1
    found: np.ndarray = effects.of(stored(trace.ablations[effects.operator]), len(trace.source_records), weights)[0]
    return found
