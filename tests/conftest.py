"""Shared fixtures: toy random models of transformers' own classes, and a folder of real media files.

What they are made of is in `toys.py`, imported only when it is needed: tests of tables and views need no torch.
"""

from __future__ import annotations

import itertools
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path


FUZZ_SECONDS = 120  # that all fuzz tests of `make test` may take together


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, help="cases that each fuzz test tries, however long it takes")


def pytest_collection_modifyitems(items):
    """Refuse fuzz tests that claim more time together than the suite has for them."""
    claimed = {item.function: item.get_closest_marker("fuzz") for item in items if hasattr(item, "function")}
    seconds = sum(marker.kwargs["seconds"] for marker in claimed.values() if marker)
    if seconds > FUZZ_SECONDS:
        raise pytest.UsageError(f"fuzz tests claim {seconds} s together, more than {FUZZ_SECONDS} s")


@pytest.fixture
def cases(request):
    """Seeds 0, 1, ... of a fuzz test, marked `fuzz(rounds=..., seconds=...)`: so many, or as the time allows.

    `--rounds N` gives N of them without a limit of time. A parametrised test shares its seconds among its cases.
    """
    marker, wanted = request.node.get_closest_marker("fuzz"), request.config.getoption("--rounds")
    shared = sum(item.function is request.function for item in request.session.items if hasattr(item, "function"))

    def seeds():
        end = time.monotonic() + marker.kwargs["seconds"] / shared
        for seed in itertools.count() if wanted is None else range(wanted):
            if wanted is None and seed and (seed >= marker.kwargs["rounds"] or time.monotonic() > end):
                return
            yield seed

    return seeds()


# Machines that run the tests may be busy; what hangs runs into pytest's own time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def registered_signals():
    """Signals that a test registers are its own: those after it find the registry as it was."""
    name = "omnitrace_nb.signals.registry"
    registry = sys.modules.get(name)
    before = None if registry is None else (dict(registry._SIGNALS), set(registry._OWN))
    yield
    if before is not None:
        registry._SIGNALS.clear()
        registry._SIGNALS.update(before[0])
        registry._OWN.intersection_update(before[1])


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
    folder = tmp_path_factory.mktemp("media")
    import_module("toys").write_media(folder)
    return folder
