"""Tracing a Qwen2.5-Omni of 7B size (random weights) on a GPU: `python -m benchmarks.gpu --write`.

Sections: decoding with online signals against plain `generate`, the kernels that SDPA may choose from, passes over a
finished response, what `estimate` says of them, and the conformance kit. `--size toy --device cpu` tries the script.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.gauge import ONLINE, REFERENCE, Gauge, Row, once
from benchmarks.machine import describe, write_results
from benchmarks.omni import mixture, thinker
from omnitrace_nb import models, signals
from omnitrace_nb.conformance import check_adapter
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.models import Adapter

README = Path(__file__).parent / "README.md"
START, END = "<!-- gpu: written by python -m benchmarks.gpu --write -->", "<!-- end of gpu -->"
WAYS = ("plain", *ONLINE, "all four")
SECTIONS = {
    "decoding": "Decoding with signals, against plain `generate`",
    "kernels": "Under each kernel",
    "passes": "Passes over a finished response, beside their estimates",
    "kit": "The conformance kit",
}
LONGEST_REFERENCE = 5_000  # positions: beyond, whole attention matrices do not fit
GIB = 2**30


def decoding(adapter: Adapter, lengths: Sequence[int], steps: int, rounds: int) -> tuple[list[str], Any]:
    """Measure the ways of decoding, in turns; the numbers are the least of the rounds."""
    lines, kept = [], {}
    for length in lengths:
        prompt = Prompt.read(adapter, mixture(adapter, length))
        positions = len(prompt.encoded.layout)
        once(adapter, prompt, "all four", steps)  # kernels are planned anew for each number of keys
        ways = (*WAYS, REFERENCE) if length <= LONGEST_REFERENCE else WAYS
        found: dict[str, list[Row]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in ways:
                if way != REFERENCE or not number:
                    found[way].append(once(adapter, prompt, way, steps))
        kept[positions] = found
        lines += [f"#### {positions:,} prompt positions", "", *_decoding_table(found), ""]
        print("\n".join(_decoding_table(found)), flush=True)
    return lines, kept


def _decoding_table(found: dict[str, list[Row]]) -> list[str]:
    lines = [
        "| way | whole run | prompt and first token | a later token | peak memory | beyond the loaded model |",
        "|---|---|---|---|---|---|",
    ]
    plain = _least(found["plain"])
    for way, rows in found.items():
        if any("out_of_memory" in row for row in rows):
            lines.append(f"| {way} | out of memory | | | | |")
            continue
        own = _least(rows)
        times = {name: own[name] / plain[name] for name in ("whole", "first", "step")}
        kept = [f"{own[name] / GIB:.2f} GiB (x {own[name] / max(plain[name], 1):.3f})" for name in ("peak", "grown")]
        lines.append(
            f"| {way} | {own['whole']:.2f} s (x {times['whole']:.3f}) | {own['first']:.3f} s (x {times['first']:.3f}) "
            f"| {own['step'] * 1e3:.1f} ms (x {times['step']:.3f}) | {' | '.join(kept)} |"
        )
    return lines


def _least(rows: list[Row]) -> dict[str, float]:
    """Give the least of every number over the rounds: a shared host may run at half its speed for a while."""
    least = {name: min(row[name] for row in rows) for name in ("whole", "first", "peak", "grown")}
    return {**least, "step": min(min(row["steps"]) for row in rows)}


def kernels(adapter: Adapter, length: int, steps: int) -> tuple[list[str], Any]:
    """Measure plain decoding and all four signals under each kernel that SDPA may be bound to."""
    prompt = Prompt.read(adapter, mixture(adapter, length))
    lines = ["| kernels allowed | plain, whole run | all four | ratio |", "|---|---|---|---|"]
    kept = {}
    allowed = {"torch's choice": None} | {
        name: backend for name, backend in SDPBackend.__members__.items() if name not in {"ERROR", "OVERRIDEABLE"}
    }
    for name, backend in allowed.items():
        try:
            with sdpa_kernel([backend]) if backend is not None else nullcontext():
                rows = [once(adapter, prompt, way, steps) for way in ("plain", "all four") for _ in range(2)]
        except RuntimeError as error:
            lines.append(f"| {name} | not for this model: {str(error).splitlines()[0]} | | |")
            continue
        plain, ours = _least(rows[:2])["whole"], _least(rows[2:])["whole"]
        kept[name] = rows
        lines.append(f"| {name} | {plain:.2f} s | {ours:.2f} s | x {ours / plain:.3f} |")
    return lines, kept


def passes(adapter: Adapter, length: int, steps: int) -> tuple[list[str], Any]:
    """Measure signals with passes of their own, and what `estimate` had said of them."""
    content, tracer = mixture(adapter, length), Tracer(adapter)
    chosen = [
        signals.get("leave_one_out"),
        signals.ablate("leave_one_out", operator="mask_direct"),
        signals.integrated_gradients(steps=20),
        signals.get("input_x_gradient"),
        signals.get("rollout"),
        signals.get("attnorm"),
        signals.get("attgrads_all"),
    ]
    exactly: dict[str, Any] = {"max_new_tokens": steps, "min_new_tokens": steps, "progress": False}
    tracer.trace(content, "attmean", **exactly)
    lines = [
        "| signal | seconds | estimated | peak memory beyond the model | estimated | forwards | backwards |",
        "|---|---|---|---|---|---|---|",
    ]
    kept = {}
    for signal in chosen:
        said = tracer.estimate(content, signal, max_new_tokens=steps).table
        with Gauge(str(adapter.model.device)) as gauge:
            trace = tracer.trace(content, signal, **exactly)
        seconds, notes = trace.run.seconds, trace.run.signals.get(signal.label, {})
        own = seconds.get(signal.label, seconds.get("prefill", 0) + seconds.get("decode", 0))
        kept[signal.label] = {"seconds": dict(seconds), "notes": str(notes), "peak": gauge.peak - gauge.before}
        row, memory = said.iloc[-1], said["memory"].max()
        guessed = float(row["seconds"]) if signal.label in seconds else float(said["seconds"].sum())
        lines.append(
            f"| `{signal.label}` | {own:.2f} | {guessed:.2f} | {(gauge.peak - gauge.before) / GIB:.2f} GiB "
            f"| {memory / GIB:.2f} GiB | {notes.get('forwards', 0):,} | {notes.get('backwards', 0):,} |"
        )
    about = f"{len(trace.layout):,} prompt positions, {len(trace.sources)} sources, {steps} steps."
    return [about, "", *lines], kept


def kit(adapter: Adapter, content: object = None) -> tuple[list[str], Any]:
    """Run the conformance kit, all of it in one call."""
    lines = ["| check | result | detail |", "|---|---|---|"]
    with Gauge(str(adapter.model.device)) as gauge:
        report = check_adapter(adapter, content)
    lines += [f"| {check} | {result} | {detail} |" for check, result, detail in report.itertuples(index=False)]
    kept = {check: (result, detail) for check, result, detail in report.itertuples(index=False)}
    said = "passed" if report.passed else "failed"
    lines += ["", f"The kit {said}: {gauge.seconds:.1f} s, peak memory {gauge.peak / GIB:.1f} GiB."]
    return lines, {**kept, "seconds": gauge.seconds}


def main() -> None:
    """Run what the command line asks for, and print the tables; `--write` puts them into benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("7B", "toy"), default="7B")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--lengths", type=int, nargs="+", default=[1000, 4000, 16_000, 32_000])
    parser.add_argument("--steps", type=int, default=33, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--length", type=int, default=1500, help="prompt positions of the passes")
    parser.add_argument("--kit-length", type=int, help="prompt positions of the kit; left out: the packaged example")
    parser.add_argument("--json", type=Path, help="a file for every number")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    with Gauge(options.device) as gauge:
        model, processor = thinker(options.size, options.device, getattr(torch, options.dtype))
    adapter = models.adapt(model, processor)
    count = sum(weight.numel() for weight in model.parameters())
    on = torch.cuda.get_device_name() if options.device.startswith("cuda") else "the CPU"
    lines = [f"{on}; {describe()} {count / 1e9:.2f} billion weights in {options.dtype}.", ""]
    print(lines[0], f"Drawn in {gauge.seconds:.1f} s.", flush=True)
    work: dict[str, Callable[[], tuple[list[str], Any]]] = {
        "decoding": lambda: decoding(adapter, options.lengths, options.steps, options.rounds),
        "kernels": lambda: kernels(adapter, options.lengths[min(1, len(options.lengths) - 1)], options.steps),
        "passes": lambda: passes(adapter, options.length, options.steps),
        "kit": lambda: kit(adapter, options.kit_length and mixture(adapter, options.kit_length)),
    }
    kept, failed = {}, []
    for name in options.sections:
        started = time.perf_counter()
        try:
            found, kept[name] = work[name]()
        except Exception:  # noqa: BLE001 - the other sections go on; told at the end
            failed.append(name)
            found = ["```", *traceback.format_exc().splitlines(), "```"]
        lines += [f"### {SECTIONS[name]}", "", *found, ""]
        print("\n".join(["", f"### {SECTIONS[name]}", "", *found]), flush=True)
        print(f"({name}: {time.perf_counter() - started:.0f} s)", flush=True)
        if options.json:
            options.json.write_text(json.dumps(kept, default=str), encoding="utf-8")
    if options.write:
        write_results(README, START, END, lines)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
