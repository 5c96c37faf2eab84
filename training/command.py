"""What the commands of this folder that measure the embedded model share: options, a quiet start, a table of F1."""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
import transformers

import omnitrace_nb as ot
from omnitrace_nb.evaluate import score
from training.accuracy import load
from training.credit import COLUMNS
from training.vocabulary import FOLDER


def start(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, ot.Tracer]:
    """Add the options of every such command, read the command line, and load the tracer."""
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; so small a model is fastest on one")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    return arguments, ot.load(*load(arguments.model))


def f1_table(judged: pd.DataFrame, signals: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give F1 in percent by signal and modality (masses summed, the question not credited), and the rows it is of."""
    own = judged[(judged["assign"] == "sum") & ~judged["question"]]
    f1 = score(own, by=("signal", "modality")).pivot_table(index="signal", columns="modality", values="f1")
    together = score(own, by=("signal",)).set_index("signal")["f1"]
    return 100 * f1.reindex(columns=list(COLUMNS)).assign(all=together).reindex(list(signals)), own
