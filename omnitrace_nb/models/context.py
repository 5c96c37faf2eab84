"""A prompt beyond a model's context: what takes the room, part by part, and what to lower by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from omnitrace_nb.content.labels import labels
from omnitrace_nb.layout import AUDIO
from omnitrace_nb.media.loaded import Film, Picture, Sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.media.loaded import LoadedPart

ANSWER, ANSWER_SHARE = 256, 0.1  # positions, or a share of them, left for a response where a smaller prompt is proposed
LITTLE = 0.05  # of what is lowered already: not worth lowering too
APART = 3  # of so many parts of a kind each is named; more are counted together
PLURALS = {"text": "texts", "image": "pictures", "audio": "sounds", "video": "films"}


def too_long(positions: int, limit: float, layout: Layout, parts: Sequence[LoadedPart]) -> str:
    """Say in a paragraph why a prompt does not fit, and what of it to lower so that it would.

    Args:
        positions: how far the prompt reaches.
        limit: how many positions the model has, those of the response included.
        layout: of the prompt.
        parts: of the prompt, decoded.
    """
    shares = _shares(layout, parts)
    template = int((layout.part < 0).sum())
    counts = [
        *(f"{one.name} take{'s' * (len(one.own) == 1)} {one.count:,}{one.detail}" for one in shares),
        f"and the chat template {template:,}",
    ]
    reach = "" if positions == len(layout) else f" (in {len(layout):,} tokens)"
    return (
        f"The prompt takes {positions:,} positions{reach}, but this model reads at most {limit:,}, the response "
        f"included. Of its tokens, {', '.join(counts)}. {_advice(shares, positions, limit, len(layout))}"
    )


def too_long_to_hear(fewest: int, limit: float, parts: Sequence[LoadedPart], rate: float) -> str:
    """Say why a prompt's sounds cannot fit, and how much of them would; `fewest`: positions that they take at least."""
    names = labels([loaded.part for loaded in parts])
    tracks = [(name, sound_of(loaded.content)) for name, loaded in zip(names, parts, strict=True)]
    heard = [(name, track.duration) for name, track in tracks if track is not None]
    seconds = sum(duration for _, duration in heard)
    each = ", ".join(f"{name} ({_number(duration)} s)" for name, duration in heard)
    film = any(isinstance(loaded.content, Film) and loaded.content.sound for loaded in parts)
    return (
        f"The prompt takes {fewest:,} positions or more for its sound alone, but this model reads at most {limit:,}, "
        f"the response included. It was not processed. {each}: about "
        f"{_number(max(0.0, limit - min(ANSWER, limit * ANSWER_SHARE)) / rate)} of {_number(seconds)} s fit "
        f"(start=..., end=...{', or sound=False for a film' if film else ''})."
    )


def sound_of(content: object) -> Sound | None:
    """Give a sound, or a film's sound track."""
    return content if isinstance(content, Sound) else content.sound if isinstance(content, Film) else None


@dataclass(frozen=True)
class _Share:
    """What one part takes, or all parts of a kind together."""

    name: str
    count: int
    kind: str
    own: Sequence[LoadedPart]
    detail: str = ""


def _shares(layout: Layout, parts: Sequence[LoadedPart]) -> list[_Share]:
    names = labels([loaded.part for loaded in parts])
    each = [
        _Share(name, len(layout.positions(loaded.index)), loaded.kind, [loaded], _detail(loaded, layout))
        for name, loaded in zip(names, parts, strict=True)
    ]
    shares: list[_Share] = []
    for kind, group in groupby(sorted(each, key=lambda one: one.kind), key=lambda one: one.kind):
        alike = list(group)
        if len(alike) <= APART:
            shares += alike
            continue
        low, high = min(one.count for one in alike), max(one.count for one in alike)
        detail = f" ({low:,} each)" if low == high else f" ({low:,} to {high:,} each)"
        own = [loaded for one in alike for loaded in one.own]
        shares.append(_Share(f"{len(alike)} {PLURALS[kind]}", sum(one.count for one in alike), kind, own, detail))
    return sorted(shares, key=lambda one: -one.count)


def _detail(loaded: LoadedPart, layout: Layout) -> str:
    content = loaded.content
    if isinstance(content, Sound):
        return f" ({_number(content.duration)} s)"
    if not isinstance(content, Film):
        return ""
    heard = len(layout.positions(loaded.index, AUDIO))
    sound = f", and {heard:,} of them for its sound" if heard else ""
    return f" ({len(content.frames):,} frames, {_number(content.fps)} a second{sound})"


def _advice(shares: Sequence[_Share], positions: int, limit: float, tokens: int) -> str:
    """Propose to lower the fewest parts, none of which would have to lose more than half if that is enough."""
    # Where tokens share positions (pictures, with rotary positions of three axes), so many more must go.
    over = math.ceil((positions - limit + min(ANSWER, limit * ANSWER_SHARE)) * max(1.0, tokens / positions))
    most, lowered = 0, []
    for one in shares:
        if most >= 2 * over or (most > over and one.count < most * LITTLE):
            break
        most += one.count
        lowered.append(one)
    if over >= most:
        return "It would not fit without its longest parts either: load a model that reads more."
    keep = (most - over) / most
    steps = "; ".join(f"{one.name}: {_step(one, keep, timed=positions > tokens)}" for one in lowered)
    return f"To make it fit, lower {steps}."


def _step(share: _Share, keep: float, *, timed: bool) -> str:
    """Say how to lower a part; `timed`: the model's positions go by a film's seconds, not by its frames alone."""
    contents = [loaded.content for loaded in share.own]
    if share.kind == "text":
        length = sum(len(content) for content in contents if isinstance(content, str))
        return f"about {math.floor(length * keep):,} of {length:,} characters fit"
    if share.kind == "audio":
        seconds = sum(content.duration for content in contents if isinstance(content, Sound))
        return f"about {_number(seconds * keep)} of {_number(seconds)} s fit (start=..., end=...)"
    if share.kind == "image":
        pixels = [content.pixels.shape for content in contents if isinstance(content, Picture)]
        most = max(height * width for height, width, _ in pixels)
        return f"a smaller max_pixels (the largest has {most:,} pixels now; {keep:.0%} of their positions fit)"
    films = [content for content in contents if isinstance(content, Film)]
    if timed:
        seconds = sum(film.duration for film in films)
        return (
            f"about {_number(seconds * keep)} of {_number(seconds)} s fit (start=..., end=...); this model counts a "
            "film by its seconds, so that fewer frames may not help"
        )
    fps, frames = max(film.fps for film in films), max(len(film.frames) for film in films)
    heard = any(film.sound is not None for film in films)
    return (
        f"about {keep:.0%} of it fits, as by fps={_number(fps * keep)}, max_frames={max(1, math.floor(frames * keep))},"
        f" a smaller max_pixels{', sound=False' if heard else ''}, or a part of it (start=..., end=...)"
    )


def _number(value: float) -> str:
    """Write a number with three digits, rounded down, as people would type it."""
    if not value:
        return "0"
    digits = 2 - math.floor(math.log10(value))
    rounded = math.floor(value * 10**digits + 1e-6) / 10**digits
    return f"{rounded:,.{max(digits, 0)}f}".rstrip("0").rstrip(".") if digits > 0 else f"{math.floor(value):,}"
