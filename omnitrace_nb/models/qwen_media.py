"""Pictures, sounds and films for Qwen's omni models (arXiv 2503.20215, section 2.2): tokens, features, where each lies.

Every part goes through the model's own processor by itself, so that each film keeps its own rate and its own sound
track or none, and what belongs to a part is known without counting placeholders in a long prompt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, IMAGE, TEMPLATE, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.models.geometry import even_boxes, step_seconds
from omnitrace_nb.models.hearing import QWEN2_5
from omnitrace_nb.models.tiles import check_same
from omnitrace_nb.transformers_names import OmniModalProcessorMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedConfig

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.hearing import Hearing

    Processor: TypeAlias = Any  # Qwen2_5OmniProcessor or Qwen3OmniMoeProcessor: transformers ships no types

FEWEST_FRAMES = 4  # mel frames that a sound is filled up to: what one token takes
TEXT_ONLY = {"add_special_tokens": False, "padding": False}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A part as the model sees it.

    Attributes:
        ids: `int64 [k]`, what stands in the prompt in place of the part's one placeholder.
        modality: `int8 [k]`, box: `float32 [k, 4]`, time: `float32 [k, 2]`, as in `Layout`.
        grid: `(steps, rows, columns)` of the visual tokens; None for a sound.
        features: the processor's tensors for this part.
    """

    ids: np.ndarray
    modality: np.ndarray
    box: np.ndarray
    time: np.ndarray
    grid: tuple[int, int, int] | None
    features: dict[str, torch.Tensor]


def look(processor: Processor, loaded: LoadedPart, hearing: Hearing = QWEN2_5) -> Seen:
    """Give a picture, sound or film as the model sees it; `ModelError` where the processor refuses it."""
    medium = loaded.content
    try:
        if isinstance(medium, Picture):
            return _picture(processor, medium)
        if isinstance(medium, Sound):
            return _sound(processor, medium, hearing)
        if isinstance(medium, Film):
            return _film(processor, medium, hearing)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ModelError(
            f"The model's processor refused part {loaded.index + 1} ({loaded.kind}). It says: {error} "
            "Change the part's size or length."
        ) from error
    raise ModelError(f"Part {loaded.index + 1} is a {loaded.kind}, which {type(processor).__name__} does not read.")


def join(features: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Join the features of several parts, in order; sounds are filled up to the longest."""
    joined: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(name for one in features for name in one):
        tensors = [one[name] for one in features if name in one]
        if name in {"input_features", "feature_attention_mask"}:
            longest = max(tensor.shape[-1] for tensor in tensors)
            tensors = [torch.nn.functional.pad(tensor, (0, longest - tensor.shape[-1])) for tensor in tensors]
        joined[name] = torch.cat(tensors)
    return joined


def check_pair(config: PreTrainedConfig, processor: Processor) -> None:
    """Refuse a processor whose tokens or patches of pictures and films are not those of the model."""
    for name in ("image_token_id", "video_token_id"):
        check_same(name, getattr(processor, name), getattr(config, name))
    vision = config.vision_config
    wanted = (vision.patch_size, vision.temporal_patch_size, vision.spatial_merge_size)
    for kind in ("image_processor", "video_processor"):
        made = getattr(processor, kind)
        got = (made.patch_size, made.temporal_patch_size, made.merge_size)
        check_same(f"{kind}'s patch, temporal patch and merge sizes", got, wanted)


def _picture(processor: Processor, picture: Picture) -> Seen:
    # A PIL picture leaves no doubt which axis is colour, whatever its size.
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    out = _called(processor, text=[processor.image_token], images=[image])
    grid = _merged(out["image_grid_thw"][0], processor.image_processor.merge_size)
    height, width = picture.pixels.shape[:2]
    ids = out["input_ids"][0].numpy()
    modality = _modality(processor, ids, {IMAGE: math.prod(grid)})
    box = np.full((len(ids), 4), np.nan, np.float32)
    box[modality == IMAGE] = even_boxes(*grid[1:], width, height)
    return Seen(ids, modality, box, _no_times(ids), grid, _features(out))


def _sound(processor: Processor, sound: Sound, hearing: Hearing) -> Seen:
    samples, settings = _samples(processor, sound, hearing)
    out = _called(processor, text=[processor.audio_token], audio=[samples], audio_kwargs=settings)
    ids = out["input_ids"][0].numpy()
    modality = _modality(processor, ids, {AUDIO: _heard(out, hearing, processor, len(samples))})
    time = _no_times(ids)
    time[modality == AUDIO] = _seconds(processor, len(ids), sound.duration, hearing)
    return Seen(ids, modality, np.full((len(ids), 4), np.nan, np.float32), time, None, _features(out))


def _film(processor: Processor, film: Film, hearing: Hearing) -> Seen:
    frames = torch.from_numpy(np.ascontiguousarray(film.frames)).permute(0, 3, 1, 2)
    given = {"fps": film.fps, "do_sample_frames": False, "input_data_format": "channels_first"}
    settings: dict[str, Any] = {"videos_kwargs": frame_settings(processor) | given}
    tokens = {}
    if film.sound is not None:
        samples, sound_settings = _samples(processor, film.sound, hearing)
        settings |= {
            "audio": [samples],
            "audio_kwargs": sound_settings,
            "audio_from_video_indices": [0],
            "load_audio_from_video": True,
        }
    out = _called(processor, text=[processor.video_token], videos=[frames], **settings)
    grid = _merged(out["video_grid_thw"][0], processor.video_processor.merge_size)
    if grid[0] != -(-len(film.frames) // processor.video_processor.temporal_patch_size):
        raise ValueError(f"{grid[0]} steps were made of {len(film.frames)} frames.")
    tokens[VIDEO] = math.prod(grid)
    if film.sound is not None:
        tokens[AUDIO] = _heard(out, hearing, processor, len(samples))
    ids = out["input_ids"][0].numpy()
    modality = _modality(processor, ids, tokens)
    box = np.full((len(ids), 4), np.nan, np.float32)
    box[modality == VIDEO] = np.tile(even_boxes(*grid[1:], *film.original_size), (grid[0], 1))
    time = _no_times(ids)
    shown = step_seconds(film, grid[0], processor.video_processor.temporal_patch_size)
    time[modality == VIDEO] = np.repeat(shown, grid[1] * grid[2], axis=0)
    if film.sound is not None:
        time[modality == AUDIO] = _seconds(processor, tokens[AUDIO], film.sound.duration, hearing)
    return Seen(ids, modality, box, time, grid, _features(out))


def _called(processor: Processor, **given: Any) -> Mapping[str, torch.Tensor]:  # noqa: ANN401 - as a processor's
    """Call a processor as its base class does: Qwen3-Omni's own call loses `audio_kwargs`."""
    out: Mapping[str, torch.Tensor] = OmniModalProcessorMixin.__call__(
        processor, text_kwargs=TEXT_ONLY, return_tensors="pt", **given
    )
    return out


def most_pixels(processor: Processor) -> dict[str, int]:
    """Give the most pixels of a picture and of a frame that a processor keeps; larger ones are made smaller."""
    default = getattr(processor, "videos_kwargs", {}).get("size") or {}
    frame = min(processor.video_processor.size["longest_edge"], default.get("longest_edge", math.inf))
    return {"picture_pixels": int(processor.image_processor.size["longest_edge"]), "frame_pixels": int(frame)}


def frame_settings(processor: Processor) -> dict[str, Any]:
    """Give the frame size that a checkpoint asks for where it is smaller than the processor's own default.

    The processor's call puts its default in place of `video_processor.size`, so that a model made for small frames
    would be given large ones.
    """
    default = processor.videos_kwargs.get("size") or {}
    own = processor.video_processor.size
    settings: dict[str, Any] = {}
    if own["longest_edge"] < default.get("longest_edge", math.inf):
        settings["size"] = {name: own[name] for name in ("shortest_edge", "longest_edge")}
    if getattr(processor.video_processor, "cap_pixels_per_frame", False) is None:
        # The paper's own pipeline bounds the pixels of a long film; transformers asks everyone to choose.
        settings["cap_pixels_per_frame"] = True
    return settings


def _heard(out: Mapping[str, torch.Tensor], hearing: Hearing, processor: Processor, samples: int) -> int:
    """Give the number of tokens of the one sound of a processor's call; refuse one that is cut or filled up."""
    frames = int(torch.as_tensor(out["feature_attention_mask"]).sum())
    wanted = samples / processor.feature_extractor.hop_length
    if abs(frames - wanted) > 1:
        raise ValueError(f"{frames} frames of a sound were made where its {samples} samples have {wanted:.0f}.")
    return hearing.tokens(frames)


def least(processor: Processor, sound: Sound) -> int:
    """Give the number of a sound's samples, at least those that one token takes."""
    return max(len(sound.samples), FEWEST_FRAMES * processor.feature_extractor.hop_length)


def _samples(processor: Processor, sound: Sound, hearing: Hearing) -> tuple[np.ndarray, dict[str, Any]]:
    """Give a sound's samples and the settings under which none of them is cut off.

    The extractor would cut at `chunk_length` seconds (300 for Qwen2.5-Omni-7B) and fill every shorter sound up to it.
    Silence of one window is enough for the same features; the model's encoder itself has no longest sound.
    """
    extractor = processor.feature_extractor
    if sound.sampling_rate != extractor.sampling_rate:
        raise ValueError(f"the sound has {sound.sampling_rate} samples a second, expected {extractor.sampling_rate}.")
    short = least(processor, sound) - len(sound.samples)
    samples = np.pad(sound.samples, (0, short)).astype(np.float32)
    filled = hearing.fill or math.ceil((len(samples) + extractor.n_fft) / extractor.hop_length) * extractor.hop_length
    settings = {"padding": "max_length", "max_length": filled, "sampling_rate": extractor.sampling_rate}
    return samples, settings


def _modality(processor: Processor, ids: np.ndarray, expected: dict[int, int]) -> np.ndarray:
    """Name each token's modality, and refuse counts that the features do not have."""
    placeholders = {
        IMAGE: processor.image_token_id,
        AUDIO: processor.audio_token_id,
        VIDEO: processor.video_token_id,
    }
    modality = np.full(len(ids), TEMPLATE, np.int8)
    for kind, placeholder in placeholders.items():
        modality[ids == placeholder] = kind
        found = int((ids == placeholder).sum())
        if found != expected.get(kind, 0):
            raise ValueError(f"{found} placeholders were made where the features have {expected.get(kind, 0)}.")
    return modality


def _merged(grid: torch.Tensor, merge: int) -> tuple[int, int, int]:
    steps, rows, columns = (int(size) for size in grid)
    return steps, rows // merge, columns // merge


def _seconds(processor: Processor, tokens: int, duration: float, hearing: Hearing) -> np.ndarray:
    """Give the seconds that each token of a sound stands for."""
    extractor = processor.feature_extractor
    edges = hearing.frames(tokens) * extractor.hop_length / extractor.sampling_rate
    return _clipped(edges[:, 0], edges[:, 1], duration)


def _clipped(starts: np.ndarray, ends: np.ndarray, duration: float) -> np.ndarray:
    ends = np.where(starts < duration, np.minimum(ends, duration), ends)
    return np.stack([starts, ends], axis=-1).astype(np.float32)


def _no_times(ids: np.ndarray) -> np.ndarray:
    return np.full((len(ids), 2), np.nan, np.float32)


def _features(out: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    text = {"input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids"}
    return {name: torch.as_tensor(value) for name, value in out.items() if name not in text}
