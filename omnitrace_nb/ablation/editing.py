"""Sources taken out of the content itself: sentences deleted, places blurred, seconds muted or frozen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.media.sampling import as_decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.trace.records import Source


def edited(parts: Sequence[LoadedPart], gone: Sequence[Source]) -> list[LoadedPart]:
    """Give a prompt's parts without some sources; the parts given stay as they are.

    A sentence is deleted with the white space after it. A picture or region is blurred by a Gaussian of half its
    longer side, so that its own mean colour remains. A sound's seconds become silence. A film's seconds show the last
    frame before them that is kept (else the first after them, else the mean of all frames); its sound track is a source
    of its own, and becomes silence by itself.
    """
    return [replace(part, content=_without(part, [one for one in gone if one.part == part.index])) for part in parts]


def _without(part: LoadedPart, gone: list[Source]) -> str | Picture | Sound | Film:
    content = part.content
    gone = [as_decoded(one, content) for one in gone]
    if isinstance(content, str):
        return deleted(content, [one.chars for one in gone if one.chars])
    if isinstance(content, Picture):
        return replace(content, pixels=blurred(content.pixels, [one.box for one in gone if one.box]))
    if isinstance(content, Sound):
        return muted(content, [one.time for one in gone if one.time])
    seen = [one.time for one in gone if one.time and one.modality == "video"]
    heard = [one.time for one in gone if one.time and one.modality == "audio"]
    track = None if content.sound is None else muted(content.sound, heard)
    return replace(content, frames=frozen(content, seen), sound=track)


def deleted(text: str, chars: Sequence[tuple[int, int]]) -> str:
    """Give a text without some intervals of characters, and without the white space that follows each."""
    for start, end in sorted(chars, reverse=True):
        text = text[:start] + text[end:].lstrip()
    return text


def blurred(pixels: np.ndarray, boxes: Sequence[tuple[float, float, float, float]]) -> np.ndarray:
    """Give pixels `uint8 [height, width, 3]` with some boxes (left, top, right, bottom) blurred, each by itself."""
    pixels = pixels.copy()
    for left, top, right, bottom in boxes:
        place = slice(round(top), round(bottom)), slice(round(left), round(right))
        inside = Image.fromarray(np.ascontiguousarray(pixels[place]))
        pixels[place] = np.asarray(inside.filter(ImageFilter.GaussianBlur(max(inside.size) / 2)))
    return pixels


def muted(sound: Sound, times: Sequence[tuple[float, float]]) -> Sound:
    """Give a sound with silence from each start to its end, in seconds."""
    samples = sound.samples.copy()
    for start, end in times:
        to = len(samples) if end >= sound.duration else round(end * sound.sampling_rate)
        samples[round(start * sound.sampling_rate) : to] = 0
    return replace(sound, samples=samples)


def frozen(film: Film, times: Sequence[tuple[float, float]]) -> np.ndarray:
    """Give a film's frames `uint8 [n, height, width, 3]`, those of some seconds replaced by one that is kept."""
    last = film.duration
    gone = np.zeros(len(film.frames), bool)
    for start, end in times:
        gone |= (film.times >= start) & ((film.times < end) | (end >= last))
    kept = np.flatnonzero(~gone)
    if not len(kept):
        return np.broadcast_to(film.frames.mean(axis=0).astype(np.uint8), film.frames.shape)
    before = np.searchsorted(kept, np.arange(len(gone)), side="right") - 1
    return film.frames[kept[np.maximum(before, 0)]]
