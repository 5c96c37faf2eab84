"""Bias controls: each against a slow literal version of its formula."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import omnitrace_nb as ot
from omnitrace_nb import controls, models, passes, signals
from omnitrace_nb.capture.loop import Loop
from omnitrace_nb.controls.prompts import evidence, nulled, swapped
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.layout import AUDIO, IMAGE, TEXT, VIDEO, Layout
from omnitrace_nb.trace.records import Source

ATTMEAN = signals.get("attmean")


@pytest.fixture(scope="module")
def tracer(toy_omni):
    return ot.Tracer(models.adapt(*toy_omni))


@pytest.fixture(scope="module")
def noise():
    return ot.Image(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8))


@pytest.fixture(scope="module")
def content(media_dir, noise):
    text = "The harbour was quiet. Mia sells honey."
    film = ot.Video(media_dir / "film.mp4")
    return [text, ot.Image(media_dir / "red.png"), noise, ot.Audio(media_dir / "tone.wav"), film, "What is it?"]


@pytest.fixture(scope="module")
def trace(tracer, content):
    return tracer.trace(content, signals=["attmean", "attgrads"], max_new_tokens=6, progress=False)


@pytest.fixture(scope="module")
def run(tracer, trace, content):
    return tracer.finished(trace, content=content, progress=False)


def scores_of(trace, signal):
    return np.concatenate([trace.scores(signal), trace.earlier(signal)], axis=1)


def made(steps, prompt, sources):
    """A run of nothing but sources: `sources` lists their positions, the last is the question's."""
    last = len(sources) - 1
    return SimpleNamespace(
        steps=steps,
        prompt=prompt,
        width=prompt + steps,
        sources=[Source(i, "text", 0, "", np.array(own), question=i == last) for i, own in enumerate(sources)],
    )


def attention_of(run, edit):
    """Each step's attention, averaged over layers and heads, from one eager forward that keeps it all: `[T, n + T]`."""
    adapter = run.adapter
    embeddings, options = adapter.embed(run.encoded, torch.as_tensor(run.response.token_ids))
    embeddings = torch.cat([edit(embeddings[:, : run.prompt]), embeddings[:, run.prompt :]], dim=1)
    config = adapter.decoder().config
    before, config._attn_implementation = config._attn_implementation, "eager"
    try:
        with torch.no_grad():
            seen = adapter.model(inputs_embeds=embeddings, output_attentions=True, **options).attentions
    finally:
        config._attn_implementation = before
    rows = torch.stack(seen)[:, 0, :, run.prompt - 1 : -1].mean((0, 1)).numpy()
    return rows * (np.arange(run.width) < run.prompt + np.arange(run.steps)[:, None])


def test_per_token_is_the_mean_of_each_source(tracer, trace, content):
    fair = tracer.add(trace, ATTMEAN | controls.per_token, content=content, progress=False)
    np.testing.assert_allclose(fair.mass("attmean|per_token"), trace.mass("attmean", "mean"), rtol=2e-3, atol=1e-7)


def test_per_token_divides_the_template_and_the_response_by_their_own_numbers():
    scores = np.arange(1.0, 19.0).reshape(2, 9)
    found = controls.per_token.apply(scores, made(2, 7, [[1, 2, 3], [5]]), ATTMEAN)
    sizes = [[3, 3, 3, 3, 3, 1, 3, 1, 1], [3, 3, 3, 3, 3, 1, 3, 1, 1]]  # positions 0, 4 and 6 belong to no source
    np.testing.assert_allclose(found, scores / np.array(sizes))
    three = controls.per_token.apply(np.ones((3, 10)), made(3, 7, [[1, 2, 3], [5]]), ATTMEAN)
    np.testing.assert_allclose(three[:, 7:], [[1, 1, 1], [1, 1, 1], [0.5, 0.5, 0.5]])


@given(
    scores=arrays(np.float64, (5, 12), elements=st.floats(-8, 8)),
    times=st.sampled_from([1.5, 3.0, 5.0]),
    share=st.sampled_from([0.4, 0.8, 1.0]),
)
def test_a_sink_is_what_stands_high_at_most_steps(scores, times, share):
    expected = []
    for position in range(12):
        high, counted = 0, 0
        for row in np.abs(scores):
            counted += row.sum() > 0
            high += row.sum() > 0 and row[position] >= times * row.mean()
        expected.append(counted > 0 and high / counted >= share)
    assert controls.sinks(scores, times=times, steps=share).tolist() == expected


def test_the_first_position_is_a_sink_and_evidence_that_changes_is_none():
    scores = np.full((4, 44), 0.1)
    scores[:, 0] = 5
    scores[np.arange(4), [5, 6, 10, 11]] = 4
    found = controls.without_sinks.apply(scores, made(4, 40, [[5, 6], [10, 11], [20]]), ATTMEAN)
    assert not found[:, 0].any()
    np.testing.assert_array_equal(found[:, 1:], scores[:, 1:])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_trend_is_the_polynomial_through_the_mean_step(degree):
    rng = np.random.default_rng(degree)
    scores, own = rng.normal(size=(5, 65)), [list(range(3, 30)), list(range(31, 50)), [52, 53, 54]]
    found = controls.detrend(degree).apply(scores, made(5, 60, own), ATTMEAN)
    fitted = np.array(own[0] + own[1])  # the last is the question
    line = np.polynomial.Polynomial.fit(fitted, scores[:, fitted].mean(0), degree)
    np.testing.assert_allclose(found[:, :60], scores[:, :60] - line(np.arange(60)), atol=1e-9)
    np.testing.assert_array_equal(found[:, 60:], scores[:, 60:])


def test_evidence_on_a_slope_stands_alone_once_detrended():
    slope = np.linspace(0.5, 2, 40)
    scores = np.concatenate([slope + 3 * np.eye(40)[[4, 10, 20, 30]], np.zeros((4, 4))], axis=1)
    found = controls.detrended.apply(scores, made(4, 40, [list(range(38)), [39]]), ATTMEAN)
    assert found[:, :40].argmax(axis=1).tolist() == [4, 10, 20, 30]
    flat = controls.detrended.apply(np.tile(slope, (3, 1)), made(3, 37, [list(range(36)), [36]]), ATTMEAN)
    np.testing.assert_allclose(flat[:, :37], 0, atol=1e-12)


def test_too_few_positions_have_no_trend():
    scores = np.random.default_rng(0).random((3, 12))
    np.testing.assert_array_equal(controls.detrended.apply(scores, made(3, 9, [[1, 2, 3], [5, 6]]), ATTMEAN), scores)
    np.testing.assert_array_equal(controls.detrended.apply(scores, made(3, 9, [[5, 6]]), ATTMEAN), scores)


def test_a_null_prompt_has_the_mean_of_its_modality_at_every_source_but_the_question(run):
    layout, own = run.encoded.layout, evidence(run)
    assert set(layout.modality[own]) == {TEXT, IMAGE, AUDIO, VIDEO}
    embeddings = run.forced.embeddings[:, : run.prompt]
    edited = nulled(layout, own)(embeddings)
    question = {position for source in run.sources if source.question for position in source.positions.tolist()}
    owned = {position for source in run.sources for position in source.positions.tolist()}
    assert question
    for position in range(run.prompt):
        expected = embeddings[0, position]
        if position in owned - question:
            of_kind = layout.modality == layout.modality[position]
            expected = embeddings[0, np.flatnonzero(of_kind)].mean(0)
        torch.testing.assert_close(edited[0, position], expected, rtol=1e-5, atol=1e-6)


def test_minus_null_subtracts_each_positions_mean_attention_in_the_null_prompt(tracer, trace, run, content):
    there = attention_of(run, nulled(run.encoded.layout, evidence(run)))
    here = scores_of(trace, "attmean")
    wanted = here.astype(np.float64)
    for position in range(run.prompt):
        wanted[:, position] -= sum(there[step, position] for step in range(run.steps)) / run.steps
    got = tracer.add(trace, ATTMEAN | controls.minus_null, content=content, progress=False)
    np.testing.assert_allclose(scores_of(got, "attmean|minus_null"), wanted, atol=5e-5)
    assert (scores_of(got, "attmean|minus_null") < 0).any()
    note = got.run.signals["attmean|minus_null"]
    assert note == {"steps": run.steps, "forwards": run.steps, "tokens": run.width - 1}


def test_minus_null_by_step_subtracts_the_same_steps_scores(tracer, trace, run, content):
    there = attention_of(run, nulled(run.encoded.layout, evidence(run)))
    got = tracer.add(trace, ATTMEAN | controls.minus("null", per="step"), content=content, progress=False)
    wanted = scores_of(trace, "attmean")
    wanted[:, : run.prompt] -= there[:, : run.prompt]
    np.testing.assert_allclose(scores_of(got, "attmean|minus_null(per=step)"), wanted, atol=5e-5)


def test_swapped_pictures_of_one_size_are_those_of_the_exchanged_prompt(tracer, run, content):
    exchanged = [content[0], content[2], content[1], *content[3:]]
    other = tracer.adapter.encode(load_all(tracer, exchanged))
    embeddings, layout = run.forced.embeddings[:, : run.prompt], run.encoded.layout
    wanted, _ = tracer.adapter.embed(other, torch.zeros(0, dtype=torch.long))
    got = swapped(layout, evidence(run))(embeddings)
    pictures = np.flatnonzero(layout.modality == IMAGE)
    torch.testing.assert_close(got[:, pictures], wanted[:, pictures], rtol=1e-4, atol=1e-5)
    null = nulled(layout, evidence(run))(embeddings)
    alone = np.flatnonzero(layout.modality != IMAGE)  # a text beside the question, a sound, and a film of its own kind
    sounds = np.flatnonzero(layout.modality == AUDIO)
    torch.testing.assert_close(got[:, np.setdiff1d(alone, sounds)], null[:, np.setdiff1d(alone, sounds)])
    assert not torch.allclose(got[:, sounds], null[:, sounds])  # the sound and the film's sound track change places


def load_all(tracer, content):
    return ot.prompting.Prompt.read(tracer.adapter, content).loaded


def test_another_grid_takes_what_stands_nearest():
    blank = Layout.blank(np.arange(4 + 16))
    small, large = np.arange(4), np.arange(4, 20)
    layout = Layout(
        blank.token_ids,
        np.repeat([0, 1], [4, 16]).astype(np.int32),
        np.full(20, IMAGE, np.int8),
        blank.chars,
        blank.box,
        blank.time,
        {0: (1, 2, 2), 1: (1, 4, 4)},
    )
    got = swapped(layout, np.arange(20))(torch.arange(20.0)[None, :, None])[0, :, 0].numpy()
    assert got[large].reshape(4, 4).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert got[small].reshape(2, 2).tolist() == (4 + np.array([[5, 7], [13, 15]])).tolist()


def test_a_foil_stands_in_every_part_of_its_kind(tracer, trace, run, content, noise):
    foil = controls.minus("swapped", foils=[noise])
    got = tracer.add(trace, ATTMEAN | foil, content=content, progress=False)
    two = tracer.adapter.encode(load_all(tracer, [content[0], noise, noise, *content[3:]]))
    wanted, _ = tracer.adapter.embed(two, torch.zeros(0, dtype=torch.long))
    layout, pictures = run.encoded.layout, np.flatnonzero(run.encoded.layout.modality == IMAGE)

    def edit(embeddings):
        edited = swapped(layout, evidence(run))(embeddings)
        edited[:, pictures] = wanted[:, pictures]
        return edited

    expected = scores_of(trace, "attmean")
    expected[:, : run.prompt] -= attention_of(run, edit)[:, : run.prompt].mean(0)
    np.testing.assert_allclose(scores_of(got, f"attmean|{foil.name}"), expected, atol=5e-5)


def test_controls_are_applied_in_the_order_in_which_they_are_written(tracer, trace, run, content):
    both = ATTMEAN | controls.minus_null | controls.per_token
    other = ATTMEAN | controls.per_token | controls.minus_null
    got = tracer.add(trace, [both, other], content=content, progress=False)
    here, there = scores_of(trace, "attmean"), attention_of(run, nulled(run.encoded.layout, evidence(run)))
    habit = np.pad(there[:, : run.prompt].mean(0), (0, run.steps))

    def fair(scores):
        return controls.per_token.apply(scores, run, ATTMEAN)

    np.testing.assert_allclose(scores_of(got, "attmean|minus_null|per_token"), fair(here - habit), atol=5e-5)
    np.testing.assert_allclose(
        scores_of(got, "attmean|per_token|minus_null"), fair(here) - fair(np.tile(habit, (run.steps, 1))), atol=5e-5
    )


def test_a_null_prompt_under_a_null_prompt_edits_what_was_edited(run):
    double = passes.score(run, [ATTMEAN | controls.minus_null | controls.minus_swapped])
    layout, own = run.encoded.layout, evidence(run)
    here = passes.score(run, [ATTMEAN | controls.minus_null]).scores["attmean|minus_null"]
    other = run.but(edit=swapped(layout, own))
    there = passes.score(other, [ATTMEAN | controls.minus_null]).scores["attmean|minus_null"]
    here[:, : run.prompt] -= there[:, : run.prompt].mean(0)
    np.testing.assert_allclose(double.scores["attmean|minus_null|minus_swapped"], here, atol=1e-6)


def test_gradient_passes_are_run_on_the_null_prompt_too(run):
    signal = signals.get("input_x_gradient")
    here = passes.score(run, [signal]).scores[signal.label]
    there = passes.score(run.but(edit=nulled(run.encoded.layout, evidence(run))), [signal]).scores[signal.label]
    got = passes.score(run, [signal | controls.minus_null])
    here[:, : run.prompt] -= there[:, : run.prompt].mean(0)
    label = "input_x_gradient|minus_null"
    np.testing.assert_allclose(got.scores[label], here, atol=1e-5)
    assert got.notes[label]["forwards"] > 0


def test_one_decode_of_the_null_prompt_serves_every_signal_and_every_form(tracer, trace, content):
    forms = (controls.minus_null, controls.minus("null", per="step"))
    wanted = [signals.get(name) | form for form in forms for name in ("attmean", "rawatt", "excess")]
    got = tracer.add(trace, wanted, content=content, progress=False)
    assert [got.run.signals[each.label].get("forwards", 0) for each in wanted] == [len(trace)] + [0] * 5
    for each in wanted:
        alone = tracer.add(trace, each, content=content, progress=False)
        np.testing.assert_allclose(alone.scores(each.label), got.scores(each.label), atol=2e-5)


def test_controls_are_named_in_strings_too(tracer, trace, content):
    assert signals.get("attmean|minus_null|per_token").controls == (controls.minus_null, controls.per_token)
    got = tracer.add(trace, "attmean|per_token", content=content, progress=False)
    assert got.signals[-1] == "attmean|per_token"
    with pytest.raises(
        SignalError, match=r"unknown control 'per_tokn': did you mean 'per_token'\? there are clamped, detrended, "
    ):
        signals.get("attmean|per_tokn")
    with pytest.raises(SignalError, match="unknown signal 'atmean'"):
        signals.get("atmean|per_token")


def test_without_evidence_nothing_is_subtracted(tracer):
    trace = tracer.trace("What is it?", signals="attmean", max_new_tokens=4, progress=False)
    for control in (controls.minus_null, controls.minus_swapped):
        got = tracer.add(trace, ATTMEAN | control, progress=False)
        np.testing.assert_array_equal(got.scores(f"attmean|{control.name}"), trace.scores("attmean"))


@pytest.mark.parametrize("at", [0, 3])
def test_an_interrupted_null_prompt_leaves_no_half_subtracted_scores(tracer, trace, content, monkeypatch, at):
    run = tracer.finished(trace, content=content, progress=False)
    tell = Loop._tell

    def stopped(loop, token, bar):
        tell(loop, token, bar)
        if loop.forced is not None and len(loop.steps) == at:
            raise KeyboardInterrupt

    known = {"attmean": scores_of(trace, "attmean")}
    if at:
        monkeypatch.setattr(Loop, "_tell", stopped)
    else:
        monkeypatch.setattr(Loop, "__call__", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    got = passes.score(run, [ATTMEAN, ATTMEAN | controls.minus_null, ATTMEAN | controls.per_token], known)
    np.testing.assert_array_equal(got.scores["attmean"], known["attmean"])
    note = got.notes["attmean|minus_null"]
    assert (note["steps"], note["interrupted"]) == (0, True)
    assert not got.scores["attmean|minus_null"].any()
    assert got.scores["attmean|per_token"].any()
    assert run.interrupted


def test_unusable_settings_are_refused_in_words():
    with pytest.raises(SettingsError, match="what='nul'"):
        controls.minus("nul")
    with pytest.raises(SettingsError, match=r"what=\['null'\]"):
        controls.minus(["null"])
    with pytest.raises(SettingsError, match="per='token'"):
        controls.minus("null", per="token")
    with pytest.raises(SettingsError, match="foils take the place"):
        controls.minus("null", foils=["a"])
    with pytest.raises(SettingsError, match="foils='a'"):
        controls.minus("swapped", foils="a")
    with pytest.raises(SettingsError, match="times='5'"):
        controls.sinks_above("5")
    with pytest.raises(SettingsError, match="times=1"):
        controls.sinks_above(1)
    with pytest.raises(SettingsError, match="steps=0"):
        controls.sinks_above(steps=0)
    for degree in (-1, 9, 1.5, True):
        with pytest.raises(SettingsError, match="degree="):
            controls.detrend(degree)


def test_a_controls_name_tells_its_settings():
    assert controls.sinks_above(5, 0.9).name == "without_sinks"
    assert controls.sinks_above(10, 0.5).name == "without_sinks(times=10, steps=0.5)"
    assert controls.detrend(2).name == "detrended(degree=2)"
    assert re.fullmatch(
        r"minus_swapped\(foils=1:[0-9a-f]{8}, per=step\)", controls.minus("swapped", foils=["x"], per="step").name
    )


def test_foils_are_told_apart_by_what_they_hold(tmp_path):
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 255, (2, 8, 8, 3), np.uint8)
    sound = np.zeros(99, np.float32)
    held = [
        [one], [other], [one, other], [other, one], [PIL.Image.fromarray(one).resize((4, 4))], ["a cat"], ["a dog"],
        [tmp_path / "a.png"], [tmp_path / "b.png"], [ot.Audio(sound, sampling_rate=8000)],
        [ot.Audio(sound, sampling_rate=16000)], [ot.Audio(sound + 0.1, sampling_rate=8000)],
    ]  # fmt: skip
    names = [controls.minus("swapped", foils=foils).name for foils in held]
    assert len(set(names)) == len(held)
    again = [[one.copy()], ["a cat"], [ot.Audio(sound.copy(), sampling_rate=8000)]]
    assert [controls.minus("swapped", foils=foils).name for foils in again] == [names[0], names[5], names[9]]


def test_two_foils_stand_side_by_side_in_a_trace(tracer, trace, content):
    rng = np.random.default_rng(1)
    foils = [ot.Image(each) for each in rng.integers(0, 255, (2, 60, 60, 3), np.uint8)]
    both = [ATTMEAN | controls.minus("swapped", foils=[foil]) for foil in foils]
    got = tracer.add(trace, both, content=content, progress=False)
    first, second = (got.scores(each.label) for each in both)
    assert not np.allclose(first, second)


@pytest.mark.filterwarnings("ignore:self_attribution")
@pytest.mark.parametrize(
    ("signal", "why"),
    [
        ("random", "draws from the tokens alone"),
        ("self_attribution", "is asked about the content as it was given"),
        (signals.embed(lambda things: np.ones((len(things), 3)), name="mine"), "compares the content as it was given"),
    ],
    ids=["random", "self_attribution", "embed"],
)
@pytest.mark.parametrize("control", [controls.minus_null, controls.minus_swapped], ids=lambda each: each.name)
def test_what_does_not_see_an_edited_prompt_has_nothing_to_subtract(run, signal, why, control):
    with pytest.raises(SignalError, match=why) as caught:
        passes.score(run.but(), [signals.get(signal) | control])
    assert "without these controls" in str(caught.value)


def test_clamped_puts_nothing_in_place_of_the_negative():
    given = np.array([[-1.0, 0.0, 2.0, np.nan]])
    np.testing.assert_array_equal(controls.clamped.apply(given, None, ATTMEAN), [[0.0, 0.0, 2.0, np.nan]])
    assert signals.get("attmean|minus_null|clamped").controls[-1] is controls.clamped


def test_excess_over_a_null_prompt_is_attention_beyond_what_its_places_get_there(tracer, trace, run, content):
    got = tracer.add(trace, signals.excess(rows="null"), content=content, progress=False)
    assert got.signals[-1] == "excess(rows=null)"
    here = scores_of(trace, "attmean").astype(np.float64)
    there = attention_of(run, nulled(run.encoded.layout, evidence(run)))[:, : run.prompt]
    here[:, : run.prompt] = [
        [max(score - habit, 0) for score, habit in zip(row[: run.prompt], there.mean(0), strict=True)] for row in here
    ]
    np.testing.assert_allclose(scores_of(got, "excess(rows=null)"), here, atol=5e-5)


def test_excess_over_a_null_prompt_takes_layers_and_heads(run):
    made, bare = signals.excess(layers=[1], heads=[0, 2], rows="null"), signals.attention(layers=[1], heads=[0, 2])
    assert made.label == "excess(layers=1, heads=0+2, rows=null)"
    assert not made.signed
    found = passes.score(run.but(), [made, bare | controls.minus_null])
    np.testing.assert_array_equal(found.scores[made.label], found.scores[f"{bare.name}|minus_null"].clip(min=0))
    with pytest.raises(SignalError, match=r'times=2: what a null prompt gets \(rows="null"\) is subtracted once'):
        signals.excess(rows="null", times=2)
    with pytest.raises(SignalError, match=r"rows=\['null'\]: expected one of"):
        signals.excess(rows=["null"])


def test_the_list_of_controls_has_their_formulas():
    table = controls.list()
    assert table["name"].tolist() == list(controls.names())
    assert table["summary"].str.len().min() > 10
    assert set(dir(controls)) == set(controls.__all__)
