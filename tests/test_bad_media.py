"""Each unusable file or array gives one clear error, before anything heavy, and never half a content."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_media import SOUNDS, beeps, encoded, film_file, loud_seconds, picture, plain, sound_file, tone
from PIL import Image as PILImage

from omnitrace_nb.content import LIMITS, Audio, Image, Text, Video, as_parts
from omnitrace_nb.errors import ContentError, MediaError
from omnitrace_nb.media import MediaNeeds, films, load, pictures, samples, sounds

RNG = np.random.default_rng(0)
NOISE = [RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(6)]
HISS = RNG.normal(0, 0.1, 48_000).astype(np.float32)
STARTS = [0.2 * place for place in range(6)]

WHOLE = {
    "png": (Image, lambda: encoded(NOISE[0], "PNG")),
    "jpg": (Image, lambda: encoded(NOISE[0], "JPEG")),
    "progressive jpg": (Image, lambda: encoded(NOISE[0], "JPEG", progressive=True)),
    "webp": (Image, lambda: encoded(NOISE[0], "WEBP")),
    "lossless webp": (Image, lambda: encoded(NOISE[0], "WEBP", lossless=True)),
    "gif": (Image, lambda: encoded(NOISE[0], "GIF")),
    "tiff": (Image, lambda: encoded(NOISE[0], "TIFF")),
    "lzw tiff": (Image, lambda: encoded(NOISE[0], "TIFF", compression="tiff_lzw")),
    "bmp": (Image, lambda: encoded(NOISE[0], "BMP")),
    "avif": (Image, lambda: encoded(NOISE[0], "AVIF")),
    "jp2": (Image, lambda: encoded(NOISE[0], "JPEG2000")),
    "ppm": (Image, lambda: encoded(NOISE[0], "PPM")),
    "wav": (Audio, lambda: SOUNDS["wav"](HISS, 48_000)),
    "flac": (Audio, lambda: SOUNDS["flac"](HISS, 48_000)),
    "mp3": (Audio, lambda: SOUNDS["mp3"](HISS, 48_000)),
    "ogg": (Audio, lambda: SOUNDS["ogg"](HISS, 48_000)),
    "ogg flac": (Audio, lambda: sound_file(HISS, "ogg", "flac", 48_000)),
    "m4a": (Audio, lambda: SOUNDS["m4a"](HISS, 48_000)),
    "mka": (Audio, lambda: sound_file(HISS, "matroska", "flac", 48_000)),
    "mp4": (Video, lambda: film_file(NOISE, STARTS, 1.2, sound=HISS)),
    "mp4 for the web": (Video, lambda: film_file(NOISE, STARTS, 1.2, sound=HISS, faststart=True)),
    "webm": (Video, lambda: film_file(NOISE, STARTS, 1.2, "webm", "libvpx", sound=HISS)),
    "mkv": (Video, lambda: film_file(NOISE, STARTS, 1.2, "matroska", sound=HISS)),
}


@pytest.fixture(scope="module")
def whole():
    """Give each format's part, bytes and decoded content."""
    files = {name: (part, make()) for name, (part, make) in WHOLE.items()}
    return {name: (part, data, load([part(data)])[0].content) for name, (part, data) in files.items()}


def told(part, message, **options):
    """Load a part that cannot be loaded; give what is said."""
    with pytest.raises(MediaError, match=message) as caught:
        load([part], **options)
    return str(caught.value)


def arrays(content):
    sound = getattr(content, "sound", None)
    own = [getattr(content, name) for name in ("pixels", "samples", "frames") if hasattr(content, name)]
    return own + ([sound.samples] if sound else [])


def same(one, other):
    pairs = list(zip(arrays(one), arrays(other), strict=False))
    return len(arrays(one)) == len(arrays(other)) and all(np.array_equal(a, b) for a, b in pairs)


# Files


@pytest.mark.parametrize("part", [Image, Audio, Video])
def test_a_file_that_is_missing_a_directory_or_empty_is_named(tmp_path, part):
    assert str(tmp_path / "none.x") in told(part(tmp_path / "none.x"), r"\(none.x\): there is no file")
    assert str(tmp_path / "none.x") in told(part(str(tmp_path / "none.x")), r"\(none.x\): there is no file")
    told(part(tmp_path), "is a directory, expected a file")
    (tmp_path / "empty.x").touch()
    told(part(tmp_path / "empty.x"), r"\(empty.x\) is empty \(0 bytes\)")
    told(part(b""), r"is empty \(0 bytes\)")
    told(part("/dev/null"), "is a device or pipe")
    told(part(""), "is not a path")
    told(part("a\0b"), "is not a path")
    told(part("x" * 5000), "cannot be read|there is no file")
    told(part("https://example.org/a.png"), "is not a local file; download it first")
    told(part("file://server/a.png"), "is not a local file")
    told(part("data:image/png;base64"), "holds no data")
    told(part("data:image/png;base64,????"), "is damaged")


def test_errors_name_the_part_by_its_label():
    with pytest.raises(MediaError, match=r"^image 2 \(b.png\)"):
        load([Text("a"), Image(picture()), Image("b.png")])
    with pytest.raises(MediaError, match=r"^the map \(b.png\)"):
        load([Image("b.png", label="the map")])


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        ("mp3", Image, r"holds an MP3 sound, not a picture: use ot.Audio\("),
        ("wav", Image, r"holds a WAV sound, not a picture: use ot.Audio\("),
        ("ogg", Video, r"holds an Ogg sound, not a film: use ot.Audio\("),
        ("m4a", Video, r"holds an M4A sound, not a film: use ot.Audio\("),
        ("webm", Image, r"holds a WebM film, not a picture: use ot.Video\("),
        ("png", Audio, r"holds a PNG picture, not a sound: use ot.Image\("),
        ("jpg", Video, r"holds a JPEG picture, not a film: use ot.Image\("),
        ("gif", Video, r"holds a GIF picture, not a film: use ot.Image\(...\) for it \(its first frame"),
    ],
)
def test_a_lying_file_is_told_by_what_it_is(tmp_path, whole, name, part, message):
    path = tmp_path / {Image: "a.png", Audio: "a.wav", Video: "a.mp4"}[part]
    path.write_bytes(whole[name][1])
    assert path.name in told(part(path), message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><html>404", "an HTML page.*failed download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer.*git lfs pull"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "an SVG drawing"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"PK\x03\x04........", "a ZIP archive"),
        (b"\x1f\x8b\x08.......", "gzip data"),
        (b"just some words", "holds text"),
        (bytes(range(200, 256)), "something else"),
        (b"\x00", "something else"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n\xc5", "something else"),
    ],
)
def test_what_no_part_can_hold_is_told_by_what_it_is(tmp_path, data, message):
    for part in (Image, Audio, Video):
        told(part(data), message)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=message):
        as_parts(path)


def test_a_container_with_neither_sound_nor_film_is_told():
    empty = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08moov"
    told(Video(empty), "cannot be opened|no frames")


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("lacking", [1, 2, 9, 40, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused_and_never_shortened(whole, name, lacking):
    part, data, content = whole[name]
    cut = data[: -lacking if isinstance(lacking, int) else int(len(data) * (1 - lacking))]
    try:
        (loaded,) = load([part(cut)])
    except MediaError as error:
        assert any(word in str(error) for word in ("truncated", "damaged"))  # noqa: PT017 - the other way is checked below
    else:
        # A GIF ends with one byte that says so: nothing of the picture lacks.
        assert (name, lacking) in {("gif", 1), ("gif", 2)}
        assert same(loaded.content, content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(WHOLE)), place=st.floats(0, 1, exclude_max=True))
def test_no_truncation_anywhere_shortens_a_content(whole, name, place):
    part, data, content = whole[name]
    try:
        (loaded,) = load([part(data[: int(place * len(data))])])
    except MediaError:
        return
    assert same(loaded.content, content)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name="mka", changes=[(0.1015625, 1)], front=True)  # a size that no number has
@given(
    name=st.sampled_from(sorted(WHOLE)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    front=st.booleans(),
)
def test_a_corrupt_file_is_read_or_refused_but_never_crashes(whole, name, changes, front):
    part, data, _ = whole[name]
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[int(place * min(len(data), 400 if front else len(data)))] = byte
    try:
        (loaded,) = load([part(bytes(damaged))])
    except MediaError as error:
        assert str(error).startswith(("image 1", "sound 1", "film 1", "The sound of film 1"))  # noqa: PT017 - as above
    else:
        for array in arrays(loaded.content):
            assert array.size
            assert array.dtype == np.uint8 or np.isfinite(array).all()


@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"", *(b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\x00WAVE", b"OggS")]),
)
def test_any_bytes_give_parts_or_one_of_our_errors(data, start):
    for part in (Image, Audio, Video):
        with pytest.raises(ContentError):
            load([part(start + data)])


def test_tags_in_an_old_encoding_do_no_harm():
    data = SOUNDS["mp3"](tone(0.5))
    title = b"TIT2\x00\x00\x00\x06\x00\x00\x03caf\xe9\xff"
    tag = b"ID3\x04\x00\x00\x00\x00\x00" + bytes([len(title)]) + title
    body = data[10 + (data[8] << 7 | data[9]) :] if data.startswith(b"ID3") else data
    assert load([Audio(tag + body)])[0].content.duration == pytest.approx(0.5, abs=0.01)


# Pictures


def test_a_huge_picture_is_refused_by_its_header_alone():
    def png(width, height):
        def chunk(name, body):
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b"\0" * 99))
            + chunk(b"IEND", b"")
        )

    message = told(Image(png(60_000, 60_000)), r"60,000 x 60,000 = 3,600,000,000 pixels, the limit is 100,000,000")
    assert "scale it down" in message
    told(Image(png(10_001, 10_000)), "the limit is")
    told(Image(png(10_000, 10_000)), "truncated or damaged")
    told(Image(np.broadcast_to(np.uint8(0), (60_000, 60_000, 3))), "60,000 x 60,000")
    small = encoded(picture(), "JPEG")
    place = small.index(b"\xff\xc0") + 5
    told(Image(small[:place] + b"\xea\x60\xea\x60" + small[place + 4 :]), "60,000 x 60,000")
    gif = encoded(picture(), "GIF")
    told(Image(gif[:6] + b"\x60\xea\x60\xea" + gif[10:]), "60,000 x 60,000")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 20, 30), np.uint8), r"shape \(3, 20, 30\).*transpose\(1, 2, 0\)"),
        (np.zeros((20, 30, 2), np.uint8), r"shape \(20, 30, 2\)"),
        (np.zeros((2, 20, 30, 3), np.uint8), r"shape \(2, 20, 30, 3\)"),
        (np.zeros(30, np.uint8), r"shape \(30,\)"),
        (np.zeros((0, 30), np.uint8), "30 x 0 pixels"),
        (np.zeros((0, 0, 3), np.uint8), "0 x 0 pixels"),
        (np.full((4, 4), 255.0), "from 255 to 255, expected 0 to 1"),
        (np.full((4, 4), -0.5, np.float32), "expected 0 to 1"),
        (np.array([[0.1, np.nan]]), "NaN or infinite"),
        (np.array([[0.1, np.inf]]), "NaN or infinite"),
        (np.full((4, 4), 300, np.int32), "expected 0 to 255"),
        (np.full((4, 4), -1, np.int64), "expected 0 to 255"),
        (np.zeros((4, 4), complex), "array of complex128"),
        (np.zeros((4, 4), object), "array of object"),
        (np.array([["a", "b"]]), "array of <U1"),
    ],
)
def test_an_array_that_is_no_picture_is_told(array, message):
    told(Image(array), message)


def test_pillow_images_that_cannot_be_read_are_told(tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(encoded(NOISE[0], "PNG")[:-2000])
    told(Image(PILImage.open(path)), "truncated or damaged")
    closed = PILImage.open(io.BytesIO(encoded(NOISE[0], "PNG")))
    closed.close()
    told(Image(closed), "truncated or damaged")
    told(Image(PILImage.fromarray(np.full((2, 2), 70_000, np.int32))), "from 70000 to 70000")
    told(Image(PILImage.new("RGB", (0, 5))), "0 x 5 pixels")


@pytest.mark.parametrize("part", [Image, Audio, Video])
@pytest.mark.parametrize("source", [None, 5, 1.5, {"a": 1}, object()])
def test_a_source_of_another_kind_is_told(part, source):
    assert type(source).__name__ in told(part(source), "expected a path, encoded bytes")


# Sounds


def test_a_sound_without_samples_is_told():
    told(Audio(np.zeros(0, np.float32), sampling_rate=16_000), "0 samples")
    told(Audio(np.zeros((2, 0), np.float32), sampling_rate=16_000), "0 samples")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    told(Audio(buffer.getvalue()), "0 samples")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_told_by_their_place(bad):
    noise = tone(0.5, 16_000)
    noise[123] = bad
    told(Audio(noise, sampling_rate=16_000), "1 NaN or infinite samples, the first at sample 123.*nan_to_num")
    told(Audio(np.stack([tone(0.5, 16_000), noise]), sampling_rate=16_000), "first at sample 123")
    told(Audio(sound_file(noise, "wav", "pcm_f32le", 16_000)), "NaN or infinite")


def test_integers_turned_into_floats_without_scaling_are_told():
    unscaled = tone(0.5, 16_000) * 32_768
    told(Audio(unscaled, sampling_rate=16_000), "up to 16384, expected -1..1: divide by full scale.*int16")
    told(Audio(sound_file(unscaled, "wav", "pcm_f32le", 16_000)), "expected -1..1")
    hot = load([Audio(tone(0.5, 16_000, level=1.2), sampling_rate=16_000)])[0].content
    assert np.abs(hot.samples).max() == pytest.approx(1.2, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (None, "give sampling_rate=... in Hz"),
        (0, "0.0 Hz|0 Hz"),
        (-16_000, "-16000"),
        (16, "sampling rate of 16"),
        (10**9, "1000000000"),
        (16_000.5, "whole number of Hz"),
        (float("nan"), "whole number of Hz"),
        (float("inf"), "whole number of Hz"),
        ("16000", "whole number of Hz"),
        (True, "whole number of Hz"),
    ],
)
def test_an_impossible_sampling_rate_is_told(rate, message):
    told(Audio(tone(0.1), sampling_rate=rate), message)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((16_000, 2), np.float32), r"shape \(16000, 2\).*give array.T"),
        (np.zeros((2, 3, 4), np.float32), r"shape \(2, 3, 4\)"),
        (np.zeros(10, np.int64), "array of int64"),
        (np.zeros(10, bool), "array of bool"),
        (np.zeros(10, complex), "array of complex128"),
    ],
)
def test_an_array_that_is_no_sound_is_told(array, message):
    told(Audio(array, sampling_rate=16_000), message)


def test_a_single_value_is_no_sound():
    with pytest.raises(MediaError, match=r"shape \(\)"):
        Audio(np.zeros((), np.float32), sampling_rate=16_000)


def test_a_rate_beside_a_file_must_be_the_files_own(whole):
    data = whole["wav"][1]
    told(Audio(data, sampling_rate=16_000), "has 48000 Hz of its own.*leave that out")
    assert load([Audio(data, sampling_rate=48_000)])[0].content.duration == 1.0


def test_a_wav_that_promises_more_than_there_is_says_how_much(whole):
    data = whole["wav"][1]
    place = data.index(b"data") + 4
    more = data[:place] + struct.pack("<I", 1_000_000) + data[place + 4 :]
    told(Audio(more), "promises 1,000,000 bytes, 96,000 are there")


def test_an_mp4_without_its_index_says_that_it_cannot_be_opened(whole):
    data = whole["mp4"][1]
    told(Video(data[: data.index(b"moov") - 4]), "starts like an MP4 file but cannot be opened")


# Films


def test_a_film_with_no_frames_is_told():
    told(Video(np.zeros((0, 8, 8, 3), np.uint8), fps=2.0), "no frames")
    told(Video([], fps=2.0), "no frames")
    for kind in ("matroska", "mp4"):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=kind) as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            container.start_encoding()
        told(Video(buffer.getvalue()), "no frames")


def test_a_film_damaged_in_its_middle_is_refused_and_not_patched_up(whole):
    data = np.frombuffer(whole["mp4"][1], np.uint8).copy()
    middle = data.tobytes().index(b"mdat") + 9_000
    data[middle : middle + 40] ^= 0x55
    told(Video(data.tobytes()), "damaged")


def test_a_flac_cut_between_two_blocks_says_what_lacks(whole):
    data = whole["flac"][1]
    with av.open(io.BytesIO(data)) as container:
        places = [packet.pos for packet in container.demux() if packet.size]
    told(Audio(data[: places[-3]]), r"truncated: 48,000 samples are promised, \d\d,\d\d\d are there")


def test_a_byte_too_many_in_a_webm_never_makes_the_film_shorter():
    """Matroska's demuxer looks for the next cluster and says nothing of the blocks that it passed over."""
    data = film_file(NOISE, STARTS, 1.2, "webm", "libvpx-vp9")
    undamaged, noticed = load([Video(data)])[0].content, 0
    for place in np.linspace(60, len(data) - 1, 84).astype(int):
        try:
            read = load([Video(data[:place] + b"\0" + data[place:])])[0].content
        except MediaError:
            noticed += 1
        else:
            assert same(read, undamaged)
    assert noticed > 80


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("mkv", b"\x12\x54\xc3\x67", b"\x12\x54\xc3\x66", "do not match their checksum"),
        ("mp4", b"stsz", b"stsy", 'a box "stsy", which no track has there'),
        ("mp4", b"mdhd\0", b"mdhd\1", '"mdhd" has another length than its version says'),
        ("webm", b"A_OPUS", b"V_OPUS", "of another kind than its coding"),
    ],
)
def test_a_damaged_structure_is_told_by_what_is_wrong(whole, name, old, new, message):
    part, data, _ = whole[name]
    assert old in data
    told(part(data.replace(old, new, 1)), message)


def test_every_table_of_an_mp4_must_agree_with_the_others(whole):
    data = bytearray(whole["mp4"][1])
    for table, place in ((b"stts", 15), (b"stsz", 15), (b"stsc", 19), (b"stco", 13), (b"tkhd", 27), (b"mdhd", 22)):
        at = data.index(table) + place
        data[at] ^= 0x10
        told(Video(bytes(data)), "damaged")
        data[at] ^= 0x10
    assert same(load([Video(bytes(data))])[0].content, whole["mp4"][2])


def test_a_page_of_ogg_or_a_sample_of_flac_that_was_changed_is_noticed_by_its_checksum(whole):
    for name, message in (("ogg", "page at byte .* does not match its checksum"), ("flac", "damaged|truncated")):
        part, data, _ = whole[name]
        for place in np.linspace(len(data) // 3, len(data) - 1, 20).astype(int):
            told(part(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]), message)


def test_two_oggs_in_one_file_are_heard_one_after_the_other():
    one, two = (SOUNDS["ogg"](beeps(1.0, [at], 48_000), 48_000) for at in (0.3, 0.6))
    heard = load([Audio(one + two)])[0].content
    assert heard.duration == pytest.approx(2.0, abs=0.02)
    assert loud_seconds(heard) == pytest.approx([0.3, 1.6], abs=0.03)


def test_files_that_are_written_in_other_ways_are_read(whole):
    """Boxes after the end, tags, padding: what players pass over is no damage."""
    wav, mp3, mp4 = (whole[name][1] for name in ("wav", "mp3", "mp4"))
    tag = b"ID3\x04\0\0\0\0\0\x0aTXXX\0\0\0\0\0\0"
    others = {
        "wav": [wav[:12] + b"JUNK\x04\0\0\0abcd" + wav[12:], wav + b"id3 \x04\0\0\0abcd", wav + tag],
        "mp3": [mp3 + b"TAG" + bytes(125), mp3 + b"APETAGEX" + bytes(24)],
        "mp4": [mp4 + b"\0\0\0\x10free" + bytes(8), mp4 + b"\0\0\0\x0cudta" + bytes(4)],
    }
    for name, files in others.items():
        for data in files:
            assert same(load([whole[name][0](data)])[0].content, whole[name][2])


def test_a_film_in_an_unknown_coding_is_told(whole):
    data = whole["mp4"][1]
    told(Video(data.replace(b"avc1", b"zzzz")), "coding that cannot be read")
    mute = data.replace(b"mp4a", b"zzzz").replace(b"\x04\x80\x80\x80\x17\x40\x15", b"\x04\x80\x80\x80\x17\xff\x15")
    told(Video(mute), "The sound of film 1.*coding that cannot be read.*sound=False")
    assert load([Video(mute, sound=False)])[0].content.sound is None


def test_a_film_with_huge_frames_is_refused_before_decoding(whole, monkeypatch):
    monkeypatch.setattr(films, "LIMITS", LIMITS.__class__(frame_pixels=64 * 48 - 1))
    told(Video(whole["mp4"][1]), "64 x 48 = 3,072 pixels, the limit is 3,071")


@pytest.mark.parametrize("fps", [None, 0, -1.0, float("nan"), float("inf"), "2", True, 10_000])
def test_a_film_of_frames_needs_its_rate(fps):
    told(Video(np.stack(NOISE), fps=fps), "give fps=..." if fps is None else "fps=")


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((4, 3, 20, 30), np.uint8), r"transpose\(0, 2, 3, 1\)"),
        (np.zeros((20, 30, 3), np.uint8), r"one picture: a film is array\[None\]"),
        (np.zeros((20, 30), np.uint8), r"shape \(20, 30\)"),
        (np.zeros((2, 0, 30, 3), np.uint8), "30 x 0 pixels"),
        (np.full((2, 8, 8, 3), 200.0), "frame 0 .*expected 0 to 1"),
        (np.full((2, 8, 8, 3), np.nan), "frame 0 .*NaN"),
        ([plain("red"), plain("red", 32, 32)], "different"),
        ([plain("red"), "b.png"], r"frame 1 \(b.png\): there is no file"),
        ([plain("red"), 5], "frame 1 is a int, expected a path, a PIL.Image or an array"),
        ([tone(0.1)], r"frame 0 .*shape \(4410,\)"),
    ],
)
def test_frames_that_are_no_film_are_told(frames, message):
    told(Video(frames, fps=2.0), message)


def test_settings_that_do_not_belong_together_are_told(whole):
    data, frames = whole["mp4"][1], np.stack(NOISE)
    told(Video(data, audio=HISS, sampling_rate=48_000), "a file brings its own sound")
    told(Video(frames, fps=2.0, sampling_rate=48_000), "a sampling_rate but no audio")
    told(Video(frames, fps=2.0, audio=HISS), "The sound of film 1.*give sampling_rate")
    told(Video(frames, fps=2.0, audio=HISS * np.nan, sampling_rate=48_000), "The sound of film 1.*NaN")


def test_what_lasts_too_long_is_refused(monkeypatch, whole):
    monkeypatch.setattr(samples, "LIMITS", LIMITS.__class__(seconds=0.9))
    for name in ("wav", "mp3", "mp4", "webm"):
        part, data, _ = whole[name]
        told(part(data), "the limit is 1 s: cut it")
    told(Audio(HISS, sampling_rate=48_000), "lasts 1 s")


def test_a_time_stamp_far_away_does_not_fill_the_memory():
    data = film_file([plain("red")], [0], 1.0, "matroska", sound=beeps(0.5, [0], 48_000), sound_start=20_000.0)
    told(Video(data), "lasts 20,00[01] s, the limit is 7,200 s")


# A whole prompt


def test_a_model_that_does_not_read_a_kind_says_so_before_any_file_is_opened():
    with pytest.raises(ContentError, match="sound 1 is a part for sounds, but this model reads only text, pictures"):
        load([Text("a"), Audio("missing.wav")], MediaNeeds(), ("text", "image"))


def test_the_last_parts_mistake_shows_before_the_first_is_decoded(monkeypatch, whole):
    decoded = []
    for module, name in ((films, "_decode"), (sounds, "_decode"), (pictures, "_upright"), (pictures, "image_pixels")):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, lambda *_, **__: decoded.append(1))
    first = [Image(whole["png"][1]), Video(whole["mp4"][1]), Audio(whole["mp3"][1])]
    with pytest.raises(MediaError, match="image 2"):
        load([*first, Image("missing.png")])
    with pytest.raises(MediaError, match="sound 2"):
        load([*first, Audio(tone(0.1))])
    assert not decoded


def test_text_is_checked_as_well_when_parts_come_straight_to_load():
    with pytest.raises(ContentError, match="half a character"):
        load([Text("a\ud83d")])
    with pytest.raises(ContentError, match="is empty"):
        load([])
    with pytest.raises(ContentError, match="Part 1 is a str"):
        load(["a"])


def test_after_an_error_the_next_prompt_is_loaded(whole):
    for name in ("png", "wav", "mp4"):
        part, data, content = whole[name]
        told(part(data[: len(data) // 2]), "truncated|damaged")
        assert same(load([part(data)])[0].content, content)


def test_a_data_address_is_read(whole):
    address = "data:image/png;base64," + base64.b64encode(whole["png"][1]).decode()
    assert same(load([Image(address)])[0].content, whole["png"][2])


def test_a_path_in_the_home_folder_is_found(monkeypatch, tmp_path, whole):
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(tmp_path, "a.png").write_bytes(whole["png"][1])
    assert same(load([Image("~/a.png")])[0].content, whole["png"][2])
