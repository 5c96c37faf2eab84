"""Metrics: F1 against known support, by hand and against scikit-learn-free definitions written out here."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import PLANTED, make_trace

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.evaluate import Support, f1, interval_f1, judge, score, supporting
from omnitrace_nb.sources import SourceOptions
from omnitrace_nb.trace.records import Source

TRUTH = {
    1: [Support(0, chars=(0, 26))],
    2: [Support(1)],
    3: [Support(2, box=(50, 50, 150, 150))],
    4: [Support(3, time=(1.0, 2.0))],
    5: [Support(4, time=(2.0, 3.0), modality="video"), Support(4, time=(3.0, 4.0), modality="audio")],
}


@pytest.fixture(scope="module")
def trace():
    return make_trace()


def judged(*rows):
    columns = ["signal", "assign", "modality", "statement", "tp", "fp", "fn"]
    return pd.DataFrame(rows, columns=columns)


def test_planted_support_scores_full_marks_in_every_modality(trace):
    table = judge(trace, TRUTH, assign=("sum",))
    assert table["modality"].tolist() == ["text", "image", "image", "audio", "mixed"] * 2
    scored = score(table)
    assert scored["f1"].tolist() == [1.0] * len(scored)
    assert scored["macro_f1"].tolist() == [1.0] * len(scored)
    assert set(scored["modality"]) == {"text", "image", "audio", "mixed"}


def test_a_wrong_truth_costs_exactly_its_statements(trace):
    wrong = {**TRUTH, 1: [Support(0, chars=(65, 84))], 4: [Support(3, time=(0.0, 2.0))]}
    table = judge(trace, wrong, assign=("sum",))
    own = table[table["signal"] == "excess"].set_index("statement")
    assert own.loc[1, ["tp", "fp", "fn"]].tolist() == [0, 1, 1]
    assert own.loc[4, ["tp", "fp", "fn"]].tolist() == [1, 0, 1]
    assert own.loc[2, ["tp", "fp", "fn"]].tolist() == [1, 0, 0]


def test_every_rule_and_signal_is_judged_and_settings_count(trace):
    table = judge(trace, TRUTH)
    assert len(table) == 2 * 3 * 5
    assert set(table["assign"]) == {"sum", "peak", "mean"}
    narrow = judge(trace, TRUTH, assign=("sum",), coverage=0.1)
    assert narrow.loc[narrow["statement"] == 5, "fn"].tolist() == [1, 1]
    with pytest.raises(SettingsError, match="no curation setting"):
        judge(trace, TRUTH, coverag=0.1)


@pytest.mark.parametrize("wrong", [0, -1, True, "1"])
def test_a_truth_that_counts_statements_from_0_is_refused(trace, wrong):
    with pytest.raises(SettingsError, match=re.escape(f"names statement {wrong!r}: statements count from 1 to 5")):
        judge(trace, {wrong: [Support(1)]})


def test_what_rests_on_a_statement_that_the_response_lacks_is_missed(trace):
    table = judge(trace, {6: [Support(1)]}, assign=("sum",))
    assert table[["tp", "fp", "fn"]].to_numpy().tolist() == [[0, 0, 1]] * 2


def test_statements_that_are_not_named_are_not_judged(trace):
    assert set(judge(trace, {2: TRUTH[2]})["statement"]) == {2}
    nothing = judge(trace, {1: []}, assign=("sum",))
    assert nothing["modality"].tolist() == ["none", "none"]
    assert nothing["fp"].tolist() == [1, 1]
    empty = judge(trace, {})
    assert len(empty) == 0
    assert len(score(empty)) == 0


def test_micro_pools_sources_and_macro_averages_statements():
    table = judged(("a", "sum", "text", 0, 1, 0, 0), ("a", "sum", "text", 1, 1, 0, 3), ("b", "sum", "text", 0, 0, 2, 1))
    scored = score(table, by=("signal",))
    first = scored.iloc[0]
    assert first[["statements", "tp", "fp", "fn"]].tolist() == [2, 2, 0, 3]
    assert (first["precision"], first["recall"]) == (1.0, 0.4)
    assert first["f1"] == pytest.approx(2 * 1 * 0.4 / 1.4)
    assert first["macro_f1"] == pytest.approx((1 + 2 * 0.25 / 1.25) / 2)
    assert scored.iloc[1][["precision", "recall", "f1", "macro_f1"]].tolist() == [0, 0, 0, 0]
    everything = score(table, by=())
    assert everything["statements"].tolist() == [3]
    assert everything["f1"].tolist() == [pytest.approx(4 / (4 + 2 + 4))]
    kinds = scored.dtypes.astype(str).to_dict()
    assert {kinds[name] for name in ("statements", "tp", "fp", "fn")} == {"int64"}
    assert {kinds[name] for name in ("precision", "recall", "f1", "macro_f1")} == {"float64"}


@given(st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(chosen, true):
    precision, recall, found = f1(len(chosen & true), len(chosen - true), len(true - chosen))
    if not chosen and not true:
        assert (precision, recall, found) == (1, 1, 1)
        return
    assert precision == (len(chosen & true) / len(chosen) if chosen else 0)
    assert recall == (len(chosen & true) / len(true) if true else 0)
    harmonic = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert found == pytest.approx(harmonic)


@given(*[st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=4)] * 2)
def test_seconds_are_counted_once_however_the_intervals_overlap(chosen, true):
    sets = [{second for start, length in each for second in range(start, start + length)} for each in (chosen, true)]
    arrays = [
        np.array([(start, start + length) for start, length in each], float).reshape(-1, 2) for each in (chosen, true)
    ]
    expected = f1(len(sets[0] & sets[1]), len(sets[0] - sets[1]), len(sets[1] - sets[0]))
    assert interval_f1(*arrays) == pytest.approx(expected)


def source(id_, **place):
    return Source(id_, place.pop("modality", "image"), place.pop("part", 0), "", np.array([id_]), **place)


def test_a_support_makes_right_what_it_covers_by_half_and_never_nothing():
    bins = [source(at, modality="audio", time=(at, at + 1)) for at in range(4)]
    assert supporting(bins, [Support(0, time=(0.4, 2.6))]) == {0, 1, 2}
    assert supporting(bins, [Support(0, time=(0.6, 2.4))]) == {1}
    assert supporting(bins, [Support(0, time=(0.9, 1.2))]) == {1}
    assert supporting(bins, [Support(1, time=(0, 1))]) == set()
    quarters = [
        source(index, box=(x, y, x + 10, y + 10)) for index, (y, x) in enumerate([(0, 0), (0, 10), (10, 0), (10, 10)])
    ]
    # In the middle of four regions: the one with most of it.
    assert supporting(quarters, [Support(0, box=(7, 7, 12, 12))]) == {0}
    assert supporting(quarters, [Support(0, box=(0, 0, 20, 20))]) == {0, 1, 2, 3}
    assert supporting(quarters, [Support(0)]) == {0, 1, 2, 3}
    assert supporting([source(0, box=(0, 0, 20, 20))], [Support(0, box=(1, 1, 3, 3))]) == {0}


def test_a_film_may_be_supported_by_its_frames_its_sound_or_both():
    film = [source(0, modality="video", time=(0, 1)), source(1, modality="audio", time=(0, 1))]
    assert supporting(film, [Support(0, time=(0, 1))]) == {0, 1}
    assert supporting(film, [Support(0, time=(0, 1), modality="audio")]) == {1}


def test_support_on_a_grid_is_judged_in_the_regions_that_it_covers():
    trace = make_trace(image=(2, 2), planted=PLANTED)
    assert SourceOptions(image=(2, 2)).grid == (2, 2)
    table = judge(trace, {2: [Support(1, box=(0, 0, 160, 120))]}, assign=("sum",))
    assert table[["tp", "fp", "fn"]].to_numpy().tolist() == [[1, 0, 0]] * 2


@pytest.mark.parametrize("empty", [{"chars": (3, 3)}, {"time": (2.0, 1.0)}, {"box": (0, 0, 5, 0)}])
def test_a_support_that_holds_nothing_is_refused(empty):
    with pytest.raises(SettingsError, match="holds nothing"):
        Support(0, **empty)
