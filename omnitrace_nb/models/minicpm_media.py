"""Pictures, sounds and films for MiniCPM-o 4.5: tokens, features, and where each lies.

A picture becomes an overview and, if it is large, slices of an even grid; each of them 64 positions, of which every one
has read the whole of its slice. A sound becomes ten positions a second. A film is what the model's authors make of it:
a frame a second, each as a picture without slices, and after each the sound until the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, IMAGE, TEMPLATE, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.models.geometry import even_boxes, frame_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart

AT_ONCE = 8  # stretches of 30 s of sound
SLACK = 1e-6  # seconds, of rounding


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A part as the model sees it.

    Attributes:
        ids: `int64 [k]`, what stands in the prompt in place of the part's one placeholder.
        modality: `int8 [k]`, box: `float32 [k, 4]`, time: `float32 [k, 2]`, as in `Layout`.
        features: what the encoders take, by modality: those of pictures, then those of sound.
    """

    ids: np.ndarray
    modality: np.ndarray
    box: np.ndarray
    time: np.ndarray
    features: dict[int, dict[str, Any]]


def look(processor: Any, loaded: LoadedPart, number: int, between: str) -> Seen:  # noqa: ANN401 - not typed
    """Give a picture, sound or film as the model sees it.

    Args:
        processor: the model's.
        loaded: the part.
        number: how many pictures stand before it: the model counts them.
        between: what stands between the pieces of a film.

    Raises:
        ModelError: the processor refuses the part, or makes other positions of it than it has features.
    """
    medium = loaded.content
    try:
        if isinstance(medium, Picture):
            return _picture(processor, medium, number)
        if isinstance(medium, Sound):
            return _sound(processor, medium)
        if isinstance(medium, Film):
            return _film(processor, medium, between)
    except (ValueError, TypeError, RuntimeError, AssertionError) as error:
        raise ModelError(
            f"The model's processor refused part {loaded.index + 1} ({loaded.kind}). It says: {error} "
            "Change the part's size or length."
        ) from error
    raise ModelError(f"Part {loaded.index + 1} is a {loaded.kind}, which {type(processor).__name__} does not read.")


def embed(model: Any, seen: Seen) -> torch.Tensor:  # noqa: ANN401 - transformers ships no types
    """Give the embeddings `[m, hidden]` of the positions that have a modality, in order, on the model's device.

    Raises:
        ModelError: the encoders give another number of them.
    """
    own = seen.modality[seen.modality != TEMPLATE]
    where = model.get_input_embeddings().weight
    found = where.new_zeros(len(own), where.shape[1])
    for modality, features in seen.features.items():
        made = _of_sound(model, features) if modality == AUDIO else _of_pictures(model, features)
        here = torch.from_numpy(np.flatnonzero(own == modality)).to(where.device)
        if len(made) != len(here):
            raise ModelError(
                f"The model makes {len(made)} embeddings where its processor made {len(here)} positions: "
                "load both from the same place."
            )
        found[here] = made.to(found)
    return found


def _of_pictures(model: Any, features: dict[str, Any]) -> torch.Tensor:  # noqa: ANN401 - as above
    where = model.get_input_embeddings().weight.device
    given = {name: [each.to(where) for each in features[name]] for name in ("pixel_values", "tgt_sizes")}
    (found,) = model.get_vision_embedding({"pixel_values": [given["pixel_values"]], "tgt_sizes": given["tgt_sizes"]})
    return torch.as_tensor(found).flatten(0, 1)


def _of_sound(model: Any, features: dict[str, Any]) -> torch.Tensor:  # noqa: ANN401 - as above
    where = model.get_input_embeddings().weight.device
    found = []
    for mels, lengths in zip(features["mels"].split(AT_ONCE), features["lengths"].split(AT_ONCE), strict=True):
        given = {"audio_features": mels.to(where), "audio_feature_lens": [lengths.to(where)]}
        (made,) = model.get_audio_embedding(given, chunk_length=model.config.audio_chunk_length)
        found += made
    return torch.cat(found)


def _picture(processor: Any, picture: Picture, number: int) -> Seen:  # noqa: ANN401 - as above
    height, width = picture.pixels.shape[:2]
    features = _features(processor, [picture.pixels], slices=None)
    count = len(features["pixel_values"])
    text = processor.image_processor.get_slice_image_placeholder((width, height), number)
    ids, modality = _tokens(processor, text, {IMAGE: count * _queries(processor)})
    boxes = [np.array([[0, 0, width, height]], np.float32)]
    if count > 1:
        rows = text.count("\n") + 1
        boxes.append(even_boxes(rows, (count - 1) // rows, width, height))
    box = np.full((len(ids), 4), np.nan, np.float32)
    box[modality == IMAGE] = np.repeat(np.concatenate(boxes), _queries(processor), axis=0)
    return Seen(ids, modality, box, _no_times(ids), {IMAGE: features})


def _sound(processor: Any, sound: Sound) -> Seen:  # noqa: ANN401 - as above
    features, text = _heard(processor, sound)
    time = _seconds(processor, features["lengths"], sound.duration)
    ids, modality = _tokens(processor, text, {AUDIO: len(time)})
    times = _no_times(ids)
    times[modality == AUDIO] = time
    return Seen(ids, modality, np.full((len(ids), 4), np.nan, np.float32), times, {AUDIO: features})


def _film(processor: Any, film: Film, between: str) -> Seen:  # noqa: ANN401 - as above
    """Write each frame, and after it the sound that begins before the next."""
    height, width = film.frames.shape[1:3]
    queries, tokenizer = _queries(processor), processor.tokenizer
    features = {VIDEO: _features(processor, list(film.frames), slices=1)}
    frame = processor.image_processor.get_slice_image_placeholder((width, height), 0, 1, use_image_id=False)
    heard, shares = np.zeros((0, 2), np.float32), [0] * len(film.frames)
    if film.sound is not None:
        features[AUDIO], _ = _heard(processor, film.sound)
        heard = _seconds(processor, features[AUDIO]["lengths"], film.sound.duration)
        during = np.searchsorted(film.times, heard[:, 0] + SLACK, side="right") - 1
        shares = np.bincount(during, minlength=len(film.frames)).tolist()
    unknown = tokenizer.unk_token
    pieces = [
        frame + (f"{tokenizer.audio_start}{unknown * share}{tokenizer.audio_end}" if share else "") for share in shares
    ]
    expected = {VIDEO: len(film.frames) * queries, AUDIO: len(heard)}
    ids, modality = _tokens(processor, between.join(pieces), expected, sight=VIDEO)
    box, time = np.full((len(ids), 4), np.nan, np.float32), _no_times(ids)
    box[modality == VIDEO] = np.array([0, 0, *film.original_size], np.float32)
    time[modality == VIDEO] = frame_seconds(film, queries)
    time[modality == AUDIO] = heard
    return Seen(ids, modality, box, time, features)


def _features(processor: Any, pictures: Sequence[np.ndarray], *, slices: int | None) -> dict[str, Any]:  # noqa: ANN401
    """Give patches and sizes of pictures; `slices`: at most so many each, None as many as the processor allows."""
    images = [Image.fromarray(np.ascontiguousarray(pixels)) for pixels in pictures]
    out = processor.process_image([images], max_slice_nums=slices)
    return {"pixel_values": out["pixel_values"][0], "tgt_sizes": out["tgt_sizes"]}


def _heard(processor: Any, sound: Sound) -> tuple[dict[str, torch.Tensor], str]:  # noqa: ANN401 - as above
    """Give a sound's spectrograms, `mels` `[stretches, bins, frames]` and their `lengths`, and what stands for it."""
    rate = processor.audio_processor.sampling_rate
    if sound.sampling_rate != rate:
        raise ValueError(f"the sound has {sound.sampling_rate} samples a second, expected {rate}.")
    # Too short for a single position: silence makes it up.
    missing = _hops(processor) * processor.audio_processor.hop_length - len(sound.samples)
    samples = np.pad(sound.samples, (0, max(missing, 0))).astype(np.float32)
    mels, lengths, texts = processor.audio_feature_extract([samples], sampling_rate=rate)
    return {"mels": mels, "lengths": lengths[0]}, texts[0][0]


def _seconds(processor: Any, lengths: torch.Tensor, duration: float) -> np.ndarray:  # noqa: ANN401 - as above
    """Give the seconds of each position of a sound's stretches; what is left over at a stretch's end has none."""
    second = processor.audio_processor.hop_length / processor.audio_processor.sampling_rate
    hops, begins = _hops(processor), np.cumsum([0, *lengths.tolist()])
    counts = [((int(length) - 1) // 2 + 1) // processor.pool_step for length in lengths]
    starts = np.concatenate([begin + np.arange(count) * hops for begin, count in zip(begins[:-1], counts, strict=True)])
    ends = (starts + hops) * second
    within = np.where(starts * second < duration, np.minimum(ends, duration), ends)
    return np.stack([starts * second, within], axis=-1).astype(np.float32)


def _hops(processor: Any) -> int:  # noqa: ANN401 - as above
    """Give how many frames of a spectrogram a position stands for: a convolution halves them, then they are pooled."""
    return 2 * int(processor.pool_step)


def _queries(processor: Any) -> int:  # noqa: ANN401 - as above
    return int(processor.image_processor.image_feature_size)


def _tokens(
    processor: Any,  # noqa: ANN401 - as above
    text: str,
    expected: dict[int, int],
    sight: int = IMAGE,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the ids of what stands for a medium and their modality; refuse counts that the features do not have."""
    tokenizer = processor.tokenizer
    ids = np.asarray(tokenizer.encode(text, add_special_tokens=False), np.int64)
    opens = {tokenizer.im_start_id: sight, tokenizer.slice_start_id: sight, tokenizer.audio_start_id: AUDIO}
    kinds = np.array([opens.get(each, TEMPLATE) for each in ids.tolist()], np.int8)
    last = np.maximum.accumulate(np.where(kinds > 0, np.arange(len(ids)), 0))
    modality = np.where(ids == tokenizer.unk_token_id, kinds[last], TEMPLATE).astype(np.int8)
    for kind, count in expected.items():
        if (found := int((modality == kind).sum())) != count:
            raise ValueError(f"{found} positions were made where the features have {count}.")
    return ids, modality


def _no_times(ids: np.ndarray) -> np.ndarray:
    return np.full((len(ids), 2), np.nan, np.float32)
