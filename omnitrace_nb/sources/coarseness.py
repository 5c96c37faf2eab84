"""Cuts that are finer than what the model sees: positions are whole, so a cell or bin without one cannot be credited.

A position goes whole to one cell of a grid or one bin of time, the one that holds its middle. Its mass is not shared
out among all that it overlaps: nobody knows which half of a patch the model looked at, and the rule that takes the
highest position, the excess over a baseline and every signal that ablates sources know positions alone. So the trace
says what is missing, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.layout import AUDIO, IMAGE, VIDEO
from omnitrace_nb.sources.detections import Parcels
from omnitrace_nb.sources.making import EDGE
from omnitrace_nb.sources.pictures import at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.sources.given import Interval
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord, Source

_WHOLE = "as a whole"  # how sources of positions without a place are called


def notes(
    layout: Layout,
    of: tuple[PartRecord, str],
    way: Any,  # noqa: ANN401 - as `building` reads it
    options: SourceOptions,
    sources: Sequence[Source],
) -> list[str]:
    """Say what of a part's track is missing among the sources that its cut gave; nothing where nothing is."""
    record, track = of
    if track == "image" and isinstance(way, Parcels):
        return _regions(layout, record, way, len([each for each in sources if not _is_whole(each)]))
    if track == "image" and isinstance(way, tuple):
        return _cells(layout, record, IMAGE, way, sources)
    if track not in {"audio", "video"}:
        return []
    modality = VIDEO if track == "video" else AUDIO
    pieces = way if isinstance(way, list) else None
    found = _times(layout, (record, modality), pieces, options.bin_seconds, sources)
    return [*found, *(_cells(layout, record, VIDEO, options.video_grid, sources) if track == "video" else ())]


def _cells(
    layout: Layout, record: PartRecord, modality: int, grid: tuple[int, int], sources: Sequence[Source]
) -> list[str]:
    boxes = layout.box[layout.positions(record.index, modality)].astype(np.float64)
    if grid == (1, 1) or not len(boxes):
        return []
    cells = f"{grid[0]} x {grid[1]} cells"
    if (whole := at_once(boxes, record.size)).all():
        return [f"{record.label}: the model does not say where in it its positions look, so that it has no {cells}."]
    there = len({each.box for each in sources if each.box is not None and not _is_whole(each)})
    if there >= grid[0] * grid[1]:
        return []
    patches, fits = _patches(boxes[~whole])
    told = "" if fits is None else f"; give {(min(grid[0], fits[0]), min(grid[1], fits[1]))} for all that it sees"
    seen = f"{record.label}: the model sees {patches}, so that {there} of {cells} hold the middle of one"
    return [f"{seen}, and the others are no sources{told}."]


def _regions(layout: Layout, record: PartRecord, way: Parcels, there: int) -> list[str]:
    boxes = layout.box[layout.positions(record.index, IMAGE)].astype(np.float64)
    count = len(set(np.unique(way.numbers).tolist()) & set(way.labels))
    if there >= count or not len(boxes):
        return []
    seen = f"{record.label}: the model sees {_patches(boxes)[0]}, so that {there} of {count} regions have most of one"
    return [f"{seen}, and the others are no sources."]


def _times(
    layout: Layout,
    of: tuple[PartRecord, int],
    pieces: Sequence[Interval] | None,
    seconds: float,
    sources: Sequence[Source],
) -> list[str]:
    record, modality = of
    spans = layout.time[layout.positions(record.index, modality)].astype(np.float64)
    if not len(spans) or any(each.label.endswith(_WHOLE) and each.box is None for each in sources):
        return []  # positions of which nobody knows their seconds, a source of their own
    longest = float((spans[:, 1] - spans[:, 0]).max())
    there = {each.time for each in sources}
    start, end = record.read or (0.0, float(record.duration or spans[:, 1].max()))
    if pieces is not None:
        count = len({(each.t0, each.t1) for each in pieces if each.t0 < end and each.t1 > start})
    elif longest > seconds + EDGE:
        count = int(np.ceil(end / seconds - EDGE)) - int(start / seconds + EDGE)
    else:
        return []  # what may be empty is the end of a last bin
    if len(there) >= count:
        return []
    whose = ("" if modality == VIDEO else " of its sound") if record.kind == "video" else ""
    kind = "intervals" if pieces is not None else f"bins of {seconds:g} s"
    held = f"so that {len(there)} of {count} {kind} hold the middle of one, and the others are no sources."
    return [f"{record.label}: a position{whose} stands for {longest:.2g} s, {held}"]


def _patches(boxes: np.ndarray) -> tuple[str, tuple[int, int] | None]:
    """Name the patches of a picture or film, and give their rows and columns if they lie in a grid."""
    rows, columns = (len(np.unique(boxes[:, at].round(1))) for at in (1, 0))
    count = len(np.unique(boxes.round(1), axis=0))
    return (f"{rows} x {columns} patches", (rows, columns)) if rows * columns == count else (f"{count} patches", None)


def _is_whole(source: Source) -> bool:
    return source.label.endswith(_WHOLE)
