"""Releases outside the tested ranges are said plainly; the ranges themselves are what pyproject.toml states."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from omnitrace_nb import releases

ROOT = Path(__file__).parent.parent
DECLARED = [
    Requirement(line) for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
]
MOVING = {"torch", "transformers", "captum", "anywidget", "ipywidgets", "altair", "pandas", "spacy", "av"}


def lowest(one):
    return next(each.version for each in one.specifier if each.operator == ">=")


def test_the_oldest_environment_has_every_dependency_at_its_lower_bound():
    lines = [line for line in (ROOT / "tests" / "oldest.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {name: Version(release) for name, release in (line.split("==") for line in lines)}
    assert pinned == {one.name: Version(lowest(one)) for one in DECLARED}


def test_every_moving_dependency_has_an_upper_bound_and_its_reason():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for one in DECLARED:
        if one.name in MOVING:
            assert any(each.operator == "<" for each in one.specifier), one
            assert any(f'"{one.name}>=' in line and "#" in line for line in lines), one


@pytest.fixture
def elsewhere(tmp_path):
    """Run Python where transformers says that it is of a release nobody has tested."""
    info = tmp_path / "transformers-99.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 99.1\n")

    def run(*command):
        path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_first_trace_says_that_a_release_was_not_tested_and_the_second_does_not(elsewhere):
    code = (
        "import omnitrace_nb as ot; tracer = ot.load()\n"
        "for _ in range(2): tracer.trace(['Mia sells honey.', 'Who?'], max_new_tokens=1, progress=False)"
    )
    said = elsewhere("-c", code).stderr
    assert said.count("omnitrace_nb was not tested with transformers 99.1 (tested: <5.25,>=5.23)") == 1


def test_doctor_says_that_a_release_was_not_tested_and_what_to_install(elsewhere):
    ran = elsewhere("-m", "omnitrace_nb.cli", "doctor")
    line = next(line for line in ran.stdout.splitlines() if "transformers" in line)
    assert line.startswith("untested") and "99.1" in line
    assert "pip install 'transformers<5.25,>=5.23'" in ran.stdout
    assert ran.returncode == 0  # it may well work: the embedded model is traced below, and says


def test_installed_releases_are_tested_ones():
    within = {name: str(one.specifier) for name, one in releases.tested().items()}
    assert within == {one.name: str(one.specifier) for one in DECLARED}, "install the package anew: its ranges changed"
