"""Sources: the units of a prompt that can be credited, made from its layout (the paper's `S_j`)."""

from omnitrace_nb.sources.baseline import baseline_rows, row_sets
from omnitrace_nb.sources.building import build, cut, overlapping
from omnitrace_nb.sources.detections import regions
from omnitrace_nb.sources.options import SourceOptions
from omnitrace_nb.sources.resolving import resolve

__all__ = ["SourceOptions", "baseline_rows", "build", "cut", "overlapping", "regions", "resolve", "row_sets"]
