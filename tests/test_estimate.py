"""Estimates: counts held against what the run then costs, sums against torch's own counters, and what cannot fit."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import omnitrace_nb as ot
from omnitrace_nb import controls, estimate, models, planning, signals
from omnitrace_nb.ablation import OPERATORS, needs
from omnitrace_nb.capture import decode, tap
from omnitrace_nb.content import as_parts
from omnitrace_nb.errors import ModelError, SettingsError, SignalError
from omnitrace_nb.media import load
from omnitrace_nb.passes import flow_layers
from omnitrace_nb.planning import Shape

STEPS = 9


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


@pytest.fixture(scope="module")
def prompt():
    return ["Mia sells honey. Hugo sells clocks. The market was busy.", "Who sells clocks?"]


@pytest.fixture(scope="module")
def shape(tracer, prompt):
    adapter = tracer.adapter
    encoded = adapter.encode(load(as_parts(prompt), adapter.needs, adapter.modalities))
    return Shape(adapter, encoded, (), STEPS)


def row(found, name):
    return found.table.set_index("signal").loc[name]


def test_tokens_are_counted_by_modality(toy_omni, media_dir):
    tracer = ot.Tracer(models.adapt(*toy_omni))
    parts = ["Look.", media_dir / "red.png", media_dir / "tone.wav", media_dir / "film.mp4", "What is it?"]
    found = tracer.estimate(parts, max_new_tokens=4)
    trace = tracer.trace(parts, max_new_tokens=4, progress=False)
    assert sum(found.tokens.values()) == len(trace.layout)
    assert all(found.tokens[name] > 0 for name in ("template", "text", "image", "audio", "video"))
    assert found.sources == len(trace.sources)
    for name in ("text", "image", "audio", "video"):
        owned = trace.sources.loc[trace.sources["modality"] == name, "tokens"].sum()
        assert owned <= found.tokens[name]
    assert str(found.tokens["image"]) in repr(found)


@pytest.mark.parametrize(
    "signal",
    [
        *("attmean", "leave_one_out", "contextcite", "rollout", "input_x_gradient", "saliency"),
        signals.ablate("leave_one_out", operator="mask_direct"),
        signals.ablate("leave_one_out", operator="mean"),
        signals.ablate("contextcite", samples=16),
    ],
    ids=lambda each: getattr(each, "label", each),
)
def test_forwards_and_tokens_are_those_that_the_run_then_takes(tracer, prompt, signal):
    label = signals.get(signal).label
    found = row(tracer.estimate(prompt, signal, max_new_tokens=STEPS), label)
    trace = tracer.trace(prompt, signal, max_new_tokens=STEPS, min_new_tokens=STEPS, progress=False)
    spent = trace.run.signals[label]
    few = 0.35 * found["forwards"] if "contextcite" in label else 2  # sets are drawn: some of few sources are the same
    assert spent.get("forwards", 0) == pytest.approx(found["forwards"], abs=few)
    assert spent.get("backwards", 0) == found["backwards"]
    assert spent.get("tokens", 0) == pytest.approx(found["tokens"], rel=0.5)


def test_the_work_of_a_forward_is_what_torch_counts(tracer, shape):
    decoder, length = tracer.adapter.decoder(), 64
    inputs = torch.zeros(1, length, decoder.config.hidden_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        decoder(inputs_embeds=inputs, use_cache=False)
    # torch counts attention over the whole square, the estimate over what causality leaves.
    assert shape.work(length) == pytest.approx(counter.get_total_flops(), rel=0.25)


def test_the_memory_of_a_backward_is_what_autograd_holds(tracer, shape):
    decoder, length, held = tracer.adapter.decoder(), 512, {}
    inputs = torch.zeros(1, length, decoder.config.hidden_size, requires_grad=True)

    def hold(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = [weight.requires_grad for weight in decoder.parameters()]
    decoder.requires_grad_(requires_grad=False)
    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        outputs = decoder(inputs_embeds=inputs, use_cache=False)
    for weight, graded in zip(decoder.parameters(), weights, strict=True):
        weight.requires_grad_(graded)
    del outputs
    own = sum(size for at, size in held.items() if at not in {w.data_ptr() for w in decoder.parameters()})
    assert own / 2.5 < shape.held(length, backward=True) - shape.held(length) < 2.5 * own
    long = Shape(shape.adapter, shape.encoded, (), length - shape.prompt)
    assert planning.need(signals.get("input_x_gradient"), long).least < 1.3 * own


def test_models_whose_layers_differ_or_have_no_heads_are_estimated_too(shape, monkeypatch):
    decoder, usual = shape.adapter.decoder(), shape.held(100)
    inner = decoder.config.intermediate_size
    bare = SimpleNamespace(intermediate_size=[inner, inner // 2], num_hidden_layers=decoder.config.num_hidden_layers)
    monkeypatch.setattr(decoder, "config", bare)
    again = Shape(shape.adapter, shape.encoded, (), STEPS)
    assert again.held(100) == usual
    assert again.cache > 0
    assert planning.decoding(again).least > 0


def test_online_attention_costs_no_pass_and_gradients_a_backward_a_step(tracer, prompt):
    found = tracer.estimate(prompt, ["attmean", "excess", "attgrads", "attgrads_all"], max_new_tokens=STEPS)
    for name in ("attmean", "excess"):
        assert row(found, name)[["forwards", "backwards", "tokens", "seconds"]].tolist() == [0, 0, 0, 0]
    assert row(found, "attgrads")["backwards"] == STEPS
    assert 0 < row(found, "attgrads")["seconds"] < row(found, "attgrads_all")["seconds"]


@pytest.mark.parametrize("steps", [STEPS, 80])
def test_what_attnorm_keeps_is_what_its_formula_says(tracer, prompt, monkeypatch, steps):
    made = []

    class Watched(tap.Norms):
        def __init__(self):
            super().__init__()
            made.append(self)

    monkeypatch.setattr(tap, "Norms", Watched)
    attnorm, needs, kept, widths = signals.get("attnorm"), [], [], []
    for content in (prompt, prompt * 8):
        adapter = tracer.adapter
        encoded = adapter.encode(load(as_parts(content), adapter.needs, adapter.modalities))
        length = Shape(adapter, encoded, (), steps)
        needs.append(planning.need(attnorm, length))
        decode(adapter, encoded, [attnorm], progress=False, max_new_tokens=steps, min_new_tokens=steps)
        kept.append(sum(layer._grams.nbytes for layer in made[-1]._layers.values()))
        widths.append(length.width)
    sizes = length.sizes
    a_position = 4 * sizes["L"] * (sizes["H"] * (sizes["H"] + 1) // 2 + sizes["H"])  # and its row in every head
    assert needs[1].least - needs[0].least == a_position * (widths[1] - widths[0])
    for need, own, width in zip(needs, kept, widths, strict=True):
        assert own - 4 * sizes["L"] * sizes["H"] * (sizes["H"] + 1) // 2 * width <= need.least
        assert own < need.memory < 2.5 * own


def test_rows_of_every_layer_and_gradients_take_more_than_their_mean(shape):
    memory = {
        name: planning.need(signals.get(name), shape).memory
        for name in ("attmean", "excess", "attgrads", "attgrads_all")
    }
    upper = planning.need(signals.attention(layers="upper"), shape).memory
    against = planning.need(signals.excess(layers="upper", rows="question"), shape).memory
    rows = 4 * shape.sizes["L"] * shape.sizes["H"] * shape.width
    assert memory["attmean"] == memory["excess"] == 4 * STEPS * shape.width
    assert upper >= 2 * rows
    assert against == upper + 2 * rows
    assert memory["attgrads_all"] > memory["attgrads"] + 2 * rows


@pytest.mark.parametrize("name", ["rollout", "routes"])
def test_a_flow_keeps_at_least_what_is_estimated_of_its_layers(tracer, prompt, name):
    trace = tracer.trace(prompt, "attmean", max_new_tokens=STEPS, min_new_tokens=STEPS, progress=False)
    run = tracer.finished(trace, progress=False)
    held = {}
    for layer in flow_layers.read_layers(run, writes=name == "routes"):
        pieces = [layer.call._query, layer.call._key, layer.call._value]
        if layer.written is not None:
            pieces += [layer.written.before, layer.written.update, layer.written.heads]
        held |= {piece.untyped_storage().data_ptr(): piece.untyped_storage().nbytes() for piece in pieces}
    shape = Shape(tracer.adapter, run.encoded, (), STEPS)
    plain = planning.passes(shape, 1, shape.width, length=shape.width)
    estimated = planning.need(signals.get(name), shape).memory - plain.memory
    assert 0.9 * sum(held.values()) < estimated < 1.6 * sum(held.values())


FIGURES = ["forwards", "backwards", "tokens", "memory", "fits"]


@pytest.mark.parametrize("name", signals.names())
def test_a_signal_is_estimated_by_what_it_computes_whatever_it_is_called(shape, name):
    known = signals.get(name)
    computes = {"reads": known.reads, "score": known.score, "explain": known.explain, "credit": known.credit}
    other = signals.Signal("mine", "The same function.", family="custom", **computes)
    assert planning.need(other, shape) == planning.need(known, shape)
    assert not np.isnan(planning.need(known, shape).memory)


def test_every_signal_under_another_name_and_family_has_the_same_row(tracer, prompt):
    every = [signals.get(name) for name in signals.names()]
    others = [
        signals.Signal(f"my_{s.name}", s.summary, reads=s.reads, score=s.score, explain=s.explain, credit=s.credit)
        for s in every
    ]
    found = tracer.estimate(prompt, [*every, *others], max_new_tokens=STEPS).table.iloc[1:]
    one, other = found.iloc[: len(every)].reset_index(drop=True), found.iloc[len(every) :].reset_index(drop=True)
    assert one[[*FIGURES, "seconds"]].equals(other[[*FIGURES, "seconds"]])


def test_a_signal_of_ones_own_says_what_it_takes(tracer, prompt, monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))

    @signals.register("twice", over="run", need=lambda shape: signals.Need(forwards=2, tokens=2 * shape.width))
    def twice(run):
        """Two forwards."""
        return np.zeros((run.steps, run.prompt))

    again = signals.Signal("again", "The same.", credit=twice)
    found = tracer.estimate(prompt, ["twice", again], max_new_tokens=STEPS)
    width = sum(found.tokens.values()) + STEPS
    for name in ("twice", "again"):
        assert row(found, name)[["forwards", "tokens", "fits"]].tolist() == [2, 2 * width, True]
    wrong = signals.Signal("wrong", "A number.", credit=planning.needing(lambda _: 3)(lambda _: None))
    with pytest.raises(SignalError, match=r"need of signal 'wrong' gave a int: expected .*Need"):
        tracer.estimate(prompt, wrong, max_new_tokens=STEPS)


def test_a_control_is_estimated_by_what_it_does_whatever_it_is_called(shape):
    for signal in ("attmean", "leave_one_out"):
        known = signals.get(signal) | controls.minus_null
        other = signals.get(signal) | controls.Control("mine", "The same function.", controls.minus_null.apply)
        cheap = signals.get(signal) | controls.Control("minus_one", "Less one.", lambda scores, *_: scores - 1)
        assert planning.need(other, shape) == planning.need(known, shape)
        assert planning.need(cheap, shape) == planning.need(signals.get(signal), shape)


@pytest.mark.parametrize("operator", OPERATORS)
def test_batches_of_ablations_are_planned_with_the_size_that_is_used(tracer, prompt, operator, monkeypatch):
    batches = []
    monkeypatch.setattr(
        "omnitrace_nb.ablation.ablator.run_passes", lambda *_, batch, **__: (batches.append(batch), ([], False))[1]
    )
    signal = signals.ablate("leave_one_out", operator=operator)
    trace = tracer.trace(prompt, "attmean", max_new_tokens=STEPS, min_new_tokens=STEPS, progress=False)
    run = tracer.finished(trace, progress=False)
    run.ablator(operator).logprobs(~np.eye(len(run.sources), dtype=bool))
    planned = Shape(tracer.adapter, run.encoded, run.sources, STEPS)
    assert batches == [needs.at_once(signal.credit, planned)]
    assert batches[0] <= max(1, 512 // (STEPS if operator == "mask_direct" else planned.width))  # on a CPU
    memory = planning.need(signal, planned).memory
    monkeypatch.setattr("omnitrace_nb.passes.batches.ABLATED_ON_CPU", 1)
    assert (planning.need(signal, planned).memory < memory) is (
        operator in {"mask", "mean"}
    )  # else the plain forward takes most


def test_the_probe_is_timed_at_a_length_that_is_warm(tracer, monkeypatch):
    decoder, seen = tracer.adapter.decoder(), []
    forward = decoder.forward

    def slow_at_first(*args, **given):
        length = given["input_ids"].shape[1]
        if length not in seen:
            time.sleep(0.5)  # as a GPU chooses its kernels
        seen.append(length)
        return forward(*args, **given)

    usual, _ = estimate.speed(tracer.adapter)
    monkeypatch.setattr(decoder, "forward", slow_at_first)
    rate, step = estimate.speed(tracer.adapter)
    assert seen.count(estimate.PROBE) == 2
    assert seen.count(1) == 4
    assert 2 * sum(w.numel() for w in decoder.parameters()) * estimate.PROBE / rate < 0.5
    assert rate > usual / 10
    assert step < 0.5


def test_longer_prompts_more_samples_and_null_prompts_cost_more(tracer, prompt):
    short = tracer.estimate(prompt, "input_x_gradient", max_new_tokens=STEPS)
    long = tracer.estimate(prompt * 4, "input_x_gradient", max_new_tokens=STEPS)
    assert row(long, "input_x_gradient")["tokens"] > 2 * row(short, "input_x_gradient")["tokens"]
    few, many = signals.ablate("shapley", samples=1), signals.ablate("shapley", samples=20)
    found = tracer.estimate(
        prompt * 2, [few, many, signals.get("leave_one_out") | controls.minus_null], max_new_tokens=4
    )
    assert row(found, many.label)["forwards"] > 5 * row(found, few.label)["forwards"]
    alone = row(tracer.estimate(prompt * 2, "leave_one_out", max_new_tokens=4), "leave_one_out")
    assert row(found, "leave_one_out|minus_null")["forwards"] == 2 * alone["forwards"]


def test_an_estimate_is_read_by_people(tracer, prompt, monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))

    @signals.register("mine", over="run")
    def mine(run):
        """Whatever."""
        return np.zeros((run.steps, run.prompt))

    found = tracer.estimate(prompt, ["mine", "leave_one_out"], max_new_tokens=STEPS)
    shown = repr(found)
    assert shown.startswith("Estimate: ")
    assert "4 sources, at most 9 new tokens" in shown
    assert next(line for line in shown.splitlines() if "mine" in line).split()[-1] == "?"
    assert found.fits is None
    assert found.seconds > 0
    assert "<table" in found._repr_html_()
    assert list(found.table.columns) == list(estimate.COLUMNS)


def test_the_estimate_follows_the_models_own_length_and_refuses_what_a_run_would(tracer, prompt):
    assert tracer.estimate(prompt).new_tokens == 256
    with pytest.raises(SettingsError, match="max_new_tokens=0"):
        tracer.estimate(prompt, max_new_tokens=0)
    with pytest.raises(SignalError, match="unknown signal"):
        tracer.estimate(prompt, "atmean")


@pytest.fixture
def model_untouched(tracer, monkeypatch):
    def heavy(*_args, **_given):
        pytest.fail("the model was run before the memory was looked at")

    monkeypatch.setattr(tracer.adapter.model, "generate", heavy)
    monkeypatch.setattr(tracer.adapter.model, "forward", heavy)


def with_room(monkeypatch, room):
    monkeypatch.setattr(estimate, "free_memory", lambda _device: None if room is None else int(room))


@pytest.mark.usefixtures("model_untouched")
def test_a_signal_that_cannot_fit_is_refused_before_the_run_with_those_that_would(tracer, prompt, shape, monkeypatch):
    least = planning.need(signals.get("input_x_gradient"), shape).least
    with_room(monkeypatch, 0.9 * least)
    with pytest.raises(SignalError, match=r"'input_x_gradient' needs at least .* these would fit: .*attmean") as caught:
        tracer.trace(prompt, ["attmean", "input_x_gradient"], max_new_tokens=STEPS, progress=False)
    assert "saliency" not in str(caught.value).split("these would fit")[1]


@pytest.mark.usefixtures("model_untouched")
def test_a_prompt_that_cannot_fit_is_refused_with_what_to_shorten(tracer, prompt, monkeypatch):
    with_room(monkeypatch, 1000)
    with pytest.raises(ModelError, match=r"decoding 9 tokens after .* shorten the prompt"):
        tracer.trace(prompt, "attmean", max_new_tokens=STEPS, progress=False)


def test_the_table_says_what_does_not_fit(tracer, prompt, shape, monkeypatch):
    least = planning.need(signals.get("input_x_gradient"), shape).least
    with_room(monkeypatch, 0.9 * least)
    found = tracer.estimate(prompt, ["attmean", "input_x_gradient"], max_new_tokens=STEPS)
    assert found.table["fits"].tolist() == [True, True, False]
    assert found.fits is False
    assert "no" in repr(found).splitlines()[-1]


def test_where_free_memory_is_not_known_runs_are_let_through(tracer, prompt, monkeypatch):
    with_room(monkeypatch, None)
    assert len(tracer.trace(prompt, "attmean", max_new_tokens=2, progress=False)) == 2
    found = tracer.estimate(prompt, "attmean", max_new_tokens=2)
    assert "memory not known" in repr(found)
    assert found.table["fits"].isna().all()
    assert found.fits is None


def test_a_later_signal_that_cannot_fit_is_refused_and_the_trace_stays(tracer, prompt, shape, monkeypatch):
    trace = tracer.trace(prompt, "attmean", max_new_tokens=STEPS, min_new_tokens=STEPS, progress=False)
    with_room(monkeypatch, 0.9 * planning.need(signals.get("input_x_gradient"), shape).least)
    with pytest.raises(SignalError, match="needs at least"):
        tracer.add(trace, "input_x_gradient", progress=False)
    assert trace.signals == ("attmean",)


def test_this_machines_free_memory_is_a_number_of_bytes():
    free = estimate.free_memory(torch.device("cpu"))
    assert free is None or 2**20 < free < 2**46
