"""Films: MP4, WebM and MKV by PyAV; sampled in time, with their sound track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from omnitrace_nb.content.files import read_file
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.sniff import real_streams
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.animated import ANIMATED, open_animation
from omnitrace_nb.media.complete import refuse_incomplete
from omnitrace_nb.media.frames import array_film, hash_frames
from omnitrace_nb.media.loaded import Film, Opened
from omnitrace_nb.media.pictures import check_pixels
from omnitrace_nb.media.samples import check_seconds
from omnitrace_nb.media.sampling import check_start, fitting, stretch, wanted
from omnitrace_nb.media.sounds import STRICT, check_coding, decode_track, opened
from omnitrace_nb.media.timing import PADDING, ROUNDING, common_end, sample_times

if TYPE_CHECKING:
    from omnitrace_nb.content.files import File
    from omnitrace_nb.content.parts import Video
    from omnitrace_nb.media.loaded import MediaNeeds, Sound


def open_film(part: Video, name: str, needs: MediaNeeds, *, sound: bool = True) -> Opened:
    """Open a film and check its header; see `load`. `sound` says whether the model reads sound at all."""
    sound = sound and part.sound
    if isinstance(part.source, (np.ndarray, list, tuple)):
        film = array_film(part, name, needs, sound=sound)
        return Opened(lambda: film, hash_frames(part.source))
    if part.audio is not None or part.sampling_rate is not None:
        raise MediaError(
            f"{name}: audio and sampling_rate belong to frames given as an array; a file brings its own sound: "
            "leave them out"
        )
    file = read_file(part.source, "video", name, also=ANIMATED)
    if file.found.reader in ANIMATED:
        return open_animation(part, name, needs, file)
    asked = stretch(part, name)
    needs = wanted(part, needs, name)
    refuse_incomplete(file)
    span = _span(file)
    check_start(asked[0], span.duration, file.name)
    return Opened(lambda: _decode(file, span, asked, needs, sound=sound), file.sha256(), file.original, file.found.mime)


@dataclass(frozen=True, slots=True)
class _Span:
    """A film's own time, in seconds: its second 0 on the container's clock, and how long its pictures last."""

    origin: float
    duration: float


def _span(file: File) -> _Span:
    """Read all time stamps, without decoding."""
    with opened(file) as container:
        stream = real_streams(container, "video")[0]
        check_coding(stream, file.name, "H.264 or VP9")
        check_pixels((stream.codec_context.width, stream.codec_context.height), LIMITS.frame_pixels, file.name)
        check_seconds((container.duration or 0) / av.time_base, file.name)
        begin = max(0.0, (container.start_time or 0) / av.time_base)
        shown = [
            (packet.pts, packet.duration or 0)
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size and not packet.is_discard
        ]
        base = float(stream.time_base)
        rate = float(stream.average_rate or 0) * base
        is_mp4 = container.format.name.startswith("mov")
        declared = (stream.start_time or 0) + stream.duration if is_mp4 and stream.duration else None
        if not is_mp4 and container.duration and len(container.streams) == 1:
            declared = round(container.duration / av.time_base / base)
    if not shown:
        raise MediaError(f"{file.name} is a film with no frames: record or export it again")
    starts = np.sort([pts for pts, _ in shown])
    last = _last_end(starts, max(pts + duration for pts, duration in shown), declared, rate) * base
    # Sound often leads by an encoder's padding: the first frame is second 0 all the same.
    first = float(starts[0]) * base
    origin = first if first <= begin + PADDING else begin
    duration = last - origin
    check_seconds(duration, file.name)
    return _Span(origin, max(duration, base))


def _last_end(starts: np.ndarray, end: int, declared: int | None, rate: float) -> float:
    """Give when the last frame ends, in ticks of the film's clock; `rate` is in frames a tick.

    MP4 says it for the whole film, but for each frame only in the order of decoding; Matroska need not say it at all,
    and then the last frame is shown as long as the others.
    """
    last = float(starts[-1])
    if declared is not None and last < declared <= end + (1 / rate if rate else 0):
        return declared
    if end > last:
        return end
    return last + (float(np.median(np.diff(starts))) if starts.size > 1 else 1 / rate if rate else 0)


def _decode(file: File, span: _Span, asked: tuple[float, float], needs: MediaNeeds, *, sound: bool) -> Film:
    start, end = asked[0], min(asked[1], span.duration)
    times, fps = sample_times(end - start, needs)
    with opened(file) as container:
        frames, size = _sampled(container, times + start, span.origin, file.name, needs.frame_pixels)
    track = _sound_track(file, span, needs.sampling_rate, asked) if sound else None
    duration, track = common_end(end - start, track)
    whole = max(span.duration, start + duration)
    return Film(frames, times, fps, duration, track, size, start, whole)


def _sampled(
    container: av.container.InputContainer, times: np.ndarray, origin: float, name: str, most: int | None
) -> tuple[np.ndarray, tuple[int, int]]:
    """Keep, for each time, the frame shown then: the last one whose time stamp is not later.

    Frames pass by one at a time, so that variable frame rates are right, and only kept ones are held, at once in the
    size in which they are kept: of `most` pixels, and all together of `LIMITS.film_pixels`.
    """
    stream = real_streams(container, "video")[0]
    stream.codec_context.options = {"err_detect": STRICT}
    stream.thread_type = "AUTO"
    slack = float(stream.time_base) / 2 + ROUNDING
    kept: _Kept | None = None
    shown: av.VideoFrame | None = None
    for frame in container.decode(stream):
        if frame.time is None:
            raise MediaError(f"{name} has frames without time stamps: convert it to MP4 or WebM")
        kept = kept or _Kept(frame, len(times), name, most)
        if shown is not None:
            kept.fill(shown, int(np.searchsorted(times, frame.time - origin - slack)))
        shown = frame
        if kept.filled == len(times):
            break
    if kept is None or shown is None:
        raise MediaError(f"{name} is a film of which no frame can be decoded: it is damaged; export it again")
    kept.fill(shown, len(times))
    return kept.frames, kept.size


class _Kept:
    """The sampled frames, filled from the front; `size` is the film's own, `(width, height)`, upright."""

    def __init__(self, first: av.VideoFrame, count: int, name: str, most: int | None) -> None:
        check_pixels((first.width, first.height), LIMITS.frame_pixels, name)
        self._turns = round(first.rotation / 90) % 4
        most = min(most or LIMITS.frame_pixels, LIMITS.film_pixels // count)
        self._width, self._height = fitting((first.width, first.height), most)
        turned = self._turns % 2 == 1
        self.size = (first.height, first.width) if turned else (first.width, first.height)
        height, width = (self._width, self._height) if turned else (self._height, self._width)
        self.frames = np.empty((count, height, width, 3), np.uint8)
        self.filled = 0

    def fill(self, frame: av.VideoFrame, end: int) -> None:
        """Keep `frame` for all places before `end` that have none yet."""
        if end > self.filled:
            pixels = frame.to_ndarray(format="rgb24", width=self._width, height=self._height, interpolation="AREA")
            self.frames[self.filled : end] = np.rot90(pixels, self._turns)
            self.filled = end


def _sound_track(file: File, span: _Span, rate: int, part: tuple[float, float]) -> Sound | None:
    with opened(file) as container:
        if not container.streams.audio:
            return None
        name = f"The sound of {file.name}"
        check_coding(container.streams.audio[0], name, "AAC or Opus, or leave it out with sound=False")
        sound, _ = decode_track(container, container.streams.audio[0], rate, name, span.origin, part=part)
    return sound if sound.samples.size else None
