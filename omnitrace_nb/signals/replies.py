"""What a model is asked about its own statements, and its reply, read strictly (OmniTrace, appendix B.1).

The paper has one request for texts and pictures, which are named by their ids, and one for a sound or a film, of which
spans in seconds are asked for. A prompt here may hold all of them, so the request asks for the fields that it needs.
The meaning and the form of the reply are the paper's, the words are ours. With several sounds (or films) a span says
first which one it is in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.trace.records import PartRecord, Source

BY_ID = {"text_source": "text", "image_source": "image"}
BY_TIME = {"audio_source": "audio", "video_source": "video"}
_WORDS = {"audio": "sound", "video": "film"}
# Spans are asked for in whole seconds: the last may end where the recording's last second would.
_ROUNDING = 1.0

_TASK = """\
Say where an answer comes from. Everything above is the material; below stands the answer that was given to it, cut \
into sentences, each with its index. For EVERY sentence decide what in the material supports it:"""

_FORM = """\
Reply with a JSON array of exactly {count} objects, in the order of the sentences, each exactly of the form
{form}
Valid JSON on one line and nothing else: no other keys, no explanation, no markdown. The reply starts with [ and ends \
with ]."""

_RULES = """\
Rules:
- Name a source only if the sentence cannot be justified without it. If several are needed, name all of them.
- A sentence about something seen needs its image; one about something heard or filmed, its span.
- A sentence that no source directly supports gets empty lists.
- The request that the answer responds to is no evidence, unless the sentence is about that request.
- Judge every sentence by itself; never join the evidence of two.
- Ids are integers from the lists below, in ascending order, each once. Never invent one.
- Spans are in seconds, rounded to 1 s, start before end, sorted by start, and as short as the evidence allows: never \
the whole recording unless all of it is needed."""


def asked(statements: Sequence[str], sources: Sequence[Source], records: Sequence[PartRecord]) -> str:
    """Give the request that follows the prompt: the task, the rules, the reply's form, the answer and the sources."""
    fields, lists = [], []
    for name, kind in BY_ID.items():
        own = [source for source in sources if source.modality == kind]
        if own:
            fields.append((name, "[id, ...]", f"the ids of the {kind} sources that directly support the sentence"))
            lines = [f"[{source.id}] {_shown(source, records)}" for source in own]
            lists.append(f"{kind.capitalize()} sources (format: [id] {kind}):\n" + "\n".join(lines))
    for name, kind in BY_TIME.items():
        own_parts = _recordings(kind, records)
        if own_parts:
            several = f"[{_WORDS[kind]}, start, end]" if len(own_parts) > 1 else "[start, end]"
            fields.append(
                (name, f"[{several}, ...]", f"spans of the {_WORDS[kind]} that directly support the sentence")
            )
            lines = [f"[{number}] {part.duration or 0:.1f} s" for number, part in enumerate(own_parts, 1)]
            lists.append(f"{_WORDS[kind].capitalize()}s (format: [{_WORDS[kind]}] length):\n" + "\n".join(lines))
    form = "{" + ", ".join(f'"{name}": {example}' for name, example, _ in fields) + "}"
    answer = "Answer (format: [index] sentence):\n" + "\n".join(f"[{i}] {text}" for i, text in enumerate(statements))
    task = "\n".join([_TASK, *(f'- "{name}": {meaning}' for name, _, meaning in fields)])
    return "\n\n".join([task, _RULES, _FORM.format(count=len(statements), form=form), answer, *lists])


def read_reply(
    reply: str, statements: int, sources: Sequence[Source], records: Sequence[PartRecord]
) -> tuple[np.ndarray, dict[int, str]]:
    """Read a reply strictly.

    Returns:
        What was chosen, `[C, S]` of 0 and 1, and what is wrong: index of the statement -> problem, -1 for the reply as
        a whole. A statement with a problem has chosen nothing. A span chooses each bin that it overlaps, of a film
        those of its frames and of its sound.
    """
    chosen = np.zeros((statements, len(sources)))
    try:
        entries = json.loads(reply, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        return chosen, {-1: f"the reply is no JSON ({error})"}
    if not isinstance(entries, list) or len(entries) != statements:
        return chosen, {-1: f"the reply is no JSON array of {statements} objects"}
    bad = {}
    for statement, entry in enumerate(entries):
        try:
            chosen[statement, sorted(_named(entry, sources, records))] = 1
        except ValueError as error:
            bad[statement] = str(error)
    return chosen, bad


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _named(entry: object, sources: Sequence[Source], records: Sequence[PartRecord]) -> set[int]:
    """Give the sources that one object names; `ValueError` says how it breaks the form."""
    kinds = {source.modality for source in sources}
    wanted = [name for name, kind in BY_ID.items() if kind in kinds]
    wanted += [name for name, kind in BY_TIME.items() if _recordings(kind, records)]
    if not isinstance(entry, dict) or set(entry) != set(wanted):
        raise ValueError(f"expected an object with exactly the keys {', '.join(wanted)}")
    lists: Mapping[str, Any] = entry
    if wrong := [name for name in wanted if not isinstance(lists[name], list)]:
        raise ValueError(f"{wrong[0]} is no list")
    found: set[int] = set()
    for name in wanted:
        if name in BY_ID:
            found |= _by_id(name, lists[name], {s.id for s in sources if s.modality == BY_ID[name]})
        else:
            found |= _by_time(name, lists[name], sources, _recordings(BY_TIME[name], records))
    return found


def _by_id(name: str, ids: list[object], there: set[int]) -> set[int]:
    found = [each for each in ids if isinstance(each, int) and not isinstance(each, bool)]
    if len(found) != len(ids) or not set(found) <= there:
        raise ValueError(f"{name} is {ids}: expected ids of the list that was given")
    if found != sorted(set(found)):
        raise ValueError(f"{name} is {ids}: expected ascending ids, each once")
    return set(found)


def _by_time(name: str, spans: list[object], sources: Sequence[Source], parts: Sequence[PartRecord]) -> set[int]:
    found: set[int] = set()
    read: list[tuple[float, ...]] = []
    for span in spans:
        numbers = _numbers(span)
        which, *times = numbers if len(parts) > 1 else (1.0, *numbers)
        if len(times) != 2 or which not in range(1, len(parts) + 1):  # noqa: PLR2004 - start and end
            expected = "[number, start, end]" if len(parts) > 1 else "[start, end]"
            raise ValueError(f"{name} has the span {span}: expected {expected}")
        start, end = times
        part = parts[int(which) - 1]
        if not 0 <= start < end <= (part.duration or 0.0) + _ROUNDING:
            raise ValueError(f"{name} has the span {span}: expected 0 <= start < end within {part.duration or 0:.1f} s")
        read.append((which, start, end))
        found |= {s.id for s in sources if s.part == part.index and s.time and s.time[0] < end and s.time[1] > start}
    if read != sorted(read):
        raise ValueError(f"{name} is {spans}: expected spans sorted by their start")
    return found


def _numbers(span: object) -> tuple[float, ...]:
    if not isinstance(span, list) or any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in span):
        return ()
    return tuple(float(each) for each in span)


def _recordings(kind: str, records: Sequence[PartRecord]) -> list[PartRecord]:
    return [record for record in records if record.kind == kind]


def _shown(source: Source, records: Sequence[PartRecord]) -> str:
    if source.modality != "text":
        return f"{source.label}: {source.words}" if source.words else source.label
    text = records[source.part].text or ""
    return text[slice(*source.chars)] if source.chars else text
