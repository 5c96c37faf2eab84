"""The one list of how names of media files end.

What a file *is* its first bytes say (`content.sniff`). A name decides nothing but this: whether somebody who wrote
"a.oga" surely meant a file of that name, and not the word. So the list is longer than what can be read.
"""

from __future__ import annotations

from pathlib import PurePath

_PICTURES = (
    *("apng", "avif", "avifs", "bmp", "cur", "dds", "dib", "gif", "heic", "heif", "icns", "ico", "j2c", "j2k", "jfif"),
    *("jp2", "jpc", "jpe", "jpeg", "jpf", "jpg", "jpx", "jxl", "pbm", "pcx", "pfm", "pgm", "png", "pnm", "ppm", "psd"),
    *("qoi", "sgi", "tga", "tif", "tiff", "webp", "xpm"),
)
_SOUNDS = (
    *("aac", "aif", "aifc", "aiff", "amr", "caf", "flac", "m4a", "m4b", "mid", "mka", "mp3", "oga", "ogg", "opus"),
    *("wav", "wave", "weba", "wma"),
)
_FILMS = ("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "webm", "wmv")

MEDIA_SUFFIXES = frozenset(f".{suffix}" for suffix in (*_PICTURES, *_SOUNDS, *_FILMS))


def is_media_name(name: str | PurePath) -> bool:
    """Say whether a name ends as those of pictures, sounds and films do, in letters of either case."""
    return PurePath(name).suffix.lower() in MEDIA_SUFFIXES
