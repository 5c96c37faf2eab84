"""Columns side by side, as plain values and static forms: what is compared, what differs, what is refused."""

import html
import json
import re

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbformat.validator import validate
from traces import RESPONSE, make_empty_trace, make_trace

import omnitrace_nb as ot
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.view.packing import unpack

SIGNALS = ("excess", "attmean", "other")


@pytest.fixture(scope="module")
def trace():
    """`other` credits the first sentence for the third statement, everything else as `excess` does."""
    made = make_trace(signals=SIGNALS)
    scores = {name: np.concatenate([made.scores(name), made.earlier(name)], axis=1) for name in SIGNALS}
    scores["other"] = scores["excess"].copy()
    steps = made.statement_of == 2
    scores["other"][steps] = 0
    scores["other"][np.ix_(steps, made.source_records[0].positions)] = 1
    return made.build(made.parts, made.layout, made.source_records, made.response_record, scores, made.run)


@pytest.fixture
def view(trace):
    return trace.compare("excess", "other")


def seen_text(page):
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


# What is compared


def test_signals_of_one_trace_are_columns_of_one_view_model(trace, view):
    assert [column["name"] for column in view.columns["columns"]] == ["excess", "other"]
    assert view.signals == ["excess", "other"]
    assert len(unpack(view.prompt)) == 1
    [(document, _)] = unpack(view.response)
    assert document["signals"] == ["excess", "other"]
    assert view.columns["notes"] == []
    assert view.columns["pairs"] == {}
    assert trace.compare().signals == list(SIGNALS)


def test_what_differs_stands_first_with_what_each_column_alone_selects(trace, view):
    first, *rest = view.columns["rows"]
    labels = trace.sources["label"]
    pictures = {source.label for source in trace.source_records if source.part == 2}
    assert first["id"] == 2
    assert first["numbers"][0] == 0
    assert first["shared"] == []
    assert set(first["alone"][0]) <= pictures
    assert first["alone"][1] == [labels[0]]
    # Everywhere else the two signals are the same.
    for row in rest:
        assert row["numbers"] == [1, 1, 1]
        assert row["alone"] == [[], []]
        assert row["shared"]
    assert view.agreement["statement"].tolist() == [row["id"] + 1 for row in view.columns["rows"]]


def test_traces_share_what_they_have_in_common(trace):
    lines = RESPONSE.split("\n")
    shorter = make_trace(response="\n".join(lines[2:]), planted=())
    view = ot.compare(trace, shorter, signals=["excess"], names=["whole", "less"])
    assert [column["trace"] for column in view.columns["columns"]] == [0, 1]
    assert len(unpack(view.prompt)) == len(unpack(view.response)) == 2
    assert view.columns["pairs"]["0 1"]["statements"] == [-1, -1, 0, 1, 2]
    assert view.columns["notes"] == [
        "whole / less: Of the statements, 2 on the left and 0 on the right have no partner."
    ]
    rows = {row["id"]: row for row in view.columns["rows"]}
    assert rows[0]["numbers"] == [None] * 3
    assert rows[0]["shared"] == []
    assert "no such statement" in view._repr_mimebundle_()[0]["text/plain"]


def test_settings_make_columns_of_one_signal(trace):
    view = trace.compare("excess", settings=[{}, {"question": False, "gamma": 1.0}])
    assert [column["name"] for column in view.columns["columns"]] == ["excess", "excess, question=False, gamma=1.0"]
    assert [column["settings"]["gamma"] for column in view.columns["columns"]] == [2.0, 1.0]
    assert [column["settings"]["question"] for column in view.columns["columns"]] == [True, False]


# What Python sees and sets


def test_other_signals_can_be_set_and_everything_follows(view):
    chart = view.chart
    view.signals = ["attmean", "other"]
    assert [column["name"] for column in view.columns["columns"]] == ["attmean", "other"]
    assert set(zip(view.agreement["left"], view.agreement["right"], strict=True)) == {("attmean", "other")}
    assert view.chart != chart
    [(document, _)] = unpack(view.response)
    assert document["signals"] == ["attmean", "other"]


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("pinned", 6, SettingsError, "statements count from 1 to 5"),
        ("pinned", 0, SettingsError, "statements count from 1 to 5"),
        ("mode", "differences", SettingsError, "use 'side by side' or 'difference'"),
        ("reference", 2, SettingsError, "there are 0 to 1"),
        ("signals", ["excess"], SettingsError, "1 signals do not fit 2 columns"),
        ("signals", ["excess", "nosuch"], SignalError, "no signal 'nosuch'; it has 'excess', 'attmean', 'other'"),
        ("signals", ["excess", "excess"], SettingsError, "'excess' stands twice"),
    ],
)
def test_what_has_no_meaning_is_refused_and_changes_nothing(view, name, value, error, words):
    before = (getattr(view, name), view.columns)
    with pytest.raises(error, match=re.escape(words)):
        setattr(view, name, value)
    assert (getattr(view, name), view.columns) == before


def test_a_refusal_from_the_front_end_is_told_in_words(view):
    with pytest.raises(SettingsError):
        view.set_state({"pinned": 99})
    assert "pinned=100 is no statement" in view.error
    view.set_state({"pinned": 1})
    assert (view.error, view.pinned) == ("", 2)


def test_the_difference_is_taken_from_the_last_column_unless_said_otherwise(trace):
    assert trace.compare().reference == 2
    view = trace.compare(mode="difference", reference=0, pinned=3)
    assert (view.mode, view.reference, view.pinned) == ("difference", 0, 3)


@pytest.mark.parametrize(
    ("signals", "options", "error", "words"),
    [
        (("excess",), {}, SettingsError, "One column ('excess') cannot be compared"),
        (("excess", "nosuch"), {}, SignalError, "no signal 'nosuch'"),
        (("excess", "attmean"), {"modes": "difference"}, SettingsError, "no setting 'modes'"),
        (("excess",), {"settings": [{"gamma": g / 2} for g in range(1, 6)]}, SettingsError, "5 columns do not fit"),
        (("excess", "attmean"), {"names": ["one"]}, SettingsError, "1 names do not fit 2 columns"),
        (("excess", "attmean"), {"mode": "both"}, SettingsError, "mode='both' is unknown"),
    ],
)
def test_comparisons_that_cannot_be_are_refused(trace, signals, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        trace.compare(*signals, **options)


def test_nothing_to_compare_is_said():
    with pytest.raises(SettingsError, match="nothing to compare"):
        ot.compare()
    with pytest.raises(SignalError, match="without signals"):
        ot.compare(make_empty_trace(signals=()), make_trace())


# Forms without a kernel


def test_the_static_forms_say_what_differs_first(trace, view):
    data, _ = view._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(data)
    lines = data["text/plain"].split("\n")
    assert lines[0] == "Comparison of excess, other: disagreements first"
    assert lines[2].strip().startswith("3")
    assert f"other: {trace.sources['label'][0]}" in data["text/plain"]
    page = seen_text(data["text/html"])
    assert page.index("The second picture shows") < page.index("The key is in the red box")
    # What sanitisers of notebooks drop is not used.
    assert not re.search(r"<(style|script|svg|iframe)|var\(--", data["text/html"])
    cell = new_code_cell("view", outputs=[new_output("execute_result", data, execution_count=1)])
    validate(new_notebook(cells=[cell]))


def test_static_mode_shows_no_widget(view):
    with ot.display("static"):
        assert set(view._repr_mimebundle_()[0]) == {"text/html", "text/plain"}


def test_names_with_markup_stay_text(trace):
    name = '<img src=x onerror="alert(1)">'
    view = trace.compare("excess", "attmean", names=[name, "plain"])
    assert name in seen_text(view._repr_mimebundle_()[0]["text/html"])
    assert "<img src=x" not in view._repr_mimebundle_()[0]["text/html"]
    assert "<img src=x" not in view.to_html()


def test_the_page_needs_no_network_and_holds_every_column(view, tmp_path):
    view.mode = "difference"
    page = view.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    state = json.loads(re.search(r'id="omnitrace-state">(.*?)</script>', page, re.DOTALL)[1])
    assert state["state"]["mode"] == "difference"
    assert set(state["buffers"]) == {"prompt", "response", "chart"}
    assert not re.search(r'(src|href)="https?:', page)


def test_every_dot_of_the_chart_names_its_statement(trace, view):
    [(document, _)] = unpack(view.chart)
    named = re.findall(r'aria-label="Statement (\d+), excess / other: ([a-z ]+) ([-.\d]+)"', document["svg"])
    table = view.agreement
    assert len(named) == table[["overlap", "top", "spearman"]].notna().sum().sum()
    by = {"same sources selected": "overlap", "same top sources": "top", "rank correlation": "spearman"}
    for number, measure, value in named:
        row = table[table["statement"] == int(number)].iloc[0]
        assert float(value) == pytest.approx(row[by[measure]], abs=0.005)
    assert "currentColor" in document["svg"]
    assert len(trace.statements) == len({number for number, _, _ in named})


def test_a_trace_without_statements_is_compared_in_words():
    empty = make_empty_trace(signals=("excess", "attmean"))
    view = empty.compare()
    assert view.columns["rows"] == []
    assert "No statement has numbers" in unpack(view.chart)[0][0]["svg"]
    assert view._repr_mimebundle_()[0]["text/html"]


def test_a_comparison_of_two_signals_is_about_as_large_as_one_view(trace, view):
    alone = trace.view(signals=["excess", "other"])
    held = sum(len(getattr(view, name)) for name in ("prompt", "response", "chart")) + len(json.dumps(view.columns))
    assert held < len(alone.prompt) + len(alone.response) + 20_000
