"""Learned heads: what fitting finds in a model made by hand, and what its weights say online."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb import models, signals
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.signals import Heads, fit_heads, lessons
from tests.planted import planted_model, planted_text

SENTENCES = "The harbour was quiet. The market was busy. Mia sells honey, Hugo sells clocks. What is the first sound?"


@pytest.fixture(scope="module")
def text(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


@pytest.fixture(scope="module")
def traces(text):
    """Two answers of a random model."""
    orders = (SENTENCES, "What does Mia sell? The film was quiet. Hugo sells clocks. The picture was busy.")
    return [text.trace(order, max_new_tokens=6, signals=["attmean", "excess"], progress=False) for order in orders]


def planted_traces(tracer, pairs):
    return [tracer.trace(planted_text(*pair), max_new_tokens=3, progress=False) for pair in pairs]


def test_the_head_that_writes_is_found_beside_one_that_only_looks():
    """Half of plain attention goes to a decoy; ablation says which head does the work, and weights follow it."""
    tracer = ot.Tracer(planted_model(decoy=True))
    taught = planted_traces(tracer, [(0, 3), (2, 7), (3, 1), (4, 5)])
    heads = fit_heads(tracer, taught, over="attention", masks=24, penalty=0, progress=False)
    assert heads.weights.shape == (2, 2)
    assert heads.weights.argmax() == 2  # the second layer's first head
    assert heads.about["correlation"] > 0.95 > heads.about["correlation_of_plain_mean"]
    fresh = tracer.trace(planted_text(2, 4), ["attmean", heads.signal()], max_new_tokens=3, progress=False)
    decoy = {name: fresh.mass(name).sum(0)[1] / fresh.mass(name).sum() for name in ("attmean", "heads")}
    assert fresh.mass("heads").sum(0).argmax() == 2
    assert abs(decoy["heads"]) < decoy["attmean"] / 3


def test_known_weights_are_found_again():
    """Truth: targets that are predictions of known weights, so that only their multiples correlate fully."""
    torch.manual_seed(0)
    known = torch.tensor([0.4, -0.4, 0.0, 0.2])
    made, clamped = [], False
    for _ in range(5):
        looks, kept = torch.rand(4, 3, 6), (torch.rand(16, 6) < 0.5).float()
        told = (torch.einsum("h,htp->p", known, looks) @ kept.T)[None]
        told = told - told.mean()
        groups = (np.arange(3),)
        made.append(lessons.Lesson((2, 2), looks, torch.eye(6), clamped, kept, groups, told / told.norm()))
    weights, before, after = lessons.fitted(made, 0.0)
    assert before < 0.9
    assert after > 0.9999
    np.testing.assert_allclose(weights, known.view(2, 2), atol=5e-3)


@pytest.mark.parametrize("over", ["attention", "excess"])
def test_the_correlation_told_is_that_of_the_online_signal(text, traces, over):
    """Truth: the signal's own masses, the ablator's own numbers, and numpy's correlation."""
    heads = fit_heads(text, traces, over=over, masks=12, per="response", seed=5, progress=False)
    generator, found = np.random.default_rng(5), []
    for trace in traces:
        kept = generator.random((12, len(trace.sources))) < 0.5
        told = text.finished(trace, progress=False).ablator("mask").logprobs(kept).sum(1)
        masses = text.add(trace, heads.signal(), progress=False).mass("heads")
        found.append(np.corrcoef(kept @ masses.sum(0), told)[0, 1])
    assert np.mean(found) == pytest.approx(heads.about["correlation"], abs=2e-3)
    assert heads.about["correlation"] >= heads.about["correlation_of_plain_mean"]
    assert heads.about["targets"] == heads.about["prompts"] == 2
    assert 2 < heads.about["forwards"] <= 2 * (12 + 2)


@pytest.mark.parametrize(("over", "name"), [("attention", "attmean"), ("excess", "excess")])
def test_equal_weights_are_the_plain_signal(text, traces, over, name):
    signal = Heads(np.full((3, 4), 1 / 12), over).signal("equal")
    trace = text.add(traces[0], [signal, signals.get(name)], progress=False)
    np.testing.assert_allclose(trace.scores("equal"), trace.scores(name), atol=1e-4)
    assert signal.family == "learned"
    assert signal.online


def test_heads_are_saved_as_json_and_opened_again(text, traces, tmp_path):
    heads = fit_heads(text, traces, masks=8, progress=False)
    path = heads.save(tmp_path / "heads.json")
    again = Heads.load(path)
    np.testing.assert_array_equal(again.weights, heads.weights)
    assert (again.over, again.model, again.about) == (heads.over, heads.model, heads.about)
    assert again.model["layers"], again.model["heads"] == (3, 4)
    assert "3 layers x 4 heads" in repr(again)


@pytest.mark.parametrize(
    "written",
    ["no json", "[]", "{}", json.dumps({"format": "omnitrace_nb heads", "version": 2}), None],
    ids=["no JSON", "a list", "another file", "a newer version", "no file"],
)
def test_a_file_that_is_no_heads_is_refused(tmp_path, written):
    path = tmp_path / "heads.json"
    if written is not None:
        path.write_text(written)
    with pytest.raises(SettingsError, match=r"heads\.json cannot be read as Heads"):
        Heads.load(path)


def test_heads_of_another_model_are_refused(text, traces):
    signal = Heads(np.ones((3, 2)), model={"name": "another"}).signal()
    with pytest.raises(SignalError, match=r"3 layers of 2 heads, fitted on 'another'; this model has 3 of 4"):
        text.add(traces[0], signal, progress=False)


@pytest.mark.parametrize("weights", [np.ones(3), np.array([[1, np.nan]]), np.ones((0, 2))])
def test_weights_must_be_finite_numbers_by_layer_and_head(weights):
    with pytest.raises(SettingsError, match="a row of heads"):
        Heads(weights)
    with pytest.raises(SettingsError, match="'excess', 'attention'"):
        Heads(np.ones((2, 2)), over="gradients")


def test_what_cannot_be_fitted_says_why(text):
    alone = text.trace("What is it?", max_new_tokens=3, progress=False)
    with pytest.raises(SettingsError, match="none of 1 prompts"):
        fit_heads(text, [alone], progress=False)
    with pytest.raises(SettingsError, match="none of 0 prompts"):
        fit_heads(text, [], progress=False)
    with pytest.raises(SettingsError, match="masks=2: expected a whole number from 3 on"):
        fit_heads(text, [alone], masks=2)
    with pytest.raises(SettingsError, match="expected 'excess' or 'attention'"):
        fit_heads(text, [alone], over="rows")


def test_an_interrupted_fit_keeps_the_prompts_that_are_done(text, traces, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(text, "trace", interrupt)
    heads = fit_heads(text, [traces[0], "Never answered. Not at all."], masks=8, progress=False)
    assert heads.about["prompts"] == 1
    with pytest.raises(KeyboardInterrupt):
        fit_heads(text, ["Never answered. Not at all."], progress=False)


def test_heads_that_see_nothing_keep_equal_weights():
    dead = lessons.Lesson(
        (1, 2),
        torch.zeros(2, 1, 4),
        torch.eye(4),
        clamped=True,
        kept=torch.eye(4),
        groups=(np.arange(1),),
        targets=torch.tensor([[0.5, -0.5, 0.5, -0.5]]),
    )
    weights, before, after = lessons.fitted([dead], 0.03)
    np.testing.assert_allclose(weights, [[0.5, 0.5]])
    assert before == after == 0


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"masks": "a"}, SettingsError, "masks='a': expected a whole number from 3 on"),
        ({"masks": 8.0}, SettingsError, r"masks=8\.0: expected a whole number from 3 on"),
        ({"per": "zap"}, SettingsError, "per='zap': expected 'step' or 'statement' or 'response'"),
        ({"over": ["excess"]}, SettingsError, r"over=\['excess'\]: expected 'excess' or 'attention'"),
        ({"keep": "half"}, SettingsError, "keep='half': expected a chance between 0 and 1"),
        ({"penalty": -1}, SettingsError, "penalty=-1: expected a number from 0 on"),
        ({"penalty": "a"}, SettingsError, "penalty='a': expected a number from 0 on"),
        ({"seed": -1}, SettingsError, "seed=-1: expected a whole number from 0 on"),
        ({"operator": "blur"}, SignalError, "operator='blur': expected 'mask' or"),
    ],
)
def test_each_setting_of_no_use_is_named_before_anything_is_run(text, given, error, told):
    with pytest.raises(error, match=told):
        fit_heads(text, [SENTENCES], progress=False, **given)
