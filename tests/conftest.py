"""Shared fixtures: toy random models of transformers' own classes, and a folder of real media files.

What they are made of is in `toys.py`, imported only when it is needed: tests of tables and views need no torch.
"""

from __future__ import annotations

import wave
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image as PILImage

if TYPE_CHECKING:
    from pathlib import Path


# Machines that run the tests may be busy; what hangs runs into pytest's own time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def toy_omni():
    """A random Qwen2.5-Omni thinker and its processor."""
    toys = import_module("toys")
    return toys.make_omni(toys.make_tokenizer())


@pytest.fixture(scope="session")
def toy_text():
    """A random LlamaForCausalLM and its tokenizer with a chat template."""
    toys = import_module("toys")
    tokenizer = toys.make_tokenizer()
    tokenizer.chat_template = toys.QWEN_TEMPLATE
    return toys.make_text(tokenizer), tokenizer


@pytest.fixture(scope="session")
def omni(toy_omni):
    """The adapter of `toy_omni`."""
    return import_module("omnitrace_nb.models").adapt(*toy_omni)


@pytest.fixture(scope="session")
def mixed(omni, media_dir):
    """Text, picture, sound, film with its sound, and a question, as `omni` reads them."""
    return _encoded(
        omni, media_dir, "Mia sells honey. Hugo sells clocks.", question="What does the second picture show?"
    )


@pytest.fixture(scope="session")
def media_asked(omni, media_dir):
    """Picture, sound, film with its sound, and a question, as `omni` reads them."""
    return _encoded(omni, media_dir, question="What is it?")


def _encoded(omni, folder, *texts, question):
    ot, media = import_module("omnitrace_nb"), import_module("omnitrace_nb.media")
    files = (ot.Image(folder / "red.png"), ot.Audio(folder / "tone.wav"), ot.Video(folder / "film.mp4"))
    parts = (*map(ot.Text, texts), *files, ot.Text(question))
    return omni.encode(media.load(parts, omni.needs, omni.modalities))


@pytest.fixture(scope="session")
def embedded():
    """A tracer of the embedded model."""
    return import_module("omnitrace_nb").load(device="cpu")


@pytest.fixture(scope="session")
def media_dir(tmp_path_factory) -> Path:
    """A folder with `red.png` (160 x 120), `tone.wav` (3 s, mono, 16 kHz), `film.mp4` (4 s, sound) and `silent.mp4`."""
    toys = import_module("toys")
    folder = tmp_path_factory.mktemp("media")
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 0] = np.linspace(80, 255, 160).astype(np.uint8)
    PILImage.fromarray(picture).save(folder / "red.png")
    tone = (np.sin(2 * np.pi * 440 * np.arange(3 * 16_000) / 16_000) * 12_000).astype("<i2")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone.tobytes())
    toys.write_film(folder / "film.mp4", seconds=4, sound=True)
    toys.write_film(folder / "silent.mp4", seconds=4, sound=False)
    return folder
