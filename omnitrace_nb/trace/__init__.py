"""The result of a run: tables, masses, curation, and one file that opens without a model."""

from omnitrace_nb.trace.files import open_trace
from omnitrace_nb.trace.result import Trace

open = open_trace  # noqa: A001 (read as `trace.open`)

__all__ = ["Trace", "open", "open_trace"]
