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
    mass = np.nan_to_num(trace.mass(signal), nan=0.0, posinf=0.0, neginf=0.0)
    steps = targets.find(trace, target).steps
    return tables.attribute_table(mass[steps].sum(axis=0), trace.source_records)
