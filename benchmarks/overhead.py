"""Traced decoding against plain `generate`, in time and memory: `python -m benchmarks.overhead`.

Times come from `benchmarks.turns`: the ways share a process and take turns token by token, and the processor time of
their threads is counted, so that a busy machine does not decide the ratios. Memory comes from `benchmarks.measure`: a
process for each way.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import turns
from benchmarks.machine import available_bytes, describe, run_alone, write_results

README = Path(__file__).parent / "README.md"
START, END = "<!-- results: written by python -m benchmarks.overhead --write -->", "<!-- end of results -->"
WAYS = ("plain", "attmean", "rawatt", "excess", "attgrads", "all four")
REFERENCE = "output_attentions"
TARGETS = {"attmean": 1.05, "rawatt": 1.05, "excess": 1.05, "attgrads": 1.25, "all four": 1.3}
MEMORY_TARGETS = {"attmean": 1.05, "rawatt": 1.05, "excess": 1.05, "attgrads": 1.3, "all four": 1.3}
MEMORY_STEPS = 4
MB = 1 << 20
Times = dict[str, list[float]]
Result = dict[str, Any]


def times(length: int, steps: int) -> Times:
    """Give the seconds of each token in each way, the first token's with the prompt's."""
    return json.loads(run_alone("benchmarks.turns", str(length), str(steps), *WAYS))


def memory(way: str, length: int, most: int) -> Result:
    """Give seconds and peak bytes of one way, or that `most` bytes of address space do not suffice."""
    try:
        return json.loads(run_alone("benchmarks.measure", way, str(length), str(MEMORY_STEPS), str(most)))
    except MemoryError:
        return {"way": way, "length": length, "out_of_memory": True}


def table(rounds: list[Times], memories: dict[str, Result], length: int) -> list[str]:
    """Give one prompt length as lines of a Markdown table."""
    lines = [
        f"### {length:,} prompt tokens",
        "",
        "| way | whole run | prompt and first token | a later token | peak memory | beyond the loaded model |",
        "|---|---|---|---|---|---|",
    ]
    for way in (*WAYS, REFERENCE):
        got, plain = memories[way], memories["plain"]
        if "out_of_memory" in got:
            lines.append(f"| {way} | out of memory | | | | |")
            continue
        kept = [f"{got[key] / MB:,.0f} MB (x {got[key] / plain[key]:.2f})" for key in ("peak", "grown")]
        if way == REFERENCE:
            # Its time is seen beside plain's in processes of their own, of a few tokens: once is enough, it is far off.
            lines.append(f"| {way} | (x {got['seconds'] / plain['seconds']:.2f}) | | | {' | '.join(kept)} |")
            continue
        cells = [
            f"{median(sum(one[way]) for one in rounds):,.2f} s (x {ratio(rounds, way, 'whole'):.3f})",
            f"{median(one[way][0] for one in rounds):,.2f} s (x {ratio(rounds, way, 'first'):.3f})",
            f"{median(median(one[way][1:]) for one in rounds) * 1e3:,.0f} ms (x {ratio(rounds, way, 'step'):.3f})",
        ]
        lines.append(f"| {way} | {' | '.join(cells)} | {' | '.join(kept)} |")
    return [*lines, ""]


def ratio(rounds: list[Times], way: str, of: str) -> float:
    """Give the median over rounds of `turns.ratio`."""
    return median(turns.ratio(one, way, of) for one in rounds)


def misses(rounds: list[Times], memories: dict[str, Result], length: int) -> list[str]:
    """Give the targets that this length misses, as sentences: time of the whole run, of a step for attgrads; memory."""
    found = []
    for way, most in TARGETS.items():
        of = "step" if way == "attgrads" else "whole"
        seconds = ratio(rounds, way, of)
        kept = memories[way]["peak"] / memories["plain"]["peak"]
        if seconds > most:
            found.append(f"{way} at {length:,}: time of a {of} x {seconds:.3f}, wanted {most}")
        if kept > MEMORY_TARGETS[way]:
            found.append(f"{way} at {length:,}: memory x {kept:.3f}, wanted {MEMORY_TARGETS[way]}")
    return found


def main() -> None:
    """Run what the command line asks for, and print the tables; `--write` puts them into benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 4096, 16_384])
    parser.add_argument("--steps", type=int, default=32, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the first length; each later one has two less")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    most = int(0.85 * available_bytes())
    lines, missed = [f"Machine: {describe()} One thread, float32, {options.steps} tokens.", ""], []
    for place, length in enumerate(options.lengths):
        print(f"{length:,} tokens: times", file=sys.stderr, flush=True)
        rounds = [times(length, options.steps) for _ in range(max(1, options.rounds - 2 * place))]
        print(f"{length:,} tokens: memory", file=sys.stderr, flush=True)
        memories = {way: memory(way, length, most) for way in (*WAYS, REFERENCE)}
        lines += table(rounds, memories, length)
        missed += misses(rounds, memories, length)
        print("\n".join(table(rounds, memories, length)), flush=True)
    lines += ["Targets missed:", "", *(f"- {miss}" for miss in missed or ["none"])]
    print("\n".join(lines[-len(missed or [0]) - 2 :]))
    if options.write:
        write_results(README, START, END, lines)


if __name__ == "__main__":
    main()
