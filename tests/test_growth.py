"""Tables and Markdown of a long prompt with many statements: twice both is about twice the work in Python."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bad_traces import build, note
from traces import Sketch

import omnitrace_nb
from omnitrace_nb.statements import Statements

PACKAGE = str(Path(omnitrace_nb.__file__).parent)


def make_long(sentences, statements):
    """A prompt of so many sentences, and a response of so many statements of one token each."""
    text = " ".join(f"Sentence number {index} of many." for index in range(sentences))
    words = [f"Word number {index} is said here.\n".encode() for index in range(statements)]
    at = np.concatenate(([0], np.cumsum([len(word) for word in words])))
    chars = tuple((int(start), int(end) - 1) for start, end in pairwise(at))
    cut = Statements(chars, np.arange(statements), ("NOUN",) * statements)
    sketch = Sketch()
    sketch.template(2)
    sketch.text(0, text)
    n = len(sketch.rows)
    scores = np.zeros((statements, n + statements), np.float32)
    scores[np.arange(statements)[:, None], np.random.default_rng(0).integers(2, n, (statements, 2))] = (0.6, 0.4)
    return build([note(text)], words, scores=scores, statements=cut)


def operations(make):
    """Count the operations of the interpreter in the package's own code."""
    count = 0

    def follow(frame, event, _argument):
        nonlocal count
        if event == "call":
            if not frame.f_code.co_filename.startswith(PACKAGE):
                return None
            frame.f_trace_opcodes = True
        count += event == "opcode"
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        make()
    finally:
        sys.settrace(before)
    return count


FORMS = {
    "markdown": lambda trace: trace.to_markdown(),
    "spans": lambda trace: trace.curate(),
    "statements": lambda trace: trace.statements,
    "modalities": lambda trace: trace.modalities,
    "budget": lambda trace: trace.budget,
}


@pytest.mark.parametrize("form", FORMS)
def test_twice_the_sentences_and_statements_are_twice_the_work(form):
    few, many = make_long(150, 30), make_long(300, 60)
    for trace in (few, many):
        trace.spans  # noqa: B018 (worked out once for all forms)
    first, second = (operations(lambda trace=trace: FORMS[form](trace)) for trace in (few, many))
    assert first > 100
    assert second < 2.5 * first
