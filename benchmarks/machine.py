"""The machine that a benchmark ran on, and the page that its results go to."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """Describe the machine in a sentence."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, Python "
        f"{platform.python_version()}, torch {version('torch')}, transformers {version('transformers')}."
    )


def available_bytes() -> int:
    """Give the memory that is free to use, in bytes, from Linux's /proc."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if "MemAvailable" in line).split()[1])


def run_alone(module: str, *arguments: str) -> str:
    """Run a module of ours in a process of its own, on one thread; give the last line that it prints.

    With one thread, its processor time is the whole cost, whatever else the machine does.

    Raises:
        MemoryError: the process was killed.
        RuntimeError: it failed; the message holds what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - our own modules
        command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False, env=surroundings
    )
    if done.returncode < 0:
        raise MemoryError
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1]


def write_results(page: Path, start: str, end: str, lines: list[str]) -> None:
    """Put lines between two marks of a page, in place of what stands there."""
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    page.write_text("\n".join([before + start, "", *lines, "", end]) + after, encoding="utf-8")
