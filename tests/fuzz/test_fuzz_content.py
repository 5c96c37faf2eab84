"""Prompts and files of any shape become parts, or one of our errors; nothing else, and soon."""

from __future__ import annotations

import io
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from made_media import SOUNDS, encoded, picture, tone
from PIL import Image as PILImage

from omnitrace_nb.content import Audio, Image, Text, Video, as_parts
from omnitrace_nb.errors import OmnitraceError
from omnitrace_nb.media import MediaNeeds, load

LONGEST = 5.0  # seconds for any one of these small inputs, on a busy machine
SMALL = picture(12, 9)
PICTURES = {
    **{kind: encoded(SMALL, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "TIFF")},
    **{kind: encoded(SMALL, kind) for kind in ("ICO", "TGA", "PCX", "SGI", "DDS", "QOI")},
    "lzw": encoded(SMALL, "TIFF", compression="tiff_lzw"),
    "jpeg in tiff": encoded(SMALL, "TIFF", compression="jpeg"),
    "palette": encoded(PILImage.fromarray(SMALL).convert("P"), "PNG"),
}
HEARD = {kind: make(tone(0.05, 48_000), 48_000) for kind, make in SOUNDS.items()}
FILES = [*((Image, data) for data in PICTURES.values()), *((Audio, data) for data in HEARD.values())]
KEYS = (
    *(
        "role",
        "content",
        "type",
        "text",
        "image",
        "audio",
        "video",
        "image_url",
        "input_audio",
        "url",
        "path",
        "base64",
    ),
    *(
        "bytes",
        "array",
        "data",
        "sampling_rate",
        "fps",
        "nframes",
        "max_pixels",
        "min_pixels",
        "total_pixels",
        "resized",
    ),
    *("resized_width", "resized_height", "video_start", "video_end", "start", "end", "label", "id", "title", "prompt"),
    *("question", "max_frames", "sound", "name", "tool_calls", None, 3, ("a",), b"b", 2.5),
)
NEEDS = MediaNeeds(max_frames=4)


def bounded(seed, attempt):
    """Run an attempt; True if it succeeded, False after one of our errors."""
    begun = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt()
    except OmnitraceError as error:
        assert len(str(error)) < 2_000, f"seed {seed}: {str(error)[:300]}"  # noqa: PT017 - success is fine too
        return False
    except Exception as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    finally:
        assert time.monotonic() - begun < LONGEST, f"seed {seed}"
    return True


def pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def array(rng):
    dtypes = ("uint8", "float32", "float64", "int16", "int64", "bool", "complex64", "object", "U3", "M8[s]", "float16")
    shape = tuple(int(side) for side in rng.integers(0, 7, int(rng.integers(0, 5))))
    return np.zeros(shape, pick(rng, dtypes)) if rng.random() < 0.7 else rng.random(shape, np.float32)


def leaf(rng):
    values = (
        *(None, True, 0, 1, -1, 4, 16_000, 10**400, 2.5, -0.0, np.nan, np.inf, "", "a", "user", "image", "audio"),
        *("text", "video", "a.png", "\0", "\ud800", "data:image/png;base64,AAAA", "file:///x", "http://x/y", "x" * 300),
        *(b"", b"abc", bytearray(b"abc"), memoryview(b"abcd"), object(), int, len, {1, 2}, range(3), 1j, slice(2)),
        *(
            Path("gone.png"),
            Path(),
            np.float32(2),
            np.str_("a"),
            PILImage.new("RGB", (3, 2)),
            PILImage.new("F", (2, 2)),
        ),
        *(torch.zeros(2, 3), torch.zeros(2, 3, 3, dtype=torch.bfloat16), torch.zeros(2, 2, dtype=torch.complex64)),
        *(
            io.BytesIO(pick(rng, FILES)[1]),
            io.StringIO("a"),
            pick(rng, FILES)[1],
            Text("a"),
            Text(None),
            Exception("a"),
        ),
    )
    return array(rng) if rng.random() < 0.2 else pick(rng, values)


def nested(rng, depth=0):
    """Give something of any shape, more often one like a prompt."""
    kind = rng.random()
    if depth > 4 or kind < 0.3:
        return leaf(rng)
    if kind < 0.5:
        return [nested(rng, depth + 1) for _ in range(rng.integers(0, 4))]
    if kind < 0.6:
        give = pick(rng, (Text, Image, Audio, Video))
        return give(nested(rng, depth + 1), **settings(rng, give, depth))
    if kind < 0.7:
        return {"role": pick(rng, ("user", "system", "robot", None)), "content": nested(rng, depth + 1)}
    return {pick(rng, KEYS): nested(rng, depth + 1) for _ in range(rng.integers(0, 5))}


def settings(rng, give, depth):
    names = [name for name in give.__slots__ if name not in {"source", "text"}]
    return {pick(rng, names): nested(rng, depth + 2) for _ in range(rng.integers(0, 2))}


@pytest.mark.fuzz(rounds=2000, seconds=6)
def test_a_prompt_of_any_shape_is_read_or_refused(cases):
    for seed in cases:
        rng = np.random.default_rng(seed)
        bounded(seed, lambda rng=rng: load(as_parts(nested(rng)), NEEDS))


@pytest.mark.fuzz(rounds=2000, seconds=3)
def test_a_part_with_settings_of_any_kind_is_read_or_refused(cases):
    for seed in cases:
        rng = np.random.default_rng(seed)
        give, data = pick(rng, FILES) if rng.random() < 0.7 else (Video, np.zeros((3, 4, 4, 3), np.uint8))
        names = [name for name in give.__slots__ if name != "source"]
        chosen = {pick(rng, names): leaf(rng) for _ in range(rng.integers(1, 4))}
        bounded(seed, lambda give=give, data=data, chosen=chosen: load([give(data, **chosen)], NEEDS))


@pytest.mark.fuzz(rounds=2000, seconds=6)
def test_a_damaged_picture_or_sound_is_read_or_refused(cases):
    for seed in cases:
        rng = np.random.default_rng(seed)
        give, whole = FILES[seed % len(FILES)]
        data = bytearray(whole)
        for _ in range(rng.integers(1, 5)):
            front = 120 if rng.random() < 0.5 else len(data)
            data[int(rng.integers(min(front, len(data))))] ^= 1 << int(rng.integers(8))
        if rng.random() < 0.3:
            data = data[: int(rng.integers(len(data)))]
        given = as_parts if rng.random() < 0.2 else lambda data, give=give: [give(data)]
        bounded(seed, lambda data=bytes(data), given=given: load(given(data), NEEDS))
