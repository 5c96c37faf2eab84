"""The processor of Qwen's omni models taken apart: from pixels and samples to the prompt's embeddings, under autograd.

A picture is resized, normalised and cut into patches; a sound becomes a log-mel spectrogram (Radford et al., arXiv
2212.04356). Each is computed here again, differentiably, and must give what the processor gave. What is left over, such
as the rounding of resized pixels to whole levels, is added as a constant, so that the model reads exactly its own
inputs while gradients go all the way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.errors import SignalError
from omnitrace_nb.layout import AUDIO, IMAGE
from omnitrace_nb.media.loaded import Picture
from omnitrace_nb.models.adapter import RawMedium
from omnitrace_nb.models.context import sound_of
from omnitrace_nb.models.deepstack import seen_at_all_depths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Encoded

LEVELS_APART = 2.0  # of 255: resizing in whole numbers rounds twice, along rows and along columns
MEL_APART = 1e-3
HALF = 0.5  # of a level: what rounding to whole levels changes at most
SMOOTH = {2: "bilinear", 3: "bicubic"}  # Pillow's names of what torch can undo


def raw_media(
    model: Any,  # noqa: ANN401 - transformers ships no types
    processor: Any,  # noqa: ANN401 - the same
    encoded: Encoded,
    parts: Sequence[LoadedPart],
) -> tuple[list[RawMedium], Callable[..., Tensor]]:
    """Give a prompt's pictures and sounds, and what turns them into embeddings; see `QwenOmni.raw_media`."""
    inputs, layout = encoded.inputs, encoded.layout
    pictures = [(part.index, part.content) for part in parts if isinstance(part.content, Picture)]
    sounds = [(part.index, track) for part in parts if (track := sound_of(part.content)) is not None]
    found: list[RawMedium] = []
    steps: list[Callable[[Tensor], Tensor]] = []
    if pictures:
        grids = inputs["image_grid_thw"]
        pieces = torch.split(inputs["pixel_values"], grids.prod(-1).tolist())
        for (index, picture), grid, patches in zip(pictures, grids.tolist(), pieces, strict=True):
            pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].to(patches)
            found.append(RawMedium(index, "image", pixels, pixels.mean((-1, -2), keepdim=True).expand_as(pixels)))
            steps.append(_exactly(_patches(processor.image_processor, grid), pixels, patches, index))
    longest = max((len(sound.samples) for _, sound in sounds), default=0)
    for row, (index, sound) in enumerate(sounds):
        mel = inputs["input_features"][row]
        samples = torch.from_numpy(sound.samples.astype(np.float32))[None].to(mel)
        found.append(RawMedium(index, "audio", samples, torch.zeros_like(samples)))
        length = int(inputs["feature_attention_mask"][row].sum())
        log_mel = _log_mel(processor.feature_extractor, mel.shape[-1], longest)
        steps.append(_exactly(log_mel, samples, mel, index, length))
    where = {kind: torch.from_numpy(np.flatnonzero(layout.modality == kind)) for kind in (IMAGE, AUDIO)}

    def embed(embeddings: Tensor, *raw: Tensor) -> Tensor:
        made = [step(each) for step, each in zip(steps, raw, strict=True)]
        embeddings = embeddings.clone()
        if pictures:
            patches = torch.cat(made[: len(pictures)])
            seen = model.get_image_features(patches, inputs["image_grid_thw"], return_dict=True)
            embeddings[0, where[IMAGE]] = seen_at_all_depths(seen).to(embeddings)
        if sounds:
            mels = torch.stack(made[len(pictures) :])
            heard = model.get_audio_features(mels, inputs["feature_attention_mask"], return_dict=True)
            embeddings[0, where[AUDIO], : heard.last_hidden_state.shape[-1]] = heard.last_hidden_state.to(embeddings)
        return embeddings

    return found, embed


def _exactly(
    again: Callable[[Tensor], Tensor], raw: Tensor, given: Tensor, index: int, length: int | None = None
) -> Callable[[Tensor], Tensor]:
    """Add to what was computed again whatever the processor's own result has beyond it."""
    with torch.no_grad():
        beyond = given - again(raw)
    most = LEVELS_APART / 255 / 0.2 if length is None else MEL_APART
    apart = float(beyond[..., :length].abs().max()) if beyond.numel() else 0.0
    if apart > most:
        raise SignalError(
            f"part {index + 1}: its way through the model's processor could not be followed back (off by {apart:.2g}): "
            "attribute its positions, by any of the gradient signals"
        )
    return lambda each: again(each) + beyond


def _patches(processor: Any, grid: Sequence[int]) -> Callable[[Tensor], Tensor]:  # noqa: ANN401 - as above
    """Give pixels `[1, 3, height, width]` -> patches `[rows * columns, 3 * frames * side * side]`."""
    _, rows, columns = grid
    side, merge, frames = processor.patch_size, processor.merge_size, processor.temporal_patch_size
    if int(processor.resample) not in SMOOTH:
        raise SignalError(f"pictures are resized by method {processor.resample!r}, through which gradients cannot go")
    mode = SMOOTH[int(processor.resample)]
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (processor.image_mean, processor.image_std))

    def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
        sized = torch.nn.functional.interpolate(pixels, size, mode=mode, align_corners=False, antialias=True)
        return _cut_off(sized)

    def cut(pixels: Tensor) -> Tensor:
        # Rows first, then columns: what overshoots white or black is cut off after each, as in whole numbers.
        resized = resize(resize(pixels, (pixels.shape[-2], columns * side)), (rows * side, columns * side))
        levels = (resized * processor.rescale_factor - mean.to(resized)) / deviation.to(resized)
        blocks = levels.reshape(3, rows // merge, merge, side, columns // merge, merge, side)
        blocks = blocks.permute(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None].expand(-1, -1, -1, -1, -1, frames, -1, -1)
        return blocks.reshape(rows * columns, -1)

    return cut


def _cut_off(levels: Tensor) -> Tensor:
    """Cut levels off at black and white, as the processor does; gradients go through where rounding would do the same.

    A white area, resized, overshoots 255 by nothing but rounding, and the cut-off's own derivative there would be 0 or
    1 by chance. It is taken as 1 within half a level of the bounds, where whole numbers come out alike without a cut,
    and is 0 where resizing truly overshoots, beside sharp edges.
    """
    through = levels.clamp(-HALF, 255 + HALF)
    return levels.detach().clamp(0, 255) + (through - through.detach())


def _log_mel(extractor: Any, frames: int, longest: int) -> Callable[[Tensor], Tensor]:  # noqa: ANN401 - as above
    """Give samples `[1, k]` -> a log-mel spectrogram `[bins, frames]`, eight decades deep below its loudest.

    `longest` is the number of samples of the prompt's longest sound: no sound is filled up to less.
    """
    filters = torch.from_numpy(np.asarray(extractor.mel_filters, np.float32)).T
    window = torch.hann_window(extractor.n_fft)
    length = max(frames * extractor.hop_length, longest)

    def hear(samples: Tensor) -> Tensor:
        filled = torch.nn.functional.pad(samples, (0, length - samples.shape[-1]))
        spectrum = torch.stft(
            filled, extractor.n_fft, extractor.hop_length, window=window.to(samples), return_complex=True
        )
        power = torch.view_as_real(spectrum[0, :, :-1]).square().sum(-1)
        decades = (filters.to(power) @ power).clamp(min=1e-10).log10()
        return (torch.maximum(decades, decades.max() - 8) + 4) / 4

    return hear
