"""Documents of a retrieval prompt and turns of a chat: named from the prompt to the view, and in saved traces."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import IMAGE, Sketch, make_trace, part

import omnitrace_nb as ot
from omnitrace_nb.content import as_parts, labels
from omnitrace_nb.errors import ContentError, SettingsError
from omnitrace_nb.sources import SourceOptions, build

HARBOUR = "Mia sells honey. The boats are red."
MARKET = "Hugo sells clocks.\n\nThey tick."
DOCUMENTS = [
    ot.Text(HARBOUR, id="doc-3", title="The harbour"),
    ot.Text(MARKET, title="The market"),
    ot.Text("Answer briefly. What does Mia sell?"),
]
CHAT = [
    {"role": "system", "content": "Be brief. Be kind."},
    {"role": "user", "content": "Mia sells honey. Hugo sells clocks."},
    {"role": "assistant", "content": "I see. Thank you."},
    {"role": "user", "content": "What does Mia sell?"},
]


@pytest.fixture(scope="module")
def trace(embedded):
    return embedded.trace(DOCUMENTS, max_new_tokens=8, progress=False, sources={"text": "document"})


def test_a_document_is_one_source_and_other_texts_are_cut_into_sentences(trace):
    table = trace.sources
    assert table["label"].tolist() == ["doc-3", "The market", "text 3, sentence 1", "text 3, sentence 2"]
    assert table["document"].tolist()[:1] == ["doc-3"]
    assert table["document"].isna().tolist() == [False, True, True, True]
    assert table["title"].tolist()[:2] == ["The harbour", "The market"]
    assert table["text"].tolist()[:2] == [HARBOUR, MARKET]


def test_a_document_is_found_by_its_id_and_its_title(trace):
    piece = trace.source("doc-3")
    assert piece.text == HARBOUR
    assert trace.source("The harbour").record is piece.record
    assert repr(piece) == f"<doc-3 of 'The harbour': {HARBOUR!r}>"
    assert "of The harbour" in piece._repr_html_()
    finer = trace.regroup()
    assert finer.sources["label"].tolist()[:2] == ["doc-3, sentence 1", "doc-3, sentence 2"]
    assert finer.sources["document"].tolist()[:2] == ["doc-3", "doc-3"]
    with pytest.raises(SettingsError, match="'doc-3' has 2 sources, from 'doc-3, sentence 1' to 'doc-3, sentence 2'"):
        finer.source("doc-3")
    assert finer.regroup({"text": {"doc-3": "document"}}).source("doc-3").text == HARBOUR


def test_documents_are_in_saved_traces_in_json_and_in_the_view(trace, tmp_path):
    kept = ot.open(trace.save(tmp_path / "documents"))
    assert kept.sources.equals(trace.sources)
    assert [(each.document, each.title) for each in kept.parts] == [
        ("doc-3", "The harbour"), (None, "The market"), (None, None)
    ]  # fmt: skip
    about = json.loads(trace.to_json())
    assert about["prompt"]["parts"][0]["title"] == about["sources"][0]["title"] == "The harbour"
    for shown in (trace.to_html(), trace._repr_mimebundle_()[0]["text/html"]):
        assert "doc-3" in shown
    assert "The harbour" in trace._repr_mimebundle_()[0]["text/html"]


def test_an_id_and_a_title_are_not_read_by_the_model(embedded):
    plain = [ot.Text(each.text) for each in DOCUMENTS]
    one, other = (embedded.trace(each, max_new_tokens=4, progress=False) for each in (DOCUMENTS, plain))
    assert np.array_equal(one.layout.token_ids, other.layout.token_ids)


def test_blocks_of_a_chat_may_be_documents():
    content = [{"role": "user", "content": [{"type": "text", "text": HARBOUR, "id": "doc-1", "title": "x"}, "Why?"]}]
    first, second = as_parts(content)
    assert (first.id, first.title, second.id) == ("doc-1", "x", None)
    assert labels([first, second, ot.Text("y", label="mine", id="doc-2")]) == ("doc-1", "text 2", "mine")
    assert repr(first) == f"Text({HARBOUR!r}, id='doc-1', title='x')"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([ot.Text("a", id="x"), ot.Text("b", id="x")], "2 documents have the id 'x'"),
        ([ot.Text("a", id=3)], "The id of part 1 is a int, expected a str"),
        ([ot.Text("a", title=" ")], "The title of part 1 has 1 characters"),
        ([ot.Text("a", id="x" * 300)], "The id of part 1 has 300 characters, expected 1 to 200"),
        ([ot.Text("a", id="\ud800")], "The id of part 1 holds half a character"),
    ],
)
def test_names_of_documents_that_cannot_be_are_refused(parts, told):
    with pytest.raises(ContentError, match=told):
        as_parts(parts)


def test_every_earlier_turn_of_a_chat_is_a_part_and_a_source(embedded):
    trace = embedded.trace(CHAT, max_new_tokens=8, progress=False, sources={"text": "turn"})
    assert [(each.role, each.text) for each in trace.parts] == [(each["role"], each["content"]) for each in CHAT]
    assert trace.sources["label"].tolist() == [
        "turn 1 (system)",
        "turn 2 (user)",
        "turn 3 (assistant)",
        "turn 4 (user)",
    ]
    assert trace.sources["text"].tolist() == [each["content"] for each in CHAT]
    assert trace.sources["question"].tolist() == [False, False, False, True]
    finer = trace.regroup().sources
    assert (finer["part"].value_counts().sort_index() == [2, 2, 2, 1]).all()
    # Roles and the template's own words are nobody's.
    owned = np.concatenate([each.positions for each in trace.source_records])
    assert set(trace.layout.part[owned]) == {0, 1, 2, 3}
    assert (trace.layout.part == -1).any()
    assert trace.source("turn 3 (assistant)").text == "I see. Thank you."


def test_a_turn_of_several_texts_names_each():
    sketch = Sketch()
    texts = ["Look:", "And now?", "I see.", "What?"]
    records = [part(0, "text", "text 1", "", text=texts[0]), part(1, "image", "image 1", "", size=(8, 8))]
    records += [part(at + 1, "text", f"text {at + 1}", "", text=texts[at]) for at in (1, 2, 3)]
    records[3] = dataclasses.replace(records[3], role="assistant")
    sketch.text(0, texts[0])
    sketch.pictures(1, IMAGE, (8, 8), (2, 2))
    for at in (1, 2, 3):
        sketch.text(at + 1, texts[at])
    sources = build(sketch.layout(), records, SourceOptions(text="turn"))
    assert [each.label for each in sources] == [
        "turn 1 (user), text 1", "image 1", "turn 1 (user), text 2", "turn 2 (assistant)", "turn 3 (user)"
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=1, max_size=8))
def test_turns_of_any_chat_own_every_word_once(roles):
    sketch, records = Sketch(), []
    for at, role in enumerate(roles):
        text = f"Words of {role}."
        records.append(dataclasses.replace(part(at, "text", f"text {at + 1}", "", text=text), role=role))
        sketch.text(at, text)
    layout = sketch.layout()
    sources = build(layout, records, SourceOptions(text="turn"))
    assert np.concatenate([each.positions for each in sources]).tolist() == list(range(len(layout)))
    changes = sum(one != other for one, other in zip(roles, [None, *roles], strict=False))
    assert sources[-1].label.startswith(f"turn {changes} ({roles[-1]})")
    assert len({each.label for each in sources}) == len(sources)


def test_what_was_said_is_kept_with_the_source_and_shown_everywhere(tmp_path):
    said = ot.open(
        make_trace()
        .regroup(
            {
                "audio": {
                    "sound 1": [{"start": 0, "end": 1.5, "text": "The harbour was quiet.", "speaker": "Mia"}],
                    "film 1": [(0.0, 4.0, "music")],
                }
            }
        )
        .save(tmp_path / "said")
    )
    table = said.sources.set_index("label")
    row = table.loc["sound 1, 0-1.5 s, Mia"]
    assert (row["text"], row["speaker"]) == ("The harbour was quiet.", "Mia")
    assert "film 1, 0-4 s (sound), music" in table.index
    piece = said.source("sound 1, 0-1.5 s, Mia")
    assert piece.text == "The harbour was quiet."
    assert repr(piece) == "<sound 1, 0-1.5 s, Mia: 'The harbour was quiet.'>"
    assert "The harbour was quiet." in piece._repr_html_()
    assert "The harbour was quiet." in said.to_markdown()
