"""Traced decoding against plain `generate`, in time and memory: `python -m benchmarks.overhead`.

Every measurement runs in a process of its own (`benchmarks.measure`), the ways of decoding in turn, round after round,
so that whatever else the machine does falls on all of them. Ratios are taken within a round; their medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
README = ROOT / "benchmarks" / "README.md"
START, END = "<!-- results: written by python -m benchmarks.overhead --write -->", "<!-- end of results -->"
WAYS = ("plain", "attmean", "rawatt", "excess", "attgrads", "all four", "output_attentions")
TARGETS = {"attmean": 1.05, "rawatt": 1.05, "excess": 1.05, "attgrads": 1.25, "all four": 1.3}
MEMORY_TARGETS = {"attmean": 1.05, "rawatt": 1.05, "excess": 1.05, "attgrads": 1.3, "all four": 1.3}
MB = 1 << 20
Result = dict[str, Any]


def measure(way: str, length: int, steps: int, most: int) -> Result:
    """Measure one way once, with at most `most` bytes of address space."""
    command = [sys.executable, "-m", "benchmarks.measure", way, str(length), str(steps), str(most)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode < 0:
        return {"way": way, "length": length, "out_of_memory": True}
    if done.returncode:
        raise RuntimeError(f"{way} at {length} failed:\n{done.stderr}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def table(rounds: list[dict[str, Result]], length: int) -> list[str]:
    """Give one prompt length as lines of a Markdown table."""
    lines = [
        f"### {length:,} prompt tokens",
        "",
        "| way | whole run | prompt and first token | a later token | peak memory | beyond the loaded model |",
        "|---|---|---|---|---|---|",
    ]
    for way in WAYS:
        got = [one[way] for one in rounds if way in one]
        if not got:
            continue
        if any("out_of_memory" in result for result in got):
            lines.append(f"| {way} | out of memory | | | | |")
            continue
        plain = [one["plain"] for one in rounds if way in one]
        cells = [
            _cell([r["total"] for r in got], [r["total"] for r in plain], "s"),
            _cell([r["first"] for r in got], [r["first"] for r in plain], "s"),
            _cell([median(r["steps"]) for r in got], [median(r["steps"]) for r in plain], "ms"),
            _cell([r["peak"] for r in got], [r["peak"] for r in plain], "MB"),
            _cell([r["grown"] for r in got], [r["grown"] for r in plain], "MB"),
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return [*lines, ""]


def _cell(ours: list[float], plain: list[float], unit: str) -> str:
    scale = {"s": 1.0, "ms": 1e3, "MB": 1 / MB}[unit]
    digits = 2 if unit == "s" else 0
    ratio = median(one / other for one, other in zip(ours, plain, strict=True))
    return f"{median(ours) * scale:,.{digits}f} {unit} (x {ratio:.2f})"


def misses(rounds: list[dict[str, Result]], length: int) -> list[str]:
    """Give the targets of issue and README that this length misses, as sentences."""
    found = []
    for way, most in TARGETS.items():
        timed = [one for one in rounds if way in one]
        if not timed:
            continue
        key = "steps" if way == "attgrads" else "total"
        seconds = median(_seconds(one[way], key) / _seconds(one["plain"], key) for one in timed)
        memory = median(one[way]["peak"] / one["plain"]["peak"] for one in timed)
        if seconds > most:
            found.append(f"{way} at {length:,}: time x {seconds:.3f}, wanted {most}")
        if memory > MEMORY_TARGETS[way]:
            found.append(f"{way} at {length:,}: memory x {memory:.3f}, wanted {MEMORY_TARGETS[way]}")
    return found


def _seconds(result: Result, key: str) -> float:
    return median(result["steps"]) if key == "steps" else float(result["total"])


def machine() -> str:
    """Describe the machine in a sentence."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores ({threads} threads used), "
        f"{memory:.0f} GB, Python {platform.python_version()}, torch {version('torch')}, "
        f"transformers {version('transformers')}, float32."
    )


def main() -> None:
    """Run what the command line asks for, and print the tables; `--write` puts them into benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 4096, 16_384])
    parser.add_argument("--steps", type=int, default=32, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    free = next(
        line for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines() if "MemAvailable" in line
    )
    most = int(0.85 * 1024 * int(free.split()[1]))
    lines, missed = [f"Machine: {machine()} {options.rounds} rounds, {options.steps} tokens.", ""], []
    for length in options.lengths:
        rounds: list[dict[str, Result]] = []
        for number in range(options.rounds):
            # The reference way is slow and its ratio large: once is enough.
            ways = [way for way in WAYS if way in {"plain", *options.ways} and (number == 0 or way != WAYS[-1])]
            rounds.append({})
            for way in ways:
                print(f"{length:,} tokens, round {number + 1}: {way}", file=sys.stderr, flush=True)
                rounds[-1][way] = measure(way, length, options.steps, most)
        lines += table(rounds, length)
        missed += misses(rounds, length)
        print("\n".join(table(rounds, length)), flush=True)
    lines += ["Targets missed:", "", *(f"- {miss}" for miss in missed or ["none"])]
    print("\n".join(lines[-len(missed or [0]) - 2 :]))
    if options.write:
        before, _, rest = README.read_text(encoding="utf-8").partition(START)
        after = rest.partition(END)[2]
        README.write_text("\n".join([before + START, "", *lines, "", END]) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
