"""How tables and Markdown grow with the prompt's sentences and the response's statements: seconds and exponents.

`python -m benchmarks.growth [SENTENCES]` doubles both up to that many sentences and a fifth as many statements. Its
scores alone grow with the square of that; an exponent of 1 is growth with the sentences, 2 with the scores.
"""

from __future__ import annotations

import math
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.alignment import align
from omnitrace_nb.layout import Layout
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace import Trace
from omnitrace_nb.trace.records import PartRecord, RunInfo, Source

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS: dict[str, Callable[[Trace], object]] = {
    "to_markdown": lambda trace: trace.to_markdown(),
    "curate": lambda trace: trace.curate(),
    "modalities": lambda trace: trace.modalities,
    "budget": lambda trace: trace.budget,
    "statements": lambda trace: trace.statements,
    "sources": lambda trace: trace.sources,
}
TOKENS = 6  # of a sentence


def made(sentences: int, statements: int) -> Trace:
    """Give a trace of so many sentences and statements, each statement of one token that rests on two sentences."""
    words = [f"Sentence number {index} of many. " for index in range(sentences)]
    ends = np.cumsum([len(word) for word in words])
    n = TOKENS * sentences
    layout = Layout.blank(np.arange(n))
    layout.part[:], layout.modality[:] = 0, 1
    starts = ends - [len(word) for word in words]
    layout.chars[:] = np.repeat(np.stack([starts, ends], axis=1), TOKENS, axis=0)
    sources = [
        Source(at, "text", 0, f"text 1, sentence {at + 1}", np.arange(TOKENS * at, TOKENS * (at + 1)),
               chars=(int(starts[at]), int(ends[at]) - 1))
        for at in range(sentences)
    ]  # fmt: skip
    said = [f"Statement number {index}.\n".encode() for index in range(statements)]
    at = np.concatenate(([0], np.cumsum([len(each) for each in said])))
    chars = tuple((int(start), int(end) - 1) for start, end in pairwise(at))
    scores = np.zeros((statements, n + statements), np.float32)
    scores[np.arange(statements)[:, None], np.random.default_rng(0).integers(0, n, (statements, 2))] = (0.6, 0.4)
    return Trace.build(
        [PartRecord(0, "text", "user", "text 1", "", text="".join(words))],
        layout,
        sources,
        align(said, range(statements), np.zeros(statements), "eos"),
        {"planted": scores},
        RunInfo("planted", "none"),
        None,
        Statements(chars, np.arange(statements), ("NOUN",) * statements),
    )


def main(most: int) -> None:
    """Print a line for each size."""
    before: dict[str, float] = {}
    for sentences in (most // 4, most // 2, most):
        trace = made(sentences, sentences // 5)
        len(trace.spans)  # what every form starts from
        shown = []
        for name, form in FORMS.items():
            started = time.process_time()
            form(trace)
            taken = max(time.process_time() - started, 1e-6)
            exponent = f" ({math.log2(taken / before[name]):.1f})" if name in before else ""
            before[name] = taken
            shown.append(f"{name} {1000 * taken:.0f} ms{exponent}")
        print(f"{sentences:,} sentences, {sentences // 5:,} statements: {', '.join(shown)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
