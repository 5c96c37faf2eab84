"""Real media files for tests, made by Pillow and PyAV; what they show and when is known exactly."""

from __future__ import annotations

import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

COLOURS = {
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "yellow": (255, 255, 0),
}


def picture(width=48, height=32, seed=0):
    """Give `uint8 [height, width, 3]`: a smooth picture whose four corners differ."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def encoded(image, kind, **options):
    """Give the bytes of a picture, an array or `PIL.Image`, as Pillow writes them."""
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def tone(seconds=1.0, rate=44_100, hertz=440.0, level=0.5):
    """Give `float32 [n]`."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def beeps(seconds, at, rate=44_100, hertz=1000.0, length=0.1):
    """Give `float32 [n]`, silent but for a beep of `length` seconds from each second of `at` on."""
    samples = np.zeros(round(seconds * rate), np.float32)
    for start in at:
        first = round(start * rate)
        beep = tone(length, rate, hertz)[: max(0, samples.size - first)]
        samples[first : first + beep.size] = beep
    return samples


def sound_file(channels, kind="wav", codec="pcm_s16le", rate=44_100):
    """Give the bytes of a sound; `channels` is `float32 [n]` or `[channels, n]` at `rate` Hz."""
    channels = np.atleast_2d(channels)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono" if len(channels) == 1 else "stereo")
        mux_sound(container, stream, channels, rate)
    return buffer.getvalue()


def mux_sound(container, stream, channels, rate, start=0.0):
    """Write `channels` (`float32 [channels, n]` at `rate` Hz), heard from `start` s on, and end the stream."""
    layout = "mono" if len(channels) == 1 else "stereo"
    resampler = av.AudioResampler(format=stream.codec_context.format or "fltp", layout=layout, rate=rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


SOUNDS = {
    "wav": lambda x, rate=44_100: sound_file(x, "wav", "pcm_s16le", rate),
    "flac": lambda x, rate=44_100: sound_file(x, "flac", "flac", rate),
    "mp3": lambda x, rate=44_100: sound_file(x, "mp3", "libmp3lame", rate),
    "ogg": lambda x, rate=48_000: sound_file(x, "ogg", "libopus", rate),
    "m4a": lambda x, rate=44_100: sound_file(x, "ipod", "aac", rate),
}


def film_file(
    frames,
    times,
    end,
    kind="mp4",
    codec="libx264",
    *,
    sound=None,
    sound_rate=48_000,
    sound_codec=None,
    sound_start=0.0,
    tick=1000,
    options=None,
    faststart=False,
):
    """Give the bytes of a film: frame `k` (`uint8 [height, width, 3]`) is shown from `times[k]` s, the last to `end`.

    `sound` is `float32 [n]` at `sound_rate`, heard from `sound_start` s on. `faststart` puts an MP4's index in front,
    as for the web.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        with av.open(str(path), "w", format=kind, options={"movflags": "faststart"} if faststart else {}) as container:
            stream = container.add_stream(codec, rate=25, options=options or {})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.bit_rate = 2_000_000
            base = Fraction(1, tick)
            stream.codec_context.time_base = base
            track = None
            if sound is not None:
                default = "libopus" if kind == "webm" else "aac"
                track = container.add_stream(sound_codec or default, rate=sound_rate, layout="mono")
            packets, spans = [], {}
            ends = [*times[1:], end]
            for pixels, start, stop in zip(frames, times, ends, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts, frame.time_base = round(start * tick), base
                spans[frame.pts] = round(stop * tick) - frame.pts
                packets += stream.encode(frame)
            for packet in [*packets, *stream.encode(None)]:
                packet.duration = round(spans[round(packet.pts * packet.time_base * tick)] / (packet.time_base * tick))
                container.mux(packet)
            if track is not None:
                mux_sound(container, track, np.atleast_2d(sound), sound_rate, sound_start)
        return path.read_bytes()


def plain(colour, width=64, height=48):
    """Give a frame of one colour."""
    return np.full((height, width, 3), COLOURS[colour], np.uint8)


def colour_of(pixels):
    """Say which of the colours a frame (or part of it) is nearest to."""
    mean = pixels.reshape(-1, 3).mean(axis=0)
    return min(COLOURS, key=lambda name: np.abs(mean - COLOURS[name]).sum())


def loud_seconds(sound, threshold=0.15, quiet=0.03):
    """Give when each beep of a `Sound` starts, in seconds."""
    loud = np.flatnonzero(np.abs(sound.samples) > threshold) / sound.sampling_rate
    return [] if not loud.size else [loud[0], *loud[1:][np.diff(loud) > quiet]]
