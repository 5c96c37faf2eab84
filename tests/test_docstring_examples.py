"""The examples in docstrings run as they stand (those of content and media: test_content)."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

ROOMS = (
    "agreement",
    "alignment",
    "charts",
    "curation",
    "evaluate",
    "language",
    "packaged",
    "pairing",
    "sources",
    "statements",
    "trace",
    "verification",
    "view",
)


def modules():
    for room in ROOMS:
        module = import_module(f"omnitrace_nb.{room}")
        yield module.__name__
        for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
            yield f"{module.__name__}.{found.name}"


@pytest.mark.parametrize("name", list(modules()))
def test_examples_run(name):
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples_to_run():
    assert sum(doctest.testmod(import_module(name)).attempted for name in modules()) >= 10
