"""Curation, against a slow literal version of the formulas, in exact fractions."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnitrace_nb.curation import POS_WEIGHTS, CurationSettings, curate, masses, votes
from omnitrace_nb.errors import SettingsError

W = {"NOUN": "1", "PROPN": "1", "NUM": "1", "VERB": ".9", "ADJ": ".8", "ADV": ".5", "PUNCT": "0"}
W |= {"AUX": ".1", "PRON": ".1", "DET": ".1", "ADP": ".1", "CCONJ": ".1", "SCONJ": ".1", "PART": ".1"}
TAGS = [*W, "SPACE", "X", "INTJ", ""]


def literal_source(row):
    """The argmax and the max over j; None if no mass is positive. `row[j]` is None for a mass that is no number."""
    best, best_mass = None, Fraction(0)
    for j, mass in enumerate(row):
        if mass is not None and mass > best_mass:
            best, best_mass = j, mass
    return best, best_mass


def literal(rows, tags, *, coverage, p_min, run_min, alpha, gamma):
    """The formulas of the paper, word by word: `rows[t][j]` is mass_t(j)."""
    sources = [literal_source(row) for row in rows]
    vote = [
        Fraction(W.get(tag, ".3")) * confidence**gamma if j is not None else Fraction(0)
        for (j, confidence), tag in zip(sources, tags, strict=True)
    ]
    total = sum(vote)
    if total == 0:
        return {}, {}, []
    count = len(rows[0])
    p = {j: sum(v for (own, _), v in zip(sources, vote, strict=True) if own == j) / total for j in range(count)}
    r = dict.fromkeys(range(count), Fraction(0))
    for first in range(len(rows)):
        for last in range(first, len(rows)):
            stretch = {own for own, _ in sources[first : last + 1]}
            if len(stretch) == 1 and None not in stretch:
                (j,) = stretch
                r[j] = max(r[j], sum(vote[first : last + 1]) / total)
    ranked = sorted((j for j in p if p[j] > 0), key=lambda j: (-(alpha * p[j] + (1 - alpha) * r[j]), j))
    taken, covered = [], Fraction(0)
    for j in ranked:
        if p[j] < p_min and not r[j] >= run_min:
            continue
        taken.append(j)
        covered += p[j]
        if covered >= coverage:
            break
    return p, r, (ranked, taken)


@st.composite
def cases(draw):
    count = draw(st.integers(1, 5))
    steps = draw(st.integers(1, 9))
    cell = st.one_of(st.integers(-1, 6).map(lambda k: Fraction(k, 4)), st.none())
    rows = [[draw(cell) for _ in range(count)] for _ in range(steps)]
    tags = [draw(st.sampled_from(TAGS)) for _ in range(steps)]
    hundredths = st.integers(0, 20).map(lambda k: k * 5)
    chosen = {name: draw(hundredths) for name in ("p_min", "run_min", "alpha")}
    chosen["coverage"] = draw(st.integers(1, 20)) * 5
    return rows, tags, chosen, draw(st.integers(0, 4))


@given(cases())
@settings(max_examples=400, deadline=None)
def test_curation_is_the_papers_formula_ties_and_thresholds_included(case):
    rows, tags, hundredths, gamma = case
    exact = {name: Fraction(value, 100) for name, value in hundredths.items()}
    p, r, chosen = literal(rows, tags, gamma=gamma, **exact)
    options = CurationSettings(gamma=gamma, **{name: value / 100 for name, value in hundredths.items()})
    table = np.array([[math.nan if mass is None else float(mass) for mass in row] for row in rows])
    found = curate(table, options.token_weights(tags), options)
    if not chosen:
        assert not found.selected.any()
        assert not found.rank.any()
        assert not found.p.any()
        return
    ranked, taken = chosen
    np.testing.assert_allclose(found.p, [float(p[j]) for j in range(len(found.p))], atol=1e-11)
    np.testing.assert_allclose(found.run, [float(r[j]) for j in range(len(found.p))], atol=1e-11)
    score = [float(exact["alpha"] * p[j] + (1 - exact["alpha"]) * r[j]) for j in range(len(found.p))]
    np.testing.assert_allclose(found.score, score, atol=1e-11)
    assert [int(found.rank[j]) for j in ranked] == list(range(1, len(ranked) + 1))
    assert set(np.flatnonzero(found.rank == 0)) == set(range(len(found.p))) - set(ranked)
    assert sorted(taken) == np.flatnonzero(found.selected).tolist()


def test_defaults_are_the_papers():
    assert CurationSettings() == CurationSettings(
        assign="sum", coverage=0.85, p_min=0.07, run_min=0.10, alpha=0.8, gamma=2.0, weights=POS_WEIGHTS, question=True
    )
    weights = CurationSettings().token_weights(TAGS)
    assert weights.tolist() == [float(W.get(tag, 0.3)) for tag in TAGS]


def test_a_hand_computed_statement():
    table = np.array([[0.6, 0.2, 0.0], [0.1, 0.5, 0.0], [0.5, 0.1, 0.0], [0.4, 0.1, 0.0], [0.0, 0.0, 0.2]])
    found = curate(table, CurationSettings().token_weights(["NOUN", "VERB", "PUNCT", "DET", "ADJ"]))
    # Votes: 1*.36, .9*.25, 0*.25, .1*.16, .8*.04 = .36, .225, 0, .016, .032: together .633
    np.testing.assert_allclose(found.p, np.array([0.376, 0.225, 0.032]) / 0.633)
    np.testing.assert_allclose(found.run, np.array([0.36, 0.225, 0.032]) / 0.633)
    assert found.rank.tolist() == [1, 2, 3]
    assert found.selected.tolist() == [True, True, False]


def test_a_small_share_in_one_long_run_is_kept():
    table = np.array([[1.0, 0.0]] * 17 + [[0.0, 1.0]] * 3)
    weights = np.ones(20)
    kept = curate(table, weights, CurationSettings(coverage=1.0, p_min=0.2, run_min=0.15))
    assert kept.selected.tolist() == [True, True]
    dropped = curate(table, weights, CurationSettings(coverage=1.0, p_min=0.2, run_min=0.16))
    assert dropped.selected.tolist() == [True, False]


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.nan, math.inf])
def test_a_step_without_positive_mass_gives_no_vote_and_ends_a_run(nothing):
    table = np.array([[1.0, 0.0], [nothing, nothing], [1.0, 0.0]])
    found = curate(table, np.ones(3))
    assert found.p.tolist() == [1.0, 0.0]
    assert found.run.tolist() == [0.5, 0.0]
    assert votes(table, np.ones(3), 2.0)[0].tolist() == [0, -1, 0]


def test_a_step_goes_to_its_largest_mass_however_little_it_leads():
    table = np.array([[0.01, np.nextafter(0.01, 1)], [0.29, 0.0]])
    assert np.diff(table[0] / 0.29) == 0  # scaled to the largest, they could not be told apart
    assert votes(table, np.ones(2), 1.0)[0].tolist() == [1, 0]
    assert curate(table, np.ones(2)).p[1] > 0


def test_without_votes_nothing_is_selected():
    for table, weights in (
        (np.zeros((3, 2)), np.ones(3)),
        (np.ones((3, 2)), np.zeros(3)),
        (np.zeros((0, 2)), np.zeros(0)),
        (np.zeros((3, 0)), np.ones(3)),
    ):
        found = curate(table, weights, CurationSettings(p_min=0, run_min=0))
        assert not found.selected.any()
        assert len(found.selected) == table.shape[1]


@given(st.integers(-300, 250), st.floats(0, 64))
def test_the_scale_of_a_signal_changes_nothing(exponent, gamma):
    rng = np.random.default_rng(0)
    table, weights = rng.random((12, 4)), rng.random(12)
    options = CurationSettings(gamma=gamma)
    here, there = curate(table, weights, options), curate(table * 10.0**exponent, weights, options)
    np.testing.assert_allclose(here.p, there.p, atol=1e-9)
    assert here.selected.tolist() == there.selected.tolist()


@given(st.data())
def test_masses_are_gathered_position_by_position(data):
    n = data.draw(st.integers(1, 12))
    owner = data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n))
    number = st.one_of(st.floats(-4, 4, width=32), st.just(math.nan), st.just(-math.inf))
    scores = np.array(data.draw(st.lists(st.lists(number, min_size=n, max_size=n), max_size=4)), np.float32)
    scores = scores.reshape(-1, n)
    positions = [np.array([i for i in range(n) if owner[i] == j]) for j in sorted({*owner} - {-1})]
    rules = {"sum": math.fsum, "peak": max, "mean": lambda own: math.fsum(own) / len(own)}
    for rule, gather in rules.items():
        found = masses(scores, positions, rule)
        assert found.shape == (len(scores), len(positions))
        for t, row in enumerate(scores):
            for j, own in enumerate(positions):
                values = [float(row[i]) if math.isfinite(row[i]) else 0.0 for i in own]
                assert found[t, j] == pytest.approx(gather(values), abs=1e-12)


def test_the_rules_disagree_where_the_paper_and_its_code_do():
    scores = np.array([[0.2, 0.2, 0.2, 0.5, 0.0]])
    positions = [np.array([0, 1, 2]), np.array([3, 4])]
    assert votes(masses(scores, positions, "sum"), np.ones(1), 1.0)[0] == 0
    source, confidence, _ = votes(masses(scores, positions, "peak"), np.ones(1), 1.0)
    assert (source[0], confidence[0]) == (1, 0.5)
    assert votes(masses(scores, positions, "mean"), np.ones(1), 1.0)[0] == 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"assign": "max"}, "'sum', 'peak', 'mean'"),
        ({"coverage": 0}, "above 0"),
        ({"coverage": 1.1}, "from 0 to 1"),
        ({"p_min": -0.1}, "p_min=-0.1"),
        ({"run_min": math.nan}, "run_min=nan"),
        ({"alpha": "high"}, "alpha='high'"),
        ({"gamma": math.inf}, "from 0 to 64"),
        ({"gamma": True}, "gamma=True"),
        ({"weights": {"NOUN": -1}}, r"weights\['NOUN'\]=-1"),
        ({"question": 1}, "question=1"),
        ({"weights": "NOUN"}, "weights='NOUN'"),
    ],
)
def test_settings_without_meaning_are_refused_with_what_is_allowed(wrong, named):
    with pytest.raises(SettingsError, match=named):
        CurationSettings(**wrong)


def test_settings_go_to_other_processes_and_do_not_follow_the_callers_mapping():
    weights = {"NOUN": 1.0}
    settings = CurationSettings(weights=weights)
    weights["NOUN"] = 0.0
    assert settings.weights == {"NOUN": 1.0}
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - its own, made just before


def test_an_unknown_setting_is_named_with_those_that_exist():
    with pytest.raises(SettingsError, match=r"'gama' is no curation setting; there are assign, coverage"):
        CurationSettings().but(gama=2)
