"""What signals cost, against plain decoding and against peers: `python -m benchmarks.signals --write`.

Online families take turns with plain decoding (`benchmarks.turns`); passes are measured beside captum's in one process
(`benchmarks.passes`), integrated gradients beside inseq's (`benchmarks.gradients`, which needs the test dependencies).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import turns
from benchmarks.machine import describe, run_alone, write_results

README = Path(__file__).parent / "README.md"
START, END = "<!-- signals: written by python -m benchmarks.signals --write -->", "<!-- end of signals -->"
ONLINE = {  # the most that a run with it may take, of plain decoding's time
    "attmean": 1.1,
    "rawatt": 1.1,
    "excess": 1.1,
    "attnorm": 1.1,
    "attgrads": 1.3,
    "attgrads_all": 2.5,
    "attcat": 2.5,
    "excess_grads": 2.5,
}


def online(length: int, steps: int) -> tuple[list[str], list[str]]:
    """Give a table of the online signals, and what they miss."""
    times: dict[str, list[float]] = json.loads(run_alone("benchmarks.turns", str(length), str(steps), "plain", *ONLINE))
    lines = ["| signal | whole run | a later token | wanted |", "|---|---|---|---|"]
    missed = []
    for name, most in ONLINE.items():
        whole, step = (turns.ratio(times, name, of) for of in ("whole", "step"))
        lines.append(f"| `{name}` | x {whole:.2f} | x {step:.2f} | {most} |")
        if max(whole, step) > most:
            missed.append(f"{name}: x {max(whole, step):.3f} of plain decoding, wanted {most}")
    return lines, missed


def passes(length: int, steps: int, sources: int) -> tuple[list[str], list[str]]:
    """Give a table of the passes, and what they miss."""
    found: dict[str, Any] = json.loads(run_alone("benchmarks.passes", str(length), str(steps), str(sources)))
    prefill, captum = found["prefill"], found["captum"]
    rows = (
        ("`rollout` for all steps", found["rollout"], "a prefill", prefill, 2.0, found["rollout cost"]),
        ("`leave_one_out`, `mask` (exact)", found["mask"], "captum", captum, 0.6, found["mask cost"]),
        ("`leave_one_out`, `mask_direct`", found["mask_direct"], "captum", captum, 0.1, found["mask_direct cost"]),
    )
    lines = ["| pass | seconds | against | ratio | wanted | forwards | tokens |", "|---|---|---|---|---|---|---|"]
    missed = []
    for name, seconds, peer, other, most, cost in rows:
        spent = f"{cost['forwards']:,} | {cost['tokens']:,}"
        lines.append(f"| {name} | {seconds:.1f} | {peer}, {other:.1f} s | x {seconds / other:.3f} | {most} | {spent} |")
        if seconds > most * other:
            missed.append(f"{name}: x {seconds / other:.3f} of {peer}, wanted {most}")
    correlation = found["rank correlation of mask and mask_direct"]
    note = (
        "captum: `FeatureAblation` in its sequence mode, a forward over prompt and response for each source. Rank "
        f"correlation of `mask` and `mask_direct` over the {sources} sources: {correlation:.2f} (random weights and "
        "tokens; a trained model's is in [docs/signals/ablation.md](../docs/signals/ablation.md))."
    )
    lines += ["", note]
    return lines, missed


def gradients() -> tuple[list[str], list[str]]:
    """Give a table of integrated gradients against inseq's, and what they miss."""
    found: dict[str, Any] = json.loads(run_alone("benchmarks.gradients"))
    faster = found["times faster"]
    lines = ["| integrated gradients, 20 points | seconds | times faster | wanted |", "|---|---|---|---|"]
    missed = []
    for name, least in (("inseq, per token", 1.0), ("per token", 1.0), ("per statement", 5.0)):
        lines.append(f"| {name} | {found['seconds'][name]:.1f} | {faster[name]:.1f} | {least:g} |")
        if faster[name] < least:
            missed.append(f"integrated gradients {name}: {faster[name]} times faster than inseq, wanted {least}")
    size, apart = found["parameters"] / 1e6, found["apart"]
    note = (
        f"One text model of {size:.1f} million parameters, a prompt of {found['prompt']} tokens, {found['steps']} "
        f"steps in {found['statements']} statements; per token, they differ by {apart:.0e} of the largest score."
    )
    lines += ["", note]
    return lines, missed


def main() -> None:
    """Run everything and print the tables; `--write` puts them into benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--length", type=int, default=1024, help="prompt tokens")
    parser.add_argument("--steps", type=int, default=64, help="tokens of the response")
    parser.add_argument("--sources", type=int, default=50)
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    size = f"{options.length:,} prompt tokens, {options.steps} steps, {options.sources} sources"
    lines = [f"Machine: {describe()} One thread, float32; {size}.", ""]
    missed: list[str] = []
    for found, short in (
        online(options.length, options.steps),
        passes(options.length, options.steps, options.sources),
        gradients(),
    ):
        lines += [*found, ""]
        missed += short
        print("\n".join(found), flush=True)
    lines += ["Targets missed:", "", *(f"- {miss}" for miss in missed or ["none"])]
    print("\n".join(lines[-len(missed or [0]) - 2 :]))
    if options.write:
        write_results(README, START, END, lines)


if __name__ == "__main__":
    main()
