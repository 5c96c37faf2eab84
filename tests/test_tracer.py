"""The tracer: every room together, on real files and a real model class."""

from __future__ import annotations

import json
from importlib.metadata import version

import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb import models
from omnitrace_nb.content import as_parts
from omnitrace_nb.errors import ContentError, MediaError, SettingsError, SignalError
from omnitrace_nb.media import load

ALL = ("attmean", "rawatt", "attgrads", "excess", "input_x_gradient")


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    monkeypatch.setattr(ot.signals.registry, "_SIGNALS", dict(ot.signals.registry._SIGNALS))


@pytest.fixture(scope="module")
def tracer(toy_omni):
    return ot.Tracer(models.adapt(*toy_omni))


@pytest.fixture(scope="module")
def prompt(media_dir):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        media_dir / "red.png",
        media_dir / "tone.wav",
        ot.Video(media_dir / "film.mp4", label="the walk"),
        "What does the film show?",
    ]


@pytest.fixture(scope="module")
def trace(tracer, prompt):
    return tracer.trace(prompt, signals=ALL, max_new_tokens=12, progress=False)


def test_one_call_traces_text_picture_sound_and_film_with_every_signal(trace):
    assert set(trace.sources["modality"]) == {"text", "image", "audio", "video"}
    assert len(trace.steps) == 12
    for name in ALL:
        mass = trace.mass(name)
        assert mass.shape == (12, len(trace.sources))
        assert np.isfinite(mass).all()
        assert mass.any()


def test_masses_are_sums_of_scores_over_each_sources_positions(trace):
    scores = trace.scores("attmean")
    assert (trace.mass("attmean").sum(1) <= scores.sum(1) + 1e-4).all()
    assert (scores.sum(1) <= 1 + 1e-3).all()
    np.testing.assert_allclose(scores.sum(1) + trace.earlier("attmean").sum(1), 1, atol=5e-3)


def test_the_run_says_where_it_comes_from(trace):
    run = trace.run
    assert run.family == "qwen_omni"
    assert set(run.signals) == set(ALL)
    assert run.signals["attmean"] == {"steps": 12}
    n = len(trace.layout)  # eight steps share a forward, which ends before the latest of them
    passes = {"forwards": 2, "backwards": 12, "tokens": n + 7 + n + 11}
    assert run.signals["input_x_gradient"] == {"steps": 12, **passes}
    assert run.generation["max_new_tokens"] == 12
    assert run.versions["torch"] == version("torch")
    assert {"prefill", "decode", "input_x_gradient"} <= set(run.seconds)
    json.dumps([run.signals, run.generation, run.versions, run.seconds])


def test_the_response_is_that_of_plain_generate(tracer, prompt, trace):
    adapter = tracer.adapter
    encoded = adapter.encode(load(as_parts(prompt), adapter.needs, adapter.modalities))
    with torch.no_grad():
        ids = adapter.model.generate(**encoded.inputs, max_new_tokens=12)
    assert (
        trace.response.rstrip()
        == adapter.tokenizer.decode(ids[0, len(encoded.layout) :], skip_special_tokens=True).rstrip()
    )


def test_sampling_is_repeated_by_its_seed_and_leaves_torchs_generator_alone(tracer):
    settings = {"do_sample": True, "temperature": 1.5, "max_new_tokens": 12, "progress": False}
    state = torch.get_rng_state()
    first, second, third = (tracer.trace("Who sells honey?", "attmean", seed=seed, **settings) for seed in (1, 1, 2))
    assert first.response == second.response != third.response
    assert torch.equal(torch.get_rng_state(), state)


def test_numbers_of_numpy_are_numbers(tracer, tmp_path):
    got = tracer.trace(
        "Who sells honey?",
        "attmean",
        max_new_tokens=np.int64(3),
        seed=np.int32(1),
        do_sample=True,
        temperature=np.float32(0.5),
        sources={"image": (np.int64(2), 2), "bin_seconds": np.float32(0.5)},
        curation={"gamma": np.int64(1), "weights": {"NOUN": np.float32(1)}},
        progress=False,
    )
    assert len(got.steps) == 3
    assert got.run.generation["temperature"] == 0.5
    assert ot.open(got.save(tmp_path / "t")).run.generation == got.run.generation
    assert len(got.curate(gamma=np.float32(2)))


def test_sources_and_statements_are_cut_as_asked(tracer, prompt):
    cut = tracer.trace(
        prompt, "attmean", sources={"image": (2, 2), "bin_seconds": 2.0}, max_new_tokens=4, progress=False
    )
    pictures = cut.sources[cut.sources["modality"] == "image"]
    assert len(pictures) == 4
    sounds = cut.sources[cut.sources["label"].str.startswith("sound")]
    assert len(sounds) == 2


@pytest.fixture
def nothing_heavy(tracer, monkeypatch):
    """Fail when a file is read or the model is touched."""

    def heavy(*_args, **_kwargs):
        pytest.fail("heavy work before the settings were checked")

    monkeypatch.setattr("omnitrace_nb.media.load", heavy)
    monkeypatch.setattr(tracer.adapter, "encode", heavy, raising=False)
    monkeypatch.setattr(tracer.adapter.model, "generate", heavy)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"signals": ["attmeen"]}, SignalError, "unknown signal 'attmeen': did you mean 'attmean'"),
        ({"signals": []}, SignalError, "no signal was given"),
        ({"signals": None}, SignalError, "signals=None: expected a name or a list of names"),
        ({"signal": "attmean"}, SettingsError, "unknown keyword 'signal'; did you mean 'signals'"),
        ({"max_tokens": 3}, SettingsError, "unknown keyword 'max_tokens'"),
        ({"num_beams": 2}, SettingsError, "num_beams=2 cannot be traced"),
        ({"max_new_tokens": -1}, SettingsError, "max_new_tokens=-1"),
        ({"first_step": "mean"}, SettingsError, "first_step='mean'"),
        ({"sources": {"grid": 3}}, SettingsError, "sources has no setting 'grid'; there are text, image"),
        ({"sources": 3}, SettingsError, "sources=3: expected a mapping or SourceOptions"),
        ({"sources": {"bin_seconds": 0}}, SettingsError, "bin_seconds"),
        ({"statements": {"clause": True}}, SettingsError, "statements has no setting 'clause'"),
        ({"curation": {"gama": 1}}, SettingsError, "curation has no setting 'gama'"),
    ],
)
@pytest.mark.usefixtures("nothing_heavy")
def test_a_wrong_argument_is_named_before_any_heavy_work(tracer, prompt, arguments, error, message):
    with pytest.raises(error, match=message):
        tracer.trace(prompt, **arguments)


def test_the_tracer_goes_on_being_usable_after_each_kind_of_failure(tracer, prompt, tmp_path, monkeypatch):
    (tmp_path / "empty.png").touch()
    wrong = [
        (([],), {}, ContentError),
        ((tmp_path / "empty.png",), {}, MediaError),
        ((prompt,), {"signals": "nothing"}, SignalError),
        ((prompt,), {"best_of": 2}, SettingsError),
    ]
    before = tracer.trace(prompt, max_new_tokens=3, progress=False).response
    for arguments, keywords, error in wrong:
        with pytest.raises(error):
            tracer.trace(*arguments, **keywords)
    with monkeypatch.context() as broken:
        broken.setattr(tracer.adapter.model.lm_head, "forward", lambda _hidden: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tracer.trace(prompt, ALL, progress=False)
    assert tracer.trace(prompt, max_new_tokens=3, progress=False).response == before


def test_interrupting_gives_the_trace_of_what_was_decoded(tracer, prompt, trace):
    seen = []

    def interrupt(_ids, scores):
        seen.append(1)
        if len(seen) == 6:
            raise KeyboardInterrupt
        return scores

    short = tracer.trace(prompt, ALL, max_new_tokens=12, progress=False, logits_processor=[interrupt])
    assert len(short.steps) == 5
    assert short.steps["token"].tolist() == trace.steps["token"].tolist()[:5]
    np.testing.assert_allclose(short.mass("attgrads"), trace.mass("attgrads")[:5], rtol=1e-2, atol=1e-4)
    assert short.run.signals["input_x_gradient"] == {"steps": 0, "interrupted": True}


def test_scores_that_break_down_are_told_and_the_trace_goes_on(tracer, prompt):
    @ot.signals.register("breaks_down", reads={"mean"})
    def breaks_down(step):
        return step.mean / 0

    with pytest.warns(RuntimeWarning, match="breaks_down: the scores of 2 steps are not finite"):
        got = tracer.trace(prompt, ["breaks_down", "attmean"], max_new_tokens=2, progress=False)
    assert got.run.signals["breaks_down"]["not_finite"] == [0, 1]
    assert not got.mass("breaks_down").any()
    assert got.mass("attmean").any()


def test_a_signal_may_name_its_one_reading_without_a_set(tracer):
    ot.signals.register("mine", reads="mean")(lambda step: step.mean)
    got = tracer.trace("Who sells honey?", ["mine", "attmean"], max_new_tokens=2, progress=False)
    np.testing.assert_array_equal(got.scores("mine"), got.scores("attmean"))


def test_a_text_model_is_traced_the_same_way(toy_text):
    tracer = ot.load(*toy_text)
    got = tracer.trace(
        ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"], ALL, max_new_tokens=5, progress=False
    )
    assert list(got.sources["modality"]) == ["text"] * 3
    assert got.run.family == "causal_text"
    assert "reads text" in repr(tracer)


def test_the_default_length_is_256_tokens_or_the_models_own(tracer, monkeypatch):
    asked = []

    def stop_at_once(ids, _scores):
        asked.append(ids.shape[1])
        raise KeyboardInterrupt

    limits = []
    generate = tracer.adapter.model.generate
    monkeypatch.setattr(
        tracer.adapter.model,
        "generate",
        lambda **given: limits.append(given.get("max_new_tokens")) or generate(**given),
    )
    with pytest.raises(KeyboardInterrupt):
        tracer.trace("Who?", progress=False, logits_processor=[stop_at_once])
    monkeypatch.setattr(tracer.adapter.model.generation_config, "max_new_tokens", 7)
    with pytest.raises(KeyboardInterrupt):
        tracer.trace("Who?", progress=False, logits_processor=[stop_at_once])
    assert limits == [256, None]
