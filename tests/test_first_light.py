"""The whole way: the packaged files, the embedded model, the traced answer, its sources, its tables, its file."""

import subprocess
import sys

import numpy as np
import pytest

import omnitrace_nb as ot
from omnitrace_nb import content, media
from training.example import FILM, NOTE, PICTURES, RECORDING
from training.world.content import Fact

SIGNALS = ["excess", "attmean", "rawatt", "attgrads", "input_x_gradient"]


@pytest.fixture(scope="module")
def tracer():
    return ot.load()


@pytest.fixture(scope="module")
def trace(tracer):
    return tracer.trace(ot.example(), signals=SIGNALS, progress=False)


def truth():
    """Every true statement about the example with the label of the source that it rests on."""
    ordinals = ("first", "second", "third")
    for index, sentence in enumerate(NOTE.sentences):
        if isinstance(sentence, Fact):
            yield sentence.sentence, f"note, sentence {index + 1}"
    yield f"The first picture shows {PICTURES[0].shapes[0][1].phrase}.", "image 1"
    places = ("top left", "top right", "bottom left", "bottom right")
    for cell, shape in PICTURES[1].shapes:
        yield f"The {places[cell]} of the second picture shows {shape.phrase}.", "image 2"
    for second, sound in enumerate(RECORDING.sounds):
        statement = f"The {ordinals[second]} sound of the first recording is a {sound}."
        yield statement, f"sound 1, {second}-{second + 1} s"
    for second, scene in enumerate(FILM.scenes):
        statement = f"The {ordinals[second]} scene of the first film shows {scene.phrase}."
        yield statement, f"film 1, {second}-{second + 1} s"
    for second, sound in enumerate(FILM.sounds):
        statement = f"The {ordinals[second]} sound of the first film is a {sound}."
        yield statement, f"film 1, {second}-{second + 1} s (sound)"


def test_the_embedded_model_answers_the_packaged_example_rightly(trace):
    assert trace.statements["text"].tolist() == [statement for statement, _ in truth()]


def test_excess_attention_credits_each_statement_to_its_true_source(trace):
    spans = trace.curate(question=False)
    best = spans[(spans["signal"] == "excess") & (spans["rank"] == 1)].set_index("statement")["label"]
    expected = [label for _, label in truth()]
    right = sum(str(best.get(statement, "")) == label for statement, label in enumerate(expected, 1))
    assert right >= 0.85 * len(expected), best.tolist()


def test_every_signal_of_the_run_scores_every_position_and_every_source(trace):
    for signal in SIGNALS:
        scores = trace.scores(signal)
        assert scores.shape == (len(trace.steps), trace.layout.token_ids.size)
        assert np.isfinite(scores).all()
        assert np.abs(scores).max() > 0
        assert trace.mass(signal).shape == (len(trace.steps), len(trace.sources))


def test_attention_to_sources_template_and_earlier_words_adds_up_to_one(trace):
    everything = trace.scores("attmean").sum(axis=1) + trace.earlier("attmean").sum(axis=1)
    np.testing.assert_allclose(everything, 1, atol=5e-3)  # kept as float16


def test_the_mass_on_a_source_is_the_sum_over_its_positions(trace):
    scores, masses = trace.scores("rawatt"), trace.mass("rawatt")
    owners = trace.layout.part
    for part in range(6):
        ids = trace.sources.query("part == @part")["id"].to_numpy()
        np.testing.assert_allclose(masses[:, ids].sum(axis=1), scores[:, owners == part].sum(axis=1), atol=1e-4)


def test_the_traced_tokens_are_those_of_plain_generate(tracer, trace):
    loaded = media.load(content.as_parts(ot.example()), tracer.adapter.needs, tracer.adapter.modalities)
    encoded = tracer.adapter.encode(loaded)
    out = tracer.adapter.model.generate(**encoded.inputs, **encoded.options, do_sample=False)
    assert out[0, len(encoded.layout) :].tolist() == trace.steps["id"].tolist()


def test_a_saved_trace_opens_without_torch_and_gives_the_same_tables(trace, tmp_path):
    path, page = tmp_path / "first.omnitrace", tmp_path / "first.html"
    trace.save(path)
    again = ot.open(path)
    assert again.spans.equals(trace.spans)
    assert again.response == trace.response
    code = (
        f"import sys, omnitrace_nb as ot; t = ot.open({str(path)!r}); t.curate(gamma=1.0); t.to_html({str(page)!r});"
        "print({'torch', 'transformers', 'spacy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_question_about_one_place_credits_the_right_quarter_of_the_picture(tracer):
    question = "What does the bottom left of the second picture show?"
    options = ot.SourceOptions(image=(2, 2))
    curation = {"question": False}  # it names the place too
    trace = tracer.trace(ot.example(question), ["excess"], sources=options, curation=curation, progress=False)
    assert trace.response == "The bottom left of the second picture shows a red square."
    [best] = trace.spans.query("rank == 1")["source"]
    row = trace.sources.set_index("id").loc[best]
    assert row["part"] == 2
    assert row["left"] < 112 < row["right"]
    assert row["top"] < 336 < row["bottom"]
