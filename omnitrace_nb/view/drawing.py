"""Heat drawn into pictures, for the forms of the view that run no script: pixels from arrays, by Pillow."""

from __future__ import annotations

import base64
import io
from itertools import pairwise

import numpy as np
from PIL import Image

ACCENT = (0, 114, 178)  # Okabe-Ito blue, told apart by all kinds of colour vision by its lightness
WAVE = (150, 157, 166)
GAMMA, STRONGEST = 0.6, 0.8  # as in js/src/heat.js
WAVE_SIZE = (480, 56)
MOST_PIXELS = 1_000_000  # of a thumbnail; those that a trace makes have a tenth of it
PAPER = (255, 255, 255)
FADING = 0.82

RGB = tuple[int, int, int]


def opacity(heat: np.ndarray) -> np.ndarray:
    """Give the opacity of quantised scores."""
    result: np.ndarray = STRONGEST * (np.asarray(heat, np.float32) / 255) ** GAMMA
    return result


def heated(
    picture: Image.Image, heat: np.ndarray, extent: tuple[float, float, float, float], accent: RGB = ACCENT
) -> Image.Image:
    """Lay heat `uint8 [rows, columns]` over a picture on its true grid; colours fade so that the heat is seen."""
    width, height = picture.size
    calm = Image.blend(picture.convert("L").convert("RGB"), picture.convert("RGB"), 0.7)
    left, top, right, bottom = (round(at * side) for at, side in zip(extent, (width, height) * 2, strict=True))
    size = (max(1, right - left), max(1, bottom - top))
    mask = Image.new("L", picture.size)
    mask.paste(Image.fromarray(np.uint8(255 * opacity(heat))).resize(size, Image.Resampling.NEAREST), (left, top))
    calm.paste(Image.new("RGB", picture.size, accent), (0, 0), mask)
    return calm


def faded(picture: Image.Image, boxes: np.ndarray) -> Image.Image:
    """Fade all within some boxes, `[k, 4]` in pixels, so that what is left stands out."""
    pale = Image.blend(picture, Image.new("RGB", picture.size, PAPER), FADING)
    result = picture.copy()
    for box in boxes.round().astype(int).tolist():
        result.paste(pale.crop(box), box[:2])
    return result


def waveform(
    peaks: np.ndarray,
    heat: np.ndarray,
    size: tuple[int, int] = WAVE_SIZE,
    unit: int = 1,
    colours: tuple[RGB, RGB, RGB] = (PAPER, WAVE, ACCENT),
) -> Image.Image:
    """Draw a sound as bars.

    Args:
        peaks: `int8 [k, 2]`, lowest and highest sample of even slices.
        heat: `uint8 [columns]`, stretched over the same time.
        size: in pixels; `unit` of them make the width of a gap, two that of a bar.
        unit: see there.
        colours: paper, bars, accent.
    """
    (width, height), (paper, wave, accent) = size, (np.array(each, np.float32) for each in colours)
    bars = np.arange(0, max(1, width - 2 * unit), 3 * unit)
    loud = np.zeros(len(bars))
    if len(peaks):
        edges = np.linspace(0, len(peaks), len(bars) + 1)
        loudest = np.abs(peaks.astype(np.int16)).max(axis=1)
        loud = np.array([loudest[int(a) : max(int(a) + 1, int(b))].max() for a, b in pairwise(edges)])
    tall = np.maximum(unit, loud / max(1, loud.max()) * (height - 6 * unit) / 2)
    strong = np.zeros(len(bars)) if not len(heat) else opacity(heat[(bars * len(heat)) // width])
    pixels = np.full((height, width, 3), paper, np.float32)
    for x, half, strength in zip(bars.tolist(), tall, strong, strict=True):
        pixels[:, x : x + 3 * unit] += 0.32 * strength * (accent - paper)
        rows = slice(round(height / 2 - half), max(round(height / 2 + half), round(height / 2 - half) + 1))
        pixels[rows, x : x + 2 * unit] = wave + strength * (accent - wave)
    return Image.fromarray(np.uint8(pixels.clip(0, 255)))


def strip(frames: list[Image.Image], height: int = 64) -> Image.Image:
    """Put frames side by side."""
    shapes = [min(4.0, max(0.25, frame.width / frame.height)) for frame in frames]
    scaled = [frame.resize((round(height * shape), height)) for frame, shape in zip(frames, shapes, strict=True)]
    wide = Image.new("RGB", (sum(frame.width + 2 for frame in scaled), height), "white")
    at = 0
    for frame in scaled:
        wide.paste(frame, (at, 0))
        at += frame.width + 2
    return wide


def opened(encoded: bytes, longest: int) -> Image.Image | None:
    """Open a thumbnail, no larger than `longest`; None if it is damaged."""
    try:
        with Image.open(io.BytesIO(encoded), formats=("WEBP",)) as found:
            if found.width * found.height > MOST_PIXELS:
                return None
            picture = found.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError):
        return None
    picture.thumbnail((longest, longest))
    return picture


def blank(size: tuple[int, int] | None, longest: int) -> Image.Image:
    """Give a white picture of the same shape, for one whose pixels were not kept."""
    width, height = size or (4, 3)
    scale = longest / max(width, height)
    return Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))), "white")


def data_uri(picture: Image.Image, kind: str = "WEBP") -> str:
    """Encode a picture to stand inside HTML."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=72, method=4, optimize=True)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
