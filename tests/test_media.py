"""Decoding keeps to the user's own pixels and seconds, whatever the format."""

from __future__ import annotations

import hashlib
import io
import math
import shutil
import struct
import subprocess
import tracemalloc
import wave
import zlib
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_media import (
    COLOURS,
    SOUNDS,
    beeps,
    colour_of,
    encoded,
    film_file,
    loud_seconds,
    mux_sound,
    picture,
    plain,
    sound_file,
    tone,
)
from PIL import Image as PILImage

from omnitrace_nb.content import Audio, Image, Text, Video, as_parts
from omnitrace_nb.media import MediaNeeds, encode, load, record
from omnitrace_nb.media.record import peaks
from omnitrace_nb.media.resample import resample
from omnitrace_nb.media.spectrograms import BANDS, MOST_COLUMNS, spectrogram
from omnitrace_nb.media.timing import sample_times

FILMS = [("mp4", "libx264"), ("webm", "libvpx"), ("webm", "libvpx-vp9"), ("matroska", "libx264")]


def content(part, **needs):
    return load([part], MediaNeeds(**needs))[0].content


def pixels(source):
    return content(Image(source)).pixels


def corners(frame):
    """Give the colours of the corners: top left, top right, bottom left, bottom right."""
    half, middle = frame.shape[0] // 2, frame.shape[1] // 2
    return [
        colour_of(rows[:, side])
        for rows in (frame[:half], frame[half:])
        for side in (slice(middle), slice(middle, None))
    ]


def four_corners(width=64, height=48):
    frame = plain("red", width, height).copy()
    frame[: height // 2, : width // 2] = COLOURS["lime"]
    frame[: height // 2, width // 2 :] = COLOURS["blue"]
    frame[height // 2 :, : width // 2] = COLOURS["white"]
    return frame


# Pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_every_picture_format_gives_its_own_pixels(kind):
    image = picture(61, 40)
    shown = pixels(encoded(image, kind))
    assert shown.shape == (40, 61, 3)
    assert shown.dtype == np.uint8
    assert np.abs(shown.astype(int) - image).mean() < (0.1 if kind == "PNG" else 8)


def test_a_png_an_array_and_a_pillow_image_are_the_same_picture():
    image = picture()
    for source in (encoded(image, "PNG"), image, PILImage.fromarray(image), image[::-1][::-1]):
        np.testing.assert_array_equal(pixels(source), image)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, ["lime", "blue", "white", "red"]),
        (2, ["blue", "lime", "red", "white"]),
        (3, ["red", "white", "blue", "lime"]),
        (4, ["white", "red", "lime", "blue"]),
        (5, ["lime", "white", "blue", "red"]),
        (6, ["white", "lime", "red", "blue"]),
        (7, ["red", "blue", "white", "lime"]),
        (8, ["blue", "red", "lime", "white"]),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_rotation_is_applied(kind, orientation, upright):
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    data = encoded(four_corners(), kind, exif=exif.tobytes(), **({"quality": 95} if kind != "PNG" else {}))
    for source in (data, PILImage.open(io.BytesIO(data))):
        shown = pixels(source)
        assert shown.shape[:2] == ((64, 48) if orientation > 4 else (48, 64))
        assert corners(shown) == upright


def test_transparent_places_are_white():
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[..., 3] = [0, 255, 128]
    expected = [[255, 255, 255], [200, 0, 0], [227, 127, 127]]
    grey = PILImage.fromarray(np.dstack([rgba[..., 0], rgba[..., 3]]), "LA")
    for source in (rgba, encoded(rgba, "PNG"), encoded(rgba, "WEBP", lossless=True), PILImage.fromarray(rgba)):
        np.testing.assert_allclose(pixels(source)[0], expected, atol=1)
    np.testing.assert_allclose(pixels(encoded(grey, "PNG"))[0, :2], [[255] * 3, [200] * 3], atol=1)


def test_palettes_with_and_without_a_transparent_colour_are_read():
    image = PILImage.fromarray(four_corners()).quantize(8)
    assert corners(pixels(encoded(image, "PNG"))) == ["lime", "blue", "white", "red"]
    lime = image.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        assert corners(pixels(encoded(image, kind, transparency=lime))) == ["white", "blue", "white", "red"]


def test_grey_and_sixteen_bits_are_scaled_to_eight():
    wide = np.array([[0, 257, 32768, 65535]], np.uint16)
    expected = [0, 1, 128, 255]
    sources = (wide, encoded(PILImage.fromarray(wide), "PNG"), PILImage.fromarray(wide))
    for source in (*sources, PILImage.fromarray(wide.astype(np.int32))):
        np.testing.assert_array_equal(pixels(source)[0, :, 0], expected)
    grey = np.array([[0, 100, 255]], np.uint8)
    for source in (grey, grey[:, :, None], encoded(grey, "PNG"), grey / 255, (grey / 255).astype(np.float16)):
        np.testing.assert_allclose(pixels(source)[0], np.repeat(grey[0, :, None], 3, axis=1), atol=0)
    np.testing.assert_array_equal(pixels(grey > 50)[0, :, 0], [0, 255, 255])
    np.testing.assert_array_equal(pixels(grey.astype(np.int64))[0, :, 0], [0, 100, 255])
    np.testing.assert_array_equal(pixels(PILImage.fromarray(grey).convert("F"))[0, :, 0], [0, 100, 255])
    assert corners(pixels(encoded(PILImage.fromarray(four_corners()).convert("CMYK"), "JPEG"))) == corners(
        four_corners()
    )


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animated_picture_is_the_picture(kind):
    frames = [PILImage.fromarray(plain(name)) for name in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert PILImage.open(io.BytesIO(data)).n_frames == 3
    assert corners(pixels(data)) == ["red"] * 4


def test_a_picture_is_known_by_its_content_not_by_its_name(tmp_path):
    path = tmp_path / "holiday.png"
    path.write_bytes(encoded(picture(), "JPEG"))
    (loaded,) = load([Image(path)])
    assert loaded.mime == "image/jpeg"
    assert loaded.original == path.read_bytes()
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert pixels(path.as_uri()).shape == (32, 48, 3)


# Sounds


@pytest.mark.parametrize("kind", SOUNDS)
def test_every_sound_format_keeps_its_seconds(kind):
    rate = 48_000 if kind == "ogg" else 44_100
    starts = [0.5, 1.25, 2.0]
    sound = content(Audio(SOUNDS[kind](beeps(2.5, starts, rate), rate)))
    assert sound.duration == pytest.approx(2.5, abs=0.001)
    assert (sound.samples.dtype, sound.sampling_rate, sound.samples.shape) == (np.float32, 16_000, (40_000,))
    assert loud_seconds(sound) == pytest.approx(starts, abs=0.003)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_every_width_of_wav_has_the_same_loudness(codec):
    sound = content(Audio(sound_file(tone(1.0, 16_000), "wav", codec, 16_000)))
    np.testing.assert_allclose(sound.samples, tone(1.0, 16_000), atol=0.02 if codec == "pcm_u8" else 1e-4)


def test_two_channels_are_mixed_down():
    left, right = tone(0.5, 16_000, 500), tone(0.5, 16_000, 900)
    expected = (left + right) / 2
    both = np.stack([left, right])
    for source in (Audio(sound_file(both, rate=16_000)), Audio(both, sampling_rate=16_000)):
        np.testing.assert_allclose(content(source).samples, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "scale", "shift"),
    [
        ("int16", 32768, 0),
        ("int32", 2**31, 0),
        ("int8", 128, 0),
        ("uint8", 128, 128),
        ("float64", 1, 0),
        ("float16", 1, 0),
    ],
)
def test_samples_of_every_type_have_the_same_loudness(dtype, scale, shift):
    wanted = tone(0.2, 16_000)
    samples = (wanted.astype(np.float64) * scale + shift).astype(dtype)
    sound = content(Audio(samples, sampling_rate=np.int64(16_000)))
    np.testing.assert_allclose(sound.samples, wanted, atol=0.01 if "8" in dtype else 1e-3)
    assert sound.duration == pytest.approx(0.2)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_neither_shifts_nor_stretches_nor_changes_the_loudness(rate):
    seconds = 2.0
    got = resample(tone(seconds, rate, 440), rate, 16_000)
    wanted = tone(seconds, 16_000, 440)
    assert got.shape == wanted.shape
    inner = slice(800, -800)
    np.testing.assert_allclose(got[inner], wanted[inner], atol=0.01)


def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_another_tone():
    got = resample(tone(1.0, 44_100, 12_000), 44_100, 16_000)
    assert np.abs(got[800:-800]).max() < 0.02


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(1, 5000),
    rates=st.tuples(*[st.sampled_from([8_000, 11_025, 16_000, 24_000, 44_100, 48_000])] * 2),
)
def test_resampled_length_is_always_the_rounded_one(length, rates):
    got = resample(np.full(length, 0.25, np.float32), *rates)
    assert got.shape == (round(length * rates[1] / rates[0]),)
    assert np.isfinite(got).all()


def test_a_cover_picture_does_not_make_a_film_of_a_sound():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        track = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic.value
        container.mux(cover.encode(av.VideoFrame.from_ndarray(plain("red"), format="rgb24")))
        container.mux(cover.encode(None))
        mux_sound(container, track, tone(1.0)[None], 44_100)
    data = buffer.getvalue()
    assert data.startswith(b"ID3")
    assert b"PNG" in data
    assert isinstance(as_parts(data)[0], Audio)
    assert content(Audio(data)).duration == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("promised", [0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_written_into_a_pipe_is_read_to_its_end(promised):
    data = bytearray(sound_file(tone(0.5, 16_000), rate=16_000))
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", promised)
    assert content(Audio(bytes(data))).duration == pytest.approx(0.5)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_speech_from_espeak_is_read_from_a_file_and_from_a_pipe(tmp_path):
    path = tmp_path / "speech.wav"
    subprocess.run(["espeak-ng", "-w", path, "The bell rings twice."], check=True)
    piped = subprocess.run(["espeak-ng", "--stdout", "The bell rings twice."], check=True, capture_output=True).stdout
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    for source in (path, piped):
        sound = content(Audio(source))
        assert sound.duration == pytest.approx(seconds)
        assert 0.1 < np.abs(sound.samples).max() <= 1.1


@pytest.mark.skipif(not shutil.which("sox"), reason="needs sox")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_files_written_by_sox_are_read(tmp_path, suffix):
    path = tmp_path / f"tone.{suffix}"
    subprocess.run(
        ["sox", "-n", "-r", "22050", "-c", "2", path, "synth", "1.5", "sine", "440", "gain", "-6"], check=True
    )
    sound = content(Audio(str(path)))
    assert sound.duration == pytest.approx(1.5, abs=0.001)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert np.argmax(spectrum) / sound.duration == pytest.approx(440, abs=2)


# Films


@pytest.mark.parametrize(("kind", "codec"), FILMS)
def test_frames_of_a_variable_rate_are_taken_when_they_are_shown(kind, codec):
    names = ["red", "lime", "blue", "white", "yellow"]
    data = film_file([plain(name) for name in names], [0, 0.3, 1.6, 1.7, 3.0], 4.0, kind, codec)
    film = content(Video(data))
    np.testing.assert_allclose(film.times, np.arange(8) / 2)
    shown = ["red", "lime", "lime", "lime", "white", "white", "yellow", "yellow"]
    assert [colour_of(frame) for frame in film.frames] == shown
    assert (film.fps, film.duration, film.sound) == (2.0, pytest.approx(4.0, abs=0.01), None)
    assert film.frames.shape == (8, 48, 64, 3)
    assert film.original_size == (64, 48)


@settings(max_examples=12, deadline=None)
@given(data=st.data(), fps=st.sampled_from([0.5, 1.0, 2.0, 3.0, 8.0]))
def test_each_sampled_frame_is_the_one_on_screen(data, fps):
    gaps = data.draw(st.lists(st.integers(20, 900), min_size=2, max_size=9))
    starts = np.cumsum([0, *gaps[:-1]]) / 1000
    end = sum(gaps) / 1000
    names = [list(COLOURS)[place % len(COLOURS)] for place in range(len(starts))]
    film = content(Video(film_file([plain(name) for name in names], starts, end)), fps=fps)
    # How long the last frame is shown, MP4 tells only in the order of decoding.
    assert film.duration > starts[-1]
    wanted = [names[np.searchsorted(starts, time + 1e-4, side="right") - 1] for time in film.times]
    assert [colour_of(frame) for frame in film.frames] == wanted


@pytest.mark.parametrize(("kind", "codec"), FILMS)
def test_a_films_sound_starts_where_the_film_has_it(kind, codec):
    sound = beeps(2.0, [0.0, 1.5], 48_000)
    data = film_file([plain("red"), plain("blue")], [0, 2.0], 4.0, kind, codec, sound=sound, sound_start=1.0)
    film = content(Video(data))
    assert loud_seconds(film.sound) == pytest.approx([1.0, 2.5], abs=0.004)
    assert np.abs(film.sound.samples[:15_000]).max() < 0.01
    assert film.duration == pytest.approx(4.0, abs=0.01)
    assert film.sound.duration == pytest.approx(3.0, abs=0.03)


@pytest.mark.parametrize(("kind", "codec"), FILMS)
def test_what_an_encoder_pads_makes_neither_a_frame_nor_a_second_more(kind, codec):
    data = film_file([plain("red"), plain("blue")], [0, 1.0], 2.0, kind, codec, sound=tone(2.0, 48_000))
    film = content(Video(data))
    assert len(film.frames) == 4
    assert film.duration == pytest.approx(2.0, abs=0.005)
    assert film.sound.samples.size == round(film.sound.duration * 16_000)
    assert 1.9 < film.sound.duration <= film.duration


def test_sound_that_outlasts_the_pictures_makes_the_film_longer():
    data = film_file([plain("red")], [0], 1.0, sound=beeps(3.0, [0.2, 2.5], 48_000))
    film = content(Video(data))
    assert (len(film.frames), film.duration) == (2, pytest.approx(3.0, abs=0.03))
    assert loud_seconds(film.sound) == pytest.approx([0.2, 2.5], abs=0.004)


def test_sound_is_left_out_where_it_is_not_wanted_or_not_read():
    data = film_file([plain("red")], [0], 1.0, sound=tone(1.0, 48_000))
    assert content(Video(data)).sound is not None
    assert content(Video(data, sound=False)).sound is None
    assert load([Video(data)], MediaNeeds(), ("text", "video"))[0].content.sound is None


@pytest.mark.parametrize(
    ("matrix", "upright", "size"),
    [
        ((0, 1, -1, 0), ["white", "lime", "red", "blue"], (48, 64)),
        ((0, -1, 1, 0), ["blue", "red", "lime", "white"], (48, 64)),
        ((-1, 0, 0, -1), ["red", "white", "blue", "lime"], (64, 48)),
    ],
)
def test_a_film_from_a_turned_phone_is_upright(matrix, upright, size):
    data = bytearray(film_file([four_corners()], [0], 1.0))
    place = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    film = content(Video(bytes(data)))
    assert corners(film.frames[0]) == upright
    assert film.original_size == size
    assert film.frames.shape[1:3] == size[::-1]


def test_a_long_film_is_sampled_evenly_within_the_models_frames():
    data = film_file([plain("red"), plain("blue")], [0, 6.0], 12.0)
    film = content(Video(data), max_frames=8)
    assert (len(film.frames), film.fps) == (8, pytest.approx(8 / 12))
    np.testing.assert_allclose(film.times, np.arange(8) * 1.5)
    assert [colour_of(frame) for frame in film.frames] == ["red"] * 4 + ["blue"] * 4


@given(duration=st.floats(0.001, 10_000), fps=st.floats(0.1, 60), most=st.integers(1, 1000))
def test_sampled_times_are_even_and_within_the_film(duration, fps, most):
    times, rate = sample_times(duration, MediaNeeds(fps=fps, max_frames=most))
    assert 1 <= len(times) <= most
    assert times[0] == 0
    assert len(times) == 1 or times[-1] < duration
    assert rate <= fps * (1 + 1e-9)
    np.testing.assert_allclose(times, np.arange(len(times)) / rate)
    assert duration - times[-1] <= 1.2 / rate or len(times) == 1


def test_a_scrap_at_the_end_of_a_film_gets_no_frame_of_its_own():
    assert len(sample_times(6.006, MediaNeeds())[0]) == 12
    assert len(sample_times(6.1, MediaNeeds())[0]) == 13


def test_only_the_sampled_frames_of_a_film_are_held():
    frames = [plain("red", 320, 240), plain("blue", 320, 240)] * 150
    data = film_file(frames, np.arange(300) / 30, 10.0)
    tracemalloc.start()
    try:
        film = content(Video(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(film.frames) == 20
    assert peak < 3 * film.frames.nbytes < 300 * frames[0].nbytes / 4


def test_frames_of_a_long_film_in_a_high_resolution_are_kept_smaller(monkeypatch):
    from omnitrace_nb.media import films  # noqa: PLC0415 - only its limit is changed, for this test

    monkeypatch.setattr(films, "LIMITS", films.LIMITS.__class__(film_pixels=4 * 80 * 60))
    film = content(Video(film_file([plain("red", 320, 240), plain("blue", 320, 240)], [0, 1.0], 2.0)))
    assert film.frames.shape == (4, 60, 80, 3)
    assert film.original_size == (320, 240)
    assert [colour_of(frame) for frame in film.frames] == ["red", "red", "blue", "blue"]


def test_a_film_as_an_array_a_list_and_a_file_are_the_same():
    names = ["red", "lime", "blue", "white"]
    frames = np.stack([plain(name) for name in names])
    sources = (
        Video(frames, fps=2.0),
        Video([PILImage.fromarray(frame) for frame in frames], fps=2),
        Video(np.concatenate([frames, np.full((4, 48, 64, 1), 255, np.uint8)], axis=3), fps=2.0),
        Video(frames / 255.0, fps=2.0),
        Video(np.repeat(frames, 3, axis=0), fps=6.0),
    )
    for source in sources:
        film = content(source)
        np.testing.assert_array_equal(film.frames, frames)
        assert (film.duration, film.fps, film.original_size) == (2.0, 2.0, (64, 48))
    assert [colour_of(frame) for frame in content(Video(frames, fps=1.0)).frames] == np.repeat(names, 2).tolist()


def test_an_array_of_frames_brings_its_sound():
    frames = np.stack([plain("red")] * 4)
    film = content(Video(frames, fps=2.0, audio=beeps(2.0, [1.0], 22_050), sampling_rate=22_050))
    assert loud_seconds(film.sound) == pytest.approx([1.0], abs=0.003)
    assert film.sound.sampling_rate == 16_000
    assert content(Video(frames, fps=2.0, audio=tone(2.0, 8_000), sampling_rate=8_000, sound=False)).sound is None


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
@pytest.mark.parametrize(
    "options",
    [
        ["-c:v", "libx264", "-bf", "3", "-c:a", "aac", "-f", "mp4"],
        ["-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"],
        ["-c:v", "mpeg4", "-c:a", "libmp3lame", "-f", "matroska"],
        ["-c:v", "libvpx", "-c:a", "libopus", "-f", "webm"],
    ],
)
def test_films_written_by_ffmpeg_are_read(tmp_path, options):
    path = tmp_path / "film"
    source = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=3", "-f", "lavfi", "-i", "sine=440:d=3"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *options, path], check=True)
    film = content(Video(path))
    assert (len(film.frames), film.duration) == (6, pytest.approx(3.0, abs=0.01))
    assert film.sound.duration == pytest.approx(3.0, abs=0.06)
    reference = tmp_path / "frame.png"
    pick = ["-vf", "select=eq(n\\,50)", "-frames:v", "1", reference]
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, *pick], check=True)
    expected = np.asarray(PILImage.open(reference).convert("RGB")).astype(int)
    assert np.abs(film.frames[4].astype(int) - expected).mean() < 4


# Loading and recording


def test_parts_are_loaded_in_order_with_their_hashes():
    image, samples = picture(), tone(0.2)
    parts = [
        Text("Look"),
        Image(image),
        Image(encoded(image, "PNG")),
        Audio(samples, sampling_rate=44_100),
        Image(image),
    ]
    loaded = load(parts)
    assert [one.index for one in loaded] == [0, 1, 2, 3, 4]
    assert [one.kind for one in loaded] == ["text", "image", "image", "audio", "image"]
    assert [one.part for one in loaded] == parts
    assert loaded[0].content == "Look"
    assert loaded[0].sha256 == hashlib.sha256(b"Look").hexdigest()
    assert loaded[1].sha256 == loaded[4].sha256 != loaded[2].sha256
    assert len({one.sha256 for one in loaded}) == 4
    assert [one.original is None for one in loaded] == [True, True, False, True, True]


def test_the_hash_of_an_array_tells_shape_and_type_apart():
    flat = np.zeros((4, 6), np.uint8)
    sources = (flat, flat.T, flat.astype(np.uint16), flat + np.uint8(1))
    assert len({load([Image(source)])[0].sha256 for source in sources}) == 4


def test_the_record_of_a_picture_keeps_its_size_and_a_small_copy():
    data = encoded(picture(1000, 500), "JPEG")
    kept = record(load([Image(data, role="user")])[0], "the map")
    assert (kept.kind, kept.label, kept.size, kept.role) == ("image", "the map", (1000, 500), "user")
    assert (kept.media, kept.mime) == (data, "image/jpeg")
    small = PILImage.open(io.BytesIO(kept.thumbnails[0]))
    assert (small.format, small.size) == ("WEBP", (320, 160))
    thin = record(load([Image(picture(3000, 2))])[0], "line")
    assert PILImage.open(io.BytesIO(thin.thumbnails[0])).size == (320, 1)
    tiny = record(load([Image(picture(20, 10))])[0], "dot")
    assert PILImage.open(io.BytesIO(tiny.thumbnails[0])).size == (20, 10)


def test_the_record_of_a_film_keeps_sixteen_frames_at_most():
    names = ["red", "blue"]
    data = film_file([plain(name) for name in names], [0, 6.0], 12.0, sound=beeps(12, [3.0], 48_000))
    kept = record(load([Video(data)])[0], "film 1")
    assert len(kept.thumbnails) == len(kept.thumbnail_times) == 16
    assert kept.thumbnail_times[0] == 0
    assert kept.thumbnail_times[-1] == 11.5
    shown = [colour_of(np.asarray(PILImage.open(io.BytesIO(one)))) for one in kept.thumbnails]
    assert shown == [names[time >= 6] for time in kept.thumbnail_times]
    assert (kept.size, kept.mime, kept.media) == ((64, 48), "video/mp4", data)
    assert kept.duration == pytest.approx(12.0, abs=0.01)
    loudest = np.argmax(kept.peaks[:, 1]) / len(kept.peaks) * kept.duration
    assert loudest == pytest.approx(3.05, abs=0.1)


def test_the_record_of_text_keeps_it_whole():
    kept = record(load([Text("<b>Look</b>", role="system")])[0], "text 1")
    assert (kept.text, kept.role, kept.media, kept.thumbnails) == ("<b>Look</b>", "system", None, ())


def test_arrays_are_encoded_for_playing():
    image = picture()
    kept = record(load([Image(image)])[0], "image 1")
    assert kept.mime == "image/png"
    np.testing.assert_array_equal(np.asarray(PILImage.open(io.BytesIO(kept.media))), image)

    samples = beeps(2.0, [0.5], 16_000)
    kept = record(load([Audio(samples, sampling_rate=16_000)])[0], "sound 1")
    assert kept.mime == "audio/wav"
    np.testing.assert_allclose(content(Audio(kept.media)).samples, samples, atol=1e-4)

    frames = np.stack([plain(name, 33, 21) for name in ("red", "lime", "blue", "white")])
    film = Video(frames, fps=2.0, audio=samples, sampling_rate=16_000)
    kept = record(load([film])[0], "film 1")
    assert kept.mime == "video/webm"
    again = content(Video(kept.media))
    assert [colour_of(frame) for frame in again.frames] == ["red", "lime", "blue", "white"]
    assert loud_seconds(again.sound) == pytest.approx([0.5], abs=0.005)
    assert (kept.size, again.duration) == ((33, 21), pytest.approx(2.0, abs=0.01))


def test_a_film_too_large_to_encode_is_kept_by_its_pictures_alone(monkeypatch):
    monkeypatch.setattr(encode, "_DEAREST", 1000)
    kept = record(load([Video(np.stack([plain("red")] * 2), fps=2.0)])[0], "film 1")
    assert (kept.media, kept.mime, len(kept.thumbnails)) == (None, None, 2)


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=300).map(lambda values: np.array(values, np.float32)),
    st.integers(1, 64),
)
def test_peaks_are_the_extremes_of_even_slices(samples, slices):
    got = peaks(samples, slices)
    count = min(slices, samples.size)
    edges = [place * samples.size // count for place in range(count + 1)]
    wanted = [(samples[a:b].min(), samples[a:b].max()) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(got, np.array(wanted, np.float32))
    assert got.dtype == np.float32


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_tone_is_seen_at_its_height_and_only_while_it_sounds(rate):
    samples = np.concatenate([np.zeros(rate), tone(2.0, rate, 1000.0), np.zeros(rate)]).astype(np.float32)
    seen = spectrogram(samples, rate)
    assert seen.shape == (BANDS, MOST_COLUMNS)
    mel = 2595 * np.log10(1 + np.array([1000.0, 8000.0]) / 700)
    wanted = BANDS - mel[0] / mel[1] * (BANDS + 1)  # rows from the top
    times = (np.arange(MOST_COLUMNS) + 0.5) / MOST_COLUMNS * 4
    inside, outside = (times > 1.05) & (times < 2.95), (times < 0.95) | (times > 3.05)
    assert np.abs(seen[:, inside].argmax(axis=0) - wanted).max() <= 1
    assert seen[:, inside].max(axis=0).min() > 240
    assert seen[:, outside].max() == 0


@pytest.mark.parametrize(("seconds", "level"), [(0.0, 0.0), (0.001, 0.5), (1.0, 0.0), (1.0, 0.5)])
def test_a_spectrogram_of_little_or_nothing_is_small_or_dark(seconds, level):
    seen = spectrogram(tone(seconds, 16_000, level=level), 16_000)
    assert seen.shape == (BANDS, math.ceil(seconds * 100))
    assert seen.max(initial=0) == (255 if level else 0)


def test_the_spectrogram_of_any_sound_takes_no_more_than_fifteen_kilobytes():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=16_000 * 60) * np.repeat(rng.random(600) ** 3, 1600)
    assert len(zlib.compress(spectrogram(noise.astype(np.float32), 16_000).tobytes())) < 15_000
