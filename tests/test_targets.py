"""Targets: what users name, what they mean, and what each source is worth for them, against another text too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from traces import RESPONSE, make_empty_trace, make_trace

import omnitrace_nb as ot
from omnitrace_nb import controls, models, signals, targets
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes import Scored
from omnitrace_nb.trace import Trace
from omnitrace_nb.trace.records import Ablations


@pytest.fixture(scope="module")
def trace():
    return make_trace()


def named(trace, target):
    return targets.find(trace, target).steps.tolist()


def test_the_whole_response_and_every_statement_are_their_own_steps(trace):
    assert named(trace, None) == list(range(len(trace)))
    for row in trace.statements.itertuples():
        assert named(trace, row.id) == list(range(row.first, row.last))
        assert targets.find(trace, row.id).chars == (row.start, row.end)


def test_a_range_names_steps_a_pair_names_characters_and_a_text_names_itself(trace):
    assert named(trace, range(3, 6)) == [3, 4, 5]
    assert named(trace, range(6, 2, -2)) == [4, 6]
    start = RESPONSE.index("blue square")
    by_text, by_chars = named(trace, "blue square"), named(trace, (start, start + len("blue square")))
    assert by_text == by_chars
    assert "".join(trace.steps["token"].iloc[by_text]) == " blue square"


def test_characters_take_every_token_that_writes_at_least_one_of_them(trace):
    at = RESPONSE.index("picture")
    assert named(trace, (at + 2, at + 3)) == named(trace, (at, at + len("picture")))
    emoji = RESPONSE.index("😀")
    assert len(named(trace, (emoji, emoji + 1))) == 2  # two tokens write its four bytes


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (6, "target=6 is no statement: statements count from 1 to 5"),
        (0, "target=0 is no statement: statements count from 1 to 5"),
        (-1, "statements count from 1 to 5"),
        (range(0), "is empty: there are the steps 0 to"),
        (range(900, 901), "reaches outside the response: there are the steps 0 to"),
        ((0, 999), "within the response's"),
        ((5, 5), "give start < end"),
        ("", "is empty"),
        ("unicorn", "does not occur in the response, which is"),
        ("The", "occurs 4 times: give one of the places"),
        (2.5, "give None for the whole response, the number of a statement"),
        (True, "give None for the whole response"),
        ((1, 2, 3), "give None for the whole response"),
    ],
)
def test_a_target_outside_the_response_is_told_what_there_is(trace, target, told):
    with pytest.raises(SettingsError) as caught:
        trace.attribute("excess", target)
    assert told in str(caught.value)


def test_an_empty_response_has_nothing_to_attribute():
    with pytest.raises(SettingsError, match="the response is empty"):
        make_empty_trace().attribute("excess")


def test_values_are_masses_summed_over_the_targets_steps(trace):
    steps = named(trace, "blue square")
    table = trace.attribute("attmean", "blue square")
    np.testing.assert_allclose(table["value"], trace.mass("attmean")[steps].sum(0))
    assert table["share"].sum() == pytest.approx(1)
    assert sorted(table["rank"]) == list(range(1, len(table) + 1))
    assert table.loc[table["rank"] == 1, "value"].item() == table["value"].max()
    assert table["label"].tolist() == trace.sources["label"].tolist()
    whole = sum(trace.attribute("attmean", range(step, step + 1))["value"] for step in range(len(trace)))
    np.testing.assert_allclose(whole, trace.attribute("attmean")["value"])


def test_signed_values_keep_their_sign_and_shares_count_only_support(trace):
    scores = {"signed": np.concatenate([trace.scores("excess"), trace.earlier("excess")], axis=1)}
    scores["signed"][:, trace.source_records[0].positions] *= -1
    signed = Trace.build(trace.parts, trace.layout, trace.source_records, trace.response_record, scores, trace.run)
    table = signed.attribute("signed", 1)
    assert table["value"].iloc[0] < 0
    assert table["share"].iloc[0] == 0
    assert table["rank"].iloc[0] == len(table)
    assert table["share"].sum() == pytest.approx(1)


# --- with a model ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


@pytest.fixture(scope="module")
def told(tracer):
    """A trace of a random text model: three sentences, 8 steps."""
    return tracer.trace(
        ["Mia sells honey. Hugo sells clocks. The market was busy.", "Who sells clocks?"],
        ["attmean", "leave_one_out", "contextcite"],
        max_new_tokens=8,
        progress=False,
    )


def counted(tracer, work):
    """How often the model's decoder is run by some work."""
    seen = []
    hook = tracer.adapter.decoder().register_forward_pre_hook(lambda *_: seen.append(1))
    try:
        result = work()
    finally:
        hook.remove()
    return result, len(seen)


def test_a_second_target_of_an_ablation_signal_costs_no_forward(tracer, told):
    for target in (None, range(2, 5), range(7, 8)):
        for signal in ("leave_one_out", "contextcite"):
            stored, runs = counted(tracer, lambda: told.attribute(signal, target))  # noqa: B023 (called at once)
            assert runs == 0
            live = tracer.attribute(told, signal, target, progress=False)
            np.testing.assert_allclose(stored["value"], live["value"], rtol=1e-6, atol=1e-6)


def test_leave_one_out_of_a_target_is_the_drop_of_its_log_probability(told):
    record = told.ablations["mask"]
    whole = record.logprobs[record.keep.all(axis=1)][0]
    values = told.attribute("leave_one_out", range(2, 5))["value"]
    for source, value in enumerate(values):
        alone = ~record.keep
        [row] = np.flatnonzero(alone[:, source] & (alone.sum(axis=1) == 1))
        assert value == pytest.approx(float((whole - record.logprobs[row])[2:5].sum()), abs=1e-4)


@pytest.mark.parametrize(
    "made",
    [
        signals.ablate("shapley", samples=2) | controls.detrend(2),
        signals.ablate("leave_one_out", operator="mean") | controls.sinks_above(times=3),
        signals.get("lime") | controls.per_token,
        (signals.get("leave_one_out") | controls.per_token).named("leave_one_out"),
        signals.ablate("shapley", samples=2).named("shapley"),
        (signals.get("lime") | controls.Control("halved", "half", lambda scores, *_: scores / 2)).named("contextcite"),
    ],
    ids=lambda each: each.label,
)
def test_a_label_is_no_definition_and_corrected_masses_are_summed_as_they_are(tracer, told, made):
    trace = tracer.add(told, made, progress=False)
    steps = np.arange(2, 5)
    wanted = trace.mass(made.label)[steps].sum(axis=0)
    found = trace.attribute(made.label, range(2, 5))["value"]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


def test_a_renamed_explainer_still_explains_any_target_from_the_masks(tracer, told):
    """Truth: the same explainer, run on the model for this target."""
    made = signals.ablate("contextcite", samples=40, seed=3)
    trace = tracer.add(told, made.named("mine"), progress=False)
    notes = trace.run.signals["mine"]
    said = {"method": "contextcite", "operator": "mask", "samples": 40, "seed": 3, "per": None}
    assert notes.items() >= said.items()
    live = tracer.attribute(told, made, range(2, 5), progress=False)
    np.testing.assert_allclose(trace.attribute("mine", range(2, 5))["value"], live["value"], rtol=1e-6, atol=1e-6)
    assert not np.allclose(live["value"], trace.mass("mine")[2:5].sum(axis=0))


def test_a_trace_whose_notes_tell_no_method_sums_its_masses(told):
    bare = told.with_scores(Scored(notes={"contextcite": {"steps": len(told)}}))
    wanted = bare.mass("contextcite")[3:5].sum(axis=0)
    np.testing.assert_array_equal(bare.attribute("contextcite", range(3, 5))["value"], wanted)


def test_masks_that_a_trace_does_not_keep_are_asked_for(told):
    record = told.ablations["mask"]
    lean = told.with_scores(Scored(), {"mask": Ablations("mask", record.keep[:3], record.logprobs[:3])})
    with pytest.raises(SignalError, match=r"tracer\.add"):
        lean.attribute("contextcite")


def logprobs(tracer, prompt, ids):
    """Plain transformers: the log-probability of `ids` after a prompt, and the logits before each of them."""
    model = tracer.adapter.model
    sequence = torch.tensor([*prompt, *ids])[None].to(model.device)
    with torch.no_grad():
        logits = model(sequence).logits[0, len(prompt) - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, sequence[0, len(prompt) :, None])[:, 0].cpu().numpy(), logits


def test_against_another_text_values_are_what_speaks_for_the_one_rather_than_the_other(tracer, told):
    steps, text = range(3, 5), "honey"
    table = tracer.attribute(told, "leave_one_out", steps, text, progress=False)
    tokens = tracer.adapter.tokenizer.encode(text, add_special_tokens=False)
    own, before = told.response_record.token_ids, told.layout.token_ids.tolist()
    first, second = [*own[:5]], [*own[:3], *tokens]

    def gap(prompt):
        return logprobs(tracer, prompt, first)[0][3:].sum() - logprobs(tracer, prompt, second)[0][3:].sum()

    # The last source stands for all: nobody else looks at it, so leaving it out by position ids is hiding it.
    source = told.source_records[-1]
    kept = [at for at in range(len(before)) if at not in set(source.positions.tolist())]
    model = tracer.adapter.model

    def gap_without():
        total = 0.0
        for sign, ids in ((1, first), (-1, second)):
            sequence = torch.tensor([*(before[at] for at in kept), *ids])[None]
            places = torch.tensor([*kept, *range(len(before), len(before) + len(ids))])[None]
            ones = torch.ones_like(sequence)
            with torch.no_grad():
                logits = model(sequence, position_ids=places, attention_mask=ones).logits[0, len(kept) - 1 : -1].float()
            chosen = logits.log_softmax(-1).gather(1, sequence[0, len(kept) :, None])[:, 0]
            total += sign * float(chosen[3:].sum())
        return total

    assert table["value"].iloc[source.id] == pytest.approx(gap(before) - gap_without(), abs=1e-4)


def test_gradients_against_another_text_are_those_of_the_logit_difference_at_the_first_differing_token(tracer, told):
    table = tracer.attribute(told, "input_x_gradient", range(3, 5), "honey", progress=False)
    [other, *_] = tracer.adapter.tokenizer.encode("honey", add_special_tokens=False)
    own = told.response_record.token_ids
    model = tracer.adapter.model
    sequence = torch.tensor([*told.layout.token_ids.tolist(), *own[:3]])[None]
    embeddings = model.get_input_embeddings()(sequence).detach().requires_grad_()
    logits = model(inputs_embeds=embeddings).logits[0, -1].float()
    (logits[own[3]] - logits[other]).backward()
    expected = (embeddings * embeddings.grad).sum(-1)[0].detach().numpy()
    by_source = [expected[source.positions].sum() for source in told.source_records]
    np.testing.assert_allclose(table["value"], by_source, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("signal", "target", "against", "error", "told_so"),
    [
        ("attmean", range(3, 5), "honey", SignalError, "no contrast"),
        ("attgrads", range(3, 5), "honey", SignalError, "no contrast"),
        ("leave_one_out", range(3, 5), "", SettingsError, "give a text to put in the target's place"),
        ("leave_one_out", range(3, 7, 2), "honey", SettingsError, "in one piece"),
        ("leave_one_out", range(99), "honey", SettingsError, "reaches outside"),
    ],
)
def test_what_cannot_be_contrasted_is_said(tracer, told, signal, target, against, error, told_so):  # noqa: PLR0917
    with pytest.raises(error, match=told_so):
        tracer.attribute(told, signal, target, against, progress=False)


def test_the_response_itself_is_no_contrast(tracer, told):
    start, end = told.response_record.chars[3]
    with pytest.raises(SettingsError, match="is what the response says"):
        tracer.attribute(told, "leave_one_out", range(3, 4), told.response[start:end], progress=False)


def test_a_signal_that_the_trace_lacks_is_computed_and_the_trace_stays_as_it_is(tracer, told):
    table = tracer.attribute(told, "rawatt", range(2, 4), progress=False)
    again = tracer.add(told, "rawatt", progress=False)
    np.testing.assert_allclose(table["value"], again.attribute("rawatt", range(2, 4))["value"])
    assert "rawatt" not in told.signals


def test_the_embedded_models_yellow_cross_rests_on_its_picture_rather_than_a_blue_one():
    tracer = ot.load()
    trace = tracer.trace(ot.example(), "excess", progress=False)
    for signal in ("leave_one_out", "integrated_gradients"):
        table = tracer.attribute(trace, signal, "yellow cross", "blue cross", progress=False)
        assert table.loc[table["rank"] == 1, "label"].item() == "image 1"
