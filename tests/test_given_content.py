"""Content as people and data sets hand it over: buffers, tensors, recordings of columns, messages, odd pictures."""

from __future__ import annotations

import ast
import base64
import importlib.util
import io
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_media import SOUNDS, colour_of, encoded, film_file, picture, plain, tone
from PIL import Image as PILImage
from PIL import ImageCms, TiffImagePlugin

import omnitrace_nb
from omnitrace_nb.cli import main
from omnitrace_nb.content import LIMITS, Audio, Image, Text, Video, as_parts
from omnitrace_nb.content.suffixes import MEDIA_SUFFIXES
from omnitrace_nb.errors import ContentError, MediaError
from omnitrace_nb.media import MediaNeeds, kept, load, record

PIXELS = picture()
PNG = encoded(PIXELS, "PNG")
RED_THEN_BLUE = film_file([plain("red"), plain("blue")], [0, 1], 2.0)


def read(part, needs=None):
    """Load one part; give its decoded content."""
    return load([part], needs)[0].content


def message(*blocks):
    return [{"role": "user", "content": [*blocks]}]


# Open files


@pytest.mark.parametrize(
    ("part", "data"), [(Image, PNG), (Audio, SOUNDS["wav"](tone(0.2))), (Video, RED_THEN_BLUE), (None, PNG)]
)
def test_a_buffer_just_written_to_is_read_from_its_beginning(part, data):
    buffer = io.BytesIO()
    buffer.write(data)
    assert (part(buffer) if part else as_parts(buffer)[0]).source == data
    assert (part(buffer) if part else as_parts([buffer])[0]).source == data, "and once more"


def test_a_temporary_file_just_written_to_is_read():
    with tempfile.NamedTemporaryFile() as file:
        file.write(PNG)
        assert as_parts([file, "What is it?"])[0].source == PNG


def test_a_pipe_gives_what_is_left_in_it():
    reading, writing = os.pipe()
    os.write(writing, PNG)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert Image(pipe).source == PNG


def test_an_image_opened_as_text_is_read_all_the_same(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with path.open(encoding="utf-8") as file:
        assert Image(file).source == PNG
        assert as_parts([file])[0].source == PNG


@pytest.mark.parametrize("stream", [io.StringIO("words"), io.StringIO("")])
def test_a_stream_of_text_is_told_what_to_do(stream):
    for give in (Image, Audio, Video, as_parts):
        if stream.getvalue():
            with pytest.raises(ContentError, match=r"stream that gives str, expected bytes.*stream.getvalue"):
                give(stream)
        else:
            with pytest.raises(ContentError, match="empty"):
                load([give(stream)] if give is not as_parts else as_parts(stream))


def test_a_file_that_is_closed_or_only_written_is_told(tmp_path):
    closed = io.BytesIO(PNG)
    closed.close()
    with pytest.raises(ContentError, match=r"closed file.*open\(path, 'rb'\)"):
        Image(closed)
    with (tmp_path / "a.png").open("wb") as file, pytest.raises(ContentError, match="cannot be read"):
        Image(file)


# Tensors


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.float8_e4m3fn])
def test_tensors_of_any_floats_are_pictures_sounds_and_films(dtype):
    values = torch.linspace(0, 1, 8 * 8 * 3).reshape(8, 8, 3).to(dtype)
    exact = values.to(torch.float64).numpy()
    wanted = np.rint(exact * 255)
    assert np.abs(read(Image(values)).pixels - wanted).max() <= 1
    assert np.abs(read(Video(values[None], fps=1.0)).frames[0] - wanted).max() <= 1
    assert np.abs(read(Video([values, values], fps=1.0)).frames[1] - wanted).max() <= 1
    sound = read(Audio(values.flatten(), sampling_rate=16_000))
    np.testing.assert_allclose(sound.samples, exact.flatten(), atol=1e-3)
    film = Video(values[None], fps=1.0, audio=values.flatten(), sampling_rate=16_000)
    assert isinstance(film.audio, np.ndarray)


def test_a_tensor_that_needs_gradients_is_copied_and_one_without_numbers_is_told():
    assert Image(torch.zeros(4, 4, requires_grad=True)).source.shape == (4, 4)
    for odd in (torch.zeros(4, 4, device="meta"), torch.zeros(4, 4).to_sparse()):
        with pytest.raises(ContentError, match=r"no array can be made.*dense"):
            Image(odd)


# What columns of data sets give


def test_a_recording_of_a_data_set_is_read_alike_wherever_it_is_given():
    samples = tone(0.1, 16_000)
    for array in (samples, samples.tolist(), torch.from_numpy(samples), np.stack([samples, samples]).tolist()):
        row = {"path": "x.wav", "array": array, "sampling_rate": 16_000}
        given = [Audio(row), as_parts(row)[0], as_parts([row, "What is it?"])[0]]
        given += [as_parts(message(block))[0] for block in ({"type": "audio", "audio": row}, {"audio": row}, row)]
        given += as_parts(message({"type": "audio", "array": array, "sampling_rate": 16_000}))
        assert {type(part) for part in given} == {Audio}
        for part in given:
            np.testing.assert_allclose(read(part).samples, samples, atol=1e-6)


def test_an_encoded_row_of_a_data_set_is_read_alike_wherever_it_is_given(tmp_path):
    files = {"a.png": (Image, PNG), "b.wav": (Audio, SOUNDS["wav"](tone(0.2))), "c.mp4": (Video, RED_THEN_BLUE)}
    for name, (kind, data) in files.items():
        (tmp_path / name).write_bytes(data)
        word = kind.__name__.lower()
        for row in ({"bytes": data, "path": None}, {"bytes": None, "path": str(tmp_path / name)}):
            given = [kind(row), as_parts(row)[0], as_parts([row])[0], *as_parts(message(row))]
            given += as_parts(message({"type": word, word: row}, {"type": word, **row}, {word: row}))
            assert {type(part) for part in given} == {kind}
            assert {load([part])[0].original for part in given} == {data}
    both = {"bytes": PNG, "path": "gone.png"}
    assert as_parts(message({"type": "image", **both}))[0].source == Image(both).source == PNG


def test_what_comes_with_a_recording_must_not_be_contradicted():
    row = {"array": [0.0, 0.5], "sampling_rate": 16_000}
    assert Audio(row, 16_000).sampling_rate == 16_000
    with pytest.raises(ContentError, match="comes with sampling_rate=16000, but sampling_rate=8000 was given"):
        Audio(row, 8_000)
    with pytest.raises(ContentError, match=r"ot.Audio\(array"):
        as_parts({"array": np.zeros(9, np.float32)})


class SoundDecoder:
    """As torchcodec's `AudioDecoder`, whose public interface this is."""

    def __init__(self, data, rate):  # noqa: D107
        self._samples = SimpleNamespace(data=data, sample_rate=rate)

    def get_all_samples(self):  # noqa: D102
        return self._samples


class FilmDecoder:
    """As torchcodec's `VideoDecoder`, whose public interface this is."""

    def __init__(self, frames, fps):  # noqa: D107
        self._frames, self._fps = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2), fps
        height, width = frames[0].shape[:2]
        self.metadata = SimpleNamespace(
            average_fps=fps,
            begin_stream_seconds=0.0,
            end_stream_seconds=len(frames) / fps,
            height=height,
            width=width,
        )

    def get_frames_played_at(self, seconds):  # noqa: D102
        return SimpleNamespace(data=self._frames[[int(second * self._fps + 1e-6) for second in seconds]])


def decoders(samples, data):
    """Give decoders of a sound and of a film: torchcodec's own where it is installed."""
    own = (
        SoundDecoder(torch.from_numpy(samples)[None], 16_000),
        FilmDecoder([plain("red")] * 5 + [plain("blue")] * 5, 5),
    )
    if importlib.util.find_spec("torchcodec") is None:
        return [own]
    torchcodec = pytest.importorskip("torchcodec.decoders")
    sound = torchcodec.AudioDecoder(SOUNDS["flac"](samples, 16_000))
    return [own, (sound, torchcodec.VideoDecoder(data))]


def test_decoders_of_the_datasets_library_are_read_alike_wherever_they_are_given():
    samples = tone(0.5, 16_000)
    for sound, film in decoders(samples, RED_THEN_BLUE):
        heard = [Audio(sound), *as_parts([sound]), *as_parts(message({"type": "audio", "audio": sound}))]
        for part in heard:
            np.testing.assert_allclose(read(part).samples, samples, atol=1e-3)
        seen = [Video(film), *as_parts([film]), *as_parts(message({"type": "video", "video": film}))]
        for part in seen:
            content = read(part, MediaNeeds(fps=2.0))
            assert [colour_of(frame) for frame in content.frames] == ["red", "red", "blue", "blue"]
            assert content.duration == pytest.approx(2.0, abs=0.05)
        assert [colour_of(frame) for frame in Video(film, fps=1.0).source] == ["red", "blue"]


def test_a_decoder_that_fails_is_told():
    class Broken(SoundDecoder):
        def get_all_samples(self):
            raise RuntimeError("Could not open input file")

    with pytest.raises(MediaError, match=r"decoder that fails.*Could not open.*path or the bytes"):
        Audio(Broken(None, 0))


# Messages


def test_keys_that_are_none_are_not_there():
    nothing = dict.fromkeys(("text", "image", "audio", "video", "url", "label", "fps", "max_pixels"))
    rows = [
        {"role": "system", "content": "Be brief.", "name": None, "tool_calls": None},
        {
            "role": "user",
            "name": None,
            "content": [
                {**nothing, "type": "image", "image": {"bytes": PNG, "path": None}},
                {**nothing, "type": "audio", "audio": {"array": [0.0] * 800, "sampling_rate": 8_000, "path": None}},
                {**nothing, "type": None, "text": "What is it?", "image": {"bytes": None, "path": None}},
            ],
        },
    ]
    parts = as_parts(rows)
    assert [type(part) for part in parts] == [Text, Image, Audio, Text]
    assert [part.role for part in parts] == ["system", "user", "user", "user"]
    with pytest.raises(ContentError, match='under "image"'):
        as_parts(message({**nothing, "type": "image"}))
    with pytest.raises(ContentError, match="has the role None"):
        as_parts([{"role": None, "content": "a"}])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({1: "a"}, "has the key 1, a int; keys are strings"),
        (message({"type": "text", None: "a"}), "has the key None, a NoneType"),
        ([{"role": "user", "content": "a", ("b",): 1}], "keys are strings"),
        ([{"role": np.array(["user", "system"]), "content": "a"}], "has the role array"),
        ([Text("a", role=np.zeros(2))], "has the role array"),
        ({"prompt": np.zeros(3), "question": []}, '"prompt" of ndarray'),
        ({"prompt": "a", "question": np.zeros(3)}, '"question" of ndarray'),
        ([{"role": 10**5000, "content": "a"}], "has the role <int>"),
    ],
)
def test_odd_keys_and_roles_are_told(content, told):
    with pytest.raises(ContentError, match=told):
        as_parts(content)


def test_a_time_of_four_hundred_digits_is_told():
    for setting in ("start", "end"):
        with pytest.raises(MediaError, match=r"nothing after it|end must come after|expected"):
            load([Audio(SOUNDS["wav"](tone(0.1)), **{"start": 10**400, setting: 10**399})])
    with pytest.raises(MediaError, match="expected a whole number of Hz"):
        load([Audio(np.zeros(9), sampling_rate=10**400)])
    with pytest.raises(MediaError, match="fps="):
        load([Video(np.zeros((2, 8, 8, 3)), fps=10**400)])


# Qwen's keys


def qwen_film(**keys):
    (part,) = as_parts(message({"type": "video", "video": RED_THEN_BLUE, **keys}))
    return read(part, MediaNeeds(fps=2.0))


def test_qwens_keys_of_films_mean_what_qwen_vl_utils_means():
    # Rows of what `fetch_video` of qwen-vl-utils 0.0.14 gives of a film of 64 x 48 pixels and 2 seconds.
    assert len(qwen_film(nframes=8).frames) == 8
    assert len(qwen_film(nframes=7).frames) == 8  # round(7 / 2) * 2
    assert len(qwen_film(fps=4.0).frames) == 8
    assert [colour_of(frame) for frame in qwen_film(nframes=4).frames] == ["red", "red", "blue", "blue"]
    part_of_it = qwen_film(video_start=1.0, video_end=1.5, fps=4.0)
    assert {colour_of(frame) for frame in part_of_it.frames} == {"blue"}
    assert (part_of_it.start, part_of_it.duration) == (1.0, 0.5)
    assert qwen_film(max_pixels=16 * 12).frames.shape[1:3] == (12, 16)
    assert qwen_film(total_pixels=2 * 16 * 12, nframes=4).frames.shape[1:3] == (12, 16)  # 384 / 4 * 2 = 192 each
    assert qwen_film(total_pixels=4, nframes=4, min_pixels=32 * 24).frames.shape[1:3] == (
        24,
        32,
    )  # 1.05 times the least
    assert qwen_film(min_pixels=128 * 96).frames.shape[1:3] == (96, 128)
    assert qwen_film(resized_height=56, resized_width=84, max_pixels=100).frames.shape[1:3] == (56, 84)
    assert qwen_film(resized_height=56, resized_width=84).original_size == (64, 48)
    frames = [plain("red"), plain("blue"), plain("red")]
    (part,) = as_parts(message({"type": "video", "video": frames, "sample_fps": 1.0, "nframes": 2}))
    assert len(read(part, MediaNeeds(fps=1.0)).frames) == 3  # of frames given one by one, all are read


def test_qwens_keys_of_pictures_mean_what_qwen_vl_utils_means():
    def size(**keys):
        (part,) = as_parts(message({"type": "image", "image": PNG, **keys}))
        content = read(part)
        assert content.original_size == (48, 32)
        return content.pixels.shape[1::-1]

    assert size(min_pixels=4, max_pixels=24 * 16) == (24, 16)
    assert size(min_pixels=96 * 64) == (96, 64)
    assert size(resized_width=30, resized_height=40) == (30, 40)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"nframes": 4, "fps": 2.0}, 'both "nframes" and "fps"'),
        ({"nframes": 0}, "nframes=0"),
        ({"nframes": "4"}, "nframes='4'"),
        ({"nframes": 1}, "expected at least 2"),
        ({"video_start": 1.0, "start": 1.0}, 'both "video_start" and "start"'),
        ({"video_start": 5.0}, "nothing after it"),
        ({"resized_width": 28}, "give both"),
        ({"resized_width": 10**7, "resized_height": 10**7}, "of at most 100,000,000 pixels"),
        ({"min_pixels": 100, "max_pixels": 10}, "max_pixels=10, below min_pixels=100"),
        ({"min_pixels": 10**12}, "the limit is"),
        ({"total_pixels": -1}, "total_pixels=-1"),
        ({"min_frames": 4}, "min_frames"),
    ],
)
def test_qwens_keys_that_cannot_be_are_told(keys, told):
    with pytest.raises(ContentError, match=told):
        qwen_film(**keys)


def test_what_was_read_larger_is_read_again_in_the_same_size():
    cases = [
        (Image(PNG, min_pixels=96 * 64), lambda content: content.pixels),
        (Image(PNG, resized=(30, 40)), lambda content: content.pixels),
        (Image(PNG, max_pixels=24 * 16), lambda content: content.pixels),
        (Video(RED_THEN_BLUE, min_pixels=128 * 96), lambda content: content.frames),
        (Video(RED_THEN_BLUE, total_pixels=2 * 16 * 12), lambda content: content.frames),
    ]
    for part, pixels in cases:
        (loaded,) = load([part])
        again = kept.content(record(loaded, "it"))
        assert np.array_equal(pixels(again), pixels(loaded.content)), part


def test_a_picture_read_larger_is_traced_and_verified_in_its_own_pixels(embedded, tmp_path):
    path = tmp_path / "small.png"
    path.write_bytes(encoded(picture(56, 56), "PNG"))
    prompt = [Image(path, min_pixels=112 * 112), "What is it?"]
    trace = embedded.trace(prompt, signals=["attmean"], max_new_tokens=2, sources={"image": (2, 2)}, progress=False)
    assert trace.parts[0].size == (56, 56)
    assert trace.parts[0].read_size == (112, 112)
    assert trace.sources["right"].max() == trace.sources["bottom"].max() == 56
    assert "rawatt" in embedded.add(trace, "rawatt", progress=False).signals


# Pictures of other formats

LOSSLESS = {
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "deflated tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "bmp": ("BMP", {}),
    "jp2": ("JPEG2000", {}),
    "bare codestream": ("JPEG2000", {"no_jp2": True}),
    "ppm": ("PPM", {}),
    "tga": ("TGA", {}),
    "pcx": ("PCX", {}),
    "sgi": ("SGI", {}),
    "dds": ("DDS", {}),
    "qoi": ("QOI", {}),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_whatever_pillow_opens_is_a_picture(tmp_path, name):
    kind, options = LOSSLESS[name]
    data = encoded(PIXELS, kind, **options)
    path = tmp_path / "unnamed"
    path.write_bytes(data)
    for part in (*as_parts([path]), *as_parts([data])):
        assert isinstance(part, Image)
        assert np.array_equal(read(part).pixels, PIXELS)


def test_avif_and_icons_are_pictures():
    assert np.abs(read(*as_parts(encoded(PIXELS, "AVIF", quality=95))).pixels.astype(int) - PIXELS).mean() < 8
    icon = encoded(PILImage.fromarray(picture(64, 64)), "ICO", sizes=[(16, 16), (64, 64)])
    assert read(*as_parts(icon)).pixels.shape == (64, 64, 3)


def test_netpbm_in_letters_is_a_picture_and_a_text_that_starts_alike_is_not():
    assert read(*as_parts(b"P3 # a comment\n2 1 255\n255 0 0\n0 0 255\n")).pixels.tolist() == [
        [[255, 0, 0], [0, 0, 255]]
    ]
    assert read(*as_parts(b"P1\n2 1\n10\n")).pixels[0, :, 0].tolist() == [0, 255]
    for text in ("P3 10 20 255 fans came", "P1 is the first", "II* is a name", "BM sells honey"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.txt")
            path.write_text(text)
            assert as_parts(path) == (Text(text),)


def test_pictures_of_more_than_eight_bits_or_other_colours_look_right():
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(4, 0)
    wanted = np.rint(ramp * 255)
    given = {
        "16 bits": encoded(PILImage.fromarray((ramp * 65_535).astype(np.uint16)), "TIFF"),
        "floats": encoded(PILImage.fromarray(ramp), "TIFF"),
        "floats to 255": encoded(PILImage.fromarray(ramp * 255), "TIFF"),
        "16-bit jp2": encoded(PILImage.fromarray((ramp * 65_535).astype(np.uint16)), "JPEG2000"),
        "16-bit pgm": b"P5 64 4 65535\n" + (ramp * 65_535).astype(">u2").tobytes(),
        "palette": encoded(PILImage.fromarray(wanted.astype(np.uint8)).convert("P"), "TIFF"),
    }
    for name, data in given.items():
        assert np.abs(read(Image(data)).pixels[:, :, 1] - wanted).max() <= 1, name
    red = PILImage.new("RGB", (8, 8), (200, 30, 30))
    cmyk = read(Image(encoded(red.convert("CMYK"), "TIFF"))).pixels
    assert np.abs(cmyk.astype(int) - (200, 30, 30)).max() <= 2
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(red, *profiles, outputMode="LAB")
    assert np.abs(read(Image(encoded(lab, "TIFF"))).pixels.astype(int) - (200, 30, 30)).max() <= 4


def test_a_tiff_lies_upright_and_its_first_page_is_read():
    turned = PILImage.Exif()
    turned[0x0112] = 6
    content = read(Image(encoded(PIXELS, "TIFF", exif=turned)))
    assert np.array_equal(content.pixels, np.rot90(PIXELS, -1))
    assert content.original_size == (32, 48)
    pages = [PILImage.fromarray(plain(colour)) for colour in ("red", "blue")]
    both = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert colour_of(read(Image(both)).pixels) == "red"


def test_a_cameras_raw_file_is_not_taken_for_its_preview():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    with pytest.raises(MediaError, match="raw files of cameras"):
        load([Image(encoded(PIXELS, "TIFF", tiffinfo=tags))])


def test_a_huge_picture_of_another_format_is_refused_by_its_header():
    bmp, tiff = bytearray(encoded(PIXELS, "BMP")), bytearray(encoded(PIXELS, "TIFF"))
    bmp[18:26] = (60_000).to_bytes(4, "little") * 2
    for tag in (256, 257):
        place = tiff.index(tag.to_bytes(2, "little") + b"\4\0\1\0\0\0")
        tiff[place + 8 : place + 12] = (60_000).to_bytes(4, "little")
    for data in (bmp, tiff, b"P6 60000 60000 255\n" + bytes(9)):
        with pytest.raises(MediaError, match="60,000 x 60,000"):
            load([Image(bytes(data))])


def test_the_original_of_a_picture_that_browsers_do_not_show_reaches_a_view():
    from omnitrace_nb.view.originals import _as_webp  # noqa: PLC0415 - the one room that does this

    ramp = np.linspace(0, 65_535, 64).astype(np.uint16)[None].repeat(8, 0)
    shown = np.asarray(PILImage.open(io.BytesIO(_as_webp(encoded(PILImage.fromarray(ramp), "TIFF")))).convert("L"))
    assert np.abs(shown[4].astype(int) - ramp[4] // 257).max() < 8


# Names


def test_one_list_says_how_names_of_media_end():
    """A module that names four or more of the endings, in a list of its own, keeps one."""
    package = Path(omnitrace_nb.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
                each = node.keys if isinstance(node, ast.Dict) else node.elts
                words = [one.value for one in each if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                endings = [word for word in words if word.startswith(".") and word.lower() in MEDIA_SUFFIXES]
                assert len(endings) < 2 or path.name == "suffixes.py", f"{path}: {endings}"


@pytest.mark.parametrize("suffix", sorted(MEDIA_SUFFIXES))
def test_a_missing_media_file_is_an_error_and_never_words(capsys, suffix):
    assert main(["trace", f"missing{suffix}", "What is it?"]) == 1
    assert "there is no file" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".oga", ".aac", ".avif", ".jp2", ".MKV"])
def test_a_text_that_is_surely_a_files_name_is_warned_about(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    Path(f"a{suffix}").write_bytes(PNG)
    with pytest.warns(UserWarning, match="is read as text, though a file"):
        as_parts([f"a{suffix}", "What is it?"])


def test_a_path_of_another_library_is_a_path(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    class OtherPath:
        def __fspath__(self):
            return str(path)

    assert as_parts([OtherPath()])[0].source == path
    assert Image(OtherPath()).source == path


def test_base64_of_any_kind_is_read_and_damaged_base64_is_told():
    code = base64.b64encode(PNG).decode()
    assert as_parts(message({"type": "image", "base64": code}))[0].source == PNG
    assert Image({"data": code}).source == Image({"base64": code}).source == PNG
    with pytest.raises(ContentError, match="base64 data that is damaged"):
        Image({"data": "?!"})
    assert LIMITS.highest_fps == 1000  # what `nframes` stands on
