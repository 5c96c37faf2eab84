"""Cuts that follow from the content of a part: superpixels, shots, and functions that a user gives.

A function is called with a part's content and gives pieces of it, as `SourceOptions` takes them:

| of | it is given | it gives |
| --- | --- | --- |
| text | the text, a `str` | spans, or strings that occur in it |
| a picture | the pixels, `uint8 [height, width, 3]` | boxes, masks, a map of regions, a detector's output |
| a sound, a film's sound | samples, `float32 [n]`, and sampling rate, Hz | intervals, or segments of speech |
| a film's frames | frames, `uint8 [n, height, width, 3]`, and their times, seconds | intervals |

Seconds and pixels are those of what is given: of a stretch of a sound or film from its beginning, of a large picture as
it was decoded. Pixels and samples are copies; frames are not, and cannot be written to. A function that fails, or whose
pieces are all unusable, does not end the run: the part is cut as by default, and its record says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omnitrace_nb.sources.detections import Parcels
from omnitrace_nb.sources.given import Interval, Region, readable
from omnitrace_nb.sources.shots import shots
from omnitrace_nb.sources.superpixels import superpixels
from omnitrace_nb.sources.ways import DEFAULTS, Shots, Superpixels, check_parts, chosen, leading

if TYPE_CHECKING:
    from omnitrace_nb.sources.given import Own, Piece
    from omnitrace_nb.sources.options import SourceOptions
    from omnitrace_nb.trace.records import PartRecord

Content = Callable[["PartRecord"], Any]  # the text of a part, or its decoded media
Found = Mapping[tuple[int, str], "Own | None"]  # by part and track; None: cut as by default


def resolve(
    options: SourceOptions, records: Sequence[PartRecord], content: Content
) -> tuple[Found, tuple[PartRecord, ...]]:
    """Work out the pieces of all parts whose cut follows from their content.

    Args:
        options: how to cut.
        records: the parts.
        content: gives a part's content; called only for parts that need it.

    Returns:
        the pieces by part and track, and the records with a note where a function failed.

    Raises:
        SettingsError: own pieces of a part that is not there, or a package that is not installed.
    """
    check_parts(options, records)
    found: dict[tuple[int, str], Own | None] = {}
    noted = []
    for record in records:
        notes: list[str] = []
        for track in options.tracks(record.kind):
            led = leading(options, record, records, track)
            way = chosen(options, record, records, led)
            if (record.index, led) not in found and (isinstance(way, (Superpixels, Shots)) or callable(way)):
                found[record.index, led], said = _worked_out(way, content(record), record, led)
                notes += said
            if (record.index, led) in found:
                found[record.index, track] = found[record.index, led]
        noted.append(replace(record, note=" ".join(notes)))
    return found, tuple(noted)


def _worked_out(way: Any, content: Any, record: PartRecord, track: str) -> tuple[Own | None, list[str]]:  # noqa: ANN401
    """Give the pieces of a part, None for the default, and what a reader should know."""
    if isinstance(way, Superpixels):
        return superpixels(content.pixels, way), []
    if isinstance(way, Shots):
        found = shots(content.frames, content.times, content.duration, way)
        return _original(list(found), content, record), []
    if track == "audio" and getattr(content, "sound", content) is None:
        return None, []  # a film without sound
    name = str(getattr(way, "__name__", type(way).__name__))
    pieces: Own = []
    try:
        given = way(*_arguments(content, track))
        pieces, wrong = readable(given, _as_given(content, record), track) if _some(given) else ([], [])
        pieces = _original(pieces, content, record)
        said = f"gave nothing that can be used: {str(wrong[0]).rstrip('.')}" if wrong else "found nothing"
    except Exception as error:  # noqa: BLE001 (of a user's function: told)
        said, wrong = f"failed ({_words(error)})", []
    if isinstance(pieces, list) and not pieces:
        return None, [f"{record.label}: {name} {said}; the part is cut as by default ({DEFAULTS[track]})."]
    if wrong and isinstance(pieces, list):
        count = len(pieces) + len(wrong)
        return pieces, [f"{record.label}: {len(wrong)} of the {count} pieces by {name} are left out: {wrong[0]}"]
    return pieces, []


def _as_given(content: Any, record: PartRecord) -> PartRecord:  # noqa: ANN401
    """Give the record of a part as a function has seen it: decoded smaller, or a stretch of it alone."""
    if record.kind == "text":
        return record
    if record.kind == "image":
        return replace(record, size=(content.pixels.shape[1], content.pixels.shape[0]))
    return replace(record, duration=content.duration)


def _original(pieces: Own, content: Any, record: PartRecord) -> Own:  # noqa: ANN401
    """Give regions in pixels and intervals in seconds of the original; maps and masks stay of the size seen."""
    if isinstance(pieces, Parcels):
        return pieces
    found: list[Piece] = []
    for each in pieces:
        if isinstance(each, Region) and record.size:
            x, y = record.size[0] / content.pixels.shape[1], record.size[1] / content.pixels.shape[0]
            left, top, right, bottom = each.box
            found.append(replace(each, box=(left * x, top * y, right * x, bottom * y)))
        elif isinstance(each, Interval):
            found.append(replace(each, t0=each.t0 + content.start, t1=each.t1 + content.start))
        else:
            found.append(each)
    return found


def _some(given: Any) -> bool:  # noqa: ANN401 - whatever a function gives
    return given is not None and (not hasattr(given, "__len__") or len(given) > 0)


def _arguments(content: Any, track: str) -> tuple[Any, ...]:  # noqa: ANN401
    match track:
        case "text":
            return (content,)
        case "image":
            return (content.pixels.copy(),)
        case "audio":
            sound = getattr(content, "sound", content)
            return sound.samples.copy(), sound.sampling_rate
    frames = content.frames.view()
    frames.flags.writeable = False
    return frames, content.times.copy()


def _words(error: Exception) -> str:
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    made = isinstance(error, TypeError) and "positional argument" in said
    return f"{said}; what makes a function is called first, such as pocketsphinx()" if made else said
