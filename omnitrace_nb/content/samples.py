"""The paper's sample files: JSON or JSON lines, as the code released with it reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omnitrace_nb.content.check import check
from omnitrace_nb.content.files import open_path
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.messages import block_part
from omnitrace_nb.content.parts import Audio, Image, Part, Text, Video
from omnitrace_nb.errors import ContentError
from omnitrace_nb.quoting import quoted


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One entry of a sample file: its `id` (its number from 0 where it has none), its parts, and all it holds."""

    id: str | int
    parts: tuple[Part, ...]
    raw: dict[str, Any]


def read_samples(path: str | Path) -> list[Sample]:
    """Read a sample file: a JSON list of samples, one sample, or one sample a line.

    A relative media path is looked for in the working directory, then beside the file, then in each folder above it;
    media are opened only when a sample is traced, so that one missing file does not keep the others from being read.

    Raises:
        ContentError: the file is missing, is no JSON, or a sample cannot be read; the sample and the place are named.
    """
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fsdecode(path):
        raise ContentError(f"The sample file is {quoted(path)}, expected the path of a JSON file")
    path = Path(path).expanduser()
    with open_path(path, "The sample file") as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(f"{path.name} is no UTF-8 text (byte {error.start}): save it as UTF-8") from error
    entries = _entries(text, path.name)
    if len(entries) > LIMITS.samples:
        raise ContentError(f"{path.name} has {len(entries):,} samples, the limit is {LIMITS.samples:,}: split it")
    return [_sample(entry, place, path) for place, entry in enumerate(entries)]


def is_sample(content: Mapping[str, object]) -> bool:
    """Say whether a mapping is a sample rather than a message or a block."""
    return "question" in content or "prompt" in content


def sample_parts(sample: Mapping[str, object], name: str = "The sample") -> tuple[Part, ...]:
    """Give the parts of `{"prompt": ..., "question": [{"text": ...}, {"image": ...}, ...]}`, in the released order.

    The code released with the paper reads text and pictures as they stand, after the prompt; a sound or film it puts
    first, and the prompt with the question's text after it, as one text. A mixture that it does not read (pictures
    beside sound) stays in its own order.

    Raises:
        ContentError: a question that is no list of blocks, a prompt that is no text, or nothing at all.
    """
    prompt = "" if sample.get("prompt") is None else sample["prompt"]
    question = [] if sample.get("question") is None else sample["question"]
    if isinstance(question, str):
        question = [{"text": question}]
    if not isinstance(prompt, str) or not isinstance(question, (list, tuple)):
        raise ContentError(
            f'{name} has a "prompt" of {type(prompt).__name__} and a "question" of {type(question).__name__}; '
            'expected a str and a list of blocks such as {"image": "a.png"}'
        )
    parts: list[Part] = [Text(prompt)] if prompt else []
    for place, block in enumerate(question, 1):
        if not isinstance(block, Mapping):
            raise ContentError(f"{name}, block {place} is a {type(block).__name__}, expected a mapping")
        parts.append(block_part(block, "user", f"{name}, block {place}"))
    if not parts:
        raise ContentError(f'{name} has neither a "prompt" nor a "question"')
    return _released_order(tuple(parts))


def _released_order(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    temporal = tuple(part for part in parts if isinstance(part, (Audio, Video)))
    if not temporal or any(isinstance(part, Image) for part in parts):
        return parts
    text = "".join(part.text for part in parts if isinstance(part, Text))
    return (*temporal, Text(text)) if text else temporal


def _entries(text: str, name: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].lstrip().startswith("{"):  # noqa: PLR2004 - one line is no JSON lines
            raise ContentError(f"{name} is no JSON ({error})") from error
        return [_line(line, place, name) for place, line in lines]
    return content if isinstance(content, list) else [content]


def _line(line: str, place: int, name: str) -> Any:  # noqa: ANN401 - any JSON value; _sample looks at it
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ContentError(f"Line {place} of {name} is no JSON ({error})") from error


def _sample(entry: object, place: int, path: Path) -> Sample:
    name = f"Sample {place} of {path.name}"
    if not isinstance(entry, dict):
        raise ContentError(f'{name} is a {type(entry).__name__}, expected {{"prompt": ..., "question": [...]}}')
    identity = entry.get("id", place)
    if not isinstance(identity, (str, int)):
        raise ContentError(f"{name} has an id of {type(identity).__name__}, expected a str or int")
    name = f"{name} (id {identity})"
    parts = tuple(_located(part, path) for part in sample_parts(entry, name))
    try:
        check(parts)
    except ContentError as error:
        raise ContentError(f"{name}: {error}") from error
    return Sample(identity, parts, entry)


def _located(part: Part, path: Path) -> Part:
    if isinstance(part, Text) or not isinstance(part.source, str) or part.source.startswith(("data:", "file:")):
        return part
    if "://" in part.source or "\0" in part.source:
        return part
    given = Path(part.source).expanduser()
    folders = (Path.cwd(), *path.resolve().parents)
    places = [folder / given for folder in folders if (folder / given).is_file()]
    return replace(part, source=places[0] if places else path.resolve().parent / given)
