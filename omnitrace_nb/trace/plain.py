"""A trace as plain JSON values: for other languages, other tools and other people's eyes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from omnitrace_nb.trace.result import Trace

JSON_SCHEMA = 1


def to_json(trace: Trace) -> dict[str, Any]:
    """Give everything but scores, thumbnails and media: `json.dumps` takes it as it is (docs/trace-file.md)."""
    return {
        "format": "omnitrace.json",
        "schema": JSON_SCHEMA,
        "run": dataclasses.asdict(trace.run),
        "settings": settings_json(trace),
        "prompt": {"positions": len(trace.layout), "parts": [_part(part) for part in trace.parts]},
        "response": {"text": trace.response, "stopped": trace.response_record.stopped},
        "signals": list(trace.signals),
        "sources": rows(trace.sources),
        "steps": rows(trace.steps),
        "statements": rows(trace.statements),
        "spans": rows(trace.spans),
        "intervals": rows(trace.intervals),
    }


def settings_json(trace: Trace) -> dict[str, Any]:
    """Give the curation settings as plain values."""
    settings = trace.settings
    plain = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
    return {**plain, "weights": dict(settings.weights)}


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table's rows; what is missing (NaN, <NA>) is None."""
    columns = {name: [_value(value) for value in table[name].tolist()] for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, (str, int, bool)) else None


def _part(part: Any) -> dict[str, Any]:  # noqa: ANN401 (a PartRecord, or what stands for one)
    return {
        "index": part.index,
        "kind": part.kind,
        "role": part.role,
        "label": part.label,
        "sha256": part.sha256,
        "text": part.text,
        "size": None if part.size is None else list(part.size),
        "duration": part.duration,
        "mime": part.mime,
    }
