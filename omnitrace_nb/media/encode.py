"""Encoding what a user gave as an array, so that a browser can show and play it."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image as PILImage

from omnitrace_nb.media.resample import resample

if TYPE_CHECKING:
    from omnitrace_nb.media.loaded import Film, Sound

_FULL_SCALE = 32767
_SOUND_RATE = 48_000  # Opus has no other that every browser plays
_DEAREST = 60_000_000  # pixels of a film; encoding more takes seconds


def png(pixels: np.ndarray) -> bytes:
    """Encode `uint8 [height, width, 3]` without loss."""
    buffer = io.BytesIO()
    PILImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def webp(pixels: np.ndarray, longest: int) -> bytes:
    """Encode `uint8 [height, width, 3]`, made smaller where its longest side is over `longest` pixels."""
    image = PILImage.fromarray(pixels)
    scale = longest / max(image.size)
    if scale < 1:
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def wav(sound: Sound) -> bytes:
    """Encode a sound as 16-bit WAV; what is beyond full scale is clipped."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.sampling_rate)
        file.writeframes(np.rint(np.clip(sound.samples, -1, 1) * _FULL_SCALE).astype("<i2").tobytes())
    return buffer.getvalue()


def webm(film: Film) -> bytes | None:
    """Encode a film as WebM (VP8, and Opus for its sound), which every browser plays.

    None where it would take long, or where PyAV was built without these encoders.
    """
    if film.frames.size // 3 > _DEAREST or not {"libvpx", "libopus"} <= av.codecs_available:
        return None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as container:
        rate = Fraction(film.fps).limit_denominator(1000)
        # VP8 halves the resolution of colours, so that both sides must be even.
        even = film.frames.shape[1] % 2, film.frames.shape[2] % 2
        frames = np.pad(film.frames, ((0, 0), (0, even[0]), (0, even[1]), (0, 0)), mode="edge")
        pictures = container.add_stream("libvpx", rate=rate, options={"deadline": "realtime", "cpu-used": "8"})
        pictures.height, pictures.width, pictures.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        pictures.bit_rate = 2_000_000
        track = container.add_stream("libopus", rate=_SOUND_RATE, layout="mono") if film.sound else None
        for place, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = place, 1 / rate
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if track is not None and film.sound is not None:
            samples = resample(film.sound.samples, film.sound.sampling_rate, _SOUND_RATE)
            frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, 0, Fraction(1, _SOUND_RATE)
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return buffer.getvalue()
