"""Whether a processor of Qwen's kind shows the whole of a medium, evenly and in order: seen on media made for it.

In a probe the colour of each place says where it is, and the loud stretch of a sound when. What comes out of the
processor must say the same as the layout would. A processor that crops, pads, mirrors, or drops or reorders frames or
seconds is refused: no count of tokens would tell. A probe has the size of the medium, and is made once for each size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.content import parts
from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Film, LoadedPart, Picture, Sound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Process = Callable[[str, Sequence[LoadedPart]], dict[str, Any]]

APART = 0.03  # of a side, or of a film: resizing rounds, and antialiases the borders
MOST_FRAMES = 8  # of a probe of a film
SECONDS, LOUD = 2.0, (0.8, 1.1)  # of a probe of a sound, and when it is loud
BRIGHTER = 0.2  # in a processor's units, where white is about 2 above black
SLACK = 0.03  # seconds; a mel frame's window reaches as far to both sides


class Probes:
    """Probes of one processor; what was proven once is not asked again."""

    def __init__(self, processor: Any, frames: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401 - untyped
        """Take a processor, and the settings that its films are given."""
        self.processor, self.frames = processor, dict(frames or {})
        self._proven: set[tuple[Any, ...]] = set()

    def check(self, media: Sequence[LoadedPart]) -> None:
        """Refuse media that the processor does not show whole, evenly and in order: `ModelError`."""
        for loaded in media:
            content = loaded.content
            if isinstance(content, Picture):
                self._once(("image", *content.pixels.shape[:2]), loaded, self._picture)
            if isinstance(content, Film):
                count = min(len(content.frames), MOST_FRAMES)
                self._once(("video", count, *content.frames.shape[1:3]), loaded, self._film)
            if isinstance(content, Sound) or (isinstance(content, Film) and content.sound is not None):
                self._once(("audio",), loaded, self._sound)

    def _once(self, key: tuple[Any, ...], loaded: LoadedPart, probe: Any) -> None:  # noqa: ANN401 - a method below
        if key in self._proven:
            return
        try:
            wrong = probe(*key[1:])
        except ValueError:
            return  # what cannot be processed at all is told where the medium itself is
        if wrong:
            raise ModelError(
                f"The model's processor does not show part {loaded.index + 1} ({loaded.kind}) whole, evenly and in "
                f"order: {wrong}. Where its positions lie cannot be told, so give the processor that belongs to this "
                "model, with its own settings, or write an adapter (docs/adapters.md)."
            )
        self._proven.add(key)

    def _picture(self, height: int, width: int) -> str:
        made = self.processor.image_processor
        out = made([Image.fromarray(_coloured(1, height, width)[0])], return_tensors="pt")
        return _compared(
            _colours(out["pixel_values"], out["image_grid_thw"][0].tolist(), made), (height, width), steps=False
        )

    def _film(self, count: int, height: int, width: int) -> str:
        made = self.processor.video_processor
        frames = torch.from_numpy(_coloured(count, height, width)).permute(0, 3, 1, 2)
        out = made([frames], do_sample_frames=False, return_tensors="pt", **self.frames)
        steps, rows, columns = out["video_grid_thw"][0].tolist()
        if steps != -(-count // made.temporal_patch_size):
            return f"of {count} frames it makes {steps} steps of {made.temporal_patch_size}"
        seen = _colours(out["pixel_values_videos"], [steps, rows, columns], made)
        return _compared(seen, (height, width), steps=count > made.temporal_patch_size)

    def _sound(self) -> str:
        made = self.processor.feature_extractor
        rate, hop = made.sampling_rate, made.hop_length
        samples = np.zeros(round(SECONDS * rate), np.float32)
        loud = slice(*(round(at * rate) for at in LOUD))
        samples[loud] = np.random.default_rng(0).uniform(-0.5, 0.5, loud.stop - loud.start)
        settings = {"padding": "max_length", "max_length": len(samples), "return_attention_mask": True}
        out = made([samples], sampling_rate=rate, return_tensors="pt", **settings)
        frames = int(torch.as_tensor(out["attention_mask"]).sum())
        if frames != len(samples) // hop:
            return f"of {len(samples)} samples it hears {frames} frames of {hop}"
        heard = torch.as_tensor(out["input_features"])[0].mean(0)
        times = torch.nonzero(heard > (heard.max() + heard.min()) / 2)[:, 0] * hop / rate
        first, last = float(times.min()), float(times.max())
        if abs(first - LOUD[0]) > SLACK or abs(last - LOUD[1]) > SLACK:
            return f"what is loud from {LOUD[0]} to {LOUD[1]} s it hears from {first:.2f} to {last:.2f} s"
        return ""


def check_order(process: Process, kind: str, placeholder: str, rate: int) -> None:
    """Refuse a processor that gives two media of a kind in another order than it was given them.

    Args:
        process: an adapter's way of calling its processor on a text and its media.
        kind: "image", "audio" or "video".
        placeholder: what stands for one in the text.
        rate: of sounds, Hz.

    Raises:
        ModelError: the dark one of two pictures or films, or the silent one of two sounds, comes out second.
    """
    try:
        out = process(2 * placeholder, [_plain(kind, place, rate) for place in (0, 1)])
    except ModelError:
        return  # what cannot be processed at all is told where the media themselves are
    found = [each for each in out.values() if isinstance(each, torch.Tensor) and each.is_floating_point()]
    if not found:
        return
    brighter = max(_halves(max(found, key=torch.numel).float()), key=abs, default=1.0)
    if brighter < BRIGHTER:
        wrong = "in another order than it was given them" if brighter < -BRIGHTER else "not both"
        raise ModelError(
            f"The model's processor gives two media of the kind {kind!r} {wrong}, so whose positions are whose cannot "
            "be told: give the processor that belongs to this model, with its own settings."
        )


def _halves(values: torch.Tensor) -> list[float]:
    """Give by how much the second half's mean is above the first's, along the axis of the media.

    That is the first; or, where all stand in one row, any.
    """
    axes = range(values.ndim) if values.shape[0] == 1 else [0]
    halved = [values.chunk(2, axis) for axis in axes if values.shape[axis] % 2 == 0]
    return [float(second.mean() - first.mean()) for first, second in halved]


def _plain(kind: str, place: int, rate: int) -> LoadedPart:
    """Give the darker or quieter of two media, or the other."""
    pixels = np.full((4, 128, 128, 3), 255 * place, np.uint8)
    if kind == "image":
        return LoadedPart(place, parts.Image(pixels[0]), Picture(pixels[0]), "")
    if kind == "video":
        return LoadedPart(place, parts.Video(pixels, 2.0), Film(pixels, np.arange(4) / 2, 2.0, 2.0, None), "")
    samples = (0.5 * place * np.random.default_rng(0).uniform(-1, 1, rate)).astype(np.float32)
    return LoadedPart(place, parts.Audio(samples, rate), Sound(samples, rate, 1.0), "")


def _coloured(count: int, height: int, width: int) -> np.ndarray:
    """Give frames whose red grows from left to right, green from top to bottom, and blue from frame to frame."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[..., 0] = np.rint(255 * (np.arange(width) + 0.5) / width)
    frames[..., 1] = np.rint(255 * (np.arange(height) + 0.5) / height)[:, None]
    frames[..., 2] = np.rint(255 * (np.arange(count) + 0.5) / count)[:, None, None]
    return frames


def _colours(values: torch.Tensor, grid: Sequence[int], made: Any) -> np.ndarray:  # noqa: ANN401 - a processor
    """Give the mean colour of each merged patch, 0 to 1: `[steps, rows, columns, 3]`."""
    steps, rows, columns = grid
    merge, side, depth = made.merge_size, made.patch_size, made.temporal_patch_size
    patches = values.float().reshape(steps, rows // merge, columns // merge, merge**2, 3, depth * side**2)
    means = patches.mean((3, 5)).numpy()
    if made.do_normalize:
        means = means * np.asarray(made.image_std) + np.asarray(made.image_mean)
    return means


def _compared(seen: np.ndarray, size: tuple[int, int], *, steps: bool) -> str:
    """Say where the colours that were seen are not those of the places that the layout gives them.

    `size` is the probe's `(height, width)`: within half a pixel of it a colour can say no more of its place.
    """
    count, rows, columns, _ = seen.shape
    places = {
        "columns": (0, (np.arange(columns) + 0.5)[None, None] / columns),
        "rows": (1, (np.arange(rows) + 0.5)[None, :, None] / rows),
    }
    for name, (channel, wanted) in places.items():
        apart = float(np.abs(seen[..., channel] - wanted).max())
        if apart > APART + 0.5 / size[1 - channel]:
            return f"its {name} of patches are up to {apart:.0%} of a side away from where they should be"
    if steps and np.any(np.diff(seen[..., 2].mean((1, 2))) <= 0):
        return f"its {count} steps are not in the order of the frames"
    return ""
