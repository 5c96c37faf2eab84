"""Propose, then verify: verdicts where the truth is planted, the drops by hand, what it costs, and what is kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import SENTENCES, planted_model, planted_text
from traces import make_empty_trace, make_trace

import omnitrace_nb as ot
from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes import Cost
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace.records import Ablations, Source
from omnitrace_nb.verification import DRAWN, FLOOR, interval, matched, proposals, verdict, verify

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def tracer():
    """A model that writes the letter of the digit in its prompt, and whose attention falls on the word honey too."""
    return ot.Tracer(planted_model(decoy=True))


@pytest.fixture(scope="module")
def trace(tracer):
    """The digit stands in the third sentence, honey in the second; attention proposes both."""
    return tracer.trace(planted_text(2), ["attmean", "rawatt"], max_new_tokens=4, **QUIET)


@pytest.fixture(scope="module")
def verified(tracer, trace):
    return tracer.verify(trace, **QUIET)


def test_what_the_answer_rests_on_is_verified_and_what_attention_merely_looks_at_is_not(trace, verified):
    spans = verified.spans[verified.spans["selected"]]
    assert {1, 2} <= set(spans["source"])
    assert set(spans.loc[spans["source"] == 2, "verdict"]) == {"verified"}
    assert set(spans.loc[spans["source"] == 1, "verdict"]) == {"not verified"}
    assert (spans.loc[spans["source"] == 2, "drop"] > 1).all()
    assert trace.spans["verdict"].isna().all()


def test_a_source_that_speaks_for_another_answer_is_contradicted(tracer):
    text = planted_text(2).replace(" 7", " 7 7 7").replace("was quiet", "was 3 quiet")
    trace = tracer.trace(text, "attmean", max_new_tokens=4, **QUIET)
    assert set(trace.response.strip()) == {"H"}
    checks = tracer.verify(proposing(trace, [0, 2]), **QUIET).checks.set_index("source")
    assert checks.loc[2, "verdict"] == "verified"
    assert checks.loc[0, "verdict"] == "contradicted"
    assert checks.loc[0, "drop"] < -FLOOR


def proposing(trace, sources):
    """The trace with one signal, which gives its steps to some sources in turns."""
    scores = np.zeros((len(trace), len(trace.layout) + len(trace)), np.float32)
    for step in range(len(trace)):
        scores[step, trace.source_records[sources[step % len(sources)]].positions] = 1
    pieces = trace.parts, trace.layout, trace.source_records, trace.response_record, {"turns": scores}, trace.run
    return type(trace).build(
        *pieces,
        CurationSettings(weights={}),
        Statements(trace.statement_chars, trace.statement_of, ("X",) * len(trace)),
    )


def test_a_drop_is_the_leave_one_out_effect_on_the_statement(tracer, trace, verified):
    effects = tracer.add(trace, "leave_one_out", **QUIET)
    for row in verified.checks.itertuples():
        expected = effects.attribute("leave_one_out", row.statement)["value"].iloc[row.source]
        assert row.drop == pytest.approx(expected, abs=1e-4)


def test_as_many_random_sources_are_hidden_and_none_of_them_was_proposed(trace, verified):
    checks = verified.checks
    for _, own in checks.groupby("statement"):
        proposed = own["signals"].map(len) > 0
        left = sum(
            not source.question for source in trace.source_records if source.id not in set(own[proposed]["source"])
        )
        assert (~proposed).sum() == min(left, max(DRAWN, proposed.sum()))
        assert own["source"].is_unique
    assert checks.loc[checks["signals"].map(len) == 0, "verdict"].isna().all()


def test_one_proposal_is_held_against_five_random_sources_where_they_are_there(tracer):
    text = " ".join(f"{name} sells honey." for name in ("Mia", "Tom", "Ida", "Ben", "Eva", "Leo")) + " Hugo 7."
    trace = proposing(tracer.trace(text, "attmean", max_new_tokens=3, **QUIET), [6])
    seeds = [tracer.verify(trace, seed=seed, **QUIET).checks for seed in range(3)]
    for checks in seeds:
        assert (checks["signals"].map(len) == 0).sum() == DRAWN
        assert checks["verdict"].dropna().tolist() == ["verified"]


def test_chance_proposes_nothing_unless_it_is_asked_to(tracer, trace):
    gambled = tracer.add(trace, ["random", ot.signals.get("random") | ot.controls.per_token], **QUIET)
    assert gambled.signals[-2:] == ("random", "random|per_token")
    both = tracer.verify(gambled, **QUIET)
    assert both.verification.signals == trace.signals
    assert not any("random" in name for names in both.checks["signals"] for name in names)
    asked = tracer.verify(gambled, signal="random", **QUIET)
    assert {name for names in asked.checks["signals"] for name in names} == {"random"}
    alone = tracer.trace(planted_text(2), "random", max_new_tokens=4, **QUIET)
    with pytest.raises(SignalError, match=r"no signal that proposes anything \(signals: random\)"):
        tracer.verify(alone, **QUIET)


def test_the_cost_stands_in_the_result_and_is_that_of_the_sources_asked_about(tracer, trace, verified):
    seen = []
    hook = tracer.adapter.decoder().register_forward_pre_hook(
        lambda _module, _args, given: seen.append(given["inputs_embeds"].shape[:2]), with_kwargs=True
    )
    try:
        again = tracer.verify(trace, **QUIET)
    finally:
        hook.remove()
    assert again.verification.forwards == sum(batch for batch, _ in seen)
    padded = sum(batch * length for batch, length in seen)
    assert padded // 2 < again.verification.tokens <= padded
    assert again.verification.forwards <= 1 + verified.checks["source"].nunique()
    assert again.checks.attrs["tokens"] == again.verification.tokens
    assert again.verification.seconds > 0


def test_what_was_run_once_is_not_run_again(tracer, verified, tmp_path):
    opened = ot.open(verified.save(tmp_path / "t", embed_media=True))
    again = tracer.verify(opened, **QUIET)
    assert (again.verification.forwards, again.verification.tokens) == (0, 0)
    pd.testing.assert_frame_equal(again.checks, verified.checks)
    full = tracer.add(verified, "leave_one_out", **QUIET)
    left = len(SENTENCES) - verified.checks["source"].nunique()
    assert full.run.signals["leave_one_out"]["forwards"] == left + 1  # the prefix that they share is read again
    assert full.verification is verified.verification


def test_one_signals_proposals_alone_are_checked_if_asked(tracer, trace):
    checks = tracer.verify(trace, signal=ot.signals.get("rawatt"), top=1, **QUIET).checks
    pd.testing.assert_frame_equal(checks, tracer.verify(trace, signal=["rawatt"], top=1, **QUIET).checks)
    proposed = checks[checks["signals"].map(len) > 0]
    best = trace.spans[(trace.spans["signal"] == "rawatt") & (trace.spans["rank"] == 1)]
    assert proposed["source"].tolist() == best["source"].tolist()
    assert set(proposed["signals"]) == {("rawatt",)}


def test_the_same_seed_gives_the_same_checks_and_another_draws_others(tracer, trace):
    one, same = (tracer.verify(trace, seed=3, **QUIET).checks for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    drawn = {
        tuple(checks.loc[checks["signals"].map(len) == 0, "source"])
        for checks in (tracer.verify(trace, seed=seed, **QUIET).checks for seed in range(6))
    }
    assert len(drawn) > 1


@pytest.mark.parametrize("operator", ["mask_direct", "mean"])
def test_every_operator_verifies_the_planted_sentence(tracer, trace, operator):
    checks = tracer.verify(trace, operator=operator, **QUIET).checks.set_index("source")
    assert checks.loc[2, "verdict"] == "verified"
    assert checks.loc[1, "verdict"] == "not verified"


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"signal": "excess"}, SignalError, "this trace has 'attmean', 'rawatt'; add it with tracer.add"),
        ({"operator": "hide"}, SignalError, "unknown operator 'hide'"),
        ({"top": 0}, SettingsError, "top=0: expected a whole number of at least 1"),
        ({"top": True}, SettingsError, "top=True"),
        ({"seed": -1}, SettingsError, "seed=-1"),
    ],
)
def test_wrong_arguments_are_named(tracer, trace, given, error, told):
    with pytest.raises(error, match=told):
        tracer.verify(trace, **given, **QUIET)


def test_an_interrupted_verification_keeps_the_statements_that_were_finished(tracer, trace):
    calls = []

    def interrupt(_module, _args):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt

    hook = tracer.adapter.decoder().register_forward_pre_hook(interrupt)
    try:
        short = tracer.verify(trace, **QUIET)
    finally:
        hook.remove()
    assert short.verification.interrupted
    assert len(short.checks) == 0
    whole = tracer.verify(short, **QUIET)
    assert not whole.verification.interrupted
    assert "verified" in set(whole.checks["verdict"])


def test_nothing_to_hide_and_nothing_said_give_no_checks(tracer):
    alone = tracer.trace("Hugo 7.", "attmean", max_new_tokens=3, **QUIET)
    checks = tracer.verify(alone, **QUIET).checks
    assert len(checks) == len(alone.source_records)  # one source: no other that could be drawn
    assert list(tracer.verify(alone, **QUIET).spans["drop"].notna()) == [True] * len(alone.spans)


def test_signals_that_propose_nothing_and_prompts_without_sources_are_verified_in_vain(tracer, trace):
    scores = {"x": np.zeros((len(trace), len(trace.layout) + len(trace)), np.float32)}
    for sources in (trace.source_records, ()):
        made = type(trace).build(trace.parts, trace.layout, sources, trace.response_record, scores, trace.run)
        got = tracer.verify(made, **QUIET)
        assert len(got.checks) == 0
        assert got.verification.forwards == 0
        assert got.ablations == {}
        assert got.attribute("x")["value"].tolist() == [0] * len(sources)


# --- the pure pieces ------------------------------------------------------------------------------------------------


def sources_of(lengths, questions=()):
    at, made = 0, []
    for id_, length in enumerate(lengths):
        positions = np.arange(at, at + length)
        made.append(Source(id_, "text", 0, f"text 1, sentence {id_}", positions, (0, 1), question=id_ in questions))
        at += length
    return made


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.data())
def test_random_sources_are_alike_in_length_different_and_never_barred(lengths, data):
    sources = sources_of(lengths, questions=data.draw(st.sets(st.integers(0, len(lengths) - 1), max_size=2)))
    barred = data.draw(st.sets(st.integers(0, len(lengths) - 1), min_size=1))
    seed = data.draw(st.integers(0, 5))
    drawn = matched(sorted(barred), sources, np.random.default_rng(seed), barred=dict.fromkeys(barred))
    free = {source.id for source in sources if not source.question} - barred
    assert len(drawn) == len(set(drawn)) == min(max(len(barred), DRAWN), len(free))
    assert set(drawn) <= free
    if drawn:
        first = min(barred)
        ratios = {id_: max(lengths[id_], lengths[first]) / min(lengths[id_], lengths[first]) for id_ in free}
        assert ratios[drawn[0]] <= max(2, min(ratios.values())) + 1e-9


def test_the_interval_is_the_bootstrap_over_tokens():
    drops = np.array([0.0, 3.0, 0.5, -0.2, 1.0])
    rng = np.random.default_rng(0)
    sums = [drops[rng.integers(0, 5, 5)].sum() for _ in range(20_000)]
    low, high = interval(drops, np.random.default_rng(1))
    assert (low, high) == pytest.approx(tuple(np.percentile(sums, (2.5, 97.5))), abs=0.35)
    assert interval(np.full(6, 0.5), rng) == (3.0, 3.0)
    assert np.isnan(interval(np.array([2.0]), rng)).all()


def test_a_verdict_needs_more_than_random_sources_do_and_an_interval_that_does_not_say_otherwise():
    assert verdict(1.0, 0.2, 2.0, margin=0.1) == "verified"
    assert verdict(1.0, 0.2, 2.0, margin=1.5) == "not verified"
    assert verdict(1.0, -1.0, 3.0, margin=0.1) == "not verified"
    assert verdict(-1.0, -2.0, -0.2, margin=0.1) == "contradicted"
    assert verdict(-1.0, -3.0, 1.0, margin=0.1) == "not verified"
    assert verdict(1.0, np.nan, np.nan, margin=0.1) == "verified"
    assert verdict(8.86, -0.45, 22.0, margin=0.22) == "verified"


@given(st.floats(-9, 9), st.lists(st.floats(0, 9), min_size=2, max_size=2), st.lists(st.floats(0, 9), min_size=2))
def test_cleaner_controls_never_take_a_verdict_back_and_signs_are_treated_alike(drop, reach, margins):
    low, high = drop - reach[0], drop + reach[1]
    dirty, clean = (verdict(drop, low, high, margin) for margin in (max(margins), min(margins)))
    assert dirty in {clean, "not verified"}
    other = {"verified": "contradicted", "contradicted": "verified", "not verified": "not verified"}
    assert verdict(-drop, -high, -low, min(margins)) == other[clean]


def test_proposals_are_the_selected_sources_of_each_statement_best_first():
    trace = make_trace()
    found = proposals(trace, trace.signals, top=1)
    spans = trace.spans
    for statement, own in found.items():
        for signal in trace.signals:
            best = spans[(spans["signal"] == signal) & (spans["statement"] == statement + 1) & (spans["rank"] == 1)]
            assert signal in own[int(best["source"].item())]
    wide = proposals(trace, ["excess"], top=5)
    chosen = spans[spans["selected"] & (spans["signal"] == "excess")]
    assert {(s + 1, j) for s, own in wide.items() for j in own} == set(
        zip(chosen["statement"], chosen["source"], strict=True)
    )
    assert proposals(make_empty_trace(), ("excess",), top=5) == {}


def test_numbers_that_break_down_are_told_and_leave_their_statements_without_a_verdict():
    trace = make_trace()
    sources = len(trace.source_records)

    class Broken:
        def logprobs(self, keep):
            found = np.zeros((len(keep), len(trace)))
            found[~keep[:, 0], 0] = np.nan  # hiding the first source breaks the first token
            return found

        record = Ablations("mask", np.ones((1, sources), bool), np.zeros((1, len(trace)), np.float32))

    run = SimpleNamespace(cost=Cost(), interrupted=False, ablator=lambda _operator: Broken())
    with pytest.warns(RuntimeWarning, match=r"without sources \[0\] are not finite"):
        got = verify(trace, run)
    assert 1 not in set(got.checks["statement"])
    assert set(got.checks["statement"]) >= {2, 3}
