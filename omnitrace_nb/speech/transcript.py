"""Transcripts: what was said when, and by whom; read from SRT, WebVTT, or JSON with words or segments."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnitrace_nb.errors import ContentError

_CUE = re.compile(
    r"(?P<t0>(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s*-->\s*(?P<t1>(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})[^\n]*\n"
    r"(?P<text>(?:(?!\s*\n\s*\n)[\s\S])*?)(?=\n[ \t]*\n|\n?\Z)"
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"<[^>]*>")
_SPEAKER = re.compile(r"^\s*([A-Z][\w .'-]{0,30}):\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*$")
_STARTS, _ENDS = ("start", "t0", "begin", "start_time"), ("end", "t1", "stop", "end_time")
_TEXTS = ("text", "word", "punctuated_word", "value")
_SPEAKERS = ("speaker", "speaker_id")
_LONGEST = 15.0  # seconds of words that end in no sign


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech: start and end in seconds, its text, its speaker ("" if unknown)."""

    t0: float
    t1: float
    text: str
    speaker: str = ""


def read_transcript(source: str | Path | Mapping[str, Any] | Sequence[Any]) -> tuple[Segment, ...]:
    r"""Read a transcript: the path or the text of an SRT, WebVTT or JSON file, or what JSON holds.

    JSON may be a list of segments or words, or hold one as "segments", "words" or "chunks"; each has "start" and "end"
    in seconds (or "timestamp": [start, end]) and "text" or "word", and may have a "speaker". Words are joined into
    sentences by their signs, and where the speaker changes.

    Raises:
        ContentError: a file that cannot be read, another format, or times that are missing, negative or in disorder.

    Example:
        >>> read_transcript("1\n00:00:01,000 --> 00:00:02,500\nHello.\n")
        (Segment(t0=1.0, t1=2.5, text='Hello.', speaker=''),)
    """
    given: Any = _text(source) if isinstance(source, (str, Path)) else source
    if isinstance(given, str):
        if given.lstrip("\ufeff \n\r\t")[:1] in {"{", "["}:
            try:
                given = json.loads(given.lstrip("\ufeff"))
            except json.JSONDecodeError as error:
                raise ContentError(f"the transcript begins like JSON but is not: {error}") from error
        else:
            return _checked(_cues(given))
    rows, words = _rows(given)
    segments = [_segment(row, number) for number, row in enumerate(rows, 1)]
    return _checked(_sentences(segments) if words else segments)


def _text(source: str | Path) -> str:
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] in {"{", "["}):
        return source
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ContentError(
            f"the transcript {str(source)!r} cannot be read: {error}; give an SRT, WebVTT or JSON file"
        ) from error


def _cues(text: str) -> list[Segment]:
    found = []
    for cue in _CUE.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        said = cue["text"]
        voice = _VOICE.search(said)
        line = " ".join(_TAG.sub("", said).split())
        named = None if voice else _SPEAKER.match(line)
        speaker = voice[1].strip() if voice else named[1] if named else ""
        if line:
            found.append(
                Segment(_seconds(cue["t0"]), _seconds(cue["t1"]), line[named.end() if named else 0 :], speaker)
            )
    if not found:
        raise ContentError(
            "no cue was found: expected lines such as '00:00:01,000 --> 00:00:02,500' (SRT, WebVTT), or JSON"
        )
    return found


def _seconds(stamp: str) -> float:
    *hours, minutes, seconds = stamp.replace(",", ".").split(":")
    return 3600 * int(hours[0] if hours else 0) + 60 * int(minutes) + float(seconds)


def _rows(given: Any) -> tuple[Sequence[Any], bool]:  # noqa: ANN401 - whatever JSON holds
    """Give the rows, and whether they are single words."""
    if isinstance(given, Mapping):
        for name in ("segments", "chunks", "words", "tokens"):
            if isinstance(given.get(name), list) and given[name]:
                return given[name], name in {"words", "tokens"} or _are_words(given[name])
        raise ContentError(f"the transcript holds {sorted(given)}; expected 'segments', 'chunks' or 'words'")
    if isinstance(given, Sequence) and given:
        return given, _are_words(given)
    raise ContentError("the transcript is empty")


def _are_words(rows: Sequence[Any]) -> bool:
    texts = [str(_first(row, _TEXTS) or "") for row in rows if isinstance(row, Mapping)]
    return bool(texts) and all(len(text.split()) <= 1 for text in texts)


def _segment(row: Any, number: int) -> Segment:  # noqa: ANN401 - whatever JSON holds
    if isinstance(row, Segment):
        return row
    if not isinstance(row, Mapping):
        raise ContentError(f"entry {number} of the transcript is {row!r}; expected start, end and text")
    times = row.get("timestamp") or (_first(row, _STARTS), _first(row, _ENDS))
    text, speaker = _first(row, _TEXTS), _first(row, _SPEAKERS)
    try:
        t0, t1 = (float(time) for time in times)
    except (TypeError, ValueError) as error:
        raise ContentError(f"entry {number} of the transcript ({text!r}) has no start and end in seconds") from error
    return Segment(t0, t1, str(text or "").strip(), "" if speaker is None else str(speaker))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    return next((row[name] for name in names if row.get(name) is not None), None)


def _sentences(words: Sequence[Segment]) -> list[Segment]:
    """Join words up to a closing sign, a change of speaker, or a length."""
    found: list[Segment] = []
    held: list[Segment] = []

    def close() -> None:
        if held:
            text = " ".join(word.text for word in held if word.text)
            found.append(Segment(held[0].t0, held[-1].t1, text, held[0].speaker))
            held.clear()

    for word in words:
        if held and (word.speaker != held[0].speaker or word.t1 - held[0].t0 > _LONGEST):
            close()
        held.append(word)
        if _SENTENCE_END.search(word.text):
            close()
    close()
    return found


def _checked(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Put segments in order of time; `ContentError` for times that cannot be."""
    for number, each in enumerate(segments, 1):
        if not (math.isfinite(each.t0) and math.isfinite(each.t1)) or each.t0 < 0 or each.t1 < each.t0:
            raise ContentError(
                f"entry {number} of the transcript ({each.text!r}) lasts from {each.t0:g} to {each.t1:g} s; expected "
                "0 <= start <= end"
            )
    spoken = [each for each in segments if each.text and each.t1 > each.t0]
    if not spoken:
        raise ContentError("the transcript has no words")
    return tuple(sorted(spoken, key=lambda each: (each.t0, each.t1)))
