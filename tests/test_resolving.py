"""Cuts that follow from content: superpixels, shots, and functions of a part's content; and functions that fail."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from skimage.segmentation import slic
from toys import write_film
from traces import Sketch, make_trace, part

import omnitrace_nb as ot
from omnitrace_nb.errors import ContentError, SettingsError
from omnitrace_nb.layout import AUDIO, IMAGE, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.sources import SourceOptions, build, overlapping, resolve
from omnitrace_nb.speech import Segment
from omnitrace_nb.view.figure.panels import _edges
from omnitrace_nb.view.records import Grid, ViewPart, ViewSource
from omnitrace_nb.view.shapes import others

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}
SCENES = ((230, 60, 40), (20, 60, 20), (180, 200, 250))


def quadrants(width=96, height=64):
    """A picture of four colours, one a quadrant, whose vertical border is off the middle."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 3] = COLOURS["red"]
    pixels[: height // 2, width // 3 :] = COLOURS["lime"]
    pixels[height // 2 :, : width // 3] = COLOURS["blue"]
    pixels[height // 2 :, width // 3 :] = 255
    return pixels


def film(seconds=(2, 1, 3), fps=2.0, sound=True):
    """A film of plain shots of so many seconds, of three colours in turn, in which a white square wanders."""
    frames, times = [], []
    for number, long in enumerate(seconds):
        for at in range(round(long * fps)):
            frame = np.full((48, 64, 3), SCENES[number % 3], np.uint8)
            frame[10:16, 4 * at : 4 * at + 6] = 255
            frames.append(frame)
            times.append(len(times) / fps)
    duration = sum(seconds)
    track = Sound(np.zeros(round(16_000 * duration), np.float32), 16_000, duration) if sound else None
    return Film(np.stack(frames), np.array(times), fps, duration, track)


def cut(content, grid=(4, 6), **options):
    """Cut one part of some decoded content: the sources, the layout, the records with their notes."""
    sketch = Sketch()
    match content:
        case str():
            record = part(0, "text", "text 1", content, text=content)
            sketch.text(0, content)
        case Picture(pixels=pixels):
            record = part(0, "image", "image 1", b"", size=(pixels.shape[1], pixels.shape[0]))
            sketch.pictures(0, IMAGE, record.size, grid)
        case Sound(duration=duration):
            record = part(0, "audio", "sound 1", b"", duration=duration)
            sketch.sound(0, duration)
        case Film(frames=frames, duration=duration):
            record = part(0, "video", "film 1", b"", size=(frames.shape[2], frames.shape[1]), duration=duration)
            sketch.pictures(0, VIDEO, record.size, (2, 2), times=[(at, at + 0.5) for at in np.arange(0, duration, 0.5)])
            if content.sound:
                sketch.sound(0, duration)
    layout, how = sketch.layout(), SourceOptions(**options)
    found, records = resolve(how, [record], lambda _: content)
    return build(layout, records, how, found), layout, records


def test_superpixels_follow_colours_and_each_patch_is_of_the_one_that_has_most_of_it():
    pixels = quadrants()
    sources, layout, _ = cut(Picture(pixels), grid=(8, 12), image={"superpixels": 16})
    wanted = slic(pixels, n_segments=16, compactness=10, start_label=0, channel_axis=-1)
    owner = {int(at): source.id for source in sources for at in source.positions}
    for one, other in ((first, second) for first in owner for second in owner):
        left = [_most(wanted, layout.box[at]) for at in (one, other)]
        assert (left[0] == left[1]) == (owner[one] == owner[other])
    # No region has patches of two colours: eight columns of patches lie wholly in one colour or another.
    for source in sources:
        colours = {tuple(pixels[int(y), int(x)]) for x, y in _centres(layout, source.positions)}
        assert len(colours) == 1


def _most(numbers, box):
    left, top, right, bottom = box.astype(int)
    found = numbers[top:bottom, left:right].ravel()
    return np.bincount(found).argmax()


def _centres(layout, positions):
    boxes = layout.box[positions]
    return np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], axis=1) / 2


@given(
    st.integers(1, 80), st.tuples(*[st.integers(2, 9)] * 2), st.tuples(*[st.integers(8, 120)] * 2), st.integers(0, 9)
)
@settings(max_examples=25)
def test_superpixels_of_any_picture_give_every_patch_to_exactly_one_region(count, grid, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    sources, layout, _ = cut(Picture(pixels), grid=grid, image={"superpixels": count})
    owned = np.concatenate([source.positions for source in sources])
    assert sorted(owned) == layout.positions(0, IMAGE).tolist()
    assert [source.label for source in sources] == [f"image 1, region {at + 1}" for at in range(len(sources))]


def test_a_large_picture_that_is_decoded_smaller_is_cut_in_its_own_pixels():
    record = part(0, "image", "image 1", b"", size=(960, 640))
    sketch = Sketch()
    sketch.pictures(0, IMAGE, record.size, (8, 12))
    layout = sketch.layout()
    ways = {
        "map": lambda pixels: (pixels[..., 0] > 100).astype(int),
        "mask": lambda pixels: [{"mask": pixels[..., 0] > 100, "label": "red"}, {"mask": pixels[..., 0] <= 100}],
        "box": lambda _: [(0, 0, 32, 32), (32, 0, 96, 64)],
    }
    small = quadrants()
    for name, way in ways.items():
        options = SourceOptions(image=way)
        found, records = resolve(options, [record], lambda _: Picture(small))
        sources = build(layout, records, options, found)
        first = sources[0]
        x, y = _centres(layout, first.positions).T
        assert ((x < 320) & (y < 320)).all() or name != "box"
        own = small[(y / 10).astype(int), (x / 10).astype(int), 0] > 100
        assert own.all() if name != "box" else len(own) == 16
    assert first.box == (0, 0, 320, 320)


def test_shots_begin_where_the_picture_changes_and_hold_the_whole_film_and_its_sound():
    sources, layout, _ = cut(film(), video="shots")
    seen = [source for source in sources if source.modality == "video"]
    heard = [source for source in sources if source.modality == "audio"]
    assert [source.time for source in seen] == [source.time for source in heard] == [(0, 2), (2, 3), (3, 6)]
    assert seen[1].label == "film 1, 2-3 s, shot 2"
    assert heard[1].label == "film 1, 2-3 s (sound), shot 2"
    for modality, own in ((VIDEO, seen), (AUDIO, heard)):
        owned = np.concatenate([source.positions for source in own])
        assert sorted(owned) == layout.positions(0, modality).tolist()


def test_a_wandering_thing_is_no_cut_and_the_threshold_is_the_users():
    still = film(seconds=(6,))
    assert len(cut(still, video="shots", video_sources="visual")[0]) == 1
    assert len(cut(film(), video={"shots": 250}, video_sources="visual")[0]) == 1
    # A grey that changes by 16 % is found by a finer eye.
    frames = np.full((8, 48, 64, 3), 100, np.uint8)
    frames[4:] = 140
    slight = Film(frames, np.arange(8) / 2, 2.0, 4.0, None)
    assert len(cut(slight, video="shots")[0]) == 1
    assert [source.time for source in cut(slight, video={"shots": 10})[0]] == [(0, 2), (2, 4)]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.sampled_from(["both", "visual", "audio"]))
@settings(max_examples=20)
def test_shots_of_any_film_give_every_position_to_exactly_one(seconds, tracks):
    content = film(seconds=seconds)
    sources, layout, _ = cut(content, video="shots", video_sources=tracks)
    wanted = {"both": (VIDEO, AUDIO), "visual": (VIDEO,), "audio": (AUDIO,)}[tracks]
    positions = np.flatnonzero(np.isin(layout.modality, wanted))
    assert sorted(np.concatenate([source.positions for source in sources])) == positions.tolist()
    # Neighbours of one colour are one shot: colours take turns, so no two neighbours are.
    assert len({source.time for source in sources}) == len(seconds)


def test_what_is_found_in_a_stretch_of_a_film_is_told_in_seconds_of_the_whole(embedded, tmp_path):
    write_film(tmp_path / "film.mp4", seconds=4, sound=True)  # a grey of its own each second
    content = [ot.Video(tmp_path / "film.mp4", start=2.0, end=4.0), "What is it?"]

    def speech(samples, rate):
        assert abs(len(samples) / rate - 2) < 0.1
        return [Segment(0.0, 0.5, "First."), Segment(1.0, 2.0, "Last.")]

    cuts = {"video": {"shots": 12}, "audio": speech}
    trace = embedded.trace(content, max_new_tokens=2, progress=False, sources=cuts)
    again = embedded.trace(content, max_new_tokens=2, progress=False).regroup(cuts)
    for each in (trace, again):
        timed = [(source.modality, *source.time) for source in each.source_records if source.time]
        assert timed == [("video", 2, 3), ("video", 3, 4), ("audio", 2, 2.5), ("audio", 3, 4)]


def test_regions_of_frames_are_cut_within_shots():
    sources, *_ = cut(film(), video="shots", video_grid=(1, 2), video_sources="visual")
    assert [source.label for source in sources[:2]] == [
        "film 1, 0-2 s, shot 1, row 1, column 1", "film 1, 0-2 s, shot 1, row 1, column 2"
    ]  # fmt: skip
    assert len(sources) == 6


def test_a_function_is_given_the_content_and_its_pieces_are_sources():
    seen = {}

    def words(text):
        seen["text"] = text
        return ["Mia", (10, 15, "thing")]

    def halves(pixels):
        seen["pixels"] = pixels.copy()
        pixels[:] = 0  # its own
        width = pixels.shape[1]
        return [(0, 0, width / 2, 64), {"box": (width / 2, 0, width, 64), "label": "right"}]

    def speech(samples, rate):
        seen["sound"] = samples.dtype, len(samples), rate
        return [Segment(0.5, 1.5, "Ding dong.", "Ann"), (2.0, 3.0, "bell")]

    def thirds(frames, times):
        seen["film"] = frames.shape, times.tolist()
        return [(0, 2), (2, 6)]

    text = "Mia sells honey."
    assert [each.label for each in cut(text, text=words)[0]] == ["text 1, characters 0-3", "text 1, thing"]
    picture = Picture(quadrants())
    assert [each.label for each in cut(picture, image=halves)[0]] == ["image 1, region 1", "image 1, right"]
    assert picture.pixels.any()
    assert np.array_equal(seen["pixels"], picture.pixels)
    sound = Sound(np.zeros(48_000, np.float32), 16_000, 3.0)
    heard = cut(sound, audio=speech)[0]
    assert [(each.label, each.words, each.speaker) for each in heard] == [
        ("sound 1, 0.5-1.5 s, Ann", "Ding dong.", "Ann"), ("sound 1, 2-3 s, bell", "", "")
    ]  # fmt: skip
    own = film()
    assert [each.time for each in cut(own, video=thirds)[0]] == [(0, 2), (2, 6)] * 2
    assert seen["text"] == text
    assert seen["sound"] == (np.float32, 48_000, 16_000)
    assert seen["film"] == (own.frames.shape, own.times.tolist())


def test_a_recogniser_hears_the_sound_of_films_too_while_frames_are_cut_by_shots():
    def speech(samples, _rate):
        return [Segment(1.0, len(samples) / 16_000, "Good evening.")]

    sources, *_ = cut(film(), video="shots", audio=speech)
    assert [(each.modality, each.time, each.words) for each in sources] == [
        ("video", (0, 2), ""), ("video", (2, 3), ""), ("video", (3, 6), ""), ("audio", (1, 6), "Good evening.")
    ]  # fmt: skip
    silent, *_ = cut(film(sound=False), video="shots", audio=speech)
    assert {each.modality for each in silent} == {"video"}
    named, *_ = cut(film(), audio={"film 1": [(0, 1), (1, 6)]})
    assert [each.time for each in named if each.modality == "audio"] == [(0, 1), (1, 6)]
    assert len([each for each in named if each.modality == "video"]) == 6


def fails(*_content):
    raise RuntimeError("out of memory")


def nothing(*_content):
    return []


@pytest.mark.parametrize(
    ("content", "setting", "usual", "bad"),
    [
        ("One. Two.", "text", 2, [(5, 2)]),
        (Picture(quadrants()), "image", 1, [(5, 0, 5, 5)]),
        (Sound(np.zeros(48_000, np.float32), 16_000, 3.0), "audio", 3, [(-1.0, 2.0)]),
        (film(sound=False), "video", 6, [(9.0, 10.0)]),
    ],
)
def test_a_function_that_fails_or_finds_nothing_is_named_and_the_part_is_cut_as_by_default(
    content, setting, usual, bad
):
    for way, told in (
        (fails, "fails failed (RuntimeError: out of memory); the part is cut as by default"),
        (nothing, "nothing found nothing; the part is cut as by default"),
        (lambda *_: None, "<lambda> found nothing"),
        (lambda *_: 3, "<lambda> gave nothing that can be used"),
        (lambda *_: bad, "<lambda> gave nothing that can be used"),
        (lambda *_: [object()], "<lambda> gave nothing that can be used"),
        (lambda: None, "<lambda> failed (TypeError: "),
    ):
        sources, layout, [record] = cut(content, **{setting: way})
        assert len(sources) == usual
        assert told in record.note
        assert record.note.startswith(record.label)
        assert not overlapping(sources)
        assert len(np.concatenate([each.positions for each in sources])) >= len(layout) - 1


def test_a_warning_points_at_the_line_that_asked(embedded):
    def of_nothing():
        """It takes no picture."""

    prompt = [ot.Image(Image.new("RGB", (96, 64))), "What is it?"]
    with pytest.warns(RuntimeWarning, match="of_nothing failed") as caught:
        trace = embedded.trace(prompt, sources={"image": of_nothing}, max_new_tokens=2)
    with pytest.warns(RuntimeWarning, match="of_nothing failed") as again:
        trace.regroup({"image": of_nothing})
    assert [each.filename for each in (*caught, *again)] == [__file__, __file__]


def test_pieces_that_are_wrong_are_left_out_and_told_and_the_others_stay():
    def some(_samples, _rate):
        return [Segment(0, 1, "Good."), (2.0, 2.0), (2.5, 99.0), (1.0, 2.0, "also good")]

    sources, _, [record] = cut(Sound(np.zeros(48_000, np.float32), 16_000, 3.0), audio=some)
    assert [each.time for each in sources] == [(0, 1), (1, 2)]
    assert record.note == (
        "sound 1: 2 of the 4 pieces by some are left out: interval (2, 2) s of sound 1 is empty, negative or beyond "
        "its 3 s; give 0 <= t0 < t1."
    )


KEYS = ("boxes", "box", "masks", "mask", "labels", "label", "scores", "score", "bbox", "segmentation", "annotations")
KEYS += ("segments_info", "counts", "size", "start", "end", "text", "words", "segments")
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 200)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=3)
    | st.sampled_from([np.zeros((64, 96), int), np.ones((64, 96), bool), np.zeros((3, 4)), np.zeros(0), np.float32(2)])
    | st.sampled_from([Segment(0.0, 1.0, "x"), Segment(2.0, -1.0, "y"), Segment(float("nan"), 1.0, "z"), object()]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner, inner)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
CONTENTS = {
    "text": "One. Two.",
    "image": Picture(quadrants()),
    "audio": Sound(np.zeros(48_000, np.float32), 16_000, 3.0),
    "video": film(sound=False),
}


@given(given=ODD, kind=st.sampled_from(sorted(CONTENTS)))
@settings(max_examples=200)
def test_whatever_a_function_gives_the_run_goes_on_and_whatever_a_user_gives_is_named(given, kind):
    sources, layout, [record] = cut(CONTENTS[kind], **{kind: lambda *_: given})
    assert sources
    assert all(len(each.positions) for each in sources)
    assert set(np.concatenate([each.positions for each in sources])) <= set(range(len(layout)))
    usual = cut(CONTENTS[kind])[0]
    assert record.note or [each.label for each in sources] != [each.label for each in usual] or len(usual) == 1
    with suppress(SettingsError, ContentError):
        cut(CONTENTS[kind], **{kind: given})


def test_the_code_of_the_page_on_sources_runs(embedded, monkeypatch):
    page = (Path(__file__).parent.parent / "docs" / "sources.md").read_text(encoding="utf-8")
    monkeypatch.setattr(ot, "load", lambda: embedded)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        if "talk." not in code:  # files that a reader has
            exec(code, names)  # noqa: S102 - our own page
    assert names["trace"].sources["label"].str.endswith("left").sum() == 2
    assert names["named"] == [{"box": [0, 0, 90, 120], "label": "cat", "score": 0.9}]


def test_ctrl_c_in_a_function_is_no_failure():
    def stopped(_text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut("One.", text=stopped)


@pytest.mark.parametrize(
    ("content", "options", "package", "told"),
    [
        (Picture(quadrants()), {"image": "superpixels"}, "skimage", r'pip install "omnitrace-nb\[regions\]"'),
        (film(), {"video": "shots"}, "scenedetect", r'pip install "omnitrace-nb\[film\]"'),
    ],
)
def test_a_package_that_is_missing_is_named(content, options, package, told, monkeypatch):
    for name in [each for each in sys.modules if each.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=told):
        cut(content, **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"image": {"superpixels": 0}}, "superpixels: 0 is not usable"),
        ({"image": {"superpixels": 2.5}}, "superpixels: 2.5"),
        ({"video": {"shots": -1}}, "shots: -1 is not usable"),
        ({"video": {"shots": float("nan")}}, "shots: nan"),
        ({"text": "superpixels"}, "text='superpixels' is not usable"),
        ({"audio": "shots"}, "audio='shots'"),
        ({"image": {"image 1": "shots"}}, r"image\['image 1'\]='shots' is not usable"),
        ({"image": {"image 1": {"image 1": "whole"}}}, "is not usable"),
        ({"rest": 1}, "rest=1"),
    ],
)
def test_ways_without_meaning_are_refused(options, told):
    with pytest.raises(SettingsError, match=told):
        SourceOptions(**options)


def test_each_part_may_be_cut_in_its_own_way():
    trace = make_trace()
    again = trace.regroup({"image": {"image 1": "superpixels", 2: (2, 2)}, "text": {"text 1": "word"}})
    labels = again.sources["label"].tolist()
    assert "image 1, region 2" in labels
    assert "image 2, row 2, column 1" in labels
    assert "text 1, word 1" in labels
    assert "text 2, sentence 1" in labels


def test_a_trace_cut_anew_calls_functions_with_what_it_keeps_and_says_what_failed(embedded, tmp_path):
    content = ot.example()
    seen = []

    def left(pixels):
        seen.append(pixels.shape)
        return [(0, 0, pixels.shape[1] / 2, pixels.shape[0])]

    with pytest.warns(RuntimeWarning, match="sound 1: fails failed .*RuntimeError: out of memory"):
        trace = embedded.trace(
            content, max_new_tokens=4, progress=False, sources={"image": left, "audio": {"sound 1": fails}}
        )
    usual = embedded.trace(content, max_new_tokens=4, progress=False)
    with pytest.warns(RuntimeWarning, match="fails failed"):
        again = usual.regroup({"image": left, "audio": {"sound 1": fails}})
    assert again.sources.equals(trace.sources)
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    note = next(each.note for each in again.parts if each.label == "sound 1")
    assert note in again.to_markdown() + again.to_html()
    kept = ot.open(again.save(tmp_path / "noted"))
    assert [each.note for each in kept.parts] == [each.note for each in again.parts]
    with pytest.raises(ContentError, match="the trace does not keep image 1: save traces with embed_media=True"):
        kept.regroup({"image": "superpixels"})
    assert not any(each.note for each in kept.regroup().parts)


def test_shots_of_a_film_file_are_those_of_the_trace_cut_anew(embedded, tmp_path):
    write_film(tmp_path / "film.mp4", seconds=4, sound=True)  # a grey of its own each second, 50 brighter than before
    content = [ot.Video(tmp_path / "film.mp4"), "What is it?"]
    traced = embedded.trace(content, max_new_tokens=2, progress=False, sources={"video": {"shots": 12}})
    assert [tuple(each.time) for each in traced.source_records if each.modality == "video"] == [
        (0, 1), (1, 2), (2, 3), (3, 4)
    ]  # fmt: skip
    again = embedded.trace(content, max_new_tokens=2, progress=False).regroup({"video": {"shots": 12}})
    assert again.sources.equals(traced.sources)
    frames = traced.source("film 1, 1-2 s, shot 2").pictures
    assert len(frames) == 2
    assert abs(int(np.asarray(frames[0])[0, 0, 0]) - 90) < 8


def test_a_region_that_is_not_all_of_its_box_is_faded_where_it_is_not_itself(tmp_path):
    pixels = quadrants()
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    base = make_trace()
    width, height = base.parts[1].size
    ring = np.zeros((height, width), bool)
    ring[:, : width // 4] = ring[:, -width // 4 :] = True
    trace = base.regroup({"image": {1: [{"mask": ring, "label": "sides"}], 2: [(0, 0, 120, 240)]}})
    piece = trace.source("image 1, sides")
    [crop] = piece.pictures
    shown, original = np.asarray(crop, int), np.asarray(base.source("image 1").pictures[0], int)
    assert np.array_equal(shown[:, : width // 4], original[:, : width // 4])
    assert (shown[:, width // 3 : -width // 3] > 200).all()
    [plain] = trace.source("image 2, region 1").pictures
    assert np.array_equal(np.asarray(plain), np.asarray(base.source("image 2").pictures[0])[:, :120])


def test_an_overview_beside_patches_is_the_whole_picture_and_nothing_of_it_is_faded():
    sketch = Sketch()
    sketch.pictures(0, IMAGE, (96, 64), (1, 1))
    sketch.pictures(0, IMAGE, (96, 64), (4, 6))
    layout, record = sketch.layout(), part(0, "image", "image 1", b"", size=(96, 64))
    overview, *cells = build(layout, [record], SourceOptions(image=(2, 2)))
    assert overview.label == "image 1, as a whole"
    assert not len(others(layout, overview))
    assert not any(len(others(layout, each)) for each in cells)
    mask = np.zeros((64, 96), bool)
    mask[:, :16] = mask[:, -16:] = True
    sides = build(layout, [record], SourceOptions(image=[{"mask": mask, "label": "sides"}]))[1]
    assert len(others(layout, sides)) == 16


@given(arrays.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
@settings(max_examples=60)
def test_a_figure_draws_a_region_along_every_edge_between_its_patches_and_others(own):
    rows, columns = own.shape
    grid = Grid((0, own.size), rows, columns, (0.0, 0.0, 1.0, 1.0))
    drawn = _edges(
        ViewSource(0, 0, "image", "x", "", cells=tuple(np.flatnonzero(own).tolist())),
        ViewPart(0, "image", "user", "x", "", patches=grid),
    )
    outside = np.pad(own, 1).astype(int)
    across, down = np.argwhere(np.diff(outside, axis=0)), np.argwhere(np.diff(outside, axis=1))
    wanted = {(column - 1, row, column, row) for row, column in across}
    wanted |= {(column, row - 1, column, row) for row, column in down}
    scale = np.array([columns, rows, columns, rows])
    assert {tuple(np.round(np.array(edge) * scale).astype(int).tolist()) for edge in drawn} == {
        tuple(int(each) for each in edge) for edge in wanted
    }
    assert len(drawn) == len(wanted)
