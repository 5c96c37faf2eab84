"""How right the curated sources are, against known support: pure functions on tables and arrays."""

from omnitrace_nb.evaluate.judging import judge
from omnitrace_nb.evaluate.metrics import f1, interval_f1, score
from omnitrace_nb.evaluate.support import Support, supporting

__all__ = ["Support", "f1", "interval_f1", "judge", "score", "supporting"]
