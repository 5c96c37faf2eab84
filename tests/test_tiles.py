"""Pictures in tiles: every position's box is where in the picture it looks, found by changing the picture.

Random models of the real classes with their real processors. A box is right if what is changed within it moves the
position more than any other of the same grid: the tiles' positions and the thumbnail's are asked apart.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from prompts import film, picture, prompt

from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import IMAGE, NOBODY, VIDEO
from omnitrace_nb.media.loaded import Picture
from omnitrace_nb.models import adapt
from omnitrace_nb.models.geometry import crossed, drawn, even_boxes, even_spans, fitted, resampled, tiled_spans

FAMILIES = ["llava_onevision", "internvl", "smolvlm", "minicpmv4_6"]
# Pictures wide, tall, nearly square and small, and one beside a second that takes no tiles from it.
SIZES = [(160, 120), (61, 190), (101, 97), (48, 40)]


@pytest.fixture(scope="module")
def adapters():
    return {family: adapt(*import_module(f"families.{family}").make()) for family in FAMILIES}


def embedded(adapter, parts):
    encoded = adapter.encode(parts)
    with torch.no_grad():
        embeddings, _ = adapter.embed(encoded, torch.zeros(0, dtype=torch.int64))
    return embeddings[0].numpy(), encoded.layout


def grids_of(boxes):
    """Tell apart the grids of a picture's positions by their sizes; what padding clips is left to its own grid."""
    widths = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return widths > 2 * np.median(widths)


def moved_by(adapter, parts, changed):
    before, layout = embedded(adapter, parts)
    after, other = embedded(adapter, changed)
    np.testing.assert_array_equal(other.part, layout.part)
    return np.linalg.norm(after - before, axis=-1), layout


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "second of two"])
def test_a_change_within_a_box_moves_its_position_most_of_all_of_its_grid(adapters, family, size, beside):
    adapter = adapters[family]
    others = [picture(90, 64, 5)] if beside else []
    parts = prompt("Mia sells.", *others, picture(*size), "What?")
    own = parts[-2]
    layout = adapter.encode(parts).layout
    positions = layout.positions(own.index, IMAGE)
    boxes = layout.box[positions]
    coarse = grids_of(boxes)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= size).all()
    wide = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) > 3  # slivers of a few pixels beside padding show next to nothing
    candidates = np.flatnonzero(wide)
    for place in candidates[:: max(1, len(candidates) // 6)]:
        left, top, right, bottom = boxes[place].round().astype(int)
        pixels = own.content.pixels.copy()
        pixels[top:bottom, left:right] = 255 - pixels[top:bottom, left:right]
        changed = [replace(own, content=Picture(pixels)) if each is own else each for each in parts]
        moved, _ = moved_by(adapter, parts, changed)
        same = np.flatnonzero(coarse == coarse[place])
        best = same[moved[positions[same]].argmax()]
        assert best == place, (boxes[place], boxes[best])
        padding = (layout.part == NOBODY) & np.isin(layout.token_ids, layout.token_ids[positions])
        rest = np.setdiff1d(np.flatnonzero(~padding), positions)
        assert moved[rest].max() == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_pixel_has_positions_but_those_the_encoder_leaves_out(adapters, family):
    layout = adapters[family].encode(prompt(picture(160, 120), "What?")).layout
    boxes = layout.box[layout.positions(0, IMAGE)].round().astype(int)
    seen = np.zeros((120, 160), int)
    for left, top, right, bottom in boxes:
        seen[top:bottom, left:right] += 1
    if family != "llava_onevision":
        assert seen.min() == 2  # a tile's and the thumbnail's
        return
    # Of each tile of 30 pixels the last 2 lie in no patch of 7; the thumbnail, one such tile, leaves out others.
    assert (seen > 0).mean() > 0.95
    assert seen[:, -8:].max() <= 1
    # Nine of twelve rows hold the picture, so one is dropped above and below; each that is left has its end.
    ends = (layout.part == NOBODY) & (layout.token_ids == adapters[family].processor.image_token_id)
    assert ends.sum() == 10


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frame_of_a_film_moves_its_own_seconds_most(adapters, family):
    adapter = adapters[family]
    parts = prompt("Look:", film(3, width=110, height=90), "What?")
    own = parts[1]
    layout = adapter.encode(parts).layout
    positions = layout.positions(1, VIDEO)
    starts = np.unique(layout.time[positions, 0])
    np.testing.assert_allclose(starts, own.content.times)
    np.testing.assert_allclose(np.unique(layout.time[positions, 1]), own.content.times + 0.5)
    for frame in (0, 3, 5):
        frames = own.content.frames.copy()
        frames[frame, 10:40, 60:90] = 255 - frames[frame, 10:40, 60:90]
        changed = [replace(own, content=replace(own.content, frames=frames)) if e is own else e for e in parts]
        moved, _ = moved_by(adapter, parts, changed)
        at = positions[moved[positions].argmax()]
        assert layout.time[at, 0] == own.content.times[frame]
        left, top, right, bottom = layout.box[at]
        assert left < 90 and right > 60 and top < 40 and bottom > 10  # noqa: PT018 - one box
        later = positions[layout.time[positions, 0] != own.content.times[frame]]
        assert moved[later].max() == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_film_kept_smaller_than_it_is_has_boxes_in_its_own_pixels(adapters, family):
    small = film(1, width=64, height=48)
    parts = prompt(replace(small, size=(640, 480)), "What?")
    layout = adapters[family].encode(parts).layout
    boxes = layout.box[layout.positions(0, VIDEO)]
    assert boxes[:, 2].max() == pytest.approx(640, rel=0.08)
    assert boxes[:, 3].max() == pytest.approx(480, rel=0.08)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_user_writes_stays_text_whatever_marks_it_holds(adapters, family):
    said = "Is <image> or <IMG_CONTEXT> or <row_1_col_1> or <|image_pad|> or <video> in it?"
    adapter = adapters[family]
    plain = adapter.encode(prompt("Is it?", picture(160, 120), "What?")).layout
    marked = adapter.encode(prompt(said, picture(160, 120), "What?")).layout
    np.testing.assert_array_equal(marked.box[marked.positions(1)], plain.box[plain.positions(1)])
    covered = np.zeros(len(said), bool)
    for start, end in marked.chars[marked.positions(0)]:
        covered[start:end] = True
    assert covered.all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sizes", [[(160, 120)], [(160, 120), (61, 190)]], ids=["one picture", "two pictures"])
def test_ids_and_features_are_those_of_the_processors_own_chat(adapters, family, sizes):
    adapter, pictures = adapters[family], [picture(*size, seed) for seed, size in enumerate(sizes)]
    media = [{"type": "image", "image": PILImage.fromarray(each.pixels)} for each in pictures]
    asked = {"role": "user", "content": [*media, {"type": "text", "text": "What is it?"}]}
    wanted = adapter.processor.apply_chat_template(
        [asked], tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    got = adapter.encode(prompt(*pictures, "What is it?")).inputs
    assert set(got) == set(wanted)
    for name, values in wanted.items():
        torch.testing.assert_close(got[name], torch.as_tensor(values), msg=name)


# LLaVA-OneVision


def test_the_models_own_packing_puts_every_token_where_the_layout_says(adapters):
    """Coordinates are packed by the model as features are: what comes out says where each token comes from."""
    adapter = adapters["llava_onevision"]
    side, patch, tokens = 30, 7, 4
    for width, height in [(160, 120), (61, 190), (300, 40), (91, 90)]:
        best = adapter.processor.image_processor.image_grid_pinpoints
        for most in (1, 9):  # with 1, many tokens are interpolated to fewer
            config = adapter.model.config
            before, config.vision_aspect_ratio = config.vision_aspect_ratio, f"anyres_max_{most}"
            got = adapter._rows(width, height)
            config.vision_aspect_ratio = before
            below, beside = max_resolution(height, width, best)
            x, y = (np.arange(4) * patch + patch / 2 for _ in range(2))
            features = [np.full((tokens * tokens, 2), -1.0)]
            for row in range(below // side):
                for column in range(beside // side):
                    down, across = np.meshgrid(row * side + y, column * side + x, indexing="ij")
                    features.append(np.stack([across.ravel(), down.ravel()], 1))
            packed, _ = adapter.model.model.pack_image_features(
                [torch.tensor(np.stack(features), dtype=torch.float32)],
                torch.tensor([[height, width]]),
                image_newline=torch.tensor([torch.nan, torch.nan]),
                vision_aspect_ratio=f"anyres_max_{most}",
            )
            centres = packed[0][tokens * tokens :].numpy()
            np.testing.assert_array_equal(np.isnan(got[:, 0]), np.isnan(centres[:, 0]))
            new = fitted(width, height, (beside, below))
            scale, paste = np.array([width, height]) / new, [(beside - new[0]) // 2, (below - new[1]) // 2]
            wanted = (centres - paste) * scale
            inside = ((wanted > 0) & (wanted < [width, height])).all(1)
            assert inside.sum() > 5
            # Clipped at the picture's edge a box lies off its token's centre, but always holds it.
            assert (got[inside, :2] <= wanted[inside] + scale).all()
            assert (got[inside, 2:] >= wanted[inside] - scale).all()


def max_resolution(height, width, best):
    """The resolution that keeps most of the picture, and of those the one with least to spare."""

    def kept(resolution):
        scale = min(resolution[1] / width, resolution[0] / height)
        used = min(int(width * scale) * int(height * scale), width * height)
        return used, -(resolution[0] * resolution[1] - used)

    return max(best, key=kept)


def test_one_picture_is_cut_and_several_are_padded_whose_padding_is_nobodys(adapters):
    adapter = adapters["llava_onevision"]
    image = adapter.processor.image_token_id
    alone = adapter.encode(prompt(picture(60, 180), "What?")).layout
    several = adapter.encode(prompt(picture(60, 180), picture(180, 60), "What?")).layout
    assert len(alone.positions(0)) > 16
    tall, wide = (several.box[several.positions(part)] for part in (0, 1))
    # A third of a square's four columns, or rows, is the picture's: two of them hold some of it.
    assert len(tall) == len(wide) == 8
    assert set(np.unique(tall[:, [0, 2]]).round()) <= {0, 24, 30, 60, 66}
    ours = (several.token_ids == image) & (several.part == NOBODY)
    assert ours.sum() == 2 * (16 - 8 + 1)


def test_media_that_the_template_puts_first_are_found_where_it_put_them(adapters):
    layout = (
        adapters["llava_onevision"].encode(prompt("Before.", film(1), "Between.", picture(48, 40), "After.")).layout
    )
    first = {part: layout.positions(part).min() for part in range(5)}
    assert first[3] < first[1] < first[0] < first[2] < first[4]
    assert (layout.modality[layout.positions(3)] == IMAGE).all()
    assert (layout.modality[layout.positions(1)] == VIDEO).all()


def test_films_of_several_lengths_are_refused_where_the_model_cannot_join_them(adapters):
    with pytest.raises(ModelError, match="refused the prompt with video"):
        adapters["llava_onevision"].encode(prompt(film(1), film(2), "What?"))


# InternVL, SmolVLM, MiniCPM-V


@pytest.mark.parametrize("family", ["internvl", "smolvlm"])
def test_pictures_and_films_of_several_lengths_in_one_prompt_are_each_as_alone(adapters, family):
    adapter = adapters[family]
    media = [picture(160, 120), film(1, seed=1), picture(61, 190, 2), film(2, seed=3)]
    together, layout = embedded(adapter, prompt(*media, "What?"))
    for part, medium in enumerate(media):
        alone, own = embedded(adapter, prompt(medium, "What?"))
        np.testing.assert_allclose(together[layout.positions(part)], alone[own.positions(0)], atol=1e-5)
        np.testing.assert_array_equal(layout.box[layout.positions(part)], own.box[own.positions(0)])
        np.testing.assert_array_equal(layout.time[layout.positions(part)], own.time[own.positions(0)])


def test_a_film_is_not_told_by_smolvlms_template_for_pictures(adapters):
    layout = adapters["smolvlm"].encode(prompt(film(2), "What?")).layout
    said = adapters["smolvlm"].tokenizer.decode(layout.token_ids[layout.part == NOBODY])
    assert "series of four frames from a 0:00:02 [H:MM:SS] video" in said
    assert "Frame from 00:01:" in said


@pytest.mark.parametrize("mode", ["4x", "16x"])
def test_minicpm_merges_four_patches_or_sixteen(mode):
    toy = import_module("families.minicpmv4_6")
    model, processor = toy.make()
    for made in (processor.image_processor, processor.video_processor):
        made.downsample_mode = mode
    adapter = adapt(model, processor)
    parts = prompt(picture(160, 120), "What?")
    encoded = adapter.encode(parts)
    tokens = {"4x": 64, "16x": 16}[mode]
    assert abs(len(encoded.layout.positions(0)) / (7 * tokens) - 1) < 0.1  # an overview and six slices
    model.generate(**encoded.inputs, **encoded.options, max_new_tokens=1)
    positions = encoded.layout.positions(0)
    boxes = encoded.layout.box[positions]
    for place in (3, len(boxes) // 2, len(boxes) - 3):
        left, top, right, bottom = boxes[place].round().astype(int)
        pixels = parts[0].content.pixels.copy()
        pixels[top:bottom, left:right] = 255 - pixels[top:bottom, left:right]
        moved, _ = moved_by(adapter, parts, [replace(parts[0], content=Picture(pixels)), parts[1]])
        same = np.flatnonzero(grids_of(boxes) == grids_of(boxes)[place])
        assert same[moved[positions[same]].argmax()] == place


def test_minicpm_refuses_two_modes_in_one_prompt_and_takes_every_frame_it_is_given():
    model, processor = import_module("families.minicpmv4_6").make()
    processor.video_processor.stack_frames = 3  # a checkpoint may ask for frames between seconds, stacked
    adapter = adapt(model, processor)
    assert (adapter.needs.fps, adapter.needs.max_frames) == (1.0, 128)
    layout = adapter.encode(prompt(film(2), "What?")).layout
    assert len(np.unique(layout.time[layout.positions(0), 0])) == 4
    processor.video_processor.downsample_mode = "4x"
    with pytest.raises(ModelError, match=r"one mode, but the processor has \['16x', '4x'\]"):
        adapter.encode(prompt(film(2), picture(48, 40), "What?"))


# Foreign processors


@pytest.mark.parametrize("family", FAMILIES)
def test_another_familys_processor_is_refused(adapters, family):
    other = FAMILIES[FAMILIES.index(family) - 1]
    with pytest.raises(ModelError, match=r"needs its \w+Processor, but \w+Processor was given"):
        adapt(adapters[family].model, adapters[other].processor)


@pytest.mark.parametrize(
    ("family", "spoil", "said"),
    [
        ("llava_onevision", lambda p: setattr(p.image_processor, "size", {"height": 60, "width": 60}), "size of tiles"),
        ("llava_onevision", lambda p: setattr(p.image_processor, "image_grid_pinpoints", [[30, 30]]), "resolutions"),
        ("llava_onevision", lambda p: setattr(p, "num_image_tokens", 9), "tokens a tile"),
        ("internvl", lambda p: setattr(p, "image_seq_length", 64), "tokens a tile"),
        ("internvl", lambda p: setattr(p.image_processor, "size", {"height": 80, "width": 80}), "(80, 80)"),
        ("smolvlm", lambda p: setattr(p, "image_seq_len", 4), "tokens a tile"),
        ("smolvlm", lambda p: setattr(p.image_processor, "max_image_size", {"longest_edge": 64}), "tokens a tile"),
        ("minicpmv4_6", lambda p: setattr(p.image_processor, "patch_size", 8), "patch size is 8, the model's is 4"),
        ("minicpmv4_6", lambda p: setattr(p, "image_token_id", 9), "looks for image at 3"),
    ],
)
def test_a_processor_with_other_settings_than_the_models_is_refused(family, spoil, said):
    model, processor = import_module(f"families.{family}").make()
    spoil(processor)
    with pytest.raises(ModelError, match="not this model's") as refused:
        adapt(model, processor)
    assert said in str(refused.value)


def test_a_processor_that_makes_other_positions_than_its_tiles_account_for_is_refused(adapters, monkeypatch):
    adapter = adapters["internvl"]
    monkeypatch.setattr(adapter, "_canvas", lambda *_: (2, 2))
    with pytest.raises(ModelError, match="makes 112 positions of part 1, where its size and tiles give 80"):
        adapter.encode(prompt(picture(160, 120), "What?"))


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("llava_onevision", {"size": {"height": 60, "width": 60}}),
        ("internvl", {"size": {"height": 80, "width": 80}}),
        ("smolvlm", {"max_image_size": {"longest_edge": 64}}),
    ],
)
def test_frames_of_another_size_are_refused_and_pictures_are_not(family, setting):
    model, processor = import_module(f"families.{family}").make()
    for name, value in setting.items():
        setattr(processor.video_processor, name, value)
    adapter = adapt(model, processor)
    adapter.encode(prompt(picture(48, 40), "What?"))
    with pytest.raises(ModelError, match="its size of frames is"):
        adapter.encode(prompt(film(1), "What?"))


@pytest.mark.parametrize("family", ["llava_onevision", "internvl", "smolvlm"])
def test_a_processor_that_drops_frames_is_refused(adapters, family, monkeypatch):
    adapter = adapters[family]
    monkeypatch.setattr(adapter.processor.video_processor, "num_frames", 2)
    if family == "smolvlm":
        monkeypatch.setattr(adapter.processor.video_processor, "fps", 1)
    kept = adapter.settings

    def dropping(media):
        settings = kept(media)
        return {**settings, "videos_kwargs": {**settings["videos_kwargs"], "do_sample_frames": True}}

    monkeypatch.setattr(adapter, "settings", dropping)
    with pytest.raises(ModelError, match="positions of part 1, where its size and tiles give"):
        adapter.encode(prompt(film(4), "What?"))


def test_smolvlms_first_version_cuts_as_its_second_does(adapters):
    first = adapt(*import_module("families.smolvlm_1").make())
    for size in SIZES:
        one, two = (each.encode(prompt(picture(*size), "What?")).layout for each in (first, adapters["smolvlm"]))
        np.testing.assert_array_equal(one.box[one.positions(0)], two.box[two.positions(0)])
    with pytest.raises(ModelError, match="needs its Idefics3Processor"):
        adapt(first.model, adapters["smolvlm"].processor)


# Geometry alone


def test_even_boxes_are_the_picture_cut_like_a_cake():
    boxes = even_boxes(3, 4, 80, 30)
    assert boxes.shape == (12, 4)
    np.testing.assert_array_equal(boxes[5], [20, 10, 40, 20])


def test_the_end_of_a_tile_that_no_patch_covers_is_left_out():
    np.testing.assert_array_equal(tiled_spans(2, 2, 14, 30), [[0, 14], [14, 28], [30, 44], [44, 58]])


def test_interpolated_tokens_share_out_what_they_were_made_of():
    np.testing.assert_allclose(resampled(even_spans(27, 378), 14), even_spans(14, 378))
    np.testing.assert_allclose(resampled(even_spans(4, 8), 2), [[0, 4], [4, 8]])


def test_padding_is_empty_and_a_token_half_on_it_has_the_other_half():
    spans = drawn(even_spans(4, 40), length=200, onto=20, paste=5)
    np.testing.assert_allclose(spans, [[0, 50], [50, 150], [150, 200], [200, 200]])


@pytest.mark.parametrize(
    ("size", "canvas", "wanted"), [((160, 120), (90, 90), (90, 68)), ((50, 150), (90, 60), (20, 60))]
)
def test_a_picture_is_fitted_in_its_own_shape(size, canvas, wanted):
    assert fitted(*size, canvas) == wanted


def test_crossing_puts_columns_first():
    np.testing.assert_array_equal(crossed(even_spans(2, 4), even_spans(1, 3)), [[0, 0, 2, 3], [2, 0, 4, 3]])
