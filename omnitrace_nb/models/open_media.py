"""Media through a processor that transformers' `AutoProcessor` loads: one call for all media of a prompt, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.transformers_names import VideoMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.media.loaded import LoadedPart

MOST_NAMED = 5  # parts in a message
# The processors' own arguments, by kind of part.
ARGUMENTS = {"image": "images", "video": "videos", "audio": "audio"}


@dataclass(frozen=True, slots=True, eq=False)
class Medium:
    """A picture, sound or film of a prompt, as the processor returned it.

    Attributes:
        loaded: the part.
        number: its place among the prompt's media of its kind, from 0: an index into the processor's features.
        order: its place among the prompt's pictures and films together, from 0.
        features: all the tensors of the processor's call.
        ids: `int64 [m]`, the tokens that stand in its place.
        own: `bool [m]`, which of them hold its features; the others (row breaks, times) are nobody's.
    """

    loaded: LoadedPart
    number: int
    order: int
    features: Mapping[str, Any]
    ids: np.ndarray
    own: np.ndarray

    @property
    def positions(self) -> int:
        """Give the number of positions that hold its features, `k`."""
        return int(self.own.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where in its part each of a medium's `k` positions lies.

    Attributes:
        box: `float32 [k, 4]`, in pixels of the original picture or frame; None for a sound.
        time: `float32 [k, 2]`, in seconds of the original sound or film; None for a picture.
        grid: `(steps, rows, columns)` where the positions stand in such an order; None otherwise.
        nobody: `bool [k]`, positions that show nothing of the part, such as padding; None if there are none.
    """

    box: np.ndarray | None = None
    time: np.ndarray | None = None
    grid: tuple[int, int, int] | None = None
    nobody: np.ndarray | None = None


def whole(medium: Medium) -> Places:
    """Say that each position stands for the whole of its part: what is known of any processor."""
    content, k = medium.loaded.content, medium.positions
    box = time = None
    if isinstance(content, Picture | Film):
        height, width = content.pixels.shape[:2] if isinstance(content, Picture) else content.original_size[::-1]
        box = np.tile(np.array([0, 0, width, height], np.float32), (k, 1))
    if isinstance(content, Sound | Film):
        time = np.tile(np.array([0, content.duration], np.float32), (k, 1))
    return Places(box, time)


def process(processor: Any, text: str, media: Sequence[LoadedPart], settings: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - transformers ships no types
    """Call a processor on a text with a placeholder for each medium.

    Raises:
        ModelError: the processor refused the media.
    """
    given: dict[str, Any] = {}
    for loaded in media:
        given.setdefault(ARGUMENTS[loaded.kind], []).append(argument(loaded))
    plain = {"add_special_tokens": False, "padding": False}
    try:
        out = processor(
            text=[text],
            text_kwargs=plain,
            return_text_replacement_offsets=True,
            return_tensors="pt",
            **{**given, **settings},
        )
    except (ValueError, TypeError, RuntimeError, IndexError, KeyError, ZeroDivisionError) as error:
        raise ModelError(
            f"The model's processor refused the prompt with {_named(media) or 'text alone'}. It says: {error} "
            "Change the parts' number, size or length."
        ) from error
    return dict(out)


def replacements(out: dict[str, Any]) -> list[str]:
    """Take out of a processor's call what it puts in place of each medium; nothing where it does not say."""
    said = out.pop("text_replacement_offsets", None)
    # Of a text without media some processors make an empty tensor of it.
    return [each["replacement"] for each in said[0]] if said is not None and len(said) else []


def check_shown(loaded: LoadedPart, positions: int) -> None:
    """Refuse a medium of which the model sees or hears nothing, such as a sound of a few milliseconds."""
    if not positions:
        raise ModelError(
            f"The model's processor makes no position of {described(loaded)}, which is too short or too small for this "
            "model: give more of it, or leave it out."
        )


def film_settings(media: Sequence[LoadedPart]) -> dict[str, Any]:
    """Give what a video processor must know so that it neither samples frames again nor guesses their times."""
    films = [loaded.content for loaded in media if isinstance(loaded.content, Film)]
    if not films:
        return {}
    about = [
        VideoMetadata(
            total_num_frames=len(film.frames),
            fps=film.fps,
            width=film.frames.shape[2],
            height=film.frames.shape[1],
            duration=film.duration,
            frames_indices=list(range(len(film.frames))),
        )
        for film in films
    ]
    return {"videos_kwargs": {"do_sample_frames": False, "video_metadata": about}}


def sound_settings(media: Sequence[LoadedPart]) -> dict[str, Any]:
    """Give the sampling rate of a prompt's sounds, which extractors check against their own."""
    rates = {loaded.content.sampling_rate for loaded in media if isinstance(loaded.content, Sound)}
    return {"audio_kwargs": {"sampling_rate": rates.pop()}} if rates else {}


def argument(loaded: LoadedPart) -> Any:  # noqa: ANN401 - what the processor of its kind takes
    """Give a medium as processors take it: a PIL picture, frames `[n, 3, height, width]`, samples `[k]`."""
    content = loaded.content
    if isinstance(content, Picture):
        # A PIL picture leaves no doubt which axis is colour, whatever its size.
        return Image.fromarray(np.ascontiguousarray(content.pixels))
    if isinstance(content, Film):
        return torch.from_numpy(np.ascontiguousarray(content.frames)).permute(0, 3, 1, 2)
    if isinstance(content, Sound):
        return content.samples.astype(np.float32)
    raise TypeError(f"part {loaded.index + 1} is a {loaded.kind}")


def _named(media: Sequence[LoadedPart]) -> str:
    more = len(media) - MOST_NAMED
    return ", ".join(map(described, media[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def described(loaded: LoadedPart) -> str:
    """Name a part with its size or length, for a message: "image (part 2, 640 x 480 pixels)"."""
    content, size = loaded.content, ""
    if isinstance(content, Picture):
        size = f", {content.pixels.shape[1]} x {content.pixels.shape[0]} pixels"
    if isinstance(content, Film):
        count, height, width, _ = content.frames.shape
        size = f", {count} frames of {width} x {height} pixels"
    if isinstance(content, Sound):
        size = f", {content.duration:.3g} s"
    return f"{loaded.kind} (part {loaded.index + 1}{size})"
