"""README's lines run as they stand, and no library warns a user of what is not the user's to act on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shown_warnings import SHOWN, besides_bars
from toys import write_media

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that README names."""
    write_media(tmp_path)
    for name, theirs in {"a.png": "red.png", "b.wav": "tone.wav", "c.mp4": "film.mp4"}.items():
        (tmp_path / theirs).rename(tmp_path / name)
    return tmp_path


def run(folder, *command):
    env = {**os.environ, "PYTHONWARNINGS": SHOWN, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=500
    )


def test_readmes_lines_run_and_nothing_warns(folder):
    assert len(BLOCKS) == 2
    ran = run(folder, "-c", "\n".join(BLOCKS))
    assert ran.returncode == 0, ran.stderr
    assert besides_bars(ran.stderr) == []
    assert (folder / "trace.html").stat().st_size > 10_000
    assert (folder / "a.omnitrace").is_file()
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_readmes_command_writes_its_page_and_nothing_warns(folder):
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("From a shell:"))
    words = re.findall(r"`omnitrace-nb (.*?)`", line)[0].replace('"', "").split(maxsplit=3)
    question, *options = words[3].rsplit(maxsplit=2)
    ran = run(folder, "-m", "omnitrace_nb.cli", *words[:3], question, *options)
    assert ran.returncode == 0, ran.stderr
    assert besides_bars(ran.stderr) == []
    assert "<html" in (folder / "trace.html").read_text()[:1000]
