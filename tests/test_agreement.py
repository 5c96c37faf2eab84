"""How far signals and traces agree: each number against its definition or scipy, and what stands for what."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from traces import NOTE, QUESTION, RESPONSE, make_empty_trace, make_trace

from omnitrace_nb import agreement, comparing, pairing
from omnitrace_nb.errors import SettingsError, SignalError

few = st.integers(-3, 3).map(float)
rows = st.integers(1, 12).flatmap(
    lambda size: st.tuples(arrays(float, size, elements=few), arrays(float, size, elements=few))
)


@pytest.fixture(scope="module")
def trace():
    return make_trace(signals=("excess", "attmean", "other"))


def swapped(trace, changed):
    """The same trace with some scores replaced: `changed(scores, statement_of, sources)`."""
    scores = {name: np.concatenate([trace.scores(name), trace.earlier(name)], axis=1) for name in trace.signals}
    changed(scores)
    return trace.build(
        trace.parts, trace.layout, trace.source_records, trace.response_record, scores, trace.run, trace.settings
    )


# The numbers


@given(rows)
def test_spearman_is_scipys_within_minus_one_and_one_and_symmetric(pair):
    one, other = pair
    found = agreement.spearman(one, other)
    if len(one) < 2 or len(set(one)) == 1 or len(set(other)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
        assert -1 <= found <= 1
        assert found == agreement.spearman(other, one)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_jaccard_counts_what_both_hold_among_what_either_holds(one, other):
    found = agreement.jaccard(one, other, both_empty=1.0)
    either = [each for each in range(10) if each in one or each in other]
    assert found == (sum(each in one and each in other for each in either) / len(either) if either else 1.0)
    assert 0 <= found <= 1
    assert found == agreement.jaccard(other, one, both_empty=1.0)


@given(arrays(float, 8, elements=few), st.integers(1, 10))
def test_the_largest_are_those_that_no_other_beats_and_all_are_above_0(values, count):
    found = agreement.largest(values, count)
    beaten_by = {at: sum((-v, i) < (-values[at], at) for i, v in enumerate(values)) for at in range(len(values))}
    assert found == {at for at in range(len(values)) if values[at] > 0 and beaten_by[at] < count}


def test_each_row_is_what_the_definitions_give_from_the_public_tables(trace):
    found = trace.agreement("excess", "attmean")
    assert len(found) == 5
    selected = trace.spans[trace.spans["selected"]]
    for row in found.itertuples():
        masses, chosen = [], []
        for signal in (row.left, row.right):
            masses.append(trace.mass(signal)[trace.statement_of == row.statement - 1].mean(axis=0))
            own = selected[(selected["signal"] == signal) & (selected["statement"] == row.statement)]
            chosen.append(set(own["source"]))
        tops = [set(np.argsort(-mass, kind="stable")[:3].tolist()) for mass in masses]
        assert row.spearman == pytest.approx(stats.spearmanr(*masses).statistic)
        assert row.top == len(tops[0] & tops[1]) / len(tops[0] | tops[1])
        assert row.overlap == len(chosen[0] & chosen[1]) / len(chosen[0] | chosen[1])
        assert (set(row.shared), set(row.only_left), set(row.only_right)) == (
            chosen[0] & chosen[1],
            chosen[0] - chosen[1],
            chosen[1] - chosen[0],
        )


def test_every_two_signals_are_compared_and_a_signal_agrees_with_a_copy_of_itself(trace):
    copied = swapped(trace, lambda scores: scores.update(other=scores["excess"]))
    found = copied.agreement()
    assert set(zip(found["left"], found["right"], strict=True)) == set(combinations(trace.signals, 2))
    same = found[(found["left"] == "excess") & (found["right"] == "other")]
    assert (same[["overlap", "top", "spearman"]] == 1).all(axis=None)
    assert (same["only_left"].map(len) + same["only_right"].map(len) == 0).all()


def test_disagreements_stand_first(trace):
    def move_the_second_picture(scores):
        """Let `other` credit the first sentence for the third statement."""
        steps = trace.statement_of == 2
        scores["other"][steps] = 0
        scores["other"][np.ix_(steps, trace.source_records[0].positions)] = 1

    found = swapped(trace, move_the_second_picture).agreement("excess", "other")
    assert found["statement"].iloc[0] == 3
    assert (found["overlap"].iloc[0], found["top"].iloc[0]) == (0, 0)
    assert found["only_right"].iloc[0] == (0,)
    assert found["overlap"].is_monotonic_increasing


# Where a number has no meaning


def test_equal_masses_have_no_rank_correlation_and_nothing_at_all_has_no_top(trace):
    def silence(scores):
        scores["other"][trace.statement_of == 1] = 0

    found = swapped(trace, silence).agreement("excess", "other").set_index("statement")
    assert math.isnan(found.loc[2, "spearman"])
    # One side's top is there and the other's is empty: they share nothing.
    assert (found.loc[2, "top"], found.loc[2, "overlap"]) == (0, 0)
    assert not found.drop(index=2).isna().any(axis=None)

    def silence_both(scores):
        for each in scores.values():
            each[trace.statement_of == 1] = 0

    found = swapped(trace, silence_both).agreement("excess", "other").set_index("statement")
    # Neither side selects anything: both say that nothing stands out.
    assert found.loc[2, "overlap"] == 1
    assert math.isnan(found.loc[2, "top"])
    assert math.isnan(found.loc[2, "spearman"])


def test_as_many_sources_as_are_compared_have_no_top_and_one_has_no_order(trace):
    assert trace.agreement("excess", "attmean", top=len(trace.source_records))["top"].isna().all()
    assert trace.agreement("excess", "attmean", top=len(trace.source_records) - 1)["top"].notna().all()
    one = trace.build(
        trace.parts,
        trace.layout,
        trace.source_records[:1],
        trace.response_record,
        {name: np.concatenate([trace.scores(name), trace.earlier(name)], axis=1) for name in trace.signals},
        trace.run,
    )
    found = one.agreement("excess", "attmean")
    assert found[["top", "spearman"]].isna().all(axis=None)
    assert (found["overlap"] == 1).all()


def test_a_trace_without_statements_has_an_empty_table_of_the_same_columns():
    empty = make_empty_trace(signals=("excess", "attmean"))
    found = empty.agreement()
    assert len(found) == 0
    assert list(found.columns) == list(make_trace().agreement().columns)


@pytest.mark.parametrize(
    ("signals", "options", "error", "words"),
    [
        (("excess",), {}, SettingsError, "One column ('excess')"),
        (("excess", "excess"), {}, SettingsError, "'excess' stands twice"),
        (("excess", "nosuch"), {}, SignalError, "no signal 'nosuch'; it has 'excess', 'attmean', 'other'"),
        (("excess", "attmean"), {"top": 0}, SettingsError, "top=0"),
        (("excess", "attmean"), {"top": 1.5}, SettingsError, "top=1.5"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(trace, signals, options, error, words):
    with pytest.raises(error) as caught:
        trace.agreement(*signals, **options)
    assert words in str(caught.value)


# Columns


def test_columns_are_named_by_what_differs_between_them(trace):
    other = make_trace(seed=1)
    named = lambda *given, **more: [each.name for each in comparing.columns(*given, **more)]  # noqa: E731
    assert named([trace]) == ["excess", "attmean", "other"]
    assert named([trace, other]) == ["trace 1", "trace 2"]
    assert named([trace, other], ["excess", "attmean"]) == ["trace 1, excess", "trace 2, attmean"]
    assert named([trace], settings=[{}, {"gamma": 1.0}]) == ["excess", "excess, gamma=1.0"]
    assert named([trace, other], names=["before", "after"]) == ["before", "after"]


def test_several_traces_are_read_by_a_signal_that_all_have(trace):
    other = make_trace(signals=("attmean", "fresh"))
    assert [each.signal for each in comparing.columns([trace, other])] == ["attmean", "attmean"]
    strange = make_trace(signals=("fresh",))
    assert [each.signal for each in comparing.columns([trace, strange])] == ["excess", "fresh"]


def test_settings_change_what_a_column_selects(trace):
    wide, narrow = comparing.columns([trace], ["excess"], [{"coverage": 1.0, "p_min": 0.0}, {"coverage": 0.01}])
    for statement in range(5):
        own = trace.curate(coverage=0.01)
        own = own[(own["signal"] == "excess") & (own["statement"] == statement + 1) & own["selected"]]
        assert set(np.flatnonzero(narrow.curated[statement].selected)) == set(own["source"])
        assert wide.curated[statement].selected.sum() >= narrow.curated[statement].selected.sum()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([],), "nothing to compare"),
        (([0, 0], ["excess"] * 3), "2 traces do not fit 3 columns"),
        (([0, 0], None, [{}, {}, {}]), "2 traces do not fit 3 columns"),
        (([0, 0], None, None, ["a"]), "1 names do not fit 2 columns"),
        (([0], ["excess"], [{}, {"gama": 1}]), "'gama' is no curation setting"),
    ],
)
def test_columns_that_do_not_fit_are_refused(trace, given, words):
    traces, *rest = given
    with pytest.raises(SettingsError, match=words):
        comparing.columns([trace for _ in traces], *rest)


# Pairs of traces


def test_traces_of_one_prompt_are_paired_by_number(trace):
    found = pairing.pair(trace, make_trace(seed=3))
    assert found.sources.tolist() == list(range(len(trace.source_records)))
    assert found.statements.tolist() == [0, 1, 2, 3, 4]
    assert (found.moved, found.notes) == ((), ())


def test_an_added_sentence_moves_numbers_but_not_partners(trace):
    longer = make_trace(note="Nobody is here. " + NOTE)
    found = pairing.pair(trace, longer)
    assert found.sources.tolist() == [id_ + 1 for id_ in range(len(trace.source_records))]
    assert found.notes == ("Of the sources, 0 on the left and 1 on the right have no partner.",)
    back = pairing.pair(longer, trace)
    assert back.sources[0] == -1


def test_another_picture_in_the_same_place_is_a_partner_that_is_named(trace):
    parts = list(trace.parts)
    changed = type(parts[1])(**{
        **{name: getattr(parts[1], name) for name in parts[1].__dataclass_fields__},
        "sha256": "0" * 64,
    })  # fmt: skip
    scores = {name: np.concatenate([trace.scores(name), trace.earlier(name)], axis=1) for name in trace.signals}
    other = trace.build(
        [parts[0], changed, *parts[2:]], trace.layout, trace.source_records, trace.response_record, scores, trace.run
    )
    found = pairing.pair(trace, other)
    pictures = [source.id for source in trace.source_records if source.part == 1]
    assert found.moved == tuple(pictures)
    assert (found.sources >= 0).all()
    assert found.notes == ("Compared by place, as what stands there differs: image 1.",)


def test_statements_of_another_response_are_paired_by_their_words(trace):
    lines = RESPONSE.split("\n")
    said = "\n".join([lines[3], lines[0].replace("red", "large"), lines[2], "Nothing else is to be told of this."])
    other = make_trace(response=said, planted=())
    found = pairing.pair(trace, other)
    assert found.statements.tolist() == [1, -1, 2, 0, -1]
    assert found.notes == ("Of the statements, 2 on the left and 1 on the right have no partner.",)
    table = agreement.agreement(comparing.columns([trace, other]))
    assert dict(zip(table["statement"], table["partner"], strict=True)) == {1: 2, 2: -1, 3: 3, 4: 1, 5: -1, -1: 4}
    alone = table[(table["statement"] < 0) | (table["partner"] < 0)]
    assert alone.index.tolist() == [3, 4, 5]
    assert alone[["overlap", "top", "spearman"]].isna().all(axis=None)


@given(st.lists(st.sampled_from(["a bell rings", "a ball jumps", "red", "a ball jumped"]), max_size=6),
       st.lists(st.sampled_from(["a bell rings", "a ball jumps", "red", "a bell sang"]), max_size=6))  # fmt: skip
def test_no_statement_has_two_partners_and_equal_ones_are_paired_in_order(left, right):
    partner = pairing.pair_statements(left, right)
    paired = partner[partner >= 0].tolist()
    assert len(paired) == len(set(paired))
    for text in set(left):
        equal = [place for at, place in enumerate(partner) if left[at] == text and place >= 0 and right[place] == text]
        assert equal == sorted(equal)
        assert len(equal) == min(left.count(text), right.count(text))


def test_a_question_that_may_not_be_credited_is_left_out(trace):
    columns = comparing.columns([trace], ["excess", "attmean"], [{"question": False}])
    question = [source.id for source in trace.source_records if source.question]
    assert question
    assert QUESTION.startswith(trace.sources["text"][question[0]])
    for row in agreement.agreement(columns).itertuples():
        masses = [
            np.delete(trace.mass(signal)[trace.statement_of == row.statement - 1].mean(axis=0), question)
            for signal in ("excess", "attmean")
        ]
        assert row.spearman == pytest.approx(stats.spearmanr(*masses).statistic)


def test_sources_cut_otherwise_are_compared_as_far_as_they_are_the_same():
    coarse, fine = make_trace(bin_seconds=1.0), make_trace(bin_seconds=2.0)
    found = pairing.pair(coarse, fine)
    for id_, partner in enumerate(found.sources):
        if partner >= 0:
            one, other = coarse.source_records[id_], fine.source_records[partner]
            assert (one.modality, one.part, one.time, one.chars) == (
                other.modality,
                other.part,
                other.time,
                other.chars,
            )
    timed = [sum(source.time is not None for source in trace.source_records) for trace in (coarse, fine)]
    assert found.notes == (f"Of the sources, {timed[0]} on the left and {timed[1]} on the right have no partner.",)
    assert not agreement.agreement(comparing.columns([coarse, fine])).empty
