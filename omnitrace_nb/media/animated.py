"""Animated pictures (GIF, PNG, WebP) read as films: each frame is shown as long as the file says."""

from __future__ import annotations

import io
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from PIL import GifImagePlugin, PngImagePlugin, WebPImagePlugin

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.picture_formats import DAMAGE
from omnitrace_nb.content.sniff import refuse
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.damage import Damage, crc32, png_chunks, promise
from omnitrace_nb.media.loaded import Film, Opened
from omnitrace_nb.media.pictures import check_pixels, image_pixels, smaller
from omnitrace_nb.media.samples import check_seconds
from omnitrace_nb.media.sampling import check_start, stretch, wanted
from omnitrace_nb.media.timing import ROUNDING, sample_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image as PILImage

    from omnitrace_nb.content.files import File
    from omnitrace_nb.content.parts import Video
    from omnitrace_nb.media.damage import Bytes
    from omnitrace_nb.media.loaded import MediaNeeds

ANIMATED = frozenset({"gif", "png", "webp"})  # formats of pictures that may move
_SHORTEST, _INSTEAD = 0.011, 0.1  # seconds; what is shown no longer than that, browsers show for a tenth of a second
_READERS: dict[str, Callable[[io.BytesIO], PILImage.Image]] = {
    "gif": GifImagePlugin.GifImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}


def open_animation(part: Video, name: str, needs: MediaNeeds, file: File) -> Opened:
    """Open an animated picture and read how long its frames are shown, without decoding; see `load`.

    Raises:
        MediaError: a picture that does not move; damaged, or longer than the limits.
    """
    durations = _durations(file)
    if len(durations) < 2:  # noqa: PLR2004 - one frame does not move
        raise refuse(file.found, "video", file.name)
    if len(durations) > LIMITS.frames:
        raise MediaError(f"{file.name} has {len(durations):,} frames, the limit is {LIMITS.frames:,}: keep fewer")
    shown = [duration if duration >= _SHORTEST else _INSTEAD for duration in durations]
    ends = np.array(list(accumulate(shown)))
    asked, needs, whole = stretch(part, name), wanted(part, needs, name), float(ends[-1])
    check_seconds(whole, file.name)
    check_start(asked[0], whole, file.name)
    data = file.data

    def decode() -> Film:
        start, end = asked[0], min(asked[1], whole)
        times, fps = sample_times(end - start, needs)
        picks = np.minimum(np.searchsorted(ends, times + start + ROUNDING, side="right"), ends.size - 1)
        frames, size = _frames(data, file, picks, ends.size, needs)
        return Film(frames, times, fps, end - start, None, size, start, whole)

    return Opened(decode, file.sha256(), file.original, file.found.mime)


def _frames(
    data: bytes, file: File, picks: np.ndarray, count: int, needs: MediaNeeds
) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode the picked frames (ascending), each drawn over those before it, as `uint8 [n, height, width, 3]`."""
    try:
        image = _READERS[file.found.reader](io.BytesIO(data))
        check_pixels(image.size, LIMITS.frame_pixels, file.name)
        # A PNG may have a still picture in front, for readers that know no animations.
        first = int(getattr(image, "default_image", False))
        if getattr(image, "n_frames", 1) - first != count:
            raise MediaError(f"{file.name} is damaged: not all of its {count:,} frames can be found; export it again")
        most = min(needs.frame_pixels or LIMITS.frame_pixels, LIMITS.film_pixels // len(picks))
        decoded: dict[int, np.ndarray] = {}
        wanted_frames = set(picks.tolist())
        for place in range(max(wanted_frames) + 1):
            image.seek(place + first)
            if place in wanted_frames:
                decoded[place] = smaller(image_pixels(image, f"{file.name}, frame {place}"), most)
            else:
                image.load()
    except DAMAGE as error:
        raise MediaError(
            f"{file.name} is truncated or damaged and cannot be decoded ({str(error) or type(error).__name__}): "
            "copy or export it again"
        ) from error
    return np.stack([decoded[place] for place in picks.tolist()]), image.size


def _durations(file: File) -> list[float]:
    """Give how long each frame is shown, in seconds; the structure of the file must be whole."""
    walk = {"gif": _gif, "png": _png, "webp": _webp}[file.found.reader]
    try:
        with file.viewed() as data:
            return walk(data)
    except Damage as damage:
        raise MediaError(f"{file.name} is truncated or damaged: {damage}. Copy or export it again") from damage


def _gif(data: Bytes) -> list[float]:
    """Walk a GIF's blocks, each of which says where it ends."""
    colours = 3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0
    durations: list[float] = []
    place, duration = 13 + colours, 0.0
    while place < len(data):
        kind = data[place]
        if kind == 0x3B:  # noqa: PLR2004 - the end
            return durations
        if kind == 0x21:  # noqa: PLR2004 - an extension, perhaps with the next frame's duration
            if data[place + 1 : place + 3] == b"\xf9\x04":
                duration = int.from_bytes(data[place + 4 : place + 6], "little") / 100
            place += 2
        elif kind == 0x2C and place + 10 < len(data):  # noqa: PLR2004 - a frame
            packed = data[place + 9]
            place += 11 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
            durations.append(duration)
            duration = 0.0
        else:
            raise Damage(f"at byte {place:,} is no block where one must be")
        while place < len(data) and data[place]:
            place += data[place] + 1
        place += 1
    raise Damage("its end is not there")


def _png(data: Bytes) -> list[float]:
    """Walk a PNG's chunks and compare their checksums; a frame's control chunk holds its duration."""
    promised, durations, numbers = 0, [], []
    for name, place, end in png_chunks(data):
        if crc32(data, place + 4, end) != int.from_bytes(data[end : end + 4], "big"):
            raise Damage(f'its chunk "{name.decode("latin-1")}" does not match its checksum')
        if name == b"acTL":
            promised = int.from_bytes(data[place + 8 : place + 12], "big")
        elif name in {b"fcTL", b"fdAT"}:
            numbers.append(int.from_bytes(data[place + 8 : place + 12], "big"))
        if name == b"fcTL":
            above, below = (int.from_bytes(data[place + at : place + at + 2], "big") for at in (28, 30))
            durations.append(above / (below or 100))
    if promised and (len(durations) != promised or numbers != list(range(len(numbers)))):
        raise Damage(f"it promises {promised:,} frames, {len(durations):,} are there")
    return durations if promised else []


def _webp(data: Bytes) -> list[float]:
    """Walk a WebP's chunks, which must fill it."""
    end, place, durations = 8 + int.from_bytes(data[4:8], "little"), 12, []
    promise("its header", end - 8, len(data) - 8)
    while place < end:
        name, size = bytes(data[place : place + 4]), int.from_bytes(data[place + 4 : place + 8], "little")
        if place + 8 + size > end or not all(0x20 <= byte < 0x7F for byte in name):  # noqa: PLR2004 - printable
            raise Damage(f"at byte {place:,} is no chunk where one must be")
        if name == b"ANMF":
            durations.append(int.from_bytes(data[place + 20 : place + 23], "little") / 1000)
        place += 8 + size + size % 2
    return durations
