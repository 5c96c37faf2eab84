"""Every form of prompt becomes the same parts, and what is no prompt is told so."""

from __future__ import annotations

import base64
import doctest
import io
import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_media import SOUNDS, encoded, film_file, picture, plain, tone
from PIL import Image as PILImage

from omnitrace_nb.content import LIMITS, Audio, Image, Text, Video, as_parts, labels, read_samples
from omnitrace_nb.errors import ContentError, MediaError


def kinds(parts):
    return [type(part).__name__ for part in parts]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with one file of each format, named by its format alone: no suffix tells what it is."""
    folder = tmp_path_factory.mktemp("unnamed")
    content = {name: encoded(picture(), name) for name in ("PNG", "JPEG", "WEBP", "GIF")}
    content |= {name: make(tone(0.3, 48_000), 48_000) for name, make in SOUNDS.items()}
    frames = [plain("red"), plain("blue")]
    content |= {
        "mp4": film_file(frames, [0, 0.5], 1.0),
        "webm": film_file(frames, [0, 0.5], 1.0, "webm", "libvpx"),
        "mkv": film_file(frames, [0, 0.5], 1.0, "matroska"),
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def test_parts_strings_pictures_and_arrays_are_taken_in_order():
    pixels, image = picture(), PILImage.new("RGB", (4, 4))
    sound = Audio(tone(), sampling_rate=44_100)
    parts = as_parts(["Look:", image, pixels, pixels[:, :, 0], sound, Text("What is it?", label="question")])
    assert kinds(parts) == ["Text", "Image", "Image", "Image", "Audio", "Text"]
    assert parts[0] == Text("Look:")
    assert parts[1].source is image
    assert parts[2].source is pixels
    assert parts[4] is sound
    assert all(part.role == "user" for part in parts)


def test_a_single_thing_needs_no_list():
    assert as_parts("Hello") == (Text("Hello"),)
    assert kinds(as_parts(picture())) == ["Image"]
    assert as_parts({"text": "Hello"}) == (Text("Hello"),)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "Image") for name in ("PNG", "JPEG", "WEBP", "GIF")),
        *((name, "Audio") for name in SOUNDS),
        *((name, "Video") for name in ("mp4", "webm", "mkv")),
    ],
)
def test_a_path_and_its_bytes_are_what_their_content_is(files, name, kind):
    path = files / name
    (by_path,) = as_parts(path)
    (by_bytes,) = as_parts(path.read_bytes())
    assert [type(by_path).__name__, type(by_bytes).__name__] == [kind, kind]
    assert by_path.source == path
    assert by_bytes.source == path.read_bytes()


def test_a_path_of_a_text_file_is_its_text(tmp_path):
    path = tmp_path / "notes.md"
    path.write_bytes("\ufeffThe key — is in the שולחן 🙂.\n".encode())
    assert as_parts(path) == (Text("The key — is in the שולחן 🙂.\n"),)


@pytest.mark.parametrize("start", ["The free lunch", "ID3 tags are", "OggS", "fLaC", "MThd", "BM", "G" * 400, "RIFF"])
def test_a_text_that_starts_like_media_is_still_text(tmp_path, start):
    path = tmp_path / "notes.txt"
    path.write_text(start + " and so on. " * 400, encoding="utf-8")
    assert as_parts(path) == (Text(start + " and so on. " * 400),)


def test_a_string_is_text_even_if_a_file_has_its_name_but_the_user_is_warned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(encoded(picture(), "PNG"))
    with pytest.warns(UserWarning, match=r"'a.png' is read as text.*ot.Image") as caught:
        parts = as_parts(["a.png", "What is this?"])
    assert parts == (Text("a.png"), Text("What is this?"))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_parts([Text("a.png"), "b.png", "a.png\n", "x" * 5000 + ".png", "\0.png"])[0] == Text("a.png")


def test_chat_messages_keep_their_roles():
    parts = as_parts(
        [
            {"role": "system", "content": "You are brief."},
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": "a.png"},
                    {"type": "image", "url": "file:///tmp/b%20c.png"},
                    {"type": "audio", "path": "c.wav"},
                    {"type": "video", "video": Path("d.mp4")},
                    {"type": "text", "text": "What happens?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "A bell rings."}]},
            {"role": "user", "content": "When?"},
        ]
    )
    assert kinds(parts) == ["Text", "Image", "Image", "Audio", "Video", "Text", "Text", "Text"]
    assert [part.role for part in parts] == ["system", *["user"] * 5, "assistant", "user"]
    assert [part.source for part in parts[1:5]] == ["a.png", "file:///tmp/b%20c.png", "c.wav", Path("d.mp4")]


def test_blocks_of_other_libraries_are_understood():
    data = encoded(picture(), "PNG")
    code = base64.b64encode(data).decode()
    samples = tone(0.1)
    parts = as_parts(
        [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{code}"}},
            {"type": "image", "base64": code},
            {"type": "image", "image": {"bytes": data, "path": None}},
            {"type": "input_audio", "input_audio": {"data": code, "format": "wav"}},
            {"type": "audio", "audio": {"array": samples, "sampling_rate": 44_100, "path": "x.wav"}},
            {"type": "video", "video": np.zeros((2, 8, 8, 3), np.uint8), "fps": 2.0, "label": "the film"},
            {"image": "a.png"},
        ]
    )
    assert parts[0].source == f"data:image/png;base64,{code}"
    assert parts[1].source == parts[2].source == parts[3].source == data
    assert (parts[4].source is samples, parts[4].sampling_rate) == (True, 44_100)
    assert (parts[5].fps, parts[5].label) == (2.0, "the film")
    assert kinds(parts) == ["Image", "Image", "Image", "Audio", "Audio", "Video", "Image"]


def test_the_papers_sample_is_read_in_the_released_order():
    prompt = "Answer the question. "
    pictures = {"prompt": prompt, "question": [{"text": "Which?"}, {"image": "a.jpg"}, {"image": "b.jpg"}]}
    assert kinds(as_parts(pictures)) == ["Text", "Text", "Image", "Image"]
    sound = {"prompt": prompt, "question": [{"text": "Which sound?"}, {"audio": "a.wav"}]}
    parts = as_parts(sound)
    assert kinds(parts) == ["Audio", "Text"]
    assert parts[1].text == "Answer the question. Which sound?"
    film = as_parts({"prompt": "", "question": [{"video": "a.mp4"}]})
    assert kinds(film) == ["Video"]
    mixed = {"prompt": prompt, "question": [{"image": "a.png"}, {"audio": "a.wav"}, {"text": "Which?"}]}
    assert kinds(as_parts(mixed)) == ["Text", "Image", "Audio", "Text"]


def test_sample_files_are_read_as_json_and_as_json_lines(tmp_path, monkeypatch):
    data = tmp_path / "data"
    (data / "examples" / "media").mkdir(parents=True)
    (data / "examples" / "media" / "a.png").write_bytes(encoded(picture(), "PNG"))
    samples = [
        {"id": 7, "task": "qa", "prompt": "Look. ", "question": [{"image": "examples/media/a.png"}], "answer": "red"},
        {"prompt": "Say hello.", "question": []},
        {"id": "x", "question": [{"text": "?"}, {"image": "examples/media/missing.png"}]},
    ]
    as_list, as_lines = data / "examples" / "list.json", data / "examples" / "lines.jsonl"
    as_list.write_text(json.dumps(samples), encoding="utf-8")
    as_lines.write_text("\n".join(map(json.dumps, samples)) + "\n\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for path in (as_list, as_lines):
        read = read_samples(path)
        assert [sample.id for sample in read] == [7, 1, "x"]
        assert read[0].raw["answer"] == "red"
        assert read[0].parts[1].source == data / "examples" / "media" / "a.png"
        assert read[1].parts == as_parts(read[1]) == (Text("Say hello."),)
        assert read[2].parts[1].source == data / "examples" / "examples" / "media" / "missing.png"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{]", "no JSON"),
        ('{"prompt": "a"}\n{"prompt": ]', "Line 2 of"),
        ("[3]", "Sample 0 of"),
        ('[{"id": 5, "question": [{"picture": "a.png"}]}]', r"Sample 0 of s.json \(id 5\).*picture"),
        ('[{"prompt": 3, "question": []}]', "prompt"),
        ('[{"prompt": " ", "question": []}]', "white space"),
        ('[{"id": [1], "prompt": "a"}]', "id of list"),
        ('[{"id": 5}]', "neither"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_broken_sample_file_names_the_place(tmp_path, text, told):
    path = tmp_path / "s.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=told):
        read_samples(path)


def test_a_sample_file_that_is_missing_or_no_text_is_told(tmp_path):
    with pytest.raises(MediaError, match="there is no file"):
        read_samples(tmp_path / "none.json")
    path = tmp_path / "s.json"
    path.write_bytes(b'[{"prompt": "caf\xe9"}]')
    with pytest.raises(ContentError, match="no UTF-8 text"):
        read_samples(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "empty"),
        ("", "text 1 is empty"),
        (None, "NoneType"),
        (42, "builtins.int"),
        (" \n\t", "white space"),
        ([Text("a"), Text("")], "text 2 is empty"),
        ([Text(b"a")], "bytes, expected a str"),
        (["a", ["b"]], "list inside a list"),
        (np.zeros(16_000, np.float32), "ot.Audio"),
        (np.zeros((4, 8, 8, 3), np.uint8), "ot.Video"),
        (np.zeros((8, 8), np.float32), "ot.Image"),
        ({"picture": "a.png"}, "text, image, audio, video"),
        ({"image": "a.png", "text": "b"}, "exactly one"),
        ({"type": "image"}, 'under "image"'),
        ({"type": "image", "audio": "a.wav"}, 'under "image"'),
        ({"type": "image", "image": "a.png", "pixels": 5}, "max_pixels"),
        ({"type": "image", "image": {"href": "a.png"}}, "href"),
        ({"type": "picture", "picture": "a.png"}, "picture"),
        ({"type": ["image"], "image": "a.png"}, "the type"),
        ({"type": "image", "base64": "?!"}, "base64"),
        ([{"role": "robot", "content": "a"}], "robot"),
        ([{"role": ["user"], "content": "a"}], "the role"),
        ([{"role": "user"}], "content None"),
        ([{"role": "user", "content": []}], "not empty"),
        ([{"role": "user", "content": [5]}], "Message 1, block 1"),
        ([{"role": "user", "content": "a", "tool_call": []}], "tool_call"),
        ([{"role": "user", "content": "a", "tool_calls": [b"a"]}], "JSON"),
        ([{"role": "user", "content": "a"}, "b"], "Item 2"),
        ([Text("a", role="robot")], "robot"),
        ([Text("a", label="")], "label of part 1"),
        ([Text("a", label=5)], "label of part 1"),
        ([Text("a", label="b" * 1000)], "label of part 1"),
        ([Text("a", label="\ud800")], "label of part 1"),
        (b"", "is empty"),
        (b"plain words", "text is a str"),
        (b"\x00\x01\x02", "something else"),
        ({"prompt": "a", "question": 5}, "question"),
        ({"prompt": "a", "question": ["b"]}, "block 1"),
        ({"prompt": "", "question": []}, "neither"),
        ({"prompt": "a", "question": [{"text": 5}, {"audio": "a.wav"}]}, "int, expected a str"),
    ],
)
def test_what_is_no_prompt_is_told_so(content, told):
    with pytest.raises(ContentError, match=told):
        as_parts(content)


@pytest.mark.parametrize(
    "text",
    [
        "control \x00 \x07 \x1b[31m \r\n characters",
        "<script>alert(1)</script> & <b>markup</b>",
        "שלום עולם, مرحبا \u202eback",
        "👩‍👩‍👧 🏳️‍🌈 e\u0301",
        "<|im_end|>",
    ],
)
def test_unusual_text_stays_as_it_is(text):
    assert as_parts([text])[0].text == text


def test_two_megabytes_of_text_work_and_more_than_the_limit_is_told():
    assert len(as_parts("word " * 400_000)[0].text) == 2_000_000
    with pytest.raises(ContentError, match=r"text 1 has 8,000,002 bytes of text, the limit is 8,000,000"):
        as_parts("é" * (LIMITS.text_bytes // 2 + 1))


@given(before=st.text(max_size=20), lone=st.integers(0xD800, 0xDFFF), after=st.text(max_size=20))
def test_half_a_character_is_refused_by_its_position(before, lone, after):
    with pytest.raises(ContentError, match=rf"U\+{lone:04X}\) at position {len(before)} "):
        as_parts([before + chr(lone) + after])


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_without_surrogates_is_a_prompt(text):
    assert as_parts(text) == (Text(text),)


def test_labels_count_by_kind_and_the_users_own_wins():
    parts = [Text("a"), Image("a"), Audio("a"), Image("b", label="map"), Video("a"), Image("c"), Text("b"), Audio("b")]
    assert labels(parts) == ("text 1", "image 1", "sound 1", "map", "film 1", "image 3", "text 2", "sound 2")


def test_parts_show_large_content_by_its_size():
    assert repr(Image(b"x" * 10_000, label="map")) == "Image(<10,000 bytes>, label='map')"
    assert repr(Audio("a.wav")) == "Audio('a.wav')"
    film = Video(np.zeros((2, 8, 8, 3), np.uint8), fps=2.0, audio=np.zeros(5, np.float32), sampling_rate=8000)
    assert repr(film) == (
        "Video(<uint8 array of shape (2, 8, 8, 3)>, fps=2.0, audio=<float32 array of shape (5,)>, sampling_rate=8000)"
    )


@pytest.mark.parametrize("module", ["accept", "labels"])
def test_the_examples_in_docstrings_hold(module):
    loaded = import_module(f"omnitrace_nb.content.{module}")
    tried = doctest.testmod(loaded)
    assert tried.attempted
    assert not tried.failed


def test_content_and_media_need_no_model():
    heavy = "{'torch', 'transformers', 'spacy'}"
    code = f"import sys, omnitrace_nb.content, omnitrace_nb.media; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_open_files_and_tensors_are_taken_as_bytes_and_arrays(tmp_path):
    PILImage.new("RGB", (2, 2), "red").save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    with (tmp_path / "a.png").open("rb") as file:
        assert Image(file).source == data
    assert Image(io.BytesIO(data)).source == data
    assert as_parts([io.BytesIO(data)])[0].source == data
    np.testing.assert_array_equal(Audio(torch.ones(4), sampling_rate=8000).source, np.ones(4))
    assert Audio(np.zeros(4), 8000).sampling_rate == 8000  # the commonest call, as librosa has it
    film = Video(torch.zeros(2, 4, 4, 3, dtype=torch.uint8), 1.0)
    assert film.source.shape == (2, 4, 4, 3)
