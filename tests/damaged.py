"""Tiny films and sounds of every format that is read, and ways to damage them; shared by tests and fuzz tests."""

from __future__ import annotations

import io
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from made_media import film_file, sound_file, tone
from PIL import Image as PILImage

from omnitrace_nb.content import Audio, Video
from omnitrace_nb.media import MediaNeeds, load

RATE = 16_000
FRAMES = 6
NEEDS = MediaNeeds(fps=10.0)
_NOISE = np.random.default_rng(0).normal(0, 0.02, 48_000 // 4).astype(np.float32)
HISS = tone(0.25, 48_000) + _NOISE  # a quarter of a second at 48 kHz


def _frame(place):
    y, x = np.mgrid[:32, :32]
    return np.stack([x * 8 + place * 20, y * 8, (x + y + 9 * place) * 4], axis=-1).astype(np.uint8)


def _film(kind, codec, *, sound=False, **options):
    frames, times = [_frame(place) for place in range(FRAMES)], [place / 10 for place in range(FRAMES)]
    return film_file(frames, times, FRAMES / 10, kind, codec, sound=HISS if sound else None, **options)


def _remuxed(data, kind, **options):
    """Copy a film's packets into another container, or the same one written another way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        with av.open(io.BytesIO(data)) as old, av.open(str(path), "w", format=kind, options=options) as new:
            streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
            for packet in old.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)
        return path.read_bytes()


def _pictures(kind, codec, pix, side=32, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        with av.open(str(path), "w", format=kind) as container:
            stream = container.add_stream(codec, rate=10, options=options)
            stream.width = stream.height = side
            stream.pix_fmt = pix
            for place in range(FRAMES):
                frame = av.VideoFrame.from_ndarray(
                    np.kron(_frame(place), np.ones((side // 32, side // 32, 1), np.uint8))
                )
                frame.pts, frame.time_base = place, Fraction(1, 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _animated(kind, **options):
    frames = [PILImage.fromarray(_frame(place)) for place in range(FRAMES)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=100, **options)
    return buffer.getvalue()


_SLOW = HISS[::3].copy()
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
# Of each format: its part, and how it is made. `SEALED` ones carry a checksum of everything that is decoded.
FORMATS = {
    "wav": (Audio, lambda: sound_file(_SLOW, "wav", "pcm_s16le", RATE)),
    "wav of floats": (Audio, lambda: sound_file(_SLOW, "wav", "pcm_f32le", RATE)),
    "wav adpcm": (Audio, lambda: sound_file(_SLOW, "wav", "adpcm_ima_wav", RATE)),
    "flac": (Audio, lambda: sound_file(_SLOW, "flac", "flac", RATE)),
    "mp3": (Audio, lambda: sound_file(HISS, "mp3", "libmp3lame", 48_000)),
    "ogg opus": (Audio, lambda: sound_file(HISS, "ogg", "libopus", 48_000)),
    "ogg flac": (Audio, lambda: sound_file(_SLOW, "ogg", "flac", RATE)),
    "m4a aac": (Audio, lambda: sound_file(HISS, "ipod", "aac", 48_000)),
    "m4a alac": (Audio, lambda: sound_file(_SLOW, "ipod", "alac", RATE)),
    "mka flac": (Audio, lambda: sound_file(_SLOW, "matroska", "flac", RATE)),
    "mka mp3": (Audio, lambda: sound_file(HISS, "matroska", "libmp3lame", 48_000)),
    "webm opus": (Audio, lambda: sound_file(HISS, "webm", "libopus", 48_000)),
    "mp4 h264": (Video, lambda: _film("mp4", "libx264", sound=True)),
    "mp4 for the web": (Video, lambda: _film("mp4", "libx264", sound=True, faststart=True)),
    "mp4 in fragments": (Video, lambda: _remuxed(_film("mp4", "libx264", sound=True), "mp4", **_FRAGMENTS)),
    "mp4 hevc": (Video, lambda: _film("mp4", "libx265", options={"x265-params": "log-level=none"})),
    "mp4 mpeg4": (Video, lambda: _film("mp4", "mpeg4")),
    "mp4 vp9": (Video, lambda: _film("mp4", "libvpx-vp9")),
    "mov mjpeg": (Video, lambda: _pictures("mov", "mjpeg", "yuvj420p")),
    "mov prores": (Video, lambda: _pictures("mov", "prores_ks", "yuv422p10le")),
    "webm vp8": (Video, lambda: _film("webm", "libvpx")),
    "webm vp9": (Video, lambda: _film("webm", "libvpx-vp9", sound=True)),
    "webm live": (Video, lambda: _remuxed(_film("webm", "libvpx-vp9", sound=True), "webm", live="1")),
    "mkv h264": (Video, lambda: _film("matroska", "libx264", sound=True)),
    "mkv ffv1": (Video, lambda: _film("matroska", "ffv1")),
    "gif": (Video, lambda: _animated("GIF")),
    "apng": (Video, lambda: _animated("PNG")),
    "webp": (Video, lambda: _animated("WEBP", lossless=True)),
}
ONCE = {"gif", "webp", "mp4 in fragments"}  # say how long a frame is shown in one place, with nothing to compare it to
SEALED = {"flac", "ogg opus", "ogg flac", "mka flac", "mka mp3", "mkv h264", "mkv ffv1", "apng"}


@cache
def whole(name):
    """Give a format's part, bytes and decoded content."""
    part, make = FORMATS[name]
    data = make()
    return part, data, content(part, data)


def content(part, data):
    """Decode a file."""
    return load([part(data)], NEEDS)[0].content


def arrays(media):
    """Give the samples and frames of a sound or film."""
    sound = getattr(media, "sound", None)
    own = [getattr(media, name) for name in ("samples", "frames") if hasattr(media, name)]
    return own + ([sound.samples] if sound is not None else [])


def same(one, other):
    """Say whether two contents have the same samples and frames, and last equally long."""
    pairs = list(zip(arrays(one), arrays(other), strict=False))
    alike = len(arrays(one)) == len(arrays(other)) and all(np.array_equal(a, b) for a, b in pairs)
    return alike and abs(one.duration - other.duration) < 1e-6


def as_long(one, other):
    """Say whether two contents have as many tracks, and last equally long but for one frame or block of sound."""
    return len(arrays(one)) == len(arrays(other)) and abs(one.duration - other.duration) < 0.11
