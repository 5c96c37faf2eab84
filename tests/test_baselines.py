"""The paper's baselines: chance, similarity of embeddings, and the model's own word."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import omnitrace_nb as ot
from omnitrace_nb import curation, models, passes, signals
from omnitrace_nb.content import Text
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.media.loaded import LoadedPart
from omnitrace_nb.passes import choices
from omnitrace_nb.signals.replies import asked, read_reply
from omnitrace_nb.trace.records import PartRecord, Source
from tests.runs import finished


@pytest.fixture(scope="module")
def omni(toy_omni):
    return ot.Tracer(models.adapt(*toy_omni))


@pytest.fixture(scope="module")
def content(media_dir):
    film = ot.Video(media_dir / "film.mp4")
    return ["Mia sells honey. Hugo sells clocks.", ot.Image(media_dir / "red.png"), film, "What is it?"]


@pytest.fixture(scope="module")
def trace(omni, content):
    return omni.trace(content, signals=["random", "embed_processor"], max_new_tokens=12, progress=False)


@pytest.fixture(scope="module")
def run(omni, trace, content):
    return omni.finished(trace, content=content, progress=False)


# What is chosen for a statement, laid on its steps


def made(steps, sources, statements, weights=None):
    """A run of sources of different lengths, its steps dealt to statements in turn."""
    edges = np.cumsum([0, *range(1, sources + 1)])
    of = np.sort(np.arange(steps) % max(statements, 1))
    return SimpleNamespace(
        steps=steps,
        prompt=int(edges[-1]),
        sources=[Source(i, "text", 0, "", np.arange(edges[i], edges[i + 1])) for i in range(sources)],
        statement_of=of,
        weights=np.ones(steps) if weights is None else weights,
        spread=None,
    )


def laid(run, values):
    """The masses `[T, S]` that curation sees."""
    run.spread = lambda effects: passes.Finished.spread(run, effects)
    scores = choices.in_turns(run, values)
    return curation.masses(scores, [source.positions for source in run.sources])


@given(
    values=arrays(np.float64, (2, 4), elements=st.sampled_from([0.0, 0.3, 0.5, 0.5, 1.0])),
    weights=arrays(np.float64, 24, elements=st.sampled_from([0.1, 0.9, 1.0])),
)
def test_curation_takes_exactly_the_sources_that_were_chosen(values, weights):
    run = made(24, 4, 2, weights)
    run.weights[[0, 3, 6, 9, 12, 15, 18, 21]] = 1.0  # enough words that count for everyone to have a turn
    mass = laid(run, values)
    for statement, own in enumerate(values):
        steps = run.statement_of == statement
        found = curation.curate(mass[steps], run.weights[steps], curation.CurationSettings(coverage=1.0))
        assert found.selected.tolist() == (own > 0).tolist()


def test_a_sources_mass_is_its_value_and_a_little_over_the_largest_in_its_turn():
    mass = laid(made(6, 3, 1), np.array([[0.4, 0.0, 0.8]]))
    np.testing.assert_allclose(mass[:, 0], [0.4, 0.4, 0.4, 0.84, 0.84, 0.84], rtol=1e-6)
    np.testing.assert_allclose(mass[:, 2], [0.84, 0.84, 0.84, 0.8, 0.8, 0.8], rtol=1e-6)
    assert not mass[:, 1].any()
    np.testing.assert_allclose(laid(made(3, 3, 1), np.array([[0.0, 0.7, 0.0]]))[:, 1], 0.7, rtol=1e-6)


# Chance


def test_chance_is_the_same_for_the_same_run_and_another_for_another(omni, run, trace, content):
    score = signals.get("random").credit
    np.testing.assert_array_equal(score(run), score(omni.finished(trace, content=content, progress=False)))
    np.testing.assert_allclose(trace.scores("random"), score(run), rtol=2e-3, atol=1e-6)
    other = omni.trace([*content[:-1], "Who is it?"], signals="random", max_new_tokens=12, progress=False)
    assert other.mass("random").shape[1] == trace.mass("random").shape[1]
    assert not np.array_equal(other.mass("random")[:4], trace.mass("random")[:4])


def test_chance_takes_three_sources_in_eight(run):
    taken = []
    for number in range(300):
        fake = made(40, 8, 20)
        fake.statements = [(0, 1)] * 20
        fake.encoded = run.encoded
        fake.response = SimpleNamespace(token_ids=np.array([number]))
        fake.edit = None
        taken.append((laid_scores(fake) > 0)[::2])
    assert np.mean(taken) == pytest.approx(0.375, abs=0.01)  # a cosine of 0.25 and more, were it uniform from -1 to 1


def laid_scores(run):
    run.spread = lambda effects: passes.Finished.spread(run, effects)
    return curation.masses(signals.get("random").credit(run), [source.positions for source in run.sources])


# Similarity


WORDS = ["honey", "clocks", "market", "harbour", "mia", "hugo"]


class Words:
    """A real if simple encoder: which words a text has; a picture is all "harbour" as far as it is red."""

    def __init__(self):  # noqa: D107
        self.given = []

    def encode(self, things):  # noqa: D102
        self.given.append(things)
        return torch.tensor([self._one(each) for each in things])

    def _one(self, thing):
        if isinstance(thing, str):
            return [float(word in thing.lower()) for word in WORDS]
        red = np.asarray(thing)[..., 0].mean() / 255
        return [0.0, 0.0, 0.0, red, 0.0, 0.1]


@pytest.fixture(scope="module")
def spoken(omni, content):
    """A run that answers in two statements, a token a word; the tokens are some of the prompt's."""
    prompt = ot.prompting.Prompt.read(omni.adapter, content)
    words = ["Mia", " sells", " honey", ".", " The", " harbour", " was", " red", "."]
    own = [source.positions for source in prompt.sources]
    ids = prompt.encoded.layout.token_ids[[*own[0][:4], *own[1][:3], *own[-1][:2]]]
    response = ot.alignment.align([word.encode() for word in words], ids, [0.0] * 9, "eos")
    return passes.Finished(
        omni.adapter,
        prompt.encoded,
        response,
        loaded=prompt.loaded,
        records=prompt.records,
        sources=prompt.sources,
        statements=[(0, 16), (17, 37)],
        statement_of=np.array([0] * 4 + [1] * 5),
    )


def masses(run, signal):
    found = passes.score(run, [signal]).scores[signal.label][:, : run.prompt]
    return curation.masses(found, [source.positions for source in run.sources])


def test_embed_processor_is_the_cosine_of_mean_input_embeddings(spoken):
    embeddings = spoken.adapter.embed(spoken.encoded, torch.as_tensor(spoken.response.token_ids))[0][0].double().numpy()
    mass = masses(spoken, signals.get("embed_processor"))
    for statement in range(len(spoken.statements)):
        steps = np.flatnonzero(spoken.statement_of == statement)
        one = sum(embeddings[spoken.prompt + step] for step in steps) / len(steps)
        cosines = []
        for source in spoken.sources:
            other = sum(embeddings[position] for position in source.positions) / len(source.positions)
            cosines.append(one @ other / np.sqrt(one @ one) / np.sqrt(other @ other))
        kept = np.array([cosine if cosine >= 0.25 else 0 for cosine in cosines])
        assert (kept > 0).any()
        assert (kept == 0).any()
        np.testing.assert_array_equal(mass[steps].max(axis=0) > 0, kept > 0)
        lowest = mass[steps].min(axis=0) if (kept > 0).sum() < len(steps) else kept
        np.testing.assert_allclose(lowest, kept, rtol=1e-5)


def test_an_encoder_finds_what_says_the_same_and_what_shows_it(spoken):
    encoder = Words()
    signal = ot.signals.embed(encoder)
    mass = masses(spoken, signal)
    label = {source.id: source.label for source in spoken.sources}
    assert label[int(mass[0].argmax())] == "text 1, sentence 1"
    assert mass[0].max() == pytest.approx(1, rel=1e-5)
    assert {source.modality for source in spoken.sources if mass[4:, source.id].any()} <= {"image", "video"}
    assert signal.label == "embed(Words, threshold=0.25)"
    kinds = [{type(thing) for thing in things} for things in encoder.given]
    assert kinds[:2] == [{str}, {str}]
    assert all(len(each) == 1 for each in kinds)
    picture = encoder.given[2][0]
    assert picture.size == (160, 120)
    assert [thing.size for thing in encoder.given[3]] == [(112, 112)] * 4  # a frame for each second of the film
    greys = [np.asarray(thing).mean() for thing in encoder.given[3]]
    assert greys == sorted(greys)
    assert np.diff(greys).min() > 30
    sounds = [source.id for source in spoken.sources if source.modality == "audio"]
    assert sounds
    assert not mass[:, sounds].any()


def test_a_region_is_given_as_its_own_piece_of_the_picture(omni, media_dir):
    encoder = Words()
    omni.trace(
        [ot.Image(media_dir / "red.png"), "What is it?"],
        signals=ot.signals.embed(encoder, reads=["image"]),
        sources={"image": (1, 2)},
        max_new_tokens=6,
        progress=False,
    )
    left, right = encoder.given[1]
    assert left.size == right.size == (80, 120)
    assert np.asarray(left)[..., 0].mean() < np.asarray(right)[..., 0].mean()


def test_the_threshold_and_a_plain_function_are_taken(spoken):
    def letters(things):
        return np.array([[each.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for each in things])

    low = masses(spoken, ot.signals.embed(letters, 0.0, reads=["text"]))
    high = masses(spoken, ot.signals.embed(letters, 0.99, reads=["text"]))
    assert (low[:4] > 0).sum() > (high[:4] > 0).sum() > 0
    assert ot.signals.embed(letters, 0.5).name == "embed(letters, threshold=0.5)"
    assert ot.signals.embed(letters, name="letters").label == "letters"
    assert ot.signals.embed(letters, reads=["text"]).name == "embed(letters, threshold=0.25, reads=text)"


def test_two_encoders_of_one_name_are_not_taken_for_each_other(spoken):
    one = ot.signals.embed(lambda things: np.ones((len(things), 2)), reads=["text"]).named("one")
    other = ot.signals.embed(lambda things: np.eye(1, 2, 0).repeat(len(things), 0) * -1, reads=["text"]).named("other")
    assert one.name == other.name
    found = passes.score(spoken, [one, other | ot.controls.per_token])
    assert not np.array_equal(found.scores["one"], found.scores[other.name + "|per_token"])


def test_encoders_that_give_something_else_are_refused(spoken):
    with pytest.raises(SignalError, match=r"encoder=3: expected a function"):
        ot.signals.embed(3)
    with pytest.raises(SettingsError, match="threshold=2"):
        ot.signals.embed(Words(), 2)
    with pytest.raises(SettingsError, match="reads="):
        ot.signals.embed(Words(), reads=["audio"])
    for bad in (
        lambda things: np.zeros(len(things)),
        lambda _: np.zeros((1, 3)),
        lambda t: np.full((len(t), 2), np.nan),
    ):
        with pytest.raises(SignalError, match=r"the encoder <lambda> gave an array of shape"):
            passes.score(spoken, [ot.signals.embed(bad)])
    uneven = lambda things: np.ones((len(things), 3 if isinstance(things[0], str) else 4))  # noqa: E731
    with pytest.raises(SignalError, match="3 numbers for a statement and 4 for a source"):
        passes.score(spoken, [ot.signals.embed(uneven)])


# The model's own word

RECORDS = [
    PartRecord(0, "text", "user", "text 1", "", text="Mia sells honey. Hugo sells clocks."),
    PartRecord(1, "image", "user", "image 1", ""),
    PartRecord(2, "audio", "user", "sound 1", "", duration=3.0),
    PartRecord(3, "video", "user", "film 1", "", duration=2.0),
]
SOURCES = [
    Source(0, "text", 0, "text 1, sentence 1", np.array([0]), chars=(0, 16)),
    Source(1, "text", 0, "text 1, sentence 2", np.array([1]), chars=(17, 35)),
    Source(2, "image", 1, "image 1", np.array([2])),
    *[Source(3 + i, "audio", 2, f"sound 1, {i}-{i + 1} s", np.array([3 + i]), time=(i, i + 1.0)) for i in range(3)],
    *[Source(6 + i, "video", 3, f"film 1, {i}-{i + 1} s", np.array([6 + i]), time=(i, i + 1.0)) for i in range(2)],
    *[Source(8 + i, "audio", 3, f"film 1, {i}-{i + 1} s", np.array([8 + i]), time=(i, i + 1.0)) for i in range(2)],
]


def entry(text=(), image=(), audio=(), video=()):
    return {"text_source": [*text], "image_source": [*image], "audio_source": [*audio], "video_source": [*video]}


def read(*entries):
    return read_reply(json.dumps(entries), len(entries), SOURCES, RECORDS)


FORM = (
    '{"text_source": [id, ...], "image_source": [id, ...], "audio_source": [[start, end], ...], '
    '"video_source": [[start, end], ...]}'
)


def test_the_request_holds_every_statement_every_id_and_every_field():
    request = asked(["Mia sells honey.", "A bell rings."], SOURCES, RECORDS)
    for line in (
        "[0] Mia sells honey.",
        "[1] A bell rings.",
        "[1] Hugo sells clocks.",
        "[2] image 1",
        "[1] 3.0 s",
        "exactly 2 objects",
        FORM,
    ):
        assert line in request
    text_alone = asked(["Mia sells honey."], SOURCES[:2], RECORDS[:1])
    assert '{"text_source": [id, ...]}' in text_alone
    assert "film" not in text_alone.split("Reply with")[1]
    two = asked(["A bell."], SOURCES[3:6], [*RECORDS[:3], PartRecord(3, "audio", "user", "sound 2", "", duration=1.5)])
    assert "[[sound, start, end], ...]" in two
    assert "[2] 1.5 s" in two


def test_a_good_reply_names_sources_by_id_and_by_time():
    chosen, bad = read(entry(text=[0, 1], image=[2]), entry(audio=[[0, 1], [2, 3]]), entry(video=[[1, 2]]), entry())
    assert bad == {}
    assert [np.flatnonzero(row).tolist() for row in chosen] == [[0, 1, 2], [3, 5], [7, 9], []]


def test_with_several_sounds_a_span_says_which():
    records = [*RECORDS[:3], PartRecord(3, "audio", "user", "sound 2", "", duration=2.0)]
    sources = [*SOURCES[3:6], *[Source(3 + i, "audio", 3, "", np.array([6 + i]), time=(i, i + 1.0)) for i in range(2)]]
    sources = [Source(i, s.modality, s.part, s.label, s.positions, time=s.time) for i, s in enumerate(sources)]
    chosen, bad = read_reply('[{"audio_source": [[1, 2, 3], [2, 0, 1]]}]', 1, sources, records)
    assert (np.flatnonzero(chosen[0]).tolist(), bad) == ([2, 3], {})
    for wrong in ("[[0, 1]]", "[[3, 0, 1]]", "[[1.5, 0, 1]]", "[[2, 0, 1], [1, 0, 1]]"):
        chosen, bad = read_reply(f'[{{"audio_source": {wrong}}}]', 1, sources, records)
        assert list(bad) == [0]
        assert not chosen.any()


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "no JSON"),
        ("```json\n[]\n```", "no JSON"),
        ("Sure! [{}]", "no JSON"),
        ('{"text_source": [0]}', "no JSON array of 1 objects"),
        ("[]", "no JSON array of 1 objects"),
        ("[{}, {}]", "no JSON array of 1 objects"),
        ("[" * 100_000, "no JSON"),
        ('[{"text_source": [0], "text_source": [1]}]', "a key stands twice"),
    ],
)
def test_a_reply_that_is_not_the_array_says_nothing_of_any_statement(reply, problem):
    chosen, bad = read_reply(reply, 1, SOURCES[:2], RECORDS[:1])
    assert list(bad) == [-1]
    assert problem in bad[-1]
    assert not chosen.any()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (3, "exactly the keys"),
        ({"text_source": [0]}, "exactly the keys"),
        ({**entry(), "why": "because"}, "exactly the keys"),
        ({**entry(), "text_source": 0}, "is no list"),
        (entry(text=["0"]), "expected ids"),
        (entry(text=[True]), "expected ids"),
        (entry(text=[1.0]), "expected ids"),
        (entry(text=[2]), "expected ids"),
        (entry(text=[99]), "expected ids"),
        (entry(text=[1, 0]), "ascending"),
        (entry(text=[1, 1]), "ascending"),
        (entry(audio=[0, 1]), "expected [start, end]"),
        (entry(audio=[["0", "1"]]), "expected [start, end]"),
        (entry(audio=[[0, 1, 2]]), "expected [start, end]"),
        (entry(audio=[[2, 1]]), "start < end"),
        (entry(audio=[[1, 1]]), "start < end"),
        (entry(audio=[[-1, 1]]), "start < end"),
        (entry(audio=[[0, 9]]), "start < end"),
        (entry(audio=[[float("nan"), 1]]), "start < end"),
        (entry(video=[[1, 2], [0, 1]]), "sorted"),
    ],
)
def test_an_entry_that_breaks_the_form_is_reported_and_the_others_stand(wrong, problem):
    chosen, bad = read(entry(text=[0]), wrong, entry(image=[2]))
    assert list(bad) == [1]
    assert problem in bad[1]
    assert [np.flatnonzero(row).tolist() for row in chosen] == [[0], [], [2]]


@given(
    st.text(max_size=40) | st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_no_reply_raises_and_a_bad_one_chooses_nothing(reply):
    chosen, bad = read_reply(reply, 2, SOURCES, RECORDS)
    assert chosen.shape == (2, len(SOURCES))
    assert not chosen[[statement for statement in range(2) if statement in bad or -1 in bad]].any()


def taught(model, ids, reply, rate=0.01, most=400):
    """A copy of the model that has learnt to write `reply` (ids) after the prompt `ids`."""
    model = copy.deepcopy(model).train()
    inputs = torch.cat([ids, reply])[None]
    labels = torch.cat([torch.full_like(ids, -100), reply])[None]
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=0)
    for _ in range(most):
        found = model(input_ids=inputs, labels=labels)
        if (found.logits[0, len(ids) - 1 : -1].argmax(-1) == reply).all() and found.loss < 0.05:
            return model.eval()
        optimiser.zero_grad()
        found.loss.backward()
        optimiser.step()
    raise AssertionError("the reply was not learnt")


def test_a_model_that_knows_its_evidence_is_believed(toy_text):
    model, tokenizer = toy_text
    parts = ["Mia sells honey. Hugo sells clocks.", "Who?"]
    tracer = ot.Tracer(models.adapt(model, tokenizer))
    trace = tracer.trace(parts, signals="attmean", max_new_tokens=8, progress=False)
    run = tracer.finished(trace, progress=False)
    texts = list(trace.statements["text"])
    request = asked(texts, run.sources, run.records)
    prompt = tracer.adapter.encode([*run.loaded, LoadedPart(2, Text(request), request, "")])
    reply = json.dumps([{"text_source": [1]}] * len(texts))
    ids = torch.tensor([*tokenizer(reply, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id])
    knows = ot.Tracer(models.adapt(taught(model, prompt.inputs["input_ids"][0], ids), tokenizer))
    got = knows.add(trace, "self_attribution", progress=False)
    note = got.run.signals["self_attribution"]
    assert note["reply"] == reply
    assert note["bad"] == []
    assert note["forwards"] == len(ids)
    spans = got.spans[got.spans["signal"] == "self_attribution"]
    assert set(spans["source"]) == {1}
    assert spans["selected"].all()
    assert set(spans["statement"]) == set(range(1, 1 + len(texts)))


def test_a_model_that_cannot_say_is_reported_and_nothing_is_guessed(tmp_path):
    tracer = ot.load()
    prompt = [ot.Text("Mia sells honey. Hugo sells clocks."), "What does Hugo sell?"]
    trace = tracer.trace(prompt, signals="attmean", progress=False)
    with pytest.warns(RuntimeWarning, match=r"self_attribution: the reply is no JSON .*no source is credited for any"):
        got = tracer.add(trace, "self_attribution", progress=False)
    note = got.run.signals["self_attribution"]
    assert note["bad"][0]["number"] == -1
    assert isinstance(note["reply"], str)
    assert not got.mass("self_attribution").any()
    budget = got.budget[got.budget["signal"] == "self_attribution"]
    assert set(budget["kind"]) == {"unsupported"}
    assert ot.open(got.save(tmp_path / "said.omnitrace")).run.signals["self_attribution"] == note


def test_a_request_that_does_not_fit_is_reported(toy_text):
    model, tokenizer = toy_text
    tracer = ot.Tracer(models.adapt(model, tokenizer))
    long = " ".join(f"Mia sells {number} clocks." for number in range(150))
    trace = tracer.trace([long, "Who?"], signals="attmean", max_new_tokens=6, progress=False)
    with pytest.warns(RuntimeWarning, match="could not be asked"):
        got = tracer.add(trace, "self_attribution", progress=False)
    assert not got.mass("self_attribution").any()


def test_a_response_without_statements_and_a_prompt_without_sources_score_nothing(run):
    bare = finished(run.adapter, run.encoded, run.response.token_ids, sources=run.sources, loaded=run.loaded)
    empty = finished(run.adapter, run.encoded, run.response.token_ids)
    chosen = [signals.get(name) for name in ("random", "embed_processor", "self_attribution")]
    for each in (bare, empty):
        found = passes.score(each, [*chosen, ot.signals.embed(Words())])
        assert not any(scores.any() for scores in found.scores.values())
