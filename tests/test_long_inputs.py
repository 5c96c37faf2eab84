"""Hours of sound and film: only what is wanted is read, in the original's own seconds and pixels, and held once."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_media import COLOURS, SOUNDS, beeps, colour_of, encoded, film_file, loud_seconds, picture, plain, tone

import omnitrace_nb as ot
from omnitrace_nb.ablation.editing import edited
from omnitrace_nb.content import Audio, Image, Text, Video, files
from omnitrace_nb.content.stored import Stored
from omnitrace_nb.errors import MediaError, ModelError
from omnitrace_nb.media import MediaNeeds, load, record
from omnitrace_nb.media.sampling import fitting
from omnitrace_nb.models import adapt
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.view.outlines import detail

FILMS = [("mp4", "libx264"), ("webm", "libvpx"), ("matroska", "libx264")]
NAMES = list(COLOURS)


def content(part, **needs):
    return load([part], MediaNeeds(**needs))[0].content


def told(part, message, **needs):
    with pytest.raises(MediaError, match=message):
        content(part, **needs)


@pytest.fixture(scope="module")
def film():
    """Six seconds: a colour a second, and a beep in the middle of each."""
    frames = [plain(name) for name in NAMES]
    return film_file(frames, range(6), 6.0, sound=beeps(6.0, np.arange(6) + 0.5, 48_000))


# A part of a sound or film


@pytest.mark.parametrize("kind", list(SOUNDS))
def test_a_part_of_a_sound_is_what_the_whole_has_there(kind):
    data = SOUNDS[kind](beeps(6.0, [0.5, 2.5, 4.5], 48_000), rate=48_000)
    whole, part = content(Audio(data)), content(Audio(data, start=2.0, end=3.25))
    assert part.samples.size == 1.25 * 16_000
    np.testing.assert_allclose(part.samples[200:-200], whole.samples[32_200:51_800], atol=2e-3)
    assert (part.start, part.duration) == (2.0, 1.25)
    assert part.whole == pytest.approx(whole.duration, abs=0.06)
    assert loud_seconds(content(Audio(data, start=4.0))) == pytest.approx([0.5], abs=0.004)


def test_a_part_of_an_array_of_samples_is_that_part():
    samples = tone(2.0, 16_000)
    part = content(Audio(samples, 16_000, start=0.5, end=1.5))
    np.testing.assert_array_equal(part.samples, samples[8_000:24_000])
    assert (part.start, part.duration, part.whole) == (0.5, 1.0, 2.0)


@pytest.mark.parametrize(("kind", "codec"), FILMS)
def test_a_part_of_a_film_has_its_frames_and_its_sound(kind, codec):
    frames = [plain(name) for name in NAMES]
    data = film_file(frames, range(6), 6.0, kind, codec, sound=beeps(6.0, np.arange(6) + 0.5, 48_000))
    part = content(Video(data, start=1.5, end=4.0))
    assert [colour_of(frame) for frame in part.frames] == [NAMES[at] for at in (1, 2, 2, 3, 3)]
    np.testing.assert_allclose(part.times, np.arange(5) / 2)
    assert loud_seconds(part.sound) == pytest.approx([0.0, 1.0, 2.0], abs=0.01)
    assert (part.start, part.duration) == (1.5, pytest.approx(2.5))
    assert part.whole == pytest.approx(6.0, abs=0.03)


def test_a_part_of_frames_given_as_an_array_is_that_part():
    frames = np.stack([plain(name) for name in NAMES])
    part = content(Video(frames, fps=1.0, audio=beeps(6.0, [4.5], 16_000), sampling_rate=16_000, start=3.0))
    assert [colour_of(frame) for frame in part.frames] == [NAMES[at] for at in (3, 3, 4, 4, 5, 5)]
    assert loud_seconds(part.sound) == pytest.approx([1.5], abs=0.003)
    assert (part.start, part.duration, part.whole) == (3.0, 3.0, 6.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 7}, "lasts 6 s, but start=7 was given"),
        ({"start": -1}, "start=-1, expected a number of seconds"),
        ({"start": "0:10"}, "start='0:10', expected a number of seconds"),
        ({"start": 3, "end": 3}, "the end must come after the start"),
        ({"end": math.nan}, "end=nan, expected a number"),
        ({"max_frames": 0}, "max_frames=0, expected a whole number"),
        ({"max_pixels": 1.5}, "max_pixels=1.5, expected a whole number"),
        ({"fps": 0}, "fps=0, expected a number above 0"),
    ],
)
def test_what_cannot_be_read_is_told(film, settings, message):
    told(Video(film, **settings), message)


def test_a_start_after_the_end_of_a_sound_is_told():
    for data in (SOUNDS["wav"](tone()), SOUNDS["ogg"](tone(1.0, 48_000))):
        told(Audio(data, start=5.0), "lasts 1.* s, but start=5 was given")


# How many frames, how many pixels


def test_frames_follow_the_users_rate_and_number(film):
    assert [colour_of(frame) for frame in content(Video(film, fps=0.5)).frames] == [NAMES[at] for at in (0, 2, 4)]
    assert len(content(Video(film, fps=8)).frames) == 48
    few = content(Video(film, max_frames=3))
    assert (len(few.frames), few.fps) == (3, pytest.approx(0.5, rel=0.01))
    assert len(content(Video(film, max_frames=99), max_frames=4).frames) == 12


def test_pictures_and_frames_are_read_smaller_in_the_pixels_of_the_original(film):
    small = content(Video(film, max_pixels=400))
    assert small.frames.shape == (12, 17, 23, 3)
    assert small.original_size == (64, 48)
    assert [colour_of(frame) for frame in small.frames[::2]] == NAMES
    large = film_file([plain("red", 640, 480)], [0], 1.0)
    assert content(Video(large), frame_pixels=120_000).frames.shape == (2, 300, 400, 3)
    assert content(Video(large), frame_pixels=400).frames.shape == (2, 273, 365, 3)  # as small as a view needs it
    image = picture(1000, 500)
    for source in (image, encoded(image, "PNG"), encoded(image, "JPEG", quality=95)):
        read = content(Image(source, max_pixels=20_000))
        assert read.pixels.shape == (100, 200, 3)
        assert read.original_size == (1000, 500)
        exact = image.reshape(100, 5, 200, 5, 3).mean((1, 3))
        assert np.abs(read.pixels - exact).max() < 6


def test_a_turned_photograph_is_read_smaller_upright():
    from PIL import Image as PILImage  # noqa: PLC0415 - only for its header

    exif = PILImage.Exif()
    exif[0x0112] = 6
    read = content(Image(encoded(PILImage.fromarray(picture(400, 200)), "JPEG", exif=exif), max_pixels=5_000))
    assert (read.pixels.shape, read.original_size) == ((100, 50, 3), (200, 400))


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 10**7))
def test_what_is_made_smaller_fits_and_keeps_its_shape(width, height, most):
    narrow, low = fitting((width, height), most)
    assert 1 <= narrow <= width
    assert 1 <= low <= height
    assert narrow * low <= most
    if width * height <= most:
        assert (narrow, low) == (width, height)
    elif min(narrow, low) > 1:
        assert narrow / width == pytest.approx(low / height, abs=1 / min(width, height))


# What a trace says of it


def test_times_and_boxes_stay_those_of_the_original(omni, film):
    sound = SOUNDS["wav"](tone(6.0, 16_000), rate=16_000)
    parts = [
        Audio(sound, start=2.0, end=4.0),
        Video(film, start=1.0, end=3.0),
        Image(picture(800, 600), max_pixels=30_000),
        Text("What?"),
    ]
    prompt = Prompt.read(omni, parts)
    layout = prompt.encoded.layout
    heard, seen, shown = (layout.positions(index) for index in range(3))
    assert (layout.time[heard].min(), layout.time[heard].max()) == (2.0, 4.0)
    assert layout.time[heard[0]] == pytest.approx([2.0, 2.04])
    assert (layout.time[seen].min(), layout.time[seen].max()) == (1.0, 3.0)
    assert layout.box[shown].max(axis=0).tolist() == [pytest.approx(800 * 3 / 4, abs=210), 450, 800, 600]
    bins = [source.time for source in prompt.sources if source.part == 0]
    assert bins == [(2.0, 3.0), (3.0, 4.0)]
    kept_sound, kept_film, kept_picture, _ = prompt.records
    assert (kept_sound.read, kept_sound.duration) == ((2.0, 4.0), 6.0)
    assert (kept_film.read, kept_film.frames, kept_film.fps) == ((1.0, 3.0), 4, 2.0)
    assert kept_film.thumbnail_times == (1.0, 1.5, 2.0, 2.5)
    assert (kept_picture.size, kept_picture.read_size) == ((800, 600), (200, 150))
    assert detail(kept_sound) == "6 s, read 2-4 s"
    assert detail(kept_film).endswith("6 s, read 1-3 s · 4 frames, 2 a second")
    assert detail(kept_picture) == "800 \N{MULTIPLICATION SIGN} 600, read at 200 \N{MULTIPLICATION SIGN} 150"


@pytest.fixture(scope="module")
def partly(embedded, film):
    """A trace of a part of a film and a part of a sound."""
    sound = SOUNDS["wav"](beeps(6.0, np.arange(6) + 0.5, 16_000), rate=16_000)
    parts = [Audio(sound, start=2.0, end=4.0), Video(film, start=1.0, end=4.0, max_pixels=900), Text("What is it?")]
    return embedded.trace(parts, max_new_tokens=4, progress=False)


def test_what_was_read_in_part_is_credited_saved_and_shown_in_the_seconds_of_the_whole(partly, tmp_path):
    again = ot.open(partly.save(tmp_path / "part.omnitrace", embed_media=True))
    for trace in (partly, again):
        heard, seen, _ = trace.parts
        assert (heard.read, seen.read, seen.frames, seen.fps) == ((2.0, 4.0), (1.0, 4.0), 6, 2.0)
        assert (seen.size, seen.read_size, seen.max_pixels) == ((64, 48), (34, 25), 900)
        times = trace.sources[trace.sources["part"] == 0][["t0", "t1"]].to_numpy().tolist()
        assert times == [[2.0, 3.0], [3.0, 4.0]]
        piece = trace.source("film 1, 3-4 s")
        assert {colour_of(np.asarray(frame)) for frame in piece.pictures} == {NAMES[3]}
        assert loud_seconds(trace.source("sound 1, 3-4 s").sound) == pytest.approx([0.5], abs=0.002)
        page = trace.to_html()
        assert "6 frames, 2 a second" in page
        assert "6 s, read 2-4 s" in page
    plain_parts = again.to_dict()["prompt"]["parts"]
    assert (plain_parts[1]["read"], plain_parts[1]["frames"], plain_parts[1]["fps"]) == ([1.0, 4.0], 6, 2.0)


def test_what_was_read_in_part_is_cut_again_by_intervals_of_the_whole(partly):
    said = partly.regroup({"audio": [(2.5, 3.5)], "video": lambda _, times: [(0.5, times[-1])]})
    times = said.sources[["modality", "t0", "t1"]].to_numpy().tolist()
    assert ["audio", 2.5, 3.5] in times
    assert ["video", 1.5, 3.5] in times


def test_what_was_read_in_part_is_read_again_alike(embedded, partly):
    again = Prompt.of_trace(embedded.adapter, partly)
    np.testing.assert_array_equal(again.encoded.layout.time, partly.layout.time)
    assert [one.content.frames.shape for one in again.loaded if one.kind == "video"] == [(6, 25, 34, 3)]


def test_seconds_of_the_whole_are_muted_in_what_was_read_in_part(partly, film):
    parts = [Audio(beeps(6.0, np.arange(6) + 0.5, 16_000), 16_000, start=2.0, end=4.0), Video(film, start=1.0, end=4.0)]
    gone = [each for each in partly.source_records if each.time == (3.0, 4.0)]
    assert {each.modality for each in gone} == {"audio", "video"}
    sound, seen = (one.content for one in edited(load(parts), gone))
    assert loud_seconds(sound) == pytest.approx([0.5], abs=0.001)
    assert [colour_of(frame) for frame in seen.frames] == [NAMES[at] for at in (1, 1, 2, 2, 2, 2)]
    assert loud_seconds(seen.sound) == pytest.approx([0.5, 1.5], abs=0.01)


# Large files


def test_a_large_file_is_kept_where_it_lies(monkeypatch, tmp_path, film):
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    monkeypatch.setattr(files, "LIMITS", files.LIMITS.__class__(kept_bytes=1000))
    loaded = load([Video(path)])[0]
    assert isinstance(loaded.original, Stored)
    assert loaded.sha256 == hashlib.sha256(film).hexdigest()
    np.testing.assert_array_equal(loaded.content.frames, content(Video(film)).frames)
    kept = record(loaded, "film 1")
    assert (len(kept.media), kept.media.contents()) == (len(film), film)
    assert content(Video(kept.media)).frames.shape == loaded.content.frames.shape
    path.write_bytes(film[:-1] + b"!")
    told(Video(kept.media), "has changed since it was traced")
    path.unlink()
    told(Video(kept.media), "can no longer be read .*put it back")


@pytest.mark.parametrize("name", ["wav", "ogg", "mp3"])
def test_a_large_file_that_is_cut_short_is_refused_all_the_same(monkeypatch, tmp_path, name):
    data = SOUNDS[name](tone(2.0, 48_000), rate=48_000)
    monkeypatch.setattr(files, "LIMITS", files.LIMITS.__class__(kept_bytes=1000))
    path = tmp_path / "sound"
    path.write_bytes(data[: len(data) * 2 // 3])
    told(Audio(path), "is truncated")


# Hours


HOUR = """
import sys, resource
sys.path.insert(0, sys.argv[1])
from omnitrace_nb.content import Audio, Video
from omnitrace_nb.media import MediaNeeds, load, record
load([Audio(sys.argv[2], end=1.0)]), load([Video(sys.argv[3], max_frames=1)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
loaded = load([Audio(sys.argv[2])], MediaNeeds(sampling_rate=8_000))[0]
record(loaded, "sound 1")
sound = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert loaded.content.samples.nbytes == 4 * 8_000 * 3600
del loaded
loaded = load([Video(sys.argv[3])])[0]
record(loaded, "film 1")
film = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(sound, film, len(loaded.content.frames), loaded.content.duration, loaded.content.times[-1])
"""


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    """An hour of sound and an hour of film (of two frames a minute, each shown half of it)."""
    folder = tmp_path_factory.mktemp("hours")
    rng = np.random.default_rng(0)
    (folder / "sound.wav").write_bytes(SOUNDS["wav"](0.1 * rng.standard_normal(3600 * 1000).astype(np.float32), 1000))
    frames = [plain(NAMES[at % 6], 320, 180) for at in range(120)]
    (folder / "film.mp4").write_bytes(film_file(frames, np.arange(120) * 30, 3600.0, tick=10))
    return folder


def test_an_hour_takes_the_memory_of_what_is_kept_of_it(hours):
    """Samples at the model's rate once, 115 MB; 768 frames of 320 x 180, 133 MB, beside what the sound has left."""
    here = str(Path(__file__).parent.parent)
    command = [sys.executable, "-c", HOUR, here, str(hours / "sound.wav"), str(hours / "film.mp4")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    sound, film, frames, duration, last = map(float, said.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    assert sound * unit < 1.25 * 4 * 8_000 * 3600
    assert film * unit < 1.25 * 768 * 320 * 180 * 3 + 30e6
    assert (frames, duration) == (768, pytest.approx(3600.0))
    assert last == pytest.approx(3600 * 767 / 768)


# More than a model reads


def test_a_prompt_beyond_the_context_is_counted_by_part_with_what_to_lower(toy_omni, monkeypatch):
    adapter = adapt(*toy_omni)
    monkeypatch.setattr(adapter.model.config.get_text_config(), "max_position_embeddings", 1700)
    noise = np.random.default_rng(0).integers(0, 256, (60, 112, 112, 3), dtype=np.uint8)
    parts = [Text("Mia sells honey. " * 20), Video(noise, fps=2.0), Audio(tone(40.0, 16_000), 16_000), Text("What?")]
    with pytest.raises(ModelError) as told_why:
        adapter.encode(load(parts, adapter.needs))
    said = str(told_why.value)
    assert "this model reads at most 1,700, the response included" in said
    assert "sound 1 takes 1,000 (40 s), film 1 takes 480 (60 frames, 2 a second), text 1 takes" in said
    assert "To make it fit, lower sound 1: about" in said
    seconds = float(said.split("sound 1: about ")[1].split(" of 40 s", maxsplit=1)[0])
    assert len(adapter.encode(load([*parts[:2], Audio(parts[2].source, 16_000, end=seconds), parts[3]])).layout) < 1700


def test_hours_of_sound_are_refused_before_the_processor_runs(toy_omni, monkeypatch):
    """An hour at 25 positions a second is 90,000 of them: known from its seconds alone."""
    adapter, called = adapt(*toy_omni), []
    given = adapter.processor.feature_extractor
    plain = type(given)

    def heard(self, *samples, **settings):
        called.append(1)
        return plain.__call__(self, *samples, **settings)

    monkeypatch.setattr(given, "__class__", type("Heard", (plain,), {"__call__": heard}))
    hour = Audio(np.zeros(3600 * 16_000, np.float32), 16_000)
    with pytest.raises(ModelError) as told_why:
        adapter.encode(load([hour, Text("What?")], adapter.needs))
    assert not called
    assert "takes 89,998 positions or more for its sound alone" in str(told_why.value)
    assert "sound 1 (3,600 s): about" in str(told_why.value)
    seconds = float(str(told_why.value).split("about ")[1].split(" of ", maxsplit=1)[0])
    fits = adapter.encode(load([Audio(np.zeros(3600 * 16_000, np.float32), 16_000, end=seconds), Text("What?")]))
    assert len(fits.layout) < adapter.model.config.get_text_config().max_position_embeddings


def test_what_helps_most_is_proposed_first_and_many_of_a_kind_are_counted_together(toy_omni, monkeypatch):
    adapter = adapt(*toy_omni)
    monkeypatch.setattr(adapter.model.config.get_text_config(), "max_position_embeddings", 300)
    noise = np.random.default_rng(0).integers(0, 256, (10, 112, 112, 3), dtype=np.uint8)
    with pytest.raises(ModelError, match=r"50 pictures take 800 \(16 each\).*lower 50 pictures: a smaller max_pixels"):
        adapter.encode(load([*[Image(noise[at % 10]) for at in range(50)], Text("What?")], adapter.needs))
    with pytest.raises(ModelError, match=r"lower film 1: about \d[\d.]* of 20 s fit .* counts a film by its seconds"):
        adapter.encode(load([Video(np.repeat(noise, 4, 0), fps=2.0), Text("What?")], adapter.needs))


def test_fewer_frames_are_proposed_where_each_frame_counts(monkeypatch):
    from families import qwen2_5_vl  # noqa: PLC0415 - its toy is made where it is needed

    adapter = adapt(*qwen2_5_vl.make())
    monkeypatch.setattr(adapter.model.config.get_text_config(), "max_position_embeddings", 600)
    film = Video(np.zeros((80, 112, 112, 3), np.uint8), fps=2.0)
    with pytest.raises(ModelError) as told_why:
        adapter.encode(load([film, Text("What?")], adapter.needs))
    said = str(told_why.value)
    assert "film 1: about" in said
    frames = int(said.split("max_frames=")[1].split(",", maxsplit=1)[0])
    shorter = Video(film.source, fps=2.0, max_frames=frames)
    assert len(adapter.encode(load([shorter, Text("What?")], adapter.needs)).layout) < 600
