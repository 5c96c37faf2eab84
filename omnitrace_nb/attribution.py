"""What each source is worth for a target, by a signal of a finished trace; no model is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import targets
from omnitrace_nb.trace import tables

if TYPE_CHECKING:
    import pandas as pd

    from omnitrace_nb.passes import Per
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

    Which explainer stands in the run's notes of the signal, whatever it is called. None for other signals, for those
    whose ablations the trace does not keep, and for those whose masses are not the explainer's own (controls).
    """
    notes = trace.run.signals.get(signal, {})
    if not trace.ablations or "method" not in notes:
        return None
    from omnitrace_nb.ablation import Effects, stored  # noqa: PLC0415 (torch is loaded for signals that ablate alone)

    effects = Effects.told(notes)
    if effects is None or effects.operator not in trace.ablations:
        return None
    values, sources = stored(trace.ablations[effects.operator]), len(trace.source_records)
    own = effects.by_step(values, sources, _groups(trace, effects.usual_per), len(trace))
    if not _same(trace.mass(signal), own):
        return None
    weights = np.zeros((1, len(trace)))
    weights[0, steps] = 1
    found: np.ndarray = effects.of(values, sources, weights)[0]
    return found


def _groups(trace: Pieces, per: Per) -> list[np.ndarray]:
    """Give the steps of each target, as `Finished.groups`."""
    if per == "step":
        return list(np.arange(len(trace))[:, None])
    if per == "response":
        return [np.arange(len(trace))]
    return [np.flatnonzero(trace.statement_of == index) for index in np.unique(trace.statement_of) if index >= 0]


def _same(masses: np.ndarray, effects: np.ndarray) -> bool:
    """Tell whether masses are effects, `[T, S]` both, to the precision in which a trace keeps scores (`pack`)."""
    effects = np.where(np.isfinite(effects).all(axis=1, keepdims=True), effects, 0)
    rounding = 1e-3 * np.abs(effects) + 1e-4 * np.abs(effects).max(axis=1, keepdims=True, initial=0) + 1e-9
    return bool((np.abs(masses - effects) <= rounding).all())
