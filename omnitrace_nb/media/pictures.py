"""Pictures: all formats that Pillow opens, `PIL.Image` objects and arrays, upright and on white."""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import GifImagePlugin, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL import Image as PILImage

from omnitrace_nb.content.files import read_file
from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.picture_formats import DAMAGE
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.complete import refuse_incomplete
from omnitrace_nb.media.complete_pictures import refuse_cut, refuse_preview
from omnitrace_nb.media.loaded import Opened, Picture
from omnitrace_nb.media.sampling import fitting, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from omnitrace_nb.content.files import File
    from omnitrace_nb.content.parts import Image
    from omnitrace_nb.media.loaded import MediaNeeds

# Opened by class and not by `PIL.Image.open`, so that a file is read by the reader of what it is and by no other, and
# so that its size is checked here, in our words, instead of by Pillow's own warning.
_READERS: dict[str, Callable[[io.BytesIO, str], PILImage.Image]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
}
_CHANNELS = (3, 4)
_WIDE = 257  # 65535 / 255
_ORIENTATION, _ON_ITS_SIDE = 0x0112, {5, 6, 7, 8}  # of EXIF


def open_picture(part: Image, name: str, needs: MediaNeeds) -> Opened:
    """Open a picture and check its size; see `load`.

    The first frame of an animated picture (GIF, WebP, PNG) is the picture, the first page of a TIFF, the largest one of
    an icon. EXIF rotation is applied; transparent places become white; 16-bit samples are scaled to 8 bits; floats are
    within 0..1, or else within 0..255.
    """
    source, most = part.source, wanted(part, needs, name).picture_pixels
    if isinstance(source, np.ndarray):
        picture = _picture(array_pixels(source, name), most)
        return Opened(lambda: picture, hash_array(source))
    if isinstance(source, PILImage.Image):
        pixels = image_pixels(source, name)
        return Opened(lambda: _picture(pixels, most), hash_array(pixels))
    file = read_file(source, "image", name)
    refuse_incomplete(file)
    data = file.data
    refuse_cut(data, file)
    size = _reader(data, file).size
    check_pixels(size, LIMITS.picture_pixels, file.name)

    def decode() -> Picture:
        image = _reader(data, file)
        if file.found.reader == "jpeg":  # which can be decoded at a half, a quarter or an eighth of its size
            image.draft(None, fitting(size, most))
        picture = _picture(image_pixels(image, file.name), most)
        return Picture(picture.pixels, upright_size(image, size))

    return Opened(decode, file.sha256(), file.original, file.found.mime)


def picture_file(source: str | Path | bytes, name: str) -> PILImage.Image:
    """Open a picture's file, its header alone; `image_pixels` decodes it.

    Raises:
        MediaError: missing, damaged, cut short, too large, or no picture.
    """
    file = read_file(source, "image", name)
    refuse_incomplete(file)
    image = _reader(file.data, file)
    check_pixels(image.size, LIMITS.picture_pixels, file.name)
    return image


def upright_size(image: PILImage.Image, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Give a picture's `(width, height)`, or `size`, as it is seen: EXIF may turn it on its side."""
    size = size or image.size
    return size[::-1] if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE else size


def smaller(pixels: np.ndarray, most: int | None) -> np.ndarray:
    """Give `uint8 [height, width, 3]` scaled down to at most so many pixels."""
    height, width = pixels.shape[:2]
    size = fitting((width, height), most)
    if size == (width, height):
        return pixels
    return np.array(PILImage.fromarray(pixels).resize(size, PILImage.Resampling.LANCZOS, reducing_gap=3.0))


def array_pixels(array: np.ndarray, name: str) -> np.ndarray:
    """Give `uint8 [height, width, 3]` of an array `[height, width]` or `[height, width, 1, 3 or 4]`.

    `uint8` as it stands, `uint16` scaled from 0..65535, bool from 0..1, other integers within 0..255, floats within
    0..1.

    Raises:
        MediaError: another shape, type or range, NaN, or too many pixels.
    """
    if array.ndim == 3 and array.shape[2] == 1:  # noqa: PLR2004 - grey with an axis of its own
        array = array[:, :, 0]
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in _CHANNELS):  # noqa: PLR2004 - see message
        turned = array.ndim == 3 and array.shape[0] in {1, *_CHANNELS}  # noqa: PLR2004 - channels in front
        raise MediaError(
            f"{name} is an array of shape {array.shape}; a picture is [height, width] or [height, width, 3 or 4]"
            + (": put the channels last with array.transpose(1, 2, 0)" if turned else "")
        )
    check_pixels((array.shape[1], array.shape[0]), LIMITS.picture_pixels, name)
    return _on_white(PILImage.fromarray(np.ascontiguousarray(_eight_bit(array, name))))


def image_pixels(image: PILImage.Image, name: str) -> np.ndarray:
    """Give `uint8 [height, width, 3]` of a `PIL.Image`, upright and on white; see `open_picture`."""
    check_pixels(image.size, LIMITS.picture_pixels, name)
    try:
        with quiet():
            image.load()
            check_pixels(image.size, LIMITS.picture_pixels, name)
            turned = ImageOps.exif_transpose(image)
            return _on_white(_narrow(turned, name))
    except DAMAGE as error:
        if isinstance(error, MediaError):
            raise
        raise _damaged(name, error) from error


def check_pixels(size: tuple[int, int], limit: int, name: str) -> None:
    """Refuse a picture or frame without pixels, or with more than `limit`."""
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(f"{name} is {width} x {height} pixels: there is nothing to see; export it again")
    if width * height > limit:
        raise MediaError(
            f"{name} is {width:,} x {height:,} = {width * height:,} pixels, the limit is {limit:,}: scale it down first"
        )


def hash_array(array: np.ndarray) -> str:
    """Give the sha256 of an array: of its type, its shape and its bytes."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _picture(pixels: np.ndarray, most: int | None) -> Picture:
    return Picture(smaller(pixels, most), (pixels.shape[1], pixels.shape[0]))


def _reader(data: bytes, file: File) -> PILImage.Image:
    reader = _READERS.get(file.found.reader) or PILImage.OPEN[file.found.reader][0]
    try:
        with quiet():
            image = reader(io.BytesIO(data), "")
    except DAMAGE as error:
        raise _damaged(file.name, error) from error
    if file.found.reader == "TIFF":
        refuse_preview(image, file.name)
    return image


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's remarks on tags and sizes from the user: what matters is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _narrow(image: PILImage.Image, name: str) -> PILImage.Image:
    """Give 8 bits of a picture with more: Pillow itself would cut off what is above 255."""
    if image.mode.startswith("I"):
        array = np.asarray(image).astype(np.int64)
        if array.min() < 0 or array.max() > np.iinfo(np.uint16).max:
            raise MediaError(
                f"{name} has values from {array.min()} to {array.max()}; 16-bit grey is 0..65535: scale it first"
            )
        return PILImage.fromarray(_eight_bit(array.astype(np.uint16), name))
    if image.mode == "F":
        array = np.asarray(image)
        return PILImage.fromarray(_eight_bit(array if array.max(initial=0) <= 1 else array / 255, name))
    if image.mode == "LAB":  # which Pillow converts by a profile only
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    return image


def _eight_bit(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + _WIDE // 2) // _WIDE).astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise MediaError(f"{name} is an array of {array.dtype}; expected uint8, uint16, bool, or floats within 0..1")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise MediaError(f"{name} holds NaN or infinite values: fill or remove them")
    top = 1 if array.dtype.kind == "f" else 255
    if low < 0 or high > top:
        raise MediaError(
            f"{name} is an array of {array.dtype} with values from {low:g} to {high:g}, expected 0 to {top}: "
            "scale it, or give uint8 within 0..255"
        )
    return np.rint(array * (255 / top)).astype(np.uint8)


def _on_white(image: PILImage.Image) -> np.ndarray:
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PILImage.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return np.array(white)
    return np.array(image.convert("RGB"))


def _damaged(name: str, error: Exception) -> MediaError:
    return MediaError(
        f"{name} is truncated or damaged and cannot be decoded ({str(error) or type(error).__name__}): "
        "copy or export it again"
    )
