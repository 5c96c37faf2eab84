"""What bias controls and the paper's baselines do to F1 on the embedded model: `python -m training.controls`.

Held-out prompts that the model answers rightly, as in `training.accuracy`; masses are summed, and the question cannot
be credited.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
import transformers
from tqdm import tqdm

import omnitrace_nb as ot
from omnitrace_nb.evaluate import score
from omnitrace_nb.signals import Signal
from training.accuracy import held_out, load
from training.credit import COLUMNS, credit
from training.vocabulary import FOLDER

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
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; so small a model is fastest on one")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    table = pd.concat(judged(arguments.prompts, ot.load(*load(arguments.model))))
    own = table[(table["assign"] == "sum") & ~table["question"]]
    by_kind = score(own, by=("signal", "modality")).pivot_table(index="signal", columns="modality", values="f1")
    together = score(own, by=("signal",)).set_index("signal")["f1"]
    rows = by_kind.reindex(columns=list(COLUMNS)).assign(all=together).reindex([signal.label for signal in chosen()])
    print(own[own["signal"] == BASES[0]]["modality"].value_counts().to_string())
    print((rows * 100).to_string(float_format=lambda value: f"{value:.0f}", na_rep="-"))


if __name__ == "__main__":
    main()
