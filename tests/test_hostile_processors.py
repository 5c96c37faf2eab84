"""Processors that show a medium otherwise than whole, evenly and in order are refused, or followed."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from made_media import tone
from PIL import ImageOps

from omnitrace_nb import media
from omnitrace_nb.content import Audio, Image, Text, Video
from omnitrace_nb.errors import ModelError
from omnitrace_nb.models import adapt
from omnitrace_nb.models.probing import Probes
from omnitrace_nb.models.qwen_media import frame_settings

NOISE = np.random.default_rng(0).integers(0, 256, (8, 90, 150, 3), dtype=np.uint8)
SOUND = tone(3.0, 16_000)
PICTURES = {
    "crop": lambda images: [image.crop((image.width // 4, 0, image.width, image.height)) for image in images],
    "crop its borders": lambda images: [
        image.crop((image.width // 15, image.height // 15, image.width * 14 // 15, image.height * 14 // 15))
        for image in images
    ],
    "pad": lambda images: [ImageOps.pad(image, (max(image.size), max(image.size))) for image in images],
    "mirror": lambda images: [ImageOps.mirror(image) for image in images],
    "turn": lambda images: [image.rotate(180) for image in images],
}
FRAMES = {
    "drop every other": lambda film: film[::2],
    "drop the first": lambda film: film[2:],
    "repeat": lambda film: torch.cat([film, film]),
    "turn around": lambda film: film.flip(0),
    "crop": lambda film: film[..., film.shape[-1] // 4 :],
}
SAMPLES = {
    "begin with silence": lambda samples: np.concatenate([np.zeros(8_000, np.float32), samples]),
    "cut the end": lambda samples: samples[: len(samples) // 2],
    "cut the beginning": lambda samples: samples[8_000:],
    "shift": lambda samples: np.roll(samples, 4_000),
    "play it faster": lambda samples: samples[::2],
}


def altered(processor, kind, change):
    """Let a processor's part of a kind change its media before it does what it always does."""
    part = getattr(processor, kind)

    class Hostile(type(part)):
        def preprocess(self, given, **settings):
            given = given if isinstance(given, list) else [given]
            if kind == "image_processor":
                nested = isinstance(given[0], list)
                return super().preprocess([change(each) for each in given] if nested else change(given), **settings)
            return super().preprocess([change(each) for each in given], **settings)

        def __call__(self, given, **settings):
            if kind == "feature_extractor":
                given = [change(np.asarray(each)) for each in given]
            return super().__call__(given, **settings)

    part.__class__ = Hostile


@pytest.fixture
def omni_pair():
    """A toy Qwen2.5-Omni and a processor of its own, to be altered."""
    toys = import_module("toys")
    return toys.make_omni(toys.make_tokenizer())


def encode(adapter, *parts):
    return adapter.encode(media.load([*parts, Text("What?")], adapter.needs, adapter.modalities))


@pytest.mark.parametrize("how", list(PICTURES))
def test_pictures_that_are_not_shown_whole_and_evenly_are_refused(omni_pair, how):
    altered(omni_pair[1], "image_processor", PICTURES[how])
    with pytest.raises(ModelError, match=r"does not show part 1 \(image\) whole, evenly .* of a side away"):
        encode(adapt(*omni_pair), Image(NOISE[0]))


@pytest.mark.parametrize("how", list(FRAMES))
def test_frames_that_are_not_shown_whole_and_in_order_are_refused(omni_pair, how):
    altered(omni_pair[1], "video_processor", FRAMES[how])
    with pytest.raises(ModelError, match=r"does not show part 1 \(video\) whole|steps were made of 8 frames"):
        encode(adapt(*omni_pair), Video(NOISE, fps=2.0))


@pytest.mark.parametrize("how", list(SAMPLES))
def test_sounds_that_are_not_heard_whole_and_in_time_are_refused(omni_pair, how):
    altered(omni_pair[1], "feature_extractor", SAMPLES[how])
    adapter = adapt(*omni_pair)
    for part in (Audio(SOUND, 16_000), Video(NOISE, fps=2.0, audio=SOUND, sampling_rate=16_000)):
        with pytest.raises(ModelError, match=r"does not show part 1 .* it hears"):
            encode(adapter, part)


def test_only_a_long_medium_is_altered_and_refused_all_the_same(omni_pair):
    altered(omni_pair[1], "feature_extractor", lambda samples: samples[: 16_000 * 5 // 2])
    adapter = adapt(*omni_pair)
    encode(adapter, Audio(SOUND[:32_000], 16_000))
    with pytest.raises(ModelError, match=r"250 frames of a sound were made where its 48000 samples have 300"):
        encode(adapter, Audio(SOUND, 16_000))
    altered(omni_pair[1], "video_processor", lambda film: film[:8])
    with pytest.raises(ModelError, match="4 steps were made of 16 frames"):
        encode(adapter, Video(np.tile(NOISE, (2, 1, 1, 1)), fps=2.0))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (5, 3)])
def test_a_picture_of_a_few_pixels_is_read(omni_pair, height, width):
    encoded = encode(adapt(*omni_pair), Image(NOISE[0, :height, :width]), Video(NOISE[:, :height, :width], fps=2.0))
    box = encoded.layout.box[encoded.layout.positions(0)]
    assert (box[:, :2].min(0) == 0).all()
    assert box[:, 2:].max(0).tolist() == [width, height]


def test_a_processor_that_squeezes_evenly_is_followed(omni_pair):
    """Boxes are shares of the picture, whatever the shape in which the model sees it."""
    altered(omni_pair[1], "image_processor", lambda images: [image.resize((112, 112)) for image in images])
    layout = encode(adapt(*omni_pair), Image(NOISE[0])).layout
    boxes = layout.box[layout.positions(0)]
    assert len(boxes) == 16
    np.testing.assert_allclose(boxes[5], [37.5, 22.5, 75.0, 45.0])


def test_pictures_in_another_order_stay_with_their_parts(omni_pair):
    """Each part is processed by itself, so that nothing can be confused."""
    good = encode(adapt(*omni_pair), Image(NOISE[0]), Image(NOISE[1])).inputs["pixel_values"]
    altered(omni_pair[1], "image_processor", lambda images: images[::-1])
    again = encode(adapt(*omni_pair), Image(NOISE[0]), Image(NOISE[1])).inputs["pixel_values"]
    torch.testing.assert_close(again, good)


def test_tokens_that_are_merged_are_refused():
    model, processor = import_module("families.qwen2_5_vl").make()

    class Merging(type(processor)):
        def __call__(self, *given, **settings):
            out = super().__call__(*given, **settings)
            return {**out, "input_ids": out["input_ids"][:, ::2]}

    processor.__class__ = Merging
    with pytest.raises(ModelError, match="makes other tokens of this prompt"):
        encode(adapt(model, processor), Image(NOISE[0]))


@pytest.mark.parametrize("family", ["qwen2_5_vl", "internvl", "gemma3n"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[::-1], "in another order than it was given them"),
        (lambda images: images[:1] * len(images), "not both"),
    ],
)
def test_a_processor_of_all_media_at_once_that_confuses_them_is_refused(family, change, message):
    model, processor = import_module(f"families.{family}").make()
    altered(processor, "image_processor", change)
    with pytest.raises(ModelError, match=message):
        encode(adapt(model, processor), Image(NOISE[0]), Image(NOISE[1]))


@pytest.mark.parametrize("how", list(PICTURES))
def test_a_vision_model_of_the_same_kind_refuses_them_too(how):
    model, processor = import_module("families.qwen2_5_vl").make()
    altered(processor, "image_processor", PICTURES[how])
    with pytest.raises(ModelError, match="of a side away from where they should be"):
        encode(adapt(model, processor), Image(NOISE[0]))


@pytest.mark.parametrize("size", [(28, 28), (20, 300), (300, 20), (57, 56), (33, 500), (480, 640)])
def test_the_real_processor_is_proven_for_pictures_and_films_of_every_shape(size):
    toys = import_module("toys")
    processor = toys.make_omni_processor(toys.make_tokenizer())
    probes = Probes(processor, frame_settings(processor))
    frames = np.zeros((8, *size, 3), np.uint8)
    probes.check(media.load([Image(frames[0]), Video(frames[:1], 2.0), Video(frames, 2.0), Audio(SOUND, 16_000)]))
    assert len(probes._proven) == 4
