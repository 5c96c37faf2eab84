"""Sounds: WAV, FLAC, MP3, Ogg and M4A by PyAV; mixed down to one channel, at the model's rate."""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import numpy as np

from omnitrace_nb.content.files import read_file
from omnitrace_nb.content.sniff import open_container
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.complete import flac_samples, refuse_incomplete
from omnitrace_nb.media.loaded import Opened, Sound
from omnitrace_nb.media.pictures import hash_array
from omnitrace_nb.media.resample import Resampler
from omnitrace_nb.media.samples import array_sound, as_floats, check_rate, check_seconds, check_values
from omnitrace_nb.media.timing import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.content.files import File
    from omnitrace_nb.content.parts import Audio
    from omnitrace_nb.media.loaded import MediaNeeds

_JITTER = 0.05  # seconds; time stamps of sound are rounded, and only a larger gap is one


def open_sound(part: Audio, name: str, needs: MediaNeeds) -> Opened:
    """Open a sound and check its header; see `load`."""
    if isinstance(part.source, np.ndarray):
        sound = array_sound(part.source, part.sampling_rate, name, needs.sampling_rate)
        return Opened(lambda: sound, hash_array(part.source))
    file = read_file(part.source, "audio", name)
    refuse_incomplete(file)
    with opened(file) as container:
        stream = container.streams.audio[0]
        check_coding(stream, file.name, "WAV or FLAC")
        check_rate(stream.rate, file.name)
        _check_given_rate(part.sampling_rate, stream.rate, file.name)
        check_seconds((container.duration or 0) / av.time_base, file.name)
    return Opened(
        lambda: _decode(file, needs.sampling_rate),
        hashlib.sha256(file.data).hexdigest(),
        file.data,
        file.found.mime,
    )


def decode_track(
    container: av.container.InputContainer, stream: av.audio.AudioStream, rate: int, name: str, origin: float | None
) -> tuple[Sound, int]:
    """Decode a sound track, block by block, mixed down and at `rate` Hz.

    Each block goes where its time stamp says, seconds after `origin` (None: the first block's); what lies between
    is silent. Gives the sound and how many samples the track has at its own rate.

    Raises:
        MediaError: damaged, longer than the limit, or with values that no sound has.
    """
    given = check_rate(stream.rate, name)
    out = Resampler(given, rate)
    alone = origin is None
    with translated(name):
        for frame in container.decode(stream):
            if frame.sample_rate != given:
                raise MediaError(f"{name} changes its sampling rate from {given} to {frame.sample_rate} Hz: convert it")
            block = _mono(frame, name, checked=stream.codec_context.name.startswith("pcm_f"))
            if frame.time is not None:
                origin = frame.time if origin is None else origin
                block = _placed(block, frame.time - origin, out, name)
            check_seconds((out.taken + block.size) / given, name)
            out.push(block)
    seconds = _end(out.taken / given, container, stream, 0.0 if alone else origin or 0.0)
    return Sound(out.finish()[: round(seconds * rate)], rate, seconds), out.taken


def check_coding(stream: av.stream.Stream, name: str, advice: str) -> None:
    """Refuse a track that the PyAV at hand cannot decode."""
    if stream.codec_context is None:
        raise MediaError(f"{name} is in a coding that cannot be read here: convert it to {advice}")


@contextmanager
def opened(file: File) -> Iterator[av.container.InputContainer]:
    """Open a file's container by the one demuxer that it is for, errors told as `MediaError`."""
    with translated(file.name), open_container(io.BytesIO(file.data), file.found.reader) as container:
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
    if given is not None and given != own:
        raise MediaError(f"{name} has {own} Hz of its own, but sampling_rate={given!r} was given: leave that out")


def _decode(file: File, rate: int) -> Sound:
    with opened(file) as container:
        sound, taken = decode_track(container, container.streams.audio[0], rate, file.name, None)
    if taken == 0:
        raise MediaError(f"{file.name} has a header but 0 samples: there is nothing to hear; record or export it again")
    promised = flac_samples(file.data) if file.found.reader == "flac" else None
    if promised and taken < promised:
        raise MediaError(
            f"{file.name} is truncated: {promised:,} samples are promised, {taken:,} are there. Copy or export it again"
        )
    return sound


def _placed(block: np.ndarray, start: float, out: Resampler, name: str) -> np.ndarray:
    """Give what of a block that starts at a second is still to be taken, after silence up to there."""
    gap = round(start * out.rate_in) - out.taken
    if abs(gap) <= (_JITTER * out.rate_in if out.taken else 0):
        return block
    check_seconds(gap / out.rate_in, name)
    out.silence(gap)
    return block[max(0, -gap) :]


def _end(seconds: float, container: av.container.InputContainer, stream: av.audio.AudioStream, origin: float) -> float:
    """Give where a sound ends and the padding of its last block begins, which MP4 and Ogg say."""
    if not stream.duration or not container.format.name.startswith(("mov", "ogg")):
        return seconds
    end = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - origin
    return end if end < seconds <= end + PADDING else seconds


def _mono(frame: av.AudioFrame, name: str, *, checked: bool) -> np.ndarray:
    channels = frame.layout.nb_channels
    array = frame.to_ndarray()
    floats = as_floats(array if frame.format.is_planar else array.reshape(-1, channels).T, name)
    if checked:
        check_values(floats, name)
    elif not np.isfinite(floats).all():
        raise MediaError(f"{name} holds NaN or infinite samples: it is damaged; export it again")
    return floats.mean(axis=0, dtype=np.float32)
