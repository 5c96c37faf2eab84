"""Sounds: WAV, FLAC, MP3, Ogg and M4A, and those of films, by PyAV; mixed down to one channel, at the model's rate."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import numpy as np

from omnitrace_nb.content.files import read_file
from omnitrace_nb.content.sniff import open_container
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.complete import refuse_incomplete
from omnitrace_nb.media.flac import FlacSeal
from omnitrace_nb.media.loaded import Opened, Sound
from omnitrace_nb.media.pictures import hash_array
from omnitrace_nb.media.resample import Resampler
from omnitrace_nb.media.samples import array_sound, as_floats, check_rate, check_seconds, check_values
from omnitrace_nb.media.sampling import check_start, stretch
from omnitrace_nb.media.timing import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.content.files import File
    from omnitrace_nb.content.parts import Audio
    from omnitrace_nb.media.loaded import MediaNeeds

STRICT = "crccheck+bitstream+buffer+explode"  # what decoders look for, and that they then stop
_FILMS = ("mov", "matroska")  # whose sound can be read alone
_JITTER = 0.05  # seconds; time stamps of sound are rounded, and only a larger gap is one
_TOGETHER = 1 << 16  # samples that are mixed and resampled at once


def open_sound(part: Audio, name: str, needs: MediaNeeds) -> Opened:
    """Open a sound and check its header; see `load`."""
    asked = stretch(part, name)
    if isinstance(part.source, np.ndarray):
        sound = array_sound(part.source, part.sampling_rate, name, needs.sampling_rate, asked)
        return Opened(lambda: sound, hash_array(part.source))
    file = read_file(part.source, "audio", name, also=_FILMS)
    refuse_incomplete(file)
    with opened(file) as container:
        if not container.streams.audio:
            raise MediaError(f"{file.name} holds {file.found.what} without sound: use ot.Video(...) for it")
        stream = container.streams.audio[0]
        check_coding(stream, file.name, "WAV or FLAC")
        check_rate(stream.rate, file.name)
        _check_given_rate(part.sampling_rate, stream.rate, file.name)
        seconds = (container.duration or 0) / av.time_base
        check_seconds(seconds, file.name)
        check_start(asked[0], seconds or math.inf, file.name)
    return Opened(lambda: _decode(file, needs.sampling_rate, asked), file.sha256(), file.original, file.found.mime)


def decode_track(
    container: av.container.InputContainer,
    stream: av.audio.AudioStream,
    rate: int,
    name: str,
    origin: float | None,
    *,
    part: tuple[float, float] = (0.0, math.inf),
) -> tuple[Sound, int]:
    """Decode a sound track, block by block, mixed down and at `rate` Hz; of it, `part`, in seconds.

    Each block goes where its time stamp says, seconds after `origin` (None: the first block's); what lies between
    is silent. What lies before the part is decoded and passed over, which is exact in every format. Gives the sound and
    how many samples the track was found to have at its own rate.

    Raises:
        MediaError: damaged, longer than the limit, or with values that no sound has.
    """
    given = check_rate(stream.rate, name)
    known = (container.duration or 0) / av.time_base
    out = _Track(given, rate, part, min(part[1], known) - part[0])
    alone = origin is None
    check_each = stream.codec_context.name.startswith("pcm_f")
    stream.codec_context.options = {"err_detect": STRICT}
    seal = FlacSeal(stream.codec_context.extradata if stream.codec_context.name == "flac" else None, name)
    pending: list[np.ndarray] = []  # frames that follow each other, in their own format
    waiting = 0
    with translated(name):
        for frame in container.decode(stream):
            if frame.sample_rate != given:
                raise MediaError(f"{name} changes its sampling rate from {given} to {frame.sample_rate} Hz: convert it")
            gap = at = 0
            if frame.time is not None:
                origin = frame.time if origin is None else origin
                at = out.at + waiting
                gap = round((frame.time - origin) * given) - at
                gap = gap if abs(gap) > (_JITTER * given if at else 0) else 0
                if gap < 0 < at:
                    # One Ogg may follow another in a file: its clock begins anew.
                    if container.format.name != "ogg":
                        raise MediaError(
                            f"{name} goes back in time at {frame.time:g} s: it is damaged; export it again"
                        )
                    origin, gap = frame.time - at / given, 0
            if gap or waiting >= _TOGETHER:
                out.take(_mono(pending, name, checked=check_each))
                pending, waiting = [], 0
            check_seconds((out.at + gap) / given, name)
            out.silence(gap)
            block = _channels(frame)
            seal.take(block)
            block = block[:, max(0, -gap) :]
            pending.append(block)
            waiting += block.shape[1]
            check_seconds((out.at + waiting) / given, name)
            if out.at + waiting >= out.stop:
                break
        else:
            seal.check(alone=container.format.name == "flac")
        out.take(_mono(pending, name, checked=check_each))
    seconds = out.at / given
    if seconds < part[1]:
        seconds = _end(seconds, container, stream, 0.0 if alone else origin or 0.0)
    end = min(seconds, part[1])
    length = max(0.0, end - part[0])
    samples = out.resampler.finish()[: round(length * rate)]
    return Sound(samples, rate, length, min(part[0], end), max(seconds, known) if end < seconds else seconds), out.at


class _Track:
    """A track that is decoded from its beginning on, of which a part is kept.

    Attributes:
        at: samples that went by, at the track's own rate.
        stop: the sample at which the part ends.
        resampler: takes those of the part.
    """

    def __init__(self, given: int, rate: int, part: tuple[float, float], expected: float) -> None:
        self.at = 0
        self.first = round(part[0] * given)
        self.stop: float = round(part[1] * given) if math.isfinite(part[1]) else math.inf
        self.resampler = Resampler(given, rate, max(expected, 0.0))

    def take(self, block: np.ndarray) -> None:
        """Take mono samples."""
        low, high = max(self.first - self.at, 0), min(self.stop - self.at, block.size)
        self.at += block.size
        if low < high:
            self.resampler.push(block[low : int(high)])

    def silence(self, count: int) -> None:
        """Take so many silent samples, if any."""
        low, high = max(self.first - self.at, 0), min(self.stop - self.at, count)
        self.at += max(count, 0)
        if low < high:
            self.resampler.silence(int(high) - low)


def check_coding(stream: av.stream.Stream, name: str, advice: str) -> None:
    """Refuse a track that the PyAV at hand cannot decode."""
    if stream.codec_context is None:
        raise MediaError(f"{name} is in a coding that cannot be read here: convert it to {advice}")


@contextmanager
def opened(file: File) -> Iterator[av.container.InputContainer]:
    """Open a file's container by the one demuxer that it is for, errors told as `MediaError`."""
    with (
        translated(file.name),
        file.opened() as stream,
        open_container(stream, file.found.reader) as container,
    ):
        yield container


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Tell PyAV's errors as `MediaError`."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise MediaError(
            f"{name} is truncated or damaged and cannot be decoded ({error.strerror}): copy or export it again"
        ) from error


def _check_given_rate(given: object, own: int, name: str) -> None:
    if given is not None and check_rate(given, name) != own:
        raise MediaError(f"{name} has {own} Hz of its own, but sampling_rate={given!r} was given: leave that out")


def _decode(file: File, rate: int, part: tuple[float, float]) -> Sound:
    with opened(file) as container:
        # Seconds of a film's sound are the film's own.
        origin = max(0.0, (container.start_time or 0) / av.time_base) if file.found.kind == "video" else None
        sound, taken = decode_track(container, container.streams.audio[0], rate, file.name, origin, part=part)
    if taken == 0:
        raise MediaError(f"{file.name} has a header but 0 samples: there is nothing to hear; record or export it again")
    check_start(part[0], (sound.whole or 0.0), file.name)
    return sound


def _end(seconds: float, container: av.container.InputContainer, stream: av.audio.AudioStream, origin: float) -> float:
    """Give where a sound ends and the padding of its last block begins, which MP4 and Ogg say."""
    if not stream.duration or not container.format.name.startswith(("mov", "ogg")):
        return seconds
    end = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - origin
    return end if end < seconds <= end + PADDING else seconds


def _channels(frame: av.AudioFrame) -> np.ndarray:
    """Give a frame's samples as they are: `[channels, n]`."""
    array: np.ndarray = frame.to_ndarray()
    return array if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels).T


def _mono(frames: list[np.ndarray], name: str, *, checked: bool) -> np.ndarray:
    if not frames:
        return np.zeros(0, np.float32)
    floats = as_floats(np.concatenate(frames, axis=1), name)
    if checked:
        check_values(floats, name)
    elif not np.isfinite(floats).all():
        raise MediaError(f"{name} holds NaN or infinite samples: it is damaged; export it again")
    return floats.mean(axis=0, dtype=np.float32)
