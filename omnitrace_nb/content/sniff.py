"""What a file is, by its first bytes and its streams, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Literal

import av
from av.stream import Disposition

from omnitrace_nb.content.picture_formats import PictureFormat, likely_format, sure_format
from omnitrace_nb.errors import MediaError

Kind = Literal["image", "audio", "video"]

_HEAD = 4096
_USES = {
    "image": ("a picture", "PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF, JPEG 2000, PPM, ...", "ot.Image"),
    "audio": ("a sound", "WAV, FLAC, MP3, Ogg or M4A", "ot.Audio"),
    "video": ("a film", "MP4, WebM or MKV", "ot.Video"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What some bytes are.

    Attributes:
        what: in words, with its article: "an MP3 sound".
        kind: which part can hold it; None for what no part can.
        mime: its media type, of what a part can hold.
        reader: the one reader that may read it: of Pillow, or a demuxer of PyAV.
        advice: what to do with what no part can hold.
    """

    what: str
    kind: Kind | None = None
    mime: str = "application/octet-stream"
    reader: str = ""
    advice: str = ""


# The third byte of an MPEG frame's header: a bit rate and a sampling rate that exist.
_MP3_RATES = re.escape(bytes(byte for byte in range(0x10, 0xF0) if byte & 0x0C != 0x0C))  # noqa: PLR2004 - two bits
_PICTURES = (
    (rb"\x89PNG\r\n\x1a\n", Found("a PNG picture", "image", "image/png", "png")),
    (rb"\xff\xd8\xff", Found("a JPEG picture", "image", "image/jpeg", "jpeg")),
    (rb"RIFF....WEBP", Found("a WebP picture", "image", "image/webp", "webp")),
    (rb"GIF8[79]a", Found("a GIF picture", "image", "image/gif", "gif")),
)
_SOUNDS = (
    (rb"(RIFF|RF64)....WAVE", Found("a WAV sound", "audio", "audio/wav", "wav")),
    (rb"fLaC[\0\x80]", Found("a FLAC sound", "audio", "audio/flac", "flac")),
    (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][" + _MP3_RATES + rb"]", Found("an MP3 sound", "audio", "audio/mpeg", "mp3")),
)
_WRITTEN = (
    (rb"(?i)\s*(<!doctype html|<html)", Found("an HTML page", advice="It looks like a failed download")),
    (rb"%PDF-", Found("a PDF document", advice="Give its text, or its pages as pictures")),
    (rb"PK\x03\x04", Found("a ZIP archive or office document", advice="Give the files inside")),
    (rb"version https://git-lfs", Found("a Git LFS pointer", advice="Run `git lfs pull` to get the file itself")),
    (rb"(?i)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", Found("an SVG drawing", advice="Save it as PNG")),
)
_UNREADABLE = (
    (rb"RIFF....AVI ", Found("an AVI film", advice="Convert it to MP4")),
    (rb"FLV\x01", Found("a Flash film (FLV)", advice="Convert it to MP4")),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Found("Windows media (ASF)", advice="Convert it to MP4 or FLAC")),
    (rb"\0\0\x01[\xba\xb3]", Found("an MPEG film", advice="Convert it to MP4")),
    (rb"\x47.{187}\x47.{187}\x47", Found("an MPEG transport stream", advice="Convert it to MP4")),
    (rb"FORM....AIF", Found("an AIFF sound", advice="Convert it to WAV or FLAC")),
    (rb"\xff[\xf0\xf1\xf8\xf9]", Found("a bare AAC sound", advice="Convert it to M4A")),
    (rb"#!AMR", Found("an AMR sound", advice="Convert it to WAV")),
    (rb"MThd", Found("MIDI notes", advice="Render them to WAV")),
    (rb"\x93NUMPY", Found("a NumPy array", advice="Read it with numpy.load and give the array")),
    (rb"\x1f\x8b", Found("gzip data", advice="Unpack it first")),
)  # fmt: skip
UNKNOWN = Found(
    "something else",
    advice=(
        "Pictures may be PNG, JPEG, WebP, GIF and whatever else Pillow opens, sounds WAV, FLAC, MP3, Ogg or M4A, films "
        "MP4, WebM or MKV; a file that was one of these is damaged"
    ),
)
_TEXT = Found("text", advice=UNKNOWN.advice)
_ID3 = rb"ID3[\x02-\x04]"
_MATROSKA = rb"\x1a\x45\xdf\xa3"
# Of each: the start, what it is with sound alone, and with pictures.
_CONTAINERS = (
    (
        rb"\0...(ftyp|moov|mdat|wide|free|skip|pnot)",
        Found("an M4A sound", "audio", "audio/mp4", "mov"),
        Found("an MP4 film", "video", "video/mp4", "mov"),
    ),
    (
        _MATROSKA + rb".{0,60}webm",
        Found("a WebM sound", "audio", "audio/webm", "matroska"),
        Found("a WebM film", "video", "video/webm", "matroska"),
    ),
    (
        _MATROSKA,
        Found("a Matroska sound", "audio", "audio/x-matroska", "matroska"),
        Found("a Matroska film", "video", "video/x-matroska", "matroska"),
    ),
    (
        rb"OggS\0",
        Found("an Ogg sound", "audio", "audio/ogg", "ogg"),
        Found("an Ogg film", advice="Convert it to MP4 or WebM"),
    ),
)


def sniff(stream: IO[bytes], name: str) -> Found:
    """Say what a seekable binary stream holds.

    Containers (MP4, Matroska, Ogg) are opened to see whether they hold a film or a sound; a cover picture does not
    make a film.

    Raises:
        MediaError: a container that cannot be opened, because it is truncated or damaged.
    """
    stream.seek(0)
    head = stream.read(_HEAD)
    found = _known(head, _PICTURES) or _picture(sure_format(head)) or _known(head, (*_SOUNDS, *_WRITTEN))
    found = found or (_TEXT if _is_text(head) else _known(head, _UNREADABLE))
    if found:
        return found
    if re.match(_ID3, head):
        return _after_id3(stream, head)
    for start, sound, film in _CONTAINERS:
        if re.match(start, head, re.DOTALL):
            return _container(stream, name, sound, film)
    return _picture(likely_format(stream, head)) or UNKNOWN


def refuse(found: Found, wanted: Kind, name: str) -> MediaError:
    """Give the error for a file that is not what its part says."""
    noun, formats, _ = _USES[wanted]
    if found.kind is None:
        return MediaError(f"{name} holds {found.what}, expected {noun} ({formats}). {found.advice}")
    hint = " (its first frame is read)" if found.reader == "gif" else ""
    return MediaError(f"{name} holds {found.what}, not {noun}: use {_USES[found.kind][2]}(...) for it{hint}")


def open_container(stream: IO[bytes], reader: str) -> av.container.InputContainer:
    """Open a container with the one demuxer that it is for; tags in an old encoding do no harm."""
    try:
        return av.open(stream, format=reader)
    except UnicodeDecodeError:
        stream.seek(0)
        return av.open(stream, format=reader, metadata_errors="replace")


def real_streams(container: av.container.InputContainer, kind: Literal["audio", "video"]) -> list[av.stream.Stream]:
    """Give a container's streams of a kind, cover pictures left out."""
    streams = container.streams.video if kind == "video" else container.streams.audio
    return [stream for stream in streams if not stream.disposition & Disposition.attached_pic]


def _known(head: bytes, starts: tuple[tuple[bytes, Found], ...]) -> Found | None:
    return next((found for start, found in starts if re.match(start, head, re.DOTALL)), None)


def _picture(form: PictureFormat | None) -> Found | None:
    if form is None:
        return None
    if form.refusal:
        return Found(form.what, advice=form.refusal)
    return Found(form.what, "image", form.mime, form.reader)


def _after_id3(stream: IO[bytes], head: bytes) -> Found:
    """Look behind an ID3 tag: nearly always MP3, at times FLAC or bare AAC."""
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    stream.seek(10 + size)
    behind = stream.read(16)
    return _known(behind, (*_SOUNDS, *_UNREADABLE)) or _SOUNDS[-1][1]


def _container(stream: IO[bytes], name: str, sound: Found, film: Found) -> Found:
    stream.seek(0)
    try:
        with open_container(stream, sound.reader) as container:
            if real_streams(container, "video"):
                return film
            if container.streams.audio:
                return sound
    except av.error.EOFError as error:
        raise MediaError(
            f"{name} is truncated or holds no frames: it ends before its first; record or export it again"
        ) from error
    except av.error.FFmpegError as error:
        family = {"mov": "an MP4", "matroska": "a Matroska or WebM", "ogg": "an Ogg"}[sound.reader]
        raise MediaError(
            f"{name} starts like {family} file but cannot be opened ({error.strerror}): "
            "it is truncated or damaged; copy or export it again"
        ) from error
    finally:
        stream.seek(0)
    return Found("no frames and no sound, only a container's header", advice="Record or export it again")


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The head may end inside a character.
        return error.start >= len(head) - 3 and len(head) == _HEAD
    return b"\0" not in head
