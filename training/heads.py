"""What learned heads and flows give on the embedded model: `python -m training.heads`.

Heads are fitted on prompts of their own. On held-out prompts, every signal is then asked how well its masses go with
ablation, and what the F1 of the sources is that it credits (as in `training.accuracy`: rightly answered prompts, masses
summed, the question not credited).
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

import omnitrace_nb as ot
from omnitrace_nb.signals import Heads, Signal, fit_heads
from training.accuracy import held_out
from training.command import f1_table, start
from training.credit import credit, given
from training.world import Sample

FIT_SEED = 11
SETS = 64
PLAIN = ("attmean", "excess", "rollout", "routes")


def learned(prompts: int, tracer: ot.Tracer) -> dict[str, Heads]:
    """Heads over attention and over excess, fitted on the same prompts."""
    contents = [[given(part) for part in sample.prompt] for sample in held_out(prompts, FIT_SEED)]
    return {
        "heads over attention": fit_heads(tracer, contents, over="attention"),
        "heads over excess": fit_heads(tracer, contents, over="excess"),
    }


def agreement(samples: Sequence[Sample], tracer: ot.Tracer, signals: Sequence[Signal]) -> Iterator[dict[str, object]]:
    """A row a (signal, statement): how its masses go with ablation of the same sources, by `mask`.

    `sets`: correlation of the masses kept with the statement's log-probability over random sets of sources; `alone`: of
    the masses with the effects of leave-one-out; `first`: whether both name the same source first.
    """
    generator = np.random.default_rng(0)
    for sample in tqdm(samples, desc="agreement"):
        content = [given(part) for part in sample.prompt]
        trace = tracer.trace(content, signals=signals, progress=False)
        sources = len(trace.sources)
        if sources < 2:  # noqa: PLR2004 - nothing to compare
            continue
        run = tracer.finished(trace, content=content, progress=False)
        sets = generator.random((SETS, sources)) < 0.5  # noqa: PLR2004 - as in fitting
        single = np.concatenate([np.ones((1, sources), bool), ~np.eye(sources, dtype=bool)])
        told = run.ablator("mask").logprobs(np.concatenate([single, sets]))
        for steps in run.groups("statement"):
            nats = told[:, steps].sum(1)
            alone, drawn = nats[0] - nats[1 : sources + 1], nats[sources + 1 :]
            for signal in signals:
                mass = trace.mass(signal.label)[steps].sum(0)
                yield {
                    "signal": signal.label,
                    "sets": correlation(sets @ mass, drawn),
                    "alone": correlation(mass, alone),
                    "first": float(mass.argmax() == alone.argmax()),
                }


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where either never changes."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


def main() -> None:
    """Print the weights and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fitted", type=int, default=40, help="prompts to fit heads on")
    parser.add_argument("--prompts", type=int, default=80, help="held-out prompts")
    arguments, tracer = start(parser)
    heads = learned(arguments.fitted, tracer)
    for name, each in heads.items():
        print(name, each.about, each.weights.round(3).tolist(), sep="\n")
    signals = [*map(ot.signals.get, PLAIN), *(each.signal(name) for name, each in heads.items())]
    order = [signal.label for signal in signals]
    samples = held_out(arguments.prompts)
    rows = pd.DataFrame(agreement(samples, tracer, signals)).groupby("signal")
    print(rows.mean().reindex(order).assign(statements=rows.size()).round(3).to_string())
    judged = credit(tqdm(samples, desc="F1"), tracer, signals)
    table, own = f1_table(judged, order)
    print(f"F1, {len(own) // len(order)} statements")
    print(table.to_string(float_format=lambda value: f"{value:.1f}", na_rep="-"))


if __name__ == "__main__":
    main()
