"""Names and labels: two signals are never mixed up, whatever they are called."""

from __future__ import annotations

import numpy as np
import pytest

import omnitrace_nb as ot
from omnitrace_nb import controls, models, passes, signals
from omnitrace_nb.errors import SignalError
from omnitrace_nb.signals.likeness import same

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
SHORT = {"max_new_tokens": 4, "min_new_tokens": 4, "progress": False}
FIRST, SECOND = np.zeros((3, 4)), np.zeros((3, 4))
HALF = 2**-10  # a trace keeps its scores in half precision
FIRST[0, 1], SECOND[2, 3] = 1, 1


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


def heads(weights):
    return signals.Heads(weights, over="attention").signal()


def read(run, signal):
    return passes.score(run, [signal]).scores[signal.label]


@pytest.fixture(scope="module")
def each_alone(tracer):
    return [tracer.trace(PROMPT, heads(weights), **SHORT).scores("heads") for weights in (FIRST, SECOND)]


def test_two_signals_of_one_name_keep_their_own_scores(tracer, each_alone):
    trace = tracer.trace(PROMPT, ["attmean", heads(FIRST), heads(SECOND).named("h2")], **SHORT)
    assert trace.signals == ("attmean", "heads", "h2")
    np.testing.assert_allclose(trace.scores("heads"), each_alone[0], atol=1e-6)
    np.testing.assert_allclose(trace.scores("h2"), each_alone[1], atol=1e-6)
    assert not np.allclose(trace.scores("heads"), trace.scores("h2"))


def test_so_they_do_when_they_are_added_later(tracer, each_alone):
    trace = tracer.add(tracer.trace(PROMPT, "attmean", **SHORT), [heads(SECOND).named("h2"), heads(FIRST)])
    np.testing.assert_allclose(trace.scores("heads"), each_alone[0], atol=1e-5)
    np.testing.assert_allclose(trace.scores("h2"), each_alone[1], atol=1e-5)


def test_so_they_do_one_after_the_other_over_the_same_run(tracer, each_alone):
    run = tracer.finished(tracer.trace(PROMPT, "attmean", **SHORT), progress=False)
    for weights, alone in zip((FIRST, SECOND), each_alone, strict=True):
        np.testing.assert_allclose(read(run, heads(weights))[:, : alone.shape[1]], alone, rtol=HALF, atol=1e-6)


def test_so_they_do_under_a_control_that_reads_them_a_second_time(tracer):
    pair = [heads(FIRST) | controls.minus_null, (heads(SECOND) | controls.minus_null).named("h2")]
    alone = [tracer.trace(PROMPT, each, **SHORT).scores(each.label) for each in pair]
    both = tracer.trace(PROMPT, pair, **SHORT)
    assert not np.allclose(*alone)
    for each, expected in zip(pair, alone, strict=True):
        np.testing.assert_allclose(both.scores(each.label), expected, atol=1e-5)


def test_one_function_is_read_once_however_often_it_is_asked_for():
    mean = signals.get("attmean")
    wanted = [
        mean,
        mean.named("again"),
        mean | controls.per_token,
        heads(FIRST),
        heads(SECOND),
        heads(FIRST).named("c"),
    ]
    assert [each.name for each in passes.told_apart(wanted).values()] == ["attmean", "heads", "heads (2)", "heads (3)"]


@pytest.mark.parametrize(
    "pair",
    [
        lambda: [heads(FIRST), heads(SECOND)],
        lambda: [signals.get("attmean"), signals.get("rawatt").named("attmean")],
        lambda: ["saliency", signals.get("leave_one_out").named("saliency")],
        lambda: [signals.attention(layers=[1]).named("a"), signals.attention(layers=[2]).named("a")],
        lambda: [
            signals.get("attmean") | controls.Control("c", "", lambda scores, _run, _signal: scores),
            signals.get("attmean") | controls.Control("c", "", lambda scores, _run, _signal: -scores),
        ],
    ],
)
def test_two_different_signals_of_one_label_are_refused_with_what_to_do(tracer, pair):
    one, other = pair()
    label = signals.get(one).label
    with pytest.raises(SignalError, match=rf"different signals are called '.*{label[-1]}'.*\.named\(\.\.\.\)"):
        tracer.trace(PROMPT, [one, other], **SHORT)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "attmean",
        lambda: signals.get("attmean") | controls.minus("swapped", per="step"),
        lambda: signals.attention(layers=[1], reduce="max"),
        lambda: signals.excess(rows="question"),
        lambda: signals.integrated_gradients(steps=3),
        lambda: signals.noise_tunnel(signals.get("saliency")),
        lambda: signals.ablate("shapley", samples=2),
        lambda: signals.embed(len),
        lambda: heads(FIRST),
    ],
    ids=["name", "control", "attention", "excess", "gradients", "tunnel", "ablate", "embed", "heads"],
)
def test_the_same_signal_made_twice_is_one(make):
    assert len(ot.revisits.chosen_signals([make(), make()])) == 1


def test_values_are_the_same_if_their_pieces_are():
    def counting(start, step):
        def count(times):
            return start if times == 0 else count(times - 1) + step

        return count

    assert same(counting(1, np.ones(2)), counting(1, np.ones(2)))
    assert not same(counting(1, np.ones(2)), counting(1, np.zeros(2)))
    assert not same(counting(1, 1), counting(1.0, 1))
    assert same({"a": [1, (2, None)]}, {"a": [1, (2, None)]})
    assert not same({"a": 1}, {"b": 1})


@pytest.mark.parametrize(
    "label",
    ["attention(layers=1)", "ablate(shapley, samples=2)", "integrated_gradients(steps=3)", "excess()|per_token"],
)
def test_a_factorys_label_asks_for_the_signal_itself(label):
    factory = label.split("(")[0]
    with pytest.raises(SignalError, match=rf"made by the factory {factory}\(\.\.\.\).*give the signal itself"):
        signals.get(label)
    with pytest.raises(SignalError, match="unknown signal 'nothing"):
        signals.get("nothing(1)")


def test_a_traces_own_labels_say_which_of_them_cannot_be_asked_for(tracer):
    upper = signals.attention(layers=[2])
    trace = tracer.trace(PROMPT, [upper, "attmean"], **SHORT)
    with pytest.raises(SignalError, match="give the signal itself"):
        tracer.add(trace, list(trace.signals), progress=False)
    again = tracer.add(trace, [upper, "attmean"], progress=False)
    np.testing.assert_allclose(again.scores(upper.label), trace.scores(upper.label), atol=1e-5)
