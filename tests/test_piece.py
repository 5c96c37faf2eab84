"""A source by itself: its words, its crop, its frames, its seconds."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from PIL import Image
from traces import make_trace

import omnitrace_nb as ot
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.media.encode import wav
from omnitrace_nb.media.loaded import Sound


@pytest.fixture(scope="module")
def trace(embedded):
    return embedded.trace(ot.example(), max_new_tokens=4, progress=False)


def of(trace, **wanted):
    """The first source of some modality and part."""
    table = trace.sources
    for name, value in wanted.items():
        table = table[table[name] == value]
    return trace.source(int(table["id"].iloc[0]))


def test_a_sentence_shows_its_words(trace):
    piece = trace.source("note, sentence 2")
    assert piece.text == "Mia sells honey."
    assert repr(piece) == "<note, sentence 2: 'Mia sells honey.'>"
    assert "Mia sells honey." in piece._repr_html_()
    assert piece.pictures == ()
    assert piece.sound is None


def test_a_region_is_cropped_from_the_original(trace):
    left, right = (0, 0, 200, 448), (200, 0, 448, 448)
    cut = trace.regroup({"image": {2: [left, right]}})
    pixels = np.asarray(Image.open(io.BytesIO(cut.parts[2].media)).convert("RGB"))
    for label, (x0, y0, x1, y1) in (("image 2, region 1", left), ("image 2, region 2", right)):
        [picture] = cut.source(label).pictures
        assert np.array_equal(np.asarray(picture), pixels[y0:y1, x0:x1])
    assert "(200, 0, 448, 448 px)" in repr(cut.source("image 2, region 2"))


def test_seconds_of_a_sound_are_its_samples(trace):
    piece = of(trace, modality="audio", label="sound 1, 1-2 s")
    sound = piece.sound
    assert len(sound.samples) == sound.sampling_rate
    assert sound.duration == 1
    with wave.open(io.BytesIO(trace.parts[piece.record.part].media)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        own = frames[file.getframerate() : 2 * file.getframerate()].mean(axis=1) / 32768
    assert np.sqrt((sound.samples**2).mean()) == pytest.approx(np.sqrt((own**2).mean()), rel=0.05)
    assert "<audio controls" in piece._repr_html_()


def test_seconds_of_a_film_are_its_frames_and_its_sound(trace):
    shown = of(trace, label="film 1, 1-2 s")
    assert len(shown.pictures) == 2  # two a second
    assert shown.pictures[0].size == trace.parts[shown.record.part].size
    heard = of(trace, label="film 1, 1-2 s (sound)").sound
    assert len(heard.samples) == heard.sampling_rate


def test_without_the_originals_thumbnails_stand_in_and_silence_is_told(tmp_path, trace):
    kept = ot.open(trace.save(tmp_path / "small"))
    piece = of(kept, modality="image")
    assert piece.pictures[0].size[0] <= trace.parts[1].size[0]
    assert of(kept, label="film 1, 1-2 s").pictures
    sound = of(kept, modality="audio")
    assert sound.sound is None
    assert "not kept in this trace" in sound._repr_html_()


def test_markup_in_names_and_words_is_text():
    trace = make_trace(note="<script>alert(1)</script> is <b>bold</b>.")
    shown = trace.source(0)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_source_that_is_not_there_is_named(trace):
    for which in (99, -1, "image 9", True):
        with pytest.raises(SettingsError, match="there is no source"):
            trace.source(which)


def test_written_samples_are_read_back():
    samples = np.linspace(-1, 1, 100, dtype=np.float32)
    with wave.open(io.BytesIO(wav(Sound(samples, 8000, 100 / 8000)))) as file:
        assert file.getframerate() == 8000
        read = np.frombuffer(file.readframes(100), "<i2") / 32767
    assert read == pytest.approx(samples, abs=1e-4)
