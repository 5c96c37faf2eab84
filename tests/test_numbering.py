"""Statement numbers: what a view shows is the number everywhere, and is taken wherever one is asked for."""

from __future__ import annotations

import io
import json
import re
import zipfile

import numpy as np
import pytest
from traces import PLANTED, RESPONSE, make_empty_trace, make_trace, supporting, with_verdicts

import omnitrace_nb as ot
from omnitrace_nb import numbering, view
from omnitrace_nb.charts import frames
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.evaluate import Support, judge

TEXTS = RESPONSE.split("\n")


@pytest.fixture(scope="module")
def trace():
    return with_verdicts(make_trace())


def numbered(form):
    """The number that stands before each statement's words in a text."""
    return {
        text: int(number) for number, text in re.findall(r"^\s*(\d+)[ .]\s*(.+)$", form, re.MULTILINE) if text in TEXTS
    }


def test_every_table_calls_a_statement_by_the_number_that_the_view_shows(trace):
    shown = numbered(view.text(trace))
    assert shown == {text: number for number, text in enumerate(TEXTS, 1)}
    statements = trace.statements
    assert dict(zip(statements["text"], statements["id"], strict=True)) == shown
    for text, number in shown.items():
        assert statements.loc[number, "text"] == text
        assert trace.response[trace.steps.query("statement == @number")["start"].min() :].strip().startswith(text)
        planted = supporting(trace.source_records)[TEXTS.index(text)]
        for table in (trace.spans.query("selected"), trace.votes("excess").query("vote > 0")):
            assert planted <= set(table.loc[table["statement"] == number, "source"])
        budget = trace.budget.query("statement == @number and signal == 'excess'")
        assert budget["source"].iloc[0] in planted
        assert set(trace.modalities["statement"]) == set(shown.values())
    assert trace.checks["statement"].tolist() == [1, 2, 3, 5, 5]
    assert trace.intervals["statement"].unique().tolist() == [4, 5]
    assert set(trace.agreement()["statement"]) == set(trace.agreement()["partner"]) == set(shown.values())


def test_steps_of_no_statement_have_minus_one(trace):
    assert trace.steps["statement"].iloc[-1] == trace.votes("excess")["statement"].iloc[-1] == -1


def test_charts_and_figures_show_and_take_that_number(trace):
    matrix = frames.matrix(trace, "excess")
    assert all(said.startswith(f"{number}  ") for number, said in zip(matrix["statement"], matrix["said"], strict=True))
    starts = frames.statement_starts(trace)
    first = dict(zip(trace.statements["id"], trace.statements["first"], strict=True))
    assert {int(said.split()[0]): start for said, start in zip(starts["said"], starts["start"], strict=True)} == first
    agreed = frames.agreement(trace, trace.agreement())
    assert all(
        f"Statement {number}," in words for number, words in zip(agreed["statement"], agreed["words"], strict=True)
    )
    assert len({trace.to_png(statement=number, scale=1, width=400) for number in range(1, 6)}) == 5


def test_a_statement_is_named_by_its_text_as_well(trace):
    for number, text in enumerate(TEXTS, 1):
        assert trace.to_png(statement=text, scale=1, width=400) == trace.to_png(statement=number, scale=1, width=400)
        assert trace.view(pinned=text).pinned == trace.compare(pinned=f" {text}\n").pinned == number
        assert trace.attribute("excess", text).equals(trace.attribute("excess", number))
        assert trace.to_html(pinned=text) == trace.to_html(pinned=number)


@pytest.mark.parametrize("wrong", [0, 6, -1, 1.5, True, "No such statement."])
def test_a_statement_that_there_is_none_of_is_told_how_they_count(trace, wrong):
    for form in (
        lambda: trace.to_png(statement=wrong),
        lambda: trace.to_html(pinned=wrong),
        lambda: trace.view(pinned=wrong),
        lambda: trace.compare(pinned=wrong),
    ):
        with pytest.raises(SettingsError, match=r"statements count from 1 to 5") as caught:
            form()
        assert repr(wrong) in str(caught.value)
    with pytest.raises(SettingsError, match="the response has no statement"):
        make_empty_trace().to_png(statement=1)


def test_a_text_that_several_statements_have_is_told_their_numbers():
    said = "\n".join([TEXTS[0], TEXTS[1], TEXTS[0]])
    twice = make_trace(response=said, planted=(PLANTED[0], PLANTED[1], PLANTED[0]))
    with pytest.raises(SettingsError, match="several statements say so; give the number of one: 1, 3"):
        twice.to_png(statement=TEXTS[0])
    assert numbering.index(3, [TEXTS[0], TEXTS[1], TEXTS[0]], "statement") == 2


def test_a_click_in_the_front_end_is_the_number_in_python(trace):
    """Front ends know statements by their indices (`data-statement` of the page, `pinned` of its state)."""
    for shown in (trace.view(), trace.compare()):
        heard = []
        shown.observe(lambda change, heard=heard: heard.append(change["new"]), names="pinned")
        shown.set_state({"pinned": 0})  # the first one clicked
        assert (shown.pinned, heard) == (1, [1])
        assert shown.get_state()["pinned"] == 0
        shown.pinned = 5
        assert shown.get_state()["pinned"] == 4
        with pytest.raises(SettingsError, match="pinned=6 is no statement"):
            shown.set_state({"pinned": 5})
        assert (shown.pinned, shown.get_state()["pinned"]) == (5, 4)
        shown.set_state({"pinned": None})
        assert shown.pinned is None
    for page in (trace.to_html(pinned=3), trace.compare(pinned=3).to_html()):
        state = json.loads(re.search(r'id="omnitrace-state">(.*?)</script>', page, re.DOTALL)[1])["state"]
        assert state["pinned"] == 2


def test_a_file_of_an_earlier_version_gives_the_same_numbers(trace, tmp_path):
    """Files hold indices, before and now."""
    path = trace.save(tmp_path / "t.omnitrace")
    with zipfile.ZipFile(path) as file:
        of_step = np.load(io.BytesIO(file.read("arrays/statement_of.npy")))
        checks = json.loads(file.read("trace.json"))["verification"]["checks"]
    assert sorted(set(of_step.tolist())) == [-1, 0, 1, 2, 3, 4]
    assert [check["statement"] for check in checks] == [0, 1, 2, 4, 4]
    opened = ot.open(path)
    for name in ("statements", "steps", "spans", "checks", "intervals"):
        assert getattr(opened, name).equals(getattr(trace, name))


def test_json_has_the_numbers_of_the_tables_and_the_papers_format_its_own(trace):
    plain = trace.to_dict()
    assert [row["id"] for row in plain["statements"]] == [1, 2, 3, 4, 5]
    assert {row["statement"] for row in plain["spans"]} == {1, 2, 3, 4, 5}
    [record] = json.loads(trace.to_json(format="paper"))
    assert [each["chunk_id"] for each in record["attribution"]["per_chunk_attribution"]] == [0, 1, 2, 3, 4]


def test_truth_is_given_by_number(trace):
    right = judge(trace, {2: [Support(1)]}, assign=("sum",))
    assert right[["statement", "tp", "fp", "fn"]].to_numpy().tolist() == [[2, 1, 0, 0]] * 2
