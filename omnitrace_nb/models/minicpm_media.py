"""Pictures, sounds and films for MiniCPM-o 4.5: tokens, features, and where each lies.

A picture becomes an overview and, if it is large, slices of an even grid; each of them 64 positions, of which every one
has read the whole of its slice. A sound becomes ten positions a second. A film is what the model's authors make of it:
a frame a second, each as a picture without slices, and after each the sound until the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, IMAGE, TEMPLATE, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.media.loaded import LoadedPart

STRETCH = 30  # seconds of sound that the encoder reads at once
AT_ONCE = 8  # of these stretches


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


@dataclass(frozen=True, slots=True)
class Manner:
    """How a prompt is written: with what between its pieces, and which of a film's sides are there."""

    between: str
    hears: bool = True


def look(processor: Any, loaded: LoadedPart, number: int, manner: Manner) -> Seen:  # noqa: ANN401 - not typed
    """Give a picture, sound or film as the model sees it.

    Args:
        processor: the model's.
        loaded: the part.
        number: how many pictures stand before it: the model counts them.
        manner: how the prompt is written.

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
            return _film(processor, medium, manner)
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
    features, grid = _features(processor, [picture.pixels])
    text = processor.image_processor.get_slice_image_placeholder((width, height), number)
    ids, modality = _tokens(processor, text, {IMAGE: len(features["pixel_values"]) * _queries(processor)})
    boxes = [np.array([[0, 0, width, height]], np.float32)]
    if grid is not None:
        boxes.append(even_boxes(grid, width, height))
    box = np.full((len(ids), 4), np.nan, np.float32)
    box[modality == IMAGE] = np.repeat(np.concatenate(boxes), _queries(processor), axis=0)
    return Seen(ids, modality, box, _no_times(ids), {IMAGE: features})
