"""The evidence budget: where each statement's scores went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from traces import make_empty_trace, make_trace, supporting

from omnitrace_nb.trace.packed import pack


@pytest.fixture(scope="module")
def trace():
    return make_trace()


def scored(trace, scores):
    """The same trace with one signal, "planned", of these scores `[T, n + T]`."""
    return trace._but(scores={"planned": pack(scores)})


def literal(trace, signal):
    """The budget by its definition: loops over steps, positions and places. {statement: {(kind, source): share}}."""
    n, found = len(trace.layout), {}
    scores = np.concatenate([trace.scores(signal), trace.earlier(signal)], axis=1).astype(np.float64)
    place_of = dict.fromkeys(range(n), ("template", -1)) | dict.fromkeys(range(n, n + len(trace)), ("response", -1))
    for source in trace.source_records:
        place_of |= dict.fromkeys(source.positions.tolist(), ("question" if source.question else "source", source.id))
    for statement in range(len(trace.statements)):
        steps = np.flatnonzero(trace.statement_of == statement)
        shares = {}
        for step in steps:
            masses = {}
            for position, score in enumerate(scores[step]):
                masses[place_of[position]] = masses.get(place_of[position], 0.0) + score
            masses = {place: max(mass, 0.0) for place, mass in masses.items()}
            total = sum(masses.values())
            if total <= 0:
                masses, total = {("unsupported", -1): 1.0}, 1.0
            for place, mass in masses.items():
                shares[place] = shares.get(place, 0.0) + mass / total / len(steps)
        found[statement + 1] = {place: share for place, share in shares.items() if share > 0}
    return found


def told(trace, signal):
    """The budget as the trace tells it, in the form of `literal`."""
    table = trace.budget
    table = table[table["signal"] == signal]
    return {
        statement: {(row.kind, row.source): row.share for row in own.itertuples()}
        for statement, own in table.groupby("statement")
    }


def test_each_statement_is_divided_as_the_definition_says(trace):
    for signal in trace.signals:
        expected, got = literal(trace, signal), told(trace, signal)
        assert got.keys() == expected.keys()
        for statement, shares in expected.items():
            assert got[statement] == pytest.approx(shares, abs=1e-6)


def test_the_planted_sources_and_the_habit_of_the_template_stand_in_the_budget(trace):
    planted = supporting(trace.source_records)
    for statement, shares in told(trace, "attmean").items():
        own = sum(
            share for (kind, source), share in shares.items() if kind == "source" and source in planted[statement - 1]
        )
        assert own > 0.4
        assert shares["template", -1] > 0.2  # attmean was given a habit of looking at the first position
        assert told(trace, "excess")[statement].get(("template", -1), 0) < 0.1
        assert shares["response", -1] > 0.05 or statement == 1


@given(seed=st.integers(0, 2**32 - 1), kept=st.floats(0, 1), low=st.floats(-1, 0))
def test_the_shares_of_every_statement_sum_to_one_and_none_is_negative(trace, seed, kept, low):
    rng = np.random.default_rng(seed)
    shape = trace.scores("attmean").shape[0], len(trace.layout) + len(trace)
    scores = rng.uniform(low, 1, shape) * (rng.random((len(trace), 1)) < kept)
    budget = scored(trace, scores.astype(np.float32)).budget
    sums = budget.groupby("statement")["share"].sum()
    assert sums.to_numpy() == pytest.approx(np.ones(len(trace.statements)))
    assert (budget["share"] > 0).all()
    assert ((budget["source"] >= 0) == budget["kind"].isin(["source", "question"])).all()
    assert (budget["modality"].notna() == (budget["source"] >= 0)).all()


@given(scores=arrays(np.float32, 5, elements=st.floats(-1, 1, width=16)))
def test_a_source_against_which_a_signal_speaks_has_no_share(trace, scores):
    source = trace.source_records[1]
    rows = np.zeros((len(trace), len(trace.layout) + len(trace)), np.float32)
    rows[:, source.positions[:5]] = scores
    rows[:, trace.source_records[0].positions[0]] = 1
    shares = told(scored(trace, rows), "planned")[1]
    net = float(scores.astype(np.float64).sum())
    assert shares.get(("source", 1), 0) == pytest.approx(max(net, 0) / (1 + max(net, 0)), abs=2e-3)


def test_steps_in_which_nothing_scores_are_unsupported(trace):
    rows = np.zeros((len(trace), len(trace.layout) + len(trace)), np.float32)
    first, *_, last = np.flatnonzero(trace.statement_of == 1)
    rows[first, trace.source_records[2].positions] = 0.5
    rows[last, trace.source_records[2].positions] = -0.5
    share = 1 / (trace.statement_of == 1).sum()
    shares = told(scored(trace, rows), "planned")
    assert shares[2] == pytest.approx({("unsupported", -1): 1 - share, ("source", 2): share})
    assert shares[1] == {("unsupported", -1): 1.0}


def test_modalities_share_the_evidence_without_question_response_and_template(trace):
    for signal in trace.signals:
        shares = literal(trace, signal)
        table = trace.modalities
        table = table[table["signal"] == signal]
        for statement, own in table.groupby("statement"):
            evidence = {source: share for (kind, source), share in shares[statement].items() if kind == "source"}
            total = sum(evidence.values())
            for row in own.itertuples():
                of_kind = sum(s for j, s in evidence.items() if trace.source_records[j].modality == row.modality)
                assert row.share == pytest.approx(of_kind / total, abs=1e-6)
            assert own["share"].sum() == pytest.approx(1)


def test_modalities_of_a_signal_that_says_nothing_are_all_0(trace):
    rows = np.zeros((len(trace), len(trace.layout) + len(trace)), np.float32)
    table = scored(trace, rows).modalities
    assert set(table["modality"]) == {"text", "image", "audio", "video"}
    assert not table["share"].any()


def test_the_empty_trace_has_empty_budgets():
    trace = make_empty_trace()
    assert trace.budget.empty
    assert list(trace.budget) == ["signal", "statement", "kind", "source", "modality", "share"]
    assert trace.modalities.empty
    assert list(trace.modalities) == ["signal", "statement", "modality", "share"]
