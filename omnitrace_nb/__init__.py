"""Which part of the input made the model say that?

    import omnitrace_nb as ot

    tracer = ot.load()
    trace = tracer.trace([ot.Image("a.png"), ot.Audio("b.wav"), "What happened?"])
    trace

Names are imported when they are first used, so that opening a saved trace loads neither torch nor a model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from omnitrace_nb._version import __version__

if TYPE_CHECKING:
    from omnitrace_nb import controls, signals
    from omnitrace_nb.conformance import check_adapter
    from omnitrace_nb.content import Audio, Image, Sample, Text, Video, read_samples
    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.errors import OmnitraceError
    from omnitrace_nb.packaged import example
    from omnitrace_nb.sources import SourceOptions
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.trace import open_trace as open  # noqa: A004 - `ot.open` is the public name
    from omnitrace_nb.tracer import Tracer, load
    from omnitrace_nb.view import CompareView, TraceView, compare, display

_HOMES = {
    "Audio": "content",
    "CompareView": "view",
    "CurationSettings": "curation",
    "Image": "content",
    "OmnitraceError": "errors",
    "Sample": "content",
    "SourceOptions": "sources",
    "Text": "content",
    "Trace": "trace",
    "TraceView": "view",
    "Tracer": "tracer",
    "Video": "content",
    "check_adapter": "conformance",
    "compare": "view",
    "display": "view",
    "example": "packaged",
    "load": "tracer",
    "open": "trace",
    "read_samples": "content",
}
_INNER_NAMES = {"open": "open_trace"}

__all__ = [
    "Audio",
    "CompareView",
    "CurationSettings",
    "Image",
    "OmnitraceError",
    "Sample",
    "SourceOptions",
    "Text",
    "Trace",
    "TraceView",
    "Tracer",
    "Video",
    "__version__",
    "check_adapter",
    "compare",
    "controls",
    "display",
    "example",
    "load",
    "open",
    "read_samples",
    "signals",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name in {"controls", "signals"}:
        return import_module(f"omnitrace_nb.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'omnitrace_nb' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(f"omnitrace_nb.{_HOMES[name]}"), _INNER_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
