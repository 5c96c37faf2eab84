"""What a trace keeps of a part: small pictures, the outline of a sound, and its bytes for playing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.content.parts import Text
from omnitrace_nb.media import encode
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.media.resizing import frame_limit
from omnitrace_nb.media.spectrograms import spectrogram
from omnitrace_nb.trace.records import PartRecord

if TYPE_CHECKING:
    from omnitrace_nb.content.stored import Stored
    from omnitrace_nb.media.loaded import LoadedPart, Media

LONGEST_SIDE = 320
MOST_FRAMES = 16
MOST_SLICES = 1000


def record(loaded: LoadedPart, label: str) -> PartRecord:
    """Give what a trace keeps of a loaded part.

    Pictures: one WebP thumbnail, longest side at most 320 pixels. Films: up to 16 frames, evenly spread. Sounds and
    sound tracks: lowest and highest sample of up to 1,000 even slices, and a small spectrogram. What was given as an
    array is encoded for playing: PNG, 16-bit WAV, WebM (left out for large films).
    """
    bare = PartRecord(loaded.index, loaded.kind, loaded.part.role, label, loaded.sha256)
    content = loaded.content
    if isinstance(content, str):
        named = (loaded.part.id, loaded.part.title) if isinstance(loaded.part, Text) else (None, None)
        return replace(bare, text=content, document=named[0], title=named[1])
    media, mime = _playable(loaded, content)
    pixels = None if isinstance(loaded.part, Text) else frame_limit(loaded.part, content)
    return replace(_outlined(bare, content), media=media, mime=mime, read=_read(content), max_pixels=pixels)


def peaks(samples: np.ndarray, slices: int = MOST_SLICES) -> np.ndarray:
    """Give the lowest and highest sample of even slices: `float32 [k, 2]`, `k = min(slices, n)`."""
    count = min(slices, samples.size)
    starts = np.arange(count) * samples.size // max(count, 1)
    if not count:
        return np.zeros((0, 2), np.float32)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    return np.stack([low, high], axis=1).astype(np.float32)


def _outlined(bare: PartRecord, content: Media) -> PartRecord:
    match content:
        case Picture():
            return replace(
                bare,
                size=content.original_size,
                read_size=_other(content.pixels, content.original_size),
                thumbnails=(encode.webp(content.pixels, LONGEST_SIDE),),
            )
        case Sound():
            return _heard(replace(bare, duration=_whole(content)), content)
        case Film():
            count = len(content.frames)
            shown = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int))
            film = replace(
                bare,
                size=content.original_size,
                read_size=_other(content.frames[0], content.original_size),
                duration=_whole(content),
                frames=count,
                fps=content.fps,
                thumbnails=tuple(encode.webp(content.frames[place], LONGEST_SIDE) for place in shown),
                thumbnail_times=tuple(float(content.times[place]) + content.start for place in shown),
            )
            return _heard(film, content.sound) if content.sound else film


def _heard(bare: PartRecord, sound: Sound) -> PartRecord:
    return replace(bare, peaks=peaks(sound.samples), spectrogram=spectrogram(sound.samples, sound.sampling_rate))


def _whole(content: Sound | Film) -> float:
    return content.duration if content.whole is None else content.whole


def _read(content: Media) -> tuple[float, float] | None:
    """Give the seconds that were read, if not all."""
    if isinstance(content, Picture) or (not content.start and content.duration >= _whole(content)):
        return None
    return content.start, content.start + content.duration


def _other(pixels: np.ndarray, size: tuple[int, int]) -> tuple[int, int] | None:
    found = (pixels.shape[1], pixels.shape[0])
    return None if found == size else found


def _playable(loaded: LoadedPart, content: Media) -> tuple[bytes | Stored | None, str | None]:
    if loaded.original is not None:
        return loaded.original, loaded.mime
    match content:
        case Picture():
            return encode.png(content.pixels), "image/png"
        case Sound():
            return encode.wav(content), "audio/wav"
        case Film():
            film = encode.webm(content)
            return film, "video/webm" if film else None
