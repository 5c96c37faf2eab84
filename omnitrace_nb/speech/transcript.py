"""Transcripts: what was said when, and by whom; read from SRT, WebVTT, or JSON with words or segments."""

from __future__ import annotations

import itertools
import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnitrace_nb.errors import ContentError
from omnitrace_nb.language import marks
from omnitrace_nb.quoting import quoted

# Each of these is tried in time linear in the text: no two of their repeats can share a character.
_ARROW = re.compile(r"--?>")
_COLON = re.compile(r"\d:\d")
_STAMP = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{2}(?:[.,]\d{1,3})?)")
_COMMENT = re.compile(r"\s*(?:NOTE|STYLE|REGION)(?:\s|$)")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?\s++([^<>]++)>")
_TAG = re.compile(r"<[^<>]*+>")
_SPEAKER = re.compile(r"^\s*([A-Z][\w .'-]{0,30}):\s+(?=\S)")
_STARTS, _ENDS = ("start", "t0", "begin", "start_time"), ("end", "t1", "stop", "end_time")
_TEXTS = ("text", "word", "punctuated_word", "value")
_SPEAKERS = ("speaker", "speaker_id")
_LONGEST = 15.0  # seconds of words that end in no sign
_MOST = 1_000_000  # entries
_BLANK = "\ufeff \n\r\t"
_TOLD = 3  # entries that a warning names


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech: start and end in seconds, its text, its speaker ("" if unknown)."""

    t0: float
    t1: float
    text: str
    speaker: str = ""


Wrong = list[tuple[Any, ContentError]]


def read_transcript(source: str | Path | Mapping[str, Any] | Sequence[Any]) -> tuple[Segment, ...]:
    r"""Read a transcript: the path or the text of an SRT, WebVTT or JSON file, or what JSON holds.

    JSON may be a list of segments or words, or hold one as "segments", "words" or "chunks"; each has "start" and "end"
    in seconds (or "timestamp": [start, end]) and "text" or "word", and may have a "speaker". Words are joined into
    sentences by their signs, and where the speaker changes. An entry that cannot be read among others (times that are
    missing, negative or in disorder) is left out, with a warning that names it.

    Raises:
        ContentError: a file that cannot be read, another format, or no entry that can be read.

    Example:
        >>> read_transcript("1\n00:00:01,000 --> 00:00:02,500\nHello.\n")
        (Segment(t0=1.0, t1=2.5, text='Hello.', speaker=''),)
    """
    found, wrong = entries(source)
    if wrong:
        told = "; ".join(str(error) for _, error in wrong[:_TOLD])
        more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        warnings.warn(f"left out of the transcript: {told}{more}", RuntimeWarning, stacklevel=2)
    return found


def entries(source: Any) -> tuple[tuple[Segment, ...], Wrong]:  # noqa: ANN401 - see `read_transcript`
    """Give the segments of a transcript in order of time, and each entry that cannot be read with what is wrong.

    Raises:
        ContentError: as `read_transcript`.
    """
    given: Any = _text(source) if isinstance(source, (str, Path)) else source
    if isinstance(given, str) and given.lstrip(_BLANK)[:1] in {"{", "["}:
        try:
            given = json.loads(given.lstrip("\ufeff"))
        except ValueError as error:  # of numbers of thousands of digits too
            raise ContentError(f"the transcript begins like JSON but is not: {error}") from error
        except RecursionError as error:
            raise ContentError(
                "the transcript begins like JSON, but its brackets are nested too deeply to be read; give a list of "
                "segments or words"
            ) from error
    rows, words = (_cues(given), False) if isinstance(given, str) else _rows(given)
    segments, wrong = usable(rows)
    spoken = [each for each in (sentences(segments) if words else segments) if each.text]
    wrong += [(each, _lasting(each)) for each in spoken if each.t1 == each.t0]
    spoken = [each for each in spoken if each.t1 > each.t0]
    if not spoken:
        raise wrong[0][1] if wrong else ContentError("the transcript has no words")
    return tuple(sorted(spoken, key=lambda each: (each.t0, each.t1))), wrong


def usable(rows: Sequence[Any]) -> tuple[list[Segment], Wrong]:
    """Give the entries that are segments within time, and each of the others with what is wrong with it."""
    found: list[Segment] = []
    wrong: Wrong = []
    for number, row in enumerate(_listed(rows), 1):
        try:
            segment = _segment(row, number)
        except ContentError as error:
            wrong.append((row, error))
            continue
        if not 0 <= segment.t0 <= segment.t1 < math.inf:
            wrong.append((row, _lasting(segment, f"entry {number}")))
        else:
            found.append(segment)
    return found, wrong


def sentences(pieces: Sequence[Segment]) -> list[Segment]:
    """Join words or cues up to a closing sign, a change of speaker, or a length."""
    found: list[Segment] = []
    held: list[Segment] = []

    def close() -> None:
        if held:
            text = " ".join(each.text for each in held if each.text)
            found.append(Segment(held[0].t0, max(each.t1 for each in held), text, held[0].speaker))
            held.clear()

    for each in pieces:
        if held and (each.speaker != held[0].speaker or each.t1 - held[0].t0 > _LONGEST):
            close()
        held.append(each)
        if closes(each.text):
            close()
    close()
    return found


def closes(text: str) -> bool:
    """Say whether a text ends with the sign of a sentence's end, closed quotes and brackets aside."""
    return marks.ends(text)


def _text(source: str | Path) -> str:
    if isinstance(source, str) and ("\n" in source or "\r" in source or source.lstrip()[:1] in {"{", "["}):
        return source
    if isinstance(source, str) and not source.strip():
        raise ContentError("the transcript is empty")
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ContentError(
            f"the transcript {quoted(str(source))} cannot be read: {why}; give an SRT, WebVTT or JSON file"
        ) from error


def _cues(text: str) -> list[Any]:
    """Give the cues of subtitles: as segments, or as mappings where their times cannot be read."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    timings = {at: timing for at, line in enumerate(lines) if (timing := _timing(line))}
    starts = list(timings)
    if not starts:
        raise ContentError(
            "no cue was found: expected lines such as '00:00:01,000 --> 00:00:02,500' (SRT, WebVTT), or JSON"
        )
    found: list[Any] = []
    for at, following in zip(starts, [*starts[1:], len(lines)], strict=True):
        said = _said(lines[at + 1 : following], last=following == len(lines))
        cue = _cue(said, *timings[at])
        found += [cue] if cue else []
    return found


def _timing(line: str) -> tuple[str, str] | None:
    """Give the two stamps of a cue's line, as they are written; None for another line."""
    arrow = _ARROW.search(line)
    if arrow is None:
        return None
    before, after = line[: arrow.start()].split(), line[arrow.end() :].split(maxsplit=1)
    stamps = len(before) == 1 and after and _COLON.search(before[0]) and _COLON.search(after[0])
    return (before[0], after[0]) if stamps else None


def _said(lines: list[str], *, last: bool) -> str:
    """Give what belongs to a cue of the lines up to the next one: not that one's number or name, and no comments."""
    behind = any(not line.strip() for line in lines)  # a blank line, behind which a name may stand
    if not last and lines and lines[-1].strip() and (behind or lines[-1].strip().isdigit()):
        lines = lines[:-1]
    blocks = re.split(r"\n[ \t]*\n", "\n".join(lines).strip("\n"))
    return "\n".join(block for block in blocks if not _COMMENT.match(block))


def _cue(said: str, first: str, second: str) -> Segment | dict[str, Any] | None:
    voice = _VOICE.search(said)
    line = " ".join(_TAG.sub("", said).split())
    named = None if voice else _SPEAKER.match(line)
    speaker = voice[1].strip() if voice else named[1] if named else ""
    words = line[named.end() if named else 0 :]
    t0, t1 = _seconds(first), _seconds(second)
    if not words:
        return None
    return {"text": words} if t0 is None or t1 is None else Segment(t0, t1, words, speaker)


def _seconds(stamp: str) -> float | None:
    read = _STAMP.fullmatch(stamp)
    if read is None:
        return None
    hours, minutes, seconds = read.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))


def _rows(given: Any) -> tuple[list[Any], bool]:  # noqa: ANN401 - whatever JSON holds
    """Give the rows, and whether they are single words."""
    if isinstance(given, Mapping):
        for name in ("segments", "chunks", "words", "tokens"):
            if isinstance(given.get(name), list) and given[name]:
                return given[name], name in {"words", "tokens"} or _are_words(given[name])
        raise ContentError(
            f"the transcript holds {quoted(sorted(map(str, given)))}; expected 'segments', 'chunks' or 'words'"
        )
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes, bytearray)):
        raise ContentError(
            f"the transcript is {quoted(given)}; expected the path or text of an SRT, WebVTT or JSON file, or a list"
        )
    if not given:
        raise ContentError("the transcript is empty")
    rows = _listed(given)
    return rows, _are_words(rows)


def _listed(rows: Iterable[Any]) -> list[Any]:
    found = list(itertools.islice(rows, _MOST + 1))
    if len(found) > _MOST:
        raise ContentError(f"the transcript has more than {_MOST:,} entries; give the segments or words of one sound")
    return found


def _are_words(rows: Sequence[Any]) -> bool:
    texts = [text if isinstance(text := _first(row, _TEXTS), str) else "" for row in rows if isinstance(row, Mapping)]
    return bool(texts) and all(len(text.split(maxsplit=1)) <= 1 for text in texts)


def _segment(row: Any, number: int) -> Segment:  # noqa: ANN401 - whatever JSON holds
    times: Sequence[Any]
    if isinstance(row, Segment):
        times, text, speaker = (row.t0, row.t1), row.text, row.speaker
    elif isinstance(row, Mapping):
        stamp = row.get("timestamp")
        times = stamp if isinstance(stamp, (list, tuple)) and stamp else (_first(row, _STARTS), _first(row, _ENDS))
        text, speaker = _first(row, _TEXTS), _first(row, _SPEAKERS)
    else:
        raise ContentError(f"entry {number} of the transcript is {quoted(row)}; expected start, end and text")
    try:
        t0, t1 = (_second(time) for time in times)
        return Segment(t0, t1, _plain(text), _plain(speaker))
    except (TypeError, ValueError, OverflowError) as error:
        raise ContentError(
            f"entry {number} of the transcript ({quoted(text)}) has no start and end in seconds"
        ) from error


def _second(time: Any) -> float:  # noqa: ANN401 - whatever JSON holds
    if getattr(time, "ndim", 0):
        raise TypeError("an array is no time")
    return float(time)


def _plain(words: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if words is None or isinstance(words, str):
        return (words or "").strip()
    return str(words) if isinstance(words, (int, float)) else quoted(words)


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    return next((row[name] for name in names if row.get(name) is not None), None)


def _lasting(each: Segment, name: str = "an entry") -> ContentError:
    return ContentError(
        f"{name} of the transcript ({quoted(each.text)}) lasts from {each.t0:g} to {each.t1:g} s; expected 0 <= start "
        "< end"
    )
