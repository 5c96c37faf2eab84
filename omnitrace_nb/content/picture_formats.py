"""Pictures beyond PNG, JPEG, WebP and GIF: whatever the installed Pillow opens, told by the first bytes.

Left out are the readers of Pillow that start another program (EPS), that show a note in place of the picture (stubs),
and those that take nearly any bytes for theirs.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import IO, NamedTuple

from PIL import Image as PILImage


class PictureFormat(NamedTuple):
    """A format of pictures: its name in Pillow, in words with an article, and its media type.

    `refusal` is Pillow's reason where it knows the format but cannot read it as installed.
    """

    reader: str
    what: str
    mime: str
    refusal: str = ""


_SPACE = rb"(?:\s|#[^\n]*\n)+"
_SIZE = _SPACE + rb"\d{1,9}" + _SPACE + rb"\d{1,9}"
# Formats of which the first bytes leave no doubt: a file that starts like one is one, be it whole or damaged.
_SURE = (
    (rb"II[*+]\0|MM\0[*+]", PictureFormat("TIFF", "a TIFF picture", "image/tiff")),
    (rb"BM....\0\0\0\0", PictureFormat("BMP", "a BMP picture", "image/bmp")),
    (
        rb"....ftyp(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4}){0,8}?avi[fs])",
        PictureFormat("AVIF", "an AVIF picture", "image/avif"),
    ),
    (
        rb"....ftyp(?:hei[cxfms]|hev[cx]|mif1|msf1)",
        PictureFormat("HEIF", "a HEIC picture", "image/heic"),
    ),
    (
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        PictureFormat("JPEG2000", "a JPEG 2000 picture", "image/jp2"),
    ),
    (
        rb"P[14]" + _SIZE + rb"\s|P[2356]" + _SIZE + _SPACE + rb"\d{1,5}\s|Pf" + _SIZE + _SPACE + rb"-?[\d.]{1,9}\s",
        PictureFormat("PPM", "a PPM picture", "image/x-portable-anymap"),
    ),
    (rb"\0\0\x01\0[\x01-\x20]\0", PictureFormat("ICO", "an icon (ICO)", "image/x-icon")),
    (rb"icns....", PictureFormat("ICNS", "an icon (ICNS)", "image/icns")),
    (rb"8BPS\0[\1\2]", PictureFormat("PSD", "a Photoshop picture", "image/vnd.adobe.photoshop")),
    (rb"qoif........[\3\4][\0\1]", PictureFormat("QOI", "a QOI picture", "image/qoi")),
    (rb"DDS \x7c\0\0\0", PictureFormat("DDS", "a DDS picture", "image/vnd-ms.dds")),
    (rb"/\* XPM \*/", PictureFormat("XPM", "an XPM picture", "image/x-xpixmap")),
)
_PLAIN = re.compile(rb"P[123](?:[\d\s]|#[^\n]*(?:\n|$))*")
_NOT_READ = frozenset(
    {"BUFR", "EPS", "FPX", "GRIB", "HDF5", "IPTC", "MCIDAS", "MIC", "MPEG", "PDF", "WMF", "XBM", "XVTHUMB"}
)
# All that Pillow's readers raise on damaged data.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError),
    *(RuntimeError, MemoryError, struct.error, zlib.error, PILImage.DecompressionBombError),
)
_HEAD = 16  # bytes that Pillow's formats are told by
_TARGA_END = b"TRUEVISION-XFILE.\0"


def sure_format(head: bytes) -> PictureFormat | None:
    """Give the format that the first bytes (a few thousand) tell beyond doubt."""
    found = next((form for start, form in _SURE if re.match(start, head, re.DOTALL)), None)
    if found is None or (found.reader == "PPM" and head[1:2] in b"123" and not _PLAIN.fullmatch(head)):
        return None
    return _installed(found, head)


def likely_format(stream: IO[bytes], head: bytes) -> PictureFormat | None:
    """Give the format of which a reader of Pillow takes the first bytes for its own, and can read the header."""
    PILImage.init()
    named = [name for name in PILImage.ID if name not in _NOT_READ and _accepts(name, head)]
    if stream.seek(0, 2) >= len(_TARGA_END):
        stream.seek(-len(_TARGA_END), 2)
        named += ["TGA"] * (stream.read() == _TARGA_END)
    for name in named:
        stream.seek(0)
        try:
            PILImage.OPEN[name][0](stream, "")
        except DAMAGE:
            continue
        return PictureFormat(
            name, f"a picture in the format {name}", PILImage.MIME.get(name, f"image/x-{name.lower()}")
        )
    return None


def _installed(form: PictureFormat, head: bytes) -> PictureFormat:
    PILImage.init()
    if form.reader not in PILImage.OPEN:
        return form._replace(refusal="The installed Pillow has no reader for it; save it as PNG or JPEG")
    said = _accepts(form.reader, head)
    return form._replace(refusal=f"{said}; upgrade Pillow, or save it as PNG") if isinstance(said, str) else form


def _accepts(reader: str, head: bytes) -> bool | str:
    """Say whether a reader of Pillow takes the first bytes for its own; or why it cannot, in its words."""
    accept = PILImage.OPEN[reader][1]
    try:
        return accept(head[:_HEAD]) if accept else False
    except DAMAGE:  # several look at bytes that a short file does not have
        return False
