"""What bias controls and the paper's baselines do to F1 on the embedded model: `python -m training.controls`.

Held-out prompts that the model answers rightly, as in `training.accuracy`; masses are summed, and the question cannot
be credited.
"""

import argparse
from collections.abc import Iterator

import pandas as pd
from tqdm import tqdm

import omnitrace_nb as ot
from omnitrace_nb.signals import Signal
from training.accuracy import held_out
from training.command import f1_table, start
from training.credit import credit

BASES = ("attmean", "rawatt", "attgrads", "excess")
CONTROLS = (
    ot.controls.per_token,
    ot.controls.without_sinks,
    ot.controls.detrended,
    ot.controls.minus_null,
    ot.controls.minus_swapped,
    ot.controls.minus("null", per="step"),
    ot.controls.minus("swapped", per="step"),
)
BASELINES = ("random", "embed_processor")


def chosen() -> list[Signal]:
    """Every base bare and under every control, then the excess over the null prompt and the baselines."""
    under = [each for name in BASES for each in (ot.signals.get(name), *(ot.signals.get(name) | c for c in CONTROLS))]
    return [*under, ot.signals.excess(rows="null"), *(ot.signals.get(name) for name in BASELINES)]


def judged(prompts: int, tracer: ot.Tracer) -> Iterator[pd.DataFrame]:
    """Rows as `credit` gives them, of each of the first prompts that are answered rightly."""
    found = 0
    signals = chosen()
    for sample in (bar := tqdm(held_out(2 * prompts), total=prompts)):
        table = credit([sample], tracer, signals)
        if not table.empty:
            yield table
            found += 1
            bar.set_postfix(right=found)
        if found == prompts:
            return


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=60, help="rightly answered prompts")
    arguments, tracer = start(parser)
    table = pd.concat(judged(arguments.prompts, tracer))
    rows, own = f1_table(table, [signal.label for signal in chosen()])
    print(own[own["signal"] == BASES[0]]["modality"].value_counts().to_string())
    print(rows.to_string(float_format=lambda value: f"{value:.0f}", na_rep="-"))


if __name__ == "__main__":
    main()
