"""Gradients back to pixels and samples: what in a picture or sound speaks for a target, on the grid the user gave.

The embeddings' gradient signals say which positions matter. Here the same algorithms of captum's go on through the
encoders and the processor, to the original picture's pixels and the sound's samples.

The processor cuts resized pixels off at black and white. Gradients pass this cut-off where only rounding overshoots,
as all over a white or black area, and stop where resizing truly does, beside sharp edges. `input_x_gradient` multiplies
by the level, from 0 to 255: what is black is worth 0 by it, whatever the model made of it.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from omnitrace_nb import passes, signals, targets
from omnitrace_nb.errors import SignalError
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.media.record import peaks
from omnitrace_nb.passes import deeplift
from omnitrace_nb.passes.captum_pass import CaptumPass, drawing
from omnitrace_nb.passes.gradients import Aim
from omnitrace_nb.view import drawing as views

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.models.adapter import RawMedium
    from omnitrace_nb.passes import Finished
    from omnitrace_nb.targets import TargetLike
    from omnitrace_nb.trace import Trace

FRAME_SECONDS = 0.01
SHARPEST = 99.0  # the percentile of strength that a picture shows as its strongest


class InputMaps(list["InputMap"]):
    """The maps of one call, a list that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return "".join(each._repr_html_() for each in self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InputMap:
    """What each pixel of a picture, or each hundredth of a second of a sound, is worth for a target.

    In a notebook it shows itself: strength over the picture or the waveform, whatever the sign, on one scale for all
    pictures of a call and one for all sounds.

    Attributes:
        part: index of the part; label: such as "picture 1".
        kind: "image" or "audio".
        signal: the method, such as "integrated_gradients(steps=20)".
        target: the explained text.
        values: `float32 [height, width]` or `[frames]`; signed where the method is. Over all maps of a call, those of
            integrated gradients sum to the target's value less its value with all of these media blank.
        raw: the same for each value of the input: `float32 [height, width, 3]` or `[samples]`.
        seconds: `float32 [frames, 2]`, start and end of each frame of a sound; None for pictures.
        medium: `uint8 [height, width, 3]`, the picture, or `float32 [samples]`, the sound.
        scale: the strength that is drawn as the strongest.
    """

    part: int
    label: str
    kind: str
    signal: str
    target: str
    values: np.ndarray
    raw: np.ndarray
    seconds: np.ndarray | None
    medium: np.ndarray
    scale: float = 0.0

    def __repr__(self) -> str:
        """Name what is mapped, and what it sums to."""
        return (
            f"InputMap({self.label!r}, {self.signal!r} of {self.target!r}, values {self.values.shape}, {self._total})"
        )

    @property
    def _total(self) -> str:
        return f"sum {self.values.sum():.3g}"

    def picture(self) -> Image.Image:
        """Draw the strength of each value over its picture or waveform."""
        strength = np.abs(self.values)
        heat = (255 * np.clip(strength / max(self.scale or _strongest(self), 1e-30), 0, 1)).astype(np.uint8)
        if self.kind == "image":
            return views.heated(Image.fromarray(self.medium), heat, (0, 0, 1, 1))
        loud = peaks(self.medium)
        loudest = max(float(np.abs(loud).max(initial=0)), 1e-9)
        return views.waveform(np.round(127 * loud / loudest).astype(np.int8), heat)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.picture().save(buffer, "PNG")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        said = escape(f"{self.label}, {self._total}: {self.signal} of: {self.target}")
        source = f"data:image/png;base64,{base64.b64encode(self._repr_png_()).decode()}"
        return (
            f'<figure><img src="{source}" alt="{said}" style="max-width:100%"><figcaption>{said}</figcaption></figure>'
        )


def input_maps(trace: Trace, run: Finished, method: str | Signal, target: TargetLike = None) -> InputMaps:
    """Attribute a target to the pixels and samples of a run's prompt; see `Tracer.input_map`."""
    signal = signals.get(method)
    credit, raw_media = _checked(signal), _followed(run)
    found = targets.find(trace, target)
    raw, embed = raw_media(run.encoded, run.loaded)
    if not raw:
        raise SignalError(
            "the prompt has no picture and no sound to map: a film's frames and text have positions alone"
        )
    aim = Aim(run.forced, [torch.from_numpy(found.steps)], credit.of)
    fixed = run.forced.embeddings[:, : run.prompt + aim.latest]

    def work(_items: torch.Tensor) -> torch.Tensor:
        points, blank = tuple(each.values.float() for each in raw), tuple(each.blank.float() for each in raw)
        begin = None if credit.baseline is None else blank
        with drawing(credit.seed, run):
            made = credit.attributions(aim, points, begin, lambda *given: embed(fixed, *given), 1)
        return torch.cat([each.reshape(1, -1) for each in made], dim=1)

    with run.forced.running():
        done, whole = passes.run_passes(work, 1, batch=1, label=signal.label, progress=run.progress)
    if not whole:
        raise KeyboardInterrupt
    if not done[0].isfinite().all():
        raise SignalError(
            f"{signal.label}: its gradients hold NaN or inf, in {run.adapter.model.dtype}; half precision "
            "overflows easily: load the model with dtype=torch.bfloat16 or float32"
        )
    apart = torch.split(done[0], [each.values.numel() for each in raw])
    about = signal.label, trace.response[slice(*found.chars)], credit.length
    maps = [_map(trace, run, one, values.numpy(), about) for one, values in zip(raw, apart, strict=True)]
    scales = {kind: max(_strongest(each) for each in maps if each.kind == kind) for kind in {one.kind for one in maps}}
    return InputMaps(replace(each, scale=scales[each.kind]) for each in maps)


def _strongest(one: InputMap) -> float:
    return float(np.percentile(np.abs(one.values), SHARPEST)) if one.values.size else 0.0


def _checked(signal: Signal) -> CaptumPass:
    credit = signal.credit
    if not isinstance(credit, CaptumPass) or credit.algorithm == deeplift.NAME or signal.controls:
        raise SignalError(
            f"{signal.label!r} cannot be followed to pixels and samples: use saliency, input_x_gradient, "
            "integrated_gradients, gradient_shap, or noise_tunnel over one of these"
        )
    return credit


def _followed(run: Finished) -> Callable[..., tuple[list[RawMedium], Callable[..., torch.Tensor]]]:
    found: Callable[..., tuple[list[RawMedium], Callable[..., torch.Tensor]]] | None
    found = getattr(run.adapter, "raw_media", None)
    if found is None:
        raise SignalError(
            f"{type(run.adapter).__name__} has no `raw_media`: there are no pixels or samples that gradients could be "
            "followed to; the gradient signals score its positions"
        )
    return found


def _map(trace: Trace, run: Finished, one: RawMedium, values: np.ndarray, about: tuple[str, str, bool]) -> InputMap:
    """Lay a medium's attributions on its grid; lengths of vectors where the method gives lengths, else sums."""
    signal, target, length = about
    content = next(part.content for part in run.loaded if part.index == one.part)
    label, seconds = trace.parts[one.part].label, None
    if isinstance(content, Picture):
        medium, raw = content.pixels, values.reshape(one.values.shape[1:]).transpose(1, 2, 0)
    else:
        sound = content.sound if isinstance(content, Film) else content
        assert isinstance(sound, Sound)  # noqa: S101 - what `raw_media` gives besides pictures
        medium, raw = sound.samples, values
        each = round(FRAME_SECONDS * sound.sampling_rate)
        ends = np.minimum(np.arange(1, -(-len(raw) // each) + 1) * each, len(raw)) / sound.sampling_rate
        seconds = np.stack([np.append(0, ends[:-1]), ends], axis=1).astype(np.float32)
        values = np.pad(raw, (0, -len(raw) % each)).reshape(-1, each)
    folded = raw if isinstance(content, Picture) else values
    folded = np.linalg.norm(folded, axis=-1) if length else folded.sum(-1)
    return InputMap(
        one.part,
        label if one.kind == "image" or isinstance(content, Sound) else f"{label} (sound)",
        one.kind,
        signal,
        target,
        folded.astype(np.float32),
        raw.astype(np.float32),
        seconds,
        medium,
    )
