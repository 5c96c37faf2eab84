"""How right the verdicts of `tracer.verify` are on the embedded model: `python -m training.verdicts --prompts 60`.

Held-out prompts that the model answers rightly, drawn by a seed of their own, on which no rule was chosen. Three
signals propose together. A pair of statement and source is "right" where the toy world knows the source as evidence,
"question" where it is the question's own sentence, else "wrong". Each of `--seeds` draws other random sources.
"""

import argparse
from collections.abc import Iterator, Sequence

import pandas as pd
from tqdm import tqdm

import omnitrace_nb as ot
from omnitrace_nb.evaluate import supporting
from omnitrace_nb.trace import Trace
from training.accuracy import held_out
from training.command import start
from training.credit import given, supports
from training.world import Sample

SEED = 20
SIGNALS = ("excess", "attmean", "rawatt")
OPERATORS = ("mask", "mask_direct", "mean")
VERDICTS = ("verified", "not verified", "contradicted")


def answered(prompts: int, tracer: ot.Tracer) -> Iterator[tuple[Sample, Trace]]:
    """The first prompts that are answered rightly, and their traces."""
    found = 0
    for sample in (bar := tqdm(held_out(3 * prompts, SEED), total=prompts)):
        trace = tracer.trace([given(part) for part in sample.prompt], signals=SIGNALS, progress=False)
        if [text.strip() for text in trace.statements["text"]] == [each.text for each in sample.statements]:
            yield sample, trace
            found += 1
            bar.set_postfix(right=found)
        if found == prompts:
            return


def sort_of(sample: Sample, trace: Trace) -> dict[tuple[int, int], str]:
    """Give the sort of each pair of statement and source."""
    right = [supporting(trace.source_records, supports(statement)) for statement in sample.statements]
    return {
        (statement, source.id): "right" if source.id in true else "question" if source.question else "wrong"
        for statement, true in enumerate(right, 1)
        for source in trace.source_records
    }


def judged(prompts: int, tracer: ot.Tracer, seeds: Sequence[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a row a proposal, operator and seed, and what each cost; seed -1 leaves every source out."""
    rows, costs = [], []
    for prompt, (sample, trace) in enumerate(answered(prompts, tracer)):
        sorts = sort_of(sample, trace)
        for operator in OPERATORS:
            known = trace
            for seed in seeds:
                # What one seed ran is not run again for the next, so only the first says what a verification costs.
                known = tracer.verify(known, operator=operator, seed=seed, progress=False)
                checks = known.checks[known.checks["verdict"].notna()]
                told = zip(checks["statement"].tolist(), checks["source"].tolist(), checks["verdict"], strict=True)
                for statement, source, verdict in told:
                    rows.append((prompt, operator, seed, statement, source, sorts[statement, source], verdict))
                costs.append((operator, seed, known.checks.attrs["forwards"], known.checks.attrs["tokens"]))
            every = ot.signals.ablate("leave_one_out", operator=operator)
            cost = tracer.add(trace, every, progress=False).run.signals[every.label]
            costs.append((operator, -1, cost["forwards"], cost["tokens"]))
    pairs = pd.DataFrame(rows, columns=["prompt", "operator", "seed", "statement", "source", "sort", "verdict"])
    return pairs, pd.DataFrame(costs, columns=["operator", "seed", "forwards", "tokens"])


def main() -> None:
    """Print how many of each sort got which verdict, how often seeds agree, and the forwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=60, help="rightly answered prompts")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds draw random sources")
    arguments, tracer = start(parser)
    pairs, costs = judged(arguments.prompts, tracer, range(arguments.seeds))
    counts = pairs.groupby(["operator", "sort", "verdict"], sort=False).size().unstack(fill_value=0)  # noqa: PD010
    counts = counts.reindex(columns=list(VERDICTS), fill_value=0) / arguments.seeds
    print("proposals, mean over seeds")
    print(counts.assign(verified_percent=100 * counts["verified"] / counts.sum(axis=1)).round(1).to_string())
    said = pairs.groupby(["operator", "prompt", "statement", "source"])["verdict"]
    same = said.nunique().eq(1).astype(float)
    print("\nproposals with the same verdict under every seed, in percent")
    print((100 * same.groupby("operator").mean()).round(1).to_string())
    print("\nwhat the first seed cost, and (-1) leaving every source out: forwards, positions")
    print(costs[costs["seed"] <= 0].groupby(["operator", "seed"]).sum().to_string())


if __name__ == "__main__":
    main()
