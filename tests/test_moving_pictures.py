"""Films that are no film files: animated pictures, lists of frame files; and the sound of a film alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from made_media import SOUNDS, beeps, colour_of, encoded, film_file, loud_seconds, picture, plain, tone
from PIL import Image as PILImage

from omnitrace_nb.content import Audio, Image, Video
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media import MediaNeeds, kept, load
from omnitrace_nb.media.record import record

COLOURS = ["red", "lime", "blue", "white"]
SHOWN = [500, 1000, 300, 200]  # milliseconds
KINDS = {"GIF": {}, "PNG": {}, "WEBP": {"lossless": True}}


def animated(kind, **options):
    frames = [PILImage.fromarray(plain(colour)) for colour in COLOURS]
    buffer = io.BytesIO()
    settings = {"duration": SHOWN, **KINDS[kind], **options}
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **settings)
    return buffer.getvalue()


def content(part, **needs):
    return load([part], MediaNeeds(**needs))[0].content


@pytest.mark.parametrize("kind", KINDS)
def test_an_animated_picture_is_a_film_whose_frames_last_as_long_as_it_says(kind):
    film = content(Video(animated(kind)), fps=10.0)
    assert film.duration == pytest.approx(2.0)
    expected = [colour for colour, shown in zip(COLOURS, SHOWN, strict=True) for _ in range(shown // 100)]
    assert [colour_of(frame) for frame in film.frames] == expected
    part = content(Video(animated(kind), start=1.5, end=1.9), fps=10.0)
    assert [colour_of(frame) for frame in part.frames] == ["blue"] * 3 + ["white"]
    assert (part.start, part.whole) == (1.5, pytest.approx(2.0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_frame_of_an_animated_picture_is_the_picture(kind):
    assert colour_of(content(Image(animated(kind))).pixels) == "red"


def test_frames_shown_for_no_time_are_shown_as_browsers_show_them():
    assert content(Video(animated("GIF", duration=0))).duration == pytest.approx(0.4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_picture_is_no_film(kind):
    with pytest.raises(MediaError, match=r"picture, not a film: use ot\.Image"):
        content(Video(encoded(picture(), kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_animated_picture_is_read_again_from_what_a_trace_keeps(kind):
    (loaded,) = load([Video(animated(kind), start=0.5)], MediaNeeds(fps=10.0))
    again = kept.content(record(loaded, "film 1"))
    assert np.array_equal(again.frames, loaded.content.frames)
    assert (again.start, again.duration) == (loaded.content.start, loaded.content.duration)


@pytest.mark.parametrize("kind", KINDS)
def test_an_animated_picture_cut_short_is_refused(kind):
    data = animated(kind)
    for place in range(20, len(data) - 1, 7):
        with pytest.raises(MediaError):
            content(Video(data[:place]))


@pytest.fixture
def frame_files(tmp_path):
    paths = [tmp_path / f"{place}.png" for place in range(len(COLOURS))]
    for path, colour in zip(paths, COLOURS, strict=True):
        PILImage.fromarray(plain(colour)).save(path)
    return paths


def test_a_list_of_frame_files_is_a_film(frame_files):
    given = [frame_files, list(map(str, frame_files)), [path.read_bytes() for path in frame_files]]
    for frames in given:
        film = content(Video(frames, fps=2))
        assert film.duration == 2.0
        assert [colour_of(frame) for frame in film.frames] == COLOURS
    mixed = [frame_files[0], PILImage.open(frame_files[1]), plain("blue"), f"file://{frame_files[3]}"]
    assert [colour_of(frame) for frame in content(Video(mixed, fps=2)).frames] == COLOURS


def test_frame_files_are_read_again_from_what_a_trace_keeps(frame_files):
    (loaded,) = load([Video(frame_files, fps=2)])
    again = kept.content(record(loaded, "film 1"))
    assert [colour_of(frame) for frame in again.frames] == COLOURS


def test_the_hash_of_frame_files_is_that_of_their_bytes(frame_files):
    (loaded,) = load([Video(frame_files, fps=2)])
    (same,) = load([Video([path.read_bytes() for path in frame_files], fps=2)])
    (other,) = load([Video(frame_files[::-1], fps=2)])
    assert loaded.sha256 == same.sha256 != other.sha256


def test_a_frame_file_that_cannot_be_read_is_named(frame_files):
    frame_files[2].unlink()
    with pytest.raises(MediaError, match=r"film 1, frame 2 \(2.png\): there is no file"):
        content(Video(frame_files, fps=2))
    frame_files[2].write_bytes(SOUNDS["wav"](tone(0.1)))
    with pytest.raises(MediaError, match=r"film 1, frame 2 \(2.png\) holds a WAV sound, not a picture"):
        content(Video(frame_files, fps=2))
    frame_files[2].write_bytes(frame_files[1].read_bytes()[:-20])
    with pytest.raises(MediaError, match=r"film 1, frame 2 \(2.png\) is truncated"):
        content(Video(frame_files, fps=2))
    PILImage.fromarray(plain("red", 32, 32)).save(frame_files[2])
    with pytest.raises(MediaError, match="different"):
        content(Video(frame_files, fps=2))


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9"), ("matroska", "libx264")])
def test_the_sound_of_a_film_is_read_alone_in_the_films_own_seconds(kind, codec):
    heard = beeps(2.0, [0.5, 1.2], 48_000)
    data = film_file([plain("red")] * 4, [0, 0.5, 1, 1.5], 2.0, kind, codec, sound=heard)
    (loaded,) = load([Audio(data)])
    assert loaded.kind == "audio"
    assert loud_seconds(loaded.content) == pytest.approx([0.5, 1.2], abs=0.02)
    assert loud_seconds(loaded.content) == pytest.approx(loud_seconds(content(Video(data)).sound), abs=1e-3)
    assert np.array_equal(kept.content(record(loaded, "sound 1")).samples, loaded.content.samples)
    part = content(Audio(data, start=1.0))
    assert loud_seconds(part) == pytest.approx([0.2], abs=0.02)


def test_sound_that_starts_after_the_pictures_keeps_its_seconds():
    data = film_file(
        [plain("red")] * 4, [0, 1, 2, 3], 4.0, "matroska", sound=beeps(1.0, [0.2], 48_000), sound_start=2.0
    )
    assert loud_seconds(content(Audio(data))) == pytest.approx([2.2], abs=0.03)


def test_a_film_without_sound_is_no_sound():
    with pytest.raises(MediaError, match=r"holds an MP4 film without sound: use ot.Video"):
        content(Audio(film_file([plain("red")], [0], 1.0)))


def test_the_view_plays_an_animated_picture_and_verify_reads_it_again(embedded):
    from omnitrace_nb.view import originals  # noqa: PLC0415 - the view is wanted here alone

    trace = embedded.trace([Video(animated("GIF")), "What does the film show?"], max_new_tokens=2)
    said, data = originals.answer(trace.view()._model, {"part": 0})  # what the widget answers from
    assert said["mime"] == "video/webm"
    assert content(Video(data[0])).duration == pytest.approx(2.0, abs=0.11)
    assert len(embedded.verify(trace, top=1).response) == len(trace.response)
