"""A trace as plain JSON values: for other languages, other tools and other people's eyes."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.trace.records import PartRecord
    from omnitrace_nb.trace.result import Trace

JSON_SCHEMA = 2  # 1 numbered statements from 0


def to_dict(trace: Trace) -> dict[str, Any]:
    """Give everything but scores, thumbnails and media: `json.dumps` takes it as it is (docs/trace-file.md)."""
    return {
        "format": "omnitrace.json",
        "schema": JSON_SCHEMA,
        "run": plain(dataclasses.asdict(trace.run)),
        "settings": settings_json(trace.settings),
        "prompt": {"positions": len(trace.layout), "parts": [_part(part) for part in trace.parts]},
        "response": {"text": trace.response, "stopped": trace.response_record.stopped, "begun": trace.prefilled},
        "signals": list(trace.signals),
        "sources": rows(trace.sources),
        "steps": rows(trace.steps),
        "statements": rows(trace.statements),
        "spans": rows(trace.spans),
        "intervals": rows(trace.intervals),
        "checks": rows(trace.checks),
        "verification": _verification(trace),
    }


def as_json(value: object) -> str:
    r"""Give plain values as JSON text that can be written as UTF-8: lone surrogates stay as escapes.

    Example:
        >>> as_json({"text": "a\ud800"})
        '{"text": "a\\ud800"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _verification(trace: Trace) -> dict[str, Any] | None:
    """Give what the last verification was and cost; its checks are rows of their own."""
    if trace.verification is None:
        return None
    return plain(
        {
            each.name: getattr(trace.verification, each.name)
            for each in dataclasses.fields(trace.verification)
            if each.name != "checks"
        }
    )


def settings_json(settings: CurationSettings) -> dict[str, Any]:
    """Give curation settings as plain values."""
    known = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
    return {**known, "weights": dict(settings.weights)}


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table's rows; what is missing (NaN, <NA>) is None."""
    columns = {name: [plain(value) for value in table[name].tolist()] for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def plain(value: object) -> Any:  # noqa: ANN401 (any JSON value)
    """Give what JSON can say of a value: nothing of NaN and <NA>, the name of what it has no word for."""
    match value:
        case None | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return None if repr(value) == "<NA>" else str(value)


def _part(part: PartRecord) -> dict[str, Any]:
    return {
        "index": part.index,
        "kind": part.kind,
        "role": part.role,
        "label": part.label,
        "sha256": part.sha256,
        "text": part.text,
        "size": None if part.size is None else list(part.size),
        "duration": part.duration,
        "read": None if part.read is None else list(part.read),
        "frames": part.frames,
        "fps": part.fps,
        "max_pixels": part.max_pixels,
        "read_size": None if part.read_size is None else list(part.read_size),
        "mime": part.mime,
        "document": part.document,
        "title": part.title,
        "note": part.note,
        "turn": part.turn,
        "unread": [list(each) for each in part.unread],
    }
