"""No public call ends in a foreign exception, whatever is given to it: it works, or is an `OmnitraceError`."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from public_calls import ELSEWHERE, ENTRIES, EVERY, WITHIN, WRONG

import omnitrace_nb as ot
from omnitrace_nb import charts, controls, signals, speech
from omnitrace_nb.view.piece import Piece


@pytest.fixture(scope="module")
def tracer(embedded):
    return embedded


@pytest.fixture(scope="module")
def trace(embedded):
    prompt = ["Mia sells honey. Hugo sells clocks.", ot.Image(np.zeros((56, 56, 3), np.uint8)), "What does Mia sell?"]
    return embedded.trace(prompt, signals=["attmean", "rawatt"], max_new_tokens=4, progress=False)


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """Keep what calls write in a folder, and the network out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.usefixtures("apart")
def test_no_public_call_ends_in_a_foreign_exception(entry, tracer, trace, request):
    every, foreign = 1 if request.config.getoption("--rounds") else EVERY.get(entry, 1), []
    for at, (argument, call) in enumerate(ENTRIES[entry](tracer, trace)):
        for name, wrong in list(WRONG.items())[at % every :: every]:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                try:
                    call(wrong)
                except ot.OmnitraceError as error:
                    assert 10 < len(str(error)) < 3000, f"{entry}({argument}={name}): {error}"  # noqa: PT017 - or works
                except Exception as error:  # noqa: BLE001 - what is looked for
                    foreign.append(f"{argument}={name}: {type(error).__name__}: {str(error)[:100]}")
    assert not foreign, "\n".join(foreign)


def takes_something(call):
    if inspect.isclass(call) and issubclass(call, Exception):
        return False
    return any(name not in {"self", "cls"} for name in inspect.signature(call).parameters)


def calls_of(owner, prefix):
    """Give the public calls of a class of ours, or of a module, that take something."""
    if inspect.ismodule(owner):
        found = {name: getattr(owner, name) for name in owner.__all__}
    else:
        ours = [each for each in owner.__mro__ if each.__module__.startswith("omnitrace_nb")]
        found = {name: getattr(owner, name) for each in reversed(ours) for name in vars(each) if name[0] != "_"}
    called = {
        name: each
        for name, each in found.items()
        if inspect.isfunction(each) or inspect.ismethod(each) or inspect.isclass(each)
    }
    return {f"{prefix}{name}" for name, each in called.items() if takes_something(each)}


def test_each_public_call_is_fed_here_or_in_a_test_that_is_named():
    public = calls_of(ot, "")
    public |= calls_of(ot.Tracer, "tracer.") | calls_of(ot.Trace, "trace.")
    for owner in (ot.TraceView, ot.CompareView, Piece):
        public |= calls_of(owner, f"{owner.__name__}.")
    for owner, prefix in ((signals, "signals."), (controls, "controls."), (speech, "speech."), (charts, "charts.")):
        public |= calls_of(owner, prefix)
    public |= calls_of(charts.Charts, "charts.") | calls_of(signals.Signal, "signals.Signal.")
    public |= calls_of(signals.Heads, "signals.Heads.")
    listed = {*ENTRIES, *ELSEWHERE, *WITHIN}
    assert public <= listed, f"fed wrong kinds by no test: {sorted(public - listed)}"
    assert listed <= public, f"no longer public: {sorted(listed - public)}"
    for place in ELSEWHERE.values():
        file, test = place.split("::")
        assert f"def {test}(" in (Path(__file__).parent / file).read_text(), place
