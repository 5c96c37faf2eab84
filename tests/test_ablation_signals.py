"""Signals from ablation: against exact Shapley values, against captum called plainly, on a model planted by hand."""

from __future__ import annotations

import itertools
import math
from copy import copy

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, KernelShap, Lime, ShapleyValueSampling
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler

from omnitrace_nb import models, passes, signals
from omnitrace_nb.ablation import EXPLAINERS, Effects, stored
from omnitrace_nb.ablation.replay import Replay
from omnitrace_nb.content import Text
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.media import load
from omnitrace_nb.passes import Cost
from omnitrace_nb.sources import build
from omnitrace_nb.trace.records import PartRecord
from tests.planted import planted_run
from tests.runs import finished

FAITHFUL = ("leave_one_out", "shapley", "kernel_shap", "lime", "contextcite")
PASSAGE = (
    "The harbour was quiet. The market was busy. Mia sells honey. Hugo sells clocks. It rains. What does Mia sell?"
)


@pytest.fixture(scope="module")
def run(toy_text):
    """A run of a random text model with six sources, one sentence each."""
    adapter = models.adapt(*toy_text)
    encoded = adapter.encode(load((Text(PASSAGE),), adapter.needs, adapter.modalities))
    sources = build(encoded.layout, [PartRecord(0, "text", "user", "text 1", "", text=PASSAGE)])
    of = np.array([0, 0, 0, 1, 1])
    chars = [(0, 9), (9, 15)]
    return finished(adapter, encoded, [40, 70, 90, 120, 33], sources=sources, statements=chars, statement_of=of)


def every_set(sources):
    return np.array(list(itertools.product([False, True], repeat=sources)))


def exact_shapley(values, sources):
    """The definition: the mean over all sets of the others, weighted by |A|! (S - |A| - 1)! / S!."""
    sets = every_set(sources)
    known = {row.tobytes(): value for row, value in zip(sets, values(sets), strict=True)}
    total = np.zeros((sources, len(next(iter(known.values())))))
    for row in sets:
        size = int(row.sum())
        for source in np.flatnonzero(~row):
            more = row.copy()
            more[source] = True
            share = math.factorial(size) * math.factorial(sources - size - 1) / math.factorial(sources)
            total[source] += share * (known[more.tobytes()] - known[row.tobytes()])
    return total.T


def made_up(seed, sources, targets=2, scale=1.0):
    """Any function of sets: a value for each, drawn at random."""
    drawn = np.random.default_rng(seed).normal(-5, scale, (2**sources, targets))
    return lambda keep: drawn[keep @ (1 << np.arange(sources))]


def masses(run, name, operator="mask"):
    scores = passes.score(run, [signal := signals.ablate(name, operator=operator)]).scores[signal.label]
    return np.stack([scores[:, source.positions].sum(1) for source in run.sources], axis=1)


# Against definitions


def test_leave_one_out_is_the_drop_of_each_steps_log_probability(run):
    keep = np.concatenate([np.ones((1, 6), bool), ~np.eye(6, dtype=bool)])
    values = run.ablator("mask").logprobs(keep)
    np.testing.assert_allclose(masses(run, "leave_one_out"), (values[0] - values[1:]).T, atol=1e-5)


def test_sampled_shapley_values_come_near_the_exact_ones_of_six_sources(run):
    values = run.ablator("mask").logprobs
    wanted = exact_shapley(values, 6)
    for method, samples in (("shapley", 300), ("kernel_shap", 2000)):
        found = Effects(method, samples=samples).of(values, 6, np.eye(5))
        assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max(), method


@pytest.mark.parametrize("method", ["shapley", "kernel_shap"])
@given(seed=st.integers(0, 2**20), sources=st.integers(2, 5))
@settings(max_examples=15)
def test_completeness_effects_add_up_to_what_all_sources_are_worth(method, seed, sources):
    values = made_up(seed, sources)
    found = Effects(method, samples=40).of(values, sources, np.eye(2))
    whole = values(np.ones((1, sources), bool)) - values(np.zeros((1, sources), bool))
    np.testing.assert_allclose(found.sum(1), whole[0], atol=1e-3)


@pytest.mark.parametrize("method", ["leave_one_out", "shapley"])
@given(seed=st.integers(0, 2**20), sources=st.integers(2, 5), dummy=st.integers(0, 4))
@settings(max_examples=15)
def test_dummy_a_source_that_changes_nothing_is_worth_nothing(method, seed, sources, dummy):
    dummy %= sources
    below = made_up(seed, sources)

    def values(keep):
        keep = keep.copy()
        keep[:, dummy] = False
        return below(keep)

    assert np.abs(Effects(method).of(values, sources, np.eye(2))[:, dummy]).max() < 1e-6


@pytest.mark.parametrize("method", ["leave_one_out", "shapley", "kernel_shap"])
@given(weights=st.lists(st.sampled_from([0.0, 0.0, 1.5, -2.0, 0.25]), min_size=2, max_size=7))
@settings(max_examples=15)
def test_sources_that_do_not_interact_are_worth_their_own_weight(method, weights):
    found = Effects(method).of(lambda keep: (keep @ np.array(weights))[:, None] - 9, len(weights), np.eye(1))
    np.testing.assert_allclose(found[0], weights, atol=1e-4)


@given(seed=st.integers(0, 2**20), sources=st.integers(2, 4))
@settings(max_examples=6)
def test_symmetry_two_sources_that_do_the_same_are_worth_the_same(seed, sources):
    below = made_up(seed, sources, scale=0.5)

    def values(keep):
        swapped = keep.copy()
        swapped[:, [0, 1]] = keep[:, [1, 0]]
        return (below(keep) + below(swapped)) / 2

    one = Effects("leave_one_out").of(values, sources, np.eye(2))
    np.testing.assert_allclose(one[:, 0], one[:, 1], atol=1e-12)
    # Every order of few sources is drawn about as often as any other.
    many = Effects("shapley", samples=300).of(values, sources, np.eye(2))
    np.testing.assert_allclose(many[:, 0], many[:, 1], atol=0.3)
    exact = exact_shapley(values, sources)
    np.testing.assert_allclose(exact[:, 0], exact[:, 1], atol=1e-12)


def test_effects_are_linear_in_the_target():
    values, weights = made_up(3, 5, targets=4), np.array([[1.0, 0, 1, 0], [0, 2, -1, 0]])
    for method in ("leave_one_out", "shapley", "kernel_shap"):
        effects = Effects(method)
        steps = effects.of(values, 5, np.eye(4))
        np.testing.assert_allclose(effects.of(values, 5, weights), weights @ steps, atol=1e-5)


def test_contextcite_finds_the_weights_of_a_logit_that_is_linear_and_sparse():
    weights = np.array([0, 3.0, 0, 0, -1.5, 0, 0, 0])

    def values(keep):
        logit = keep @ weights - 0.5
        return -np.logaddexp(0, -logit)[:, None]

    found = Effects("contextcite").of(values, 8, np.ones((1, 1)))[0]
    np.testing.assert_allclose(found, weights, atol=0.1)
    assert (found[weights == 0] == 0).all()


def test_contextcite_is_the_scaled_lasso_of_its_paper():
    values, targets = made_up(5, 6, targets=3), np.array([[1.0, 1, 0]])
    sets = np.random.default_rng(0).random((64, 6)) < 0.5
    chance = np.exp(values(sets)[:, :2].sum(1))
    scaler = StandardScaler().fit(sets.astype(float))
    fit = Lasso(alpha=0.01).fit(scaler.transform(sets.astype(float)), np.log(chance / (1 - chance)) / 2)
    wanted = fit.coef_ / scaler.scale_ * 2
    np.testing.assert_allclose(Effects("contextcite").of(values, 6, targets)[0], wanted, atol=1e-6)


@pytest.mark.parametrize("method", FAITHFUL)
def test_a_token_that_is_not_a_number_spoils_its_own_targets_alone(method):
    below, targets = made_up(2, 4, targets=3), np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 1]])

    def values(keep):
        found = below(keep).copy()
        found[~keep[:, 0], 1] = np.nan  # half precision, say
        return found

    found = Effects(method).of(values, 4, targets)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[[0, 2]], Effects(method).of(below, 4, targets)[[0, 2]], atol=1e-9)


def test_certain_tokens_give_finite_effects():
    values = lambda keep: np.where(keep[:, :1], 0.0, -1e-9)  # noqa: E731 - a probability of 1, and nearly
    assert np.isfinite(Effects("contextcite").of(values, 3, np.ones((1, 1)))).all()


# Against captum, called plainly


@torch.no_grad()
def literally(run, keep, step):
    """One step's log-probability with sources hidden by a full attention mask, in one plain forward."""
    allowed = torch.ones(run.width, run.width).tril().bool()
    for source, kept in zip(run.sources, keep, strict=True):
        if not kept:
            allowed[:, source.positions] = False
    allowed |= torch.eye(run.width, dtype=torch.bool)
    ids = torch.cat([run.encoded.inputs["input_ids"], torch.tensor(run.response.token_ids)[None]], 1)
    positions = torch.arange(run.width)[None]
    logits = run.adapter.model(ids, attention_mask=allowed[None, None], position_ids=positions).logits
    return logits[0, run.prompt - 1 + step].log_softmax(-1)[run.response.token_ids[step]]


@pytest.mark.parametrize(
    ("name", "method", "options"),
    [
        ("leave_one_out", FeatureAblation, {}),
        ("shapley", ShapleyValueSampling, {"n_samples": 10}),
        ("kernel_shap", KernelShap, {"n_samples": 64}),
        ("lime", Lime, {"n_samples": 64}),
    ],
)
def test_each_method_gives_what_captum_gives_when_called_plainly(run, name, method, options):
    step = 2
    torch.manual_seed(0)
    wanted = method(lambda keep: literally(run, keep[0] > 0, step)[None]).attribute(torch.ones(1, 6), **options)
    target = np.eye(5)[[step]]
    found = Effects(name).of(run.ablator("mask").logprobs, 6, target)
    # captum fits in float32, where KernelShap's two sets of weight 1e6 leave little for the others.
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-3 if name == "kernel_shap" else 2e-4)


# On the planted model


@pytest.mark.parametrize("operator", ["mask", "mask_direct", "mean"])
@pytest.mark.parametrize("method", FAITHFUL)
@pytest.mark.parametrize("source", [0, 2, 4])
def test_the_planted_source_comes_first(method, operator, source):
    run = planted_run(source, decoy=True)
    effects = masses(run, method, operator).sum(0)
    assert effects.argmax() == source
    assert effects[source] > 5 * np.abs(np.delete(effects, source)).max()


def test_the_planted_source_comes_first_when_its_sentence_is_deleted():
    assert masses(planted_run(3), "leave_one_out", "raw").sum(0).argmax() == 3


# As signals


def test_they_stand_in_the_table_and_are_signed():
    table = signals.list().set_index("name")
    assert set(FAITHFUL) <= set(table.index[table["family"] == "ablation"])
    assert table.loc[list(FAITHFUL), "signed"].all()


def test_a_second_target_and_a_second_explainer_of_the_same_sets_cost_no_forward(run):
    run = run.but(cost=Cost())
    effects, values = Effects("contextcite"), run.ablator("mask").logprobs
    effects.of(values, 6, np.eye(5)[:1])
    before = copy(run.cost)
    effects.of(values, 6, np.array([[0, 1, 1, 0, 0], [1, 1, 1, 1, 1]]))
    Effects("contextcite").of(values, 6, np.eye(5))
    assert run.cost == before
    record = run.ablator("mask").record
    again = effects.of(stored(record), 6, np.eye(5))
    np.testing.assert_array_equal(again, effects.of(values, 6, np.eye(5)))
    with pytest.raises(SignalError, match="but not all of those that this signal wants"):
        Effects("contextcite", seed=1).of(stored(record), 6, np.eye(5))


def test_what_is_explained_per_statement_is_divided_over_its_steps(run):
    found = masses(run, "contextcite")
    targets = np.array([[1.0, 1, 1, 0, 0], [0, 0, 0, 1, 1]])
    of_statements = Effects("contextcite").of(run.ablator("mask").logprobs, 6, targets)
    np.testing.assert_allclose(found[:3].sum(0), of_statements[0], atol=1e-5)
    np.testing.assert_allclose(found[3:].sum(0), of_statements[1], atol=1e-5)
    np.testing.assert_array_equal(found[0], found[1])


def test_the_same_seed_gives_the_same_and_torch_is_left_as_it_was():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    one, two, other = (Effects("shapley", samples=3, seed=seed).of(made_up(0, 6), 6, np.eye(2)) for seed in (0, 0, 1))
    torch.testing.assert_close(torch.rand(3), wanted)
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("method", list(EXPLAINERS))
@pytest.mark.parametrize("sources", [0, 1])
def test_no_source_and_one_source(run, method, sources):
    few = run.but(sources=run.sources[:sources])
    found = masses(few, method) if sources else passes.score(few, [signals.get(method)]).scores[method]
    if not sources:
        assert not found.any()
        return
    drop = few.ablator("mask").logprobs([[True]]) - few.ablator("mask").logprobs([[False]])
    if method in {"leave_one_out", "shapley", "kernel_shap"}:
        np.testing.assert_allclose(found[:, 0], drop[0], atol=1e-4)
    else:
        assert np.isfinite(found).all()


def test_factories_name_their_settings_and_say_what_is_wrong():
    signal = signals.ablate("shapley", operator="mask_direct", samples=4, seed=3, per="statement")
    assert signal.name == "ablate(shapley, operator=mask_direct, samples=4, seed=3, per=statement)"
    assert signal.credit == Effects("shapley", "mask_direct", 4, 3, "statement")
    assert signals.ablate("lime").name == "lime"
    with pytest.raises(SignalError, match="unknown operator 'blur'"):
        signals.ablate("lime", operator="blur")
    with pytest.raises(SignalError, match="unknown method 'occlusion' of ablation: there are leave_one_out"):
        signals.ablate("occlusion")
    with pytest.raises(SettingsError, match="samples=0: expected at least 1"):
        signals.ablate("lime", samples=0)
    with pytest.raises(SettingsError, match="per='word'"):
        signals.ablate("lime", per="word")


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"samples": 2.5}, SettingsError, "samples=2.5: expected at least 1, a whole number"),
        ({"samples": "9"}, SettingsError, "samples='9': expected"),
        ({"samples": True}, SettingsError, "samples=True: expected"),
        ({"seed": -1}, SettingsError, "seed=-1: expected a whole number from 0"),
        ({"seed": 2**32}, SettingsError, "seed=4294967296: expected"),
        ({"seed": None}, SettingsError, "seed=None: expected"),
        ({"per": ["step"]}, SettingsError, "per=\\['step'\\]: expected"),
        ({"operator": ["mask"]}, SignalError, "unknown operator \\['mask'\\]"),
        ({"method": ["lime"]}, SignalError, "unknown method \\['lime'\\]"),
    ],
)
def test_settings_of_no_use_are_refused_when_the_signal_is_made(given, error, told):
    with pytest.raises(error, match=told):
        signals.ablate(**{"method": "contextcite", **given})


def test_a_runs_notes_tell_how_effects_were_made_whatever_the_signal_is_called(run):
    made = signals.ablate("shapley", samples=3, seed=2).named("mine")
    notes = passes.score(run.but(), [made]).notes["mine"]
    assert Effects.told(notes) == made.credit
    assert Effects.told({"steps": 5}) is None
    assert Effects.told({**notes, "method": "occlusion"}) is None


def test_an_interrupted_signal_says_so_and_keeps_its_sets(run, monkeypatch):
    run = run.but(cost=Cost())
    monkeypatch.setattr("omnitrace_nb.passes.batches.ABLATED_ON_CPU", 1)
    plain, calls = Replay.logprobs, []

    def stop(self, *args, **options):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return plain(self, *args, **options)

    monkeypatch.setattr(Replay, "logprobs", stop)
    found = passes.score(run, [signals.get("leave_one_out"), signals.get("lime")])
    assert found.notes["leave_one_out"].items() >= {"interrupted": True, "steps": 0}.items()
    assert not found.scores["leave_one_out"].any()
    assert len(run.ablator("mask").record.keep) == 4
