"""A trace to a file and back (docs/trace-file.md). Opening needs neither torch, nor a model, nor spaCy."""

from __future__ import annotations

import dataclasses
import json
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.errors import TraceFileError
from omnitrace_nb.layout import Layout
from omnitrace_nb.trace import arrays, container, inflation, references, schema
from omnitrace_nb.trace.packed import PackedScores
from omnitrace_nb.trace.plain import plain, settings_json
from omnitrace_nb.trace.records import Ablations, Check, PartRecord, Response, RunInfo, Source, Verification
from omnitrace_nb.trace.result import Trace

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from omnitrace_nb.writing import Target

_LAYOUT = {
    "token_ids": ("int64", ()),
    "part": ("int32", ()),
    "modality": ("int8", ()),
    "chars": ("int32", (2,)),
    "box": ("float32", (4,)),
    "time": ("float32", (2,)),
}
_OUTLINES: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "peaks": ("float32", (None, 2)),
    "spectrogram": ("uint8", (None, None)),
}
_RESPONSE = {"token_ids": ("int64", ()), "chars": ("int32", (2,)), "logprobs": ("float32", ())}


def save(trace: Trace, target: Target, *, embed_media: bool = False) -> Path | None:
    """Write a trace to one file, whole or not at all, and give its path; None for an open file.

    Raises:
        TraceFileError: the file cannot be written.
    """
    return container.put(target, _entries(trace, embed_media=embed_media))


def open_trace(path: str | os.PathLike[str] | IO[bytes], *, max_bytes: int = inflation.MOST_BYTES) -> Trace:
    """Open a file that `trace.save` wrote; neither a model nor torch is needed.

    Args:
        path: the file's path; or a file that is open for reading bytes, such as `io.BytesIO`, read from its beginning.
        max_bytes: how much memory it may take; a file that would take more is refused before it is unpacked.

    Raises:
        TraceFileError: missing, not a trace, cut short, changed since, written by a newer version, larger than
            `max_bytes` inside, or with a value that no trace has (the message names the field).
        SettingsError: a `max_bytes` that is no number of bytes.
    """
    entries = container.read(path, max_bytes)
    try:
        return _trace(entries)
    except MemoryError as error:
        raise TraceFileError(f"{container.named(path)} does not fit in memory.") from error
    except KeyError as error:
        raise container.damaged(path, f"{error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError) as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise container.damaged(path, said) from error


def _entries(trace: Trace, *, embed_media: bool) -> dict[str, bytes]:
    """Give the entries of a trace's file."""
    response = trace.response_record
    sources = trace.source_records
    about = {
        "positions": len(trace.layout),
        "steps": len(trace),
        "run": plain(dataclasses.asdict(trace.run)),
        "settings": settings_json(trace.settings),
        "signals": list(trace.signals),
        "parts": [_part_json(part) for part in trace.parts],
        "grids": {str(part): list(grid) for part, grid in trace.layout.grids.items()},
        "sources": [_source_json(source) for source in sources],
        "begun": trace.layout.begun,
        "response": {
            "text": response.text,
            "tokens": list(response.tokens),
            "stopped": response.stopped,
            "thinking": response.thinking,
            "begun": response.begun,
        },
        "statements": [list(each) for each in trace.statement_chars],
        "tags": list(trace.tags),
        "ablations": [{"operator": name, "masks": len(each.keep)} for name, each in trace.ablations.items()],
        "verification": None if trace.verification is None else plain(dataclasses.asdict(trace.verification)),
    }
    entries = {"trace.json": json.dumps(about).encode()}
    put = {f"layout_{name}": getattr(trace.layout, name) for name in _LAYOUT}
    put |= {f"response_{name}": getattr(response, name) for name in _RESPONSE}
    put["statement_of"] = trace.statement_of
    put["source_positions"] = np.concatenate([np.zeros(0, np.int32), *(each.positions for each in sources)])
    for index, packed in enumerate(trace.packed.values()):
        put |= {f"scores_{index}": packed.halves, f"scales_{index}": packed.scales}
    for index, each in enumerate(trace.ablations.values()):
        put |= {f"masks_{index}": each.keep, f"masked_logprobs_{index}": each.logprobs}
    for part in trace.parts:
        put |= {f"{name}_{part.index}": each for name in _OUTLINES if (each := getattr(part, name)) is not None}
    kinds = _array_kinds(about)
    entries |= {f"arrays/{name}.npy": arrays.dump(np.asarray(each, kinds[name][0])) for name, each in put.items()}
    for part in trace.parts:
        entries |= {f"thumbnails/{part.index}-{at}.webp": data for at, data in enumerate(part.thumbnails)}
        if embed_media and part.media is not None:
            entries[f"media/{part.index}.bin"] = part.media if isinstance(part.media, bytes) else part.media.contents()
    return entries


def _trace(entries: Mapping[str, bytes]) -> Trace:
    """Put a trace together from its entries."""
    about = json.loads(entries["trace.json"])
    schema.check(about)
    kinds = _array_kinds(about)
    got = {name: arrays.load(entries[f"arrays/{name}.npy"], *kind) for name, kind in kinds.items()}
    layout = Layout(
        **{name: got[f"layout_{name}"] for name in _LAYOUT},
        grids={int(part): (grid[0], grid[1], grid[2]) for part, grid in about["grids"].items()},
        begun=int(about.get("begun", 0)),
    )
    response = Response(
        text=about["response"]["text"],
        tokens=tuple(about["response"]["tokens"]),
        stopped=about["response"]["stopped"],
        thinking=_intervals(about["response"].get("thinking", ())),
        begun=about["response"].get("begun", ""),
        **{name: got[f"response_{name}"] for name in _RESPONSE},
    )
    ends = np.cumsum([each["tokens"] for each in about["sources"]], dtype=np.int64)
    pieces = np.split(got["source_positions"], ends[:-1])
    sources = [_source(id_, each, pieces[id_]) for id_, each in enumerate(about["sources"])]
    packed = {
        name: PackedScores(got[f"scores_{index}"], got[f"scales_{index}"])
        for index, name in enumerate(about["signals"])
    }
    ablations = {
        each["operator"]: Ablations(each["operator"], got[f"masks_{index}"], got[f"masked_logprobs_{index}"])
        for index, each in enumerate(about.get("ablations", ()))
    }
    trace = Trace(
        parts=[_part(each, entries, got) for each in about["parts"]],
        layout=layout,
        sources=sources,
        response=response,
        scores=packed,
        statements=[(start, end) for start, end in about["statements"]],
        statement_of=got["statement_of"],
        tags=about["tags"],
        run=RunInfo(**about["run"]),
        settings=CurationSettings(**about["settings"]),
        ablations=ablations,
        verification=_verification(about.get("verification")),
    )
    references.check(trace)
    return trace


def _array_kinds(about: Mapping[str, Any]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Give the type and shape of every array that a trace with these properties has."""
    n, steps, sources = about["positions"], about["steps"], len(about["sources"])
    kinds: dict[str, tuple[str, tuple[int | None, ...]]] = {}
    kinds |= {f"layout_{name}": (kind, (n, *rest)) for name, (kind, rest) in _LAYOUT.items()}
    kinds |= {f"response_{name}": (kind, (steps, *rest)) for name, (kind, rest) in _RESPONSE.items()}
    kinds["statement_of"] = ("int64", (steps,))
    kinds["source_positions"] = ("int32", (sum(each["tokens"] for each in about["sources"]),))
    for index in range(len(about["signals"])):
        kinds[f"scores_{index}"] = ("float16", (steps, n + steps))
        kinds[f"scales_{index}"] = ("float32", (steps,))
    for index, each in enumerate(about.get("ablations", ())):
        kinds[f"masks_{index}"] = ("bool", (each["masks"], sources))
        kinds[f"masked_logprobs_{index}"] = ("float32", (each["masks"], steps))
    for each in about["parts"]:
        kinds |= {f"{name}_{each['index']}": kind for name, kind in _OUTLINES.items() if each.get(name)}
    return kinds


def _verification(about: Mapping[str, Any] | None) -> Verification | None:
    if about is None:
        return None
    checks = tuple(_check(each) for each in about["checks"])
    return Verification(**{**about, "signals": tuple(map(str, about["signals"])), "checks": checks})


def _check(about: Mapping[str, Any]) -> Check:
    numbers = {name: np.nan if about[name] is None else float(about[name]) for name in ("drop", "low", "high")}
    return Check(**{**about, **numbers, "signals": tuple(map(str, about["signals"]))})


def _part_json(part: PartRecord) -> dict[str, Any]:
    known = {each.name: getattr(part, each.name) for each in dataclasses.fields(part)}
    del known["media"]
    outlines = {name: getattr(part, name) is not None for name in _OUTLINES}
    return {**known, "thumbnails": len(part.thumbnails), **outlines}


def _part(about: Mapping[str, Any], entries: Mapping[str, bytes], got: Mapping[str, np.ndarray]) -> PartRecord:
    index = int(about["index"])
    known = {
        **about,
        **{name: about.get(name) and (about[name][0], about[name][1]) for name in ("size", "read", "read_size")},
        "thumbnails": tuple(entries[f"thumbnails/{index}-{at}.webp"] for at in range(about["thumbnails"])),
        "thumbnail_times": tuple(about["thumbnail_times"]),
        "unread": _intervals(about.get("unread", ())),
        **{name: got.get(f"{name}_{index}") for name in _OUTLINES},
        "media": entries.get(f"media/{index}.bin"),
    }
    return PartRecord(**known)


def _intervals(about: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(end)) for start, end in about)


def _source_json(source: Source) -> dict[str, Any]:
    known = {each.name: getattr(source, each.name) for each in dataclasses.fields(source)}
    del known["id"], known["positions"]
    return {**known, "tokens": len(source.positions)}


def _source(id_: int, about: Mapping[str, Any], positions: np.ndarray) -> Source:
    places = {name: None if about[name] is None else tuple(about[name]) for name in ("chars", "box", "time")}
    known = {name: value for name, value in about.items() if name != "tokens"}
    return Source(**{**known, **places, "id": id_, "positions": positions})
