"""Traces: tables, masses, curation again, and the one file."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from traces import NOTE, RESPONSE, make_empty_trace, make_layout, make_parts, make_trace, supporting

from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.errors import SettingsError, SignalError, TraceFileError
from omnitrace_nb.passes import Scored
from omnitrace_nb.statements import StatementOptions
from omnitrace_nb.trace import container, open_trace
from omnitrace_nb.trace.packed import pack
from omnitrace_nb.trace.records import Ablations, Check, RunInfo, Verification
from omnitrace_nb.trace.result import Trace
from omnitrace_nb.trace.tables import COLUMNS

DOCS = Path(__file__).parent.parent / "docs" / "tables.md"
TABLES = ("sources", "steps", "statements", "spans", "intervals", "checks")
ASKED = {"votes", "attribute"}  # tables that take a signal


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture(scope="module")
def empty():
    return make_empty_trace()


def documented():
    """The columns that docs/tables.md promises: heading -> {column: type}."""
    found = {}
    for section in DOCS.read_text().split("\n## ")[1:]:
        name = re.match(r"`trace\.(\w+)", section)
        rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section, re.MULTILINE)
        if name and rows:
            found[name[1]] = dict(rows)
    return found


@pytest.mark.parametrize("which", ["trace", "empty"])
def test_every_table_has_the_documented_columns_and_types_full_or_empty(which, request):
    trace = request.getfixturevalue(which)
    assert {*TABLES, *ASKED} <= set(documented())
    assert set(documented()) == set(COLUMNS)
    for name, columns in documented().items():
        if name in {"attribute", "agreement"} and which == "empty":  # test_agreement has the latter
            continue
        table = getattr(trace, name)
        table = table(trace.signals[0]) if name in ASKED else table() if name == "agreement" else table
        assert {column: str(kind) for column, kind in table.dtypes.items()} == columns, name
        assert list(table.columns) == list(columns)


def test_an_empty_trace_has_sources_but_no_steps(empty):
    assert len(empty.sources) == 20
    assert [len(getattr(empty, name)) for name in ("steps", "statements", "spans", "intervals")] == [0] * 4
    assert empty.mass("excess").shape == (0, 20)
    assert len(empty) == 0


def test_planted_support_is_found_for_every_statement_and_signal(trace):
    right = supporting(trace.source_records)
    taken = trace.spans[trace.spans["selected"]]
    for signal in trace.signals:
        for statement, support in enumerate(right, 1):
            own = taken[(taken["signal"] == signal) & (taken["statement"] == statement)]
            assert set(own["source"]) == support


def test_steps_and_statements_tell_one_story(trace):
    steps, statements = trace.steps, trace.statements
    assert trace.response == RESPONSE
    assert statements["text"].tolist() == RESPONSE.split("\n")
    assert [RESPONSE[a:b] for a, b in zip(statements["start"], statements["end"], strict=True)] == RESPONSE.split("\n")
    for row in statements.itertuples():
        own = steps[steps["statement"] == row.id]
        assert own["step"].tolist() == list(range(row.first, row.last))
        assert len(own) == row.steps
        assert own["start"].min() <= row.start
        assert own["end"].max() == row.end
    emoji = steps[steps["start"] >= RESPONSE.index(" 😀")]
    assert (
        emoji["token"].tolist() == ["<0xF0><0x9F>", "<0x98><0x80>", ".", ""] or emoji["token"].iloc[1] == "<0x98><0x80>"
    )
    special = steps.iloc[-1]
    assert (special["start"], special["end"], special["statement"]) == (len(RESPONSE), len(RESPONSE), -1)
    assert pd.isna(special["pos"])


def test_a_statement_that_no_token_writes_has_no_steps():
    parts = make_parts()
    layout = make_layout(parts)
    response = dataclasses.replace(align([b"One. Two."], [5], [0.0], "eos"))
    scores = {"excess": np.ones((1, len(layout) + 1), np.float32)}
    trace = Trace.build(parts, layout, sourcing.build(layout, parts), response, scores, RunInfo("m", "f"))
    assert trace.statements[["first", "last", "steps"]].to_numpy().tolist() == [[0, 1, 1], [-1, -1, 0]]
    assert trace.spans["statement"].unique().tolist() == [1]


def test_masses_are_sums_of_the_scores_of_their_positions(trace):
    scores = trace.scores("attmean")
    assert scores.dtype == np.float32
    assert scores.shape == (len(trace), len(trace.layout))
    for rule, gather in (("sum", np.sum), ("peak", np.max), ("mean", np.mean)):
        mass = trace.mass("attmean", rule)
        assert mass.shape == (len(trace), len(trace.source_records))
        for source in trace.source_records:
            expected = gather(scores[:, source.positions].astype(np.float64), axis=1)
            np.testing.assert_allclose(mass[:, source.id], expected, rtol=1e-12)


def test_scores_of_earlier_tokens_are_apart_and_only_look_back(trace):
    earlier = trace.earlier("attmean")
    assert earlier.shape == (len(trace), len(trace))
    assert not np.triu(earlier).any()
    assert np.tril(earlier, -1).any()
    assert make_empty_trace().earlier("excess").shape == (0, 0)


def test_span_rows_are_in_rank_order_and_their_shares_add_up(trace):
    spans = trace.curate(coverage=1.0, p_min=0)
    for _, group in spans.groupby(["signal", "statement"], observed=True):
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
        assert group["score"].is_monotonic_decreasing
        assert group["p"].sum() == pytest.approx(1)
        assert (group["run"] <= group["p"] + 1e-12).all()
    sources = trace.sources
    assert spans["label"].tolist() == sources["label"].iloc[spans["source"]].tolist()
    assert spans["modality"].tolist() == sources["modality"].iloc[spans["source"]].tolist()


def test_a_spans_mass_is_the_mean_over_its_statements_steps(trace):
    row = trace.spans[trace.spans["signal"] == "attmean"].iloc[2]
    steps = trace.steps["statement"].to_numpy() == row["statement"]
    assert row["mass"] == pytest.approx(trace.mass("attmean")[steps, row["source"]].mean())


def test_votes_are_the_papers_first_algorithm(trace):
    votes, mass = trace.votes("excess", gamma=1.5), trace.mass("excess")
    assert votes["source"].tolist() == mass.argmax(axis=1).tolist()
    np.testing.assert_allclose(votes["confidence"], mass.max(axis=1))
    np.testing.assert_allclose(votes["vote"], trace.steps["weight"] * mass.max(axis=1) ** 1.5)


def test_curating_again_needs_no_model_and_leaves_the_trace_alone(trace):
    before = trace.spans
    strict = trace.curate(coverage=0.3)
    assert strict["selected"].sum() < before["selected"].sum()
    assert (trace.curate(assign="peak")["mass"] <= 1).all()
    flat = trace.curate(weights={})
    assert not flat["p"].equals(before["p"])
    pd.testing.assert_frame_equal(trace.spans, before)
    pd.testing.assert_frame_equal(trace.curate(), before)


def test_the_question_can_be_left_out_and_then_the_next_best_source_is_credited():
    planted = (((5, "text", 0), (0, "text", 1)),)
    trace = make_trace(response="You see and hear a red box at noon.", planted=planted)
    asked = trace.sources["question"].to_numpy()
    assert asked[trace.spans["source"]].any()
    spans = trace.curate(question=False)
    assert not asked[spans["source"]].any()
    assert spans.groupby("signal", observed=True)["source"].first().tolist() == [1, 1]
    assert not asked[trace.votes("excess", question=False)["source"]].any()
    no_sources = make_empty_trace().curate(question=False)
    assert len(no_sources) == 0


def test_the_settings_of_a_trace_are_those_of_its_spans():
    settings = CurationSettings(coverage=0.3, assign="mean")
    trace = make_trace(curation=settings)
    assert trace.settings == settings
    pd.testing.assert_frame_equal(trace.spans, make_trace().curate(coverage=0.3, assign="mean"))


def test_tables_and_masses_are_copies_that_cannot_harm_the_trace(trace):
    before = {name: getattr(trace, name) for name in TABLES}
    for name in TABLES:
        getattr(trace, name).insert(0, "harm", 1)
    trace.mass("excess")[:] = 0
    trace.scores("excess")[:] = 0
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(trace, name), before[name])
    assert trace.mass("excess").any()


def test_unknown_names_are_answered_with_those_that_exist(trace):
    with pytest.raises(SettingsError, match="'gama' is no curation setting"):
        trace.curate(gama=2)
    with pytest.raises(SettingsError, match="coverage=2"):
        trace.curate(coverage=2)
    with pytest.raises(SettingsError, match="'sum', 'peak', 'mean'"):
        trace.mass("excess", "max")
    for read in (trace.mass, trace.scores, trace.earlier, trace.votes):
        with pytest.raises(SignalError, match=r"no signal 'rawatt'; it has 'excess', 'attmean'"):
            read("rawatt")


def test_a_film_with_sound_is_credited_for_the_union_of_frames_and_sound(trace):
    intervals = trace.intervals
    film = intervals[(intervals["signal"] == "excess") & (intervals["label"] == "film 1")]
    # Planted: frames of second 2-3, sound of second 3-4.
    assert film[["statement", "t0", "t1"]].to_numpy().tolist() == [[5, 2.0, 4.0]]
    assert film["sources"].tolist() == [(12, 17)]
    spans = trace.spans
    own = spans[(spans["signal"] == "excess") & (spans["statement"] == 5) & spans["selected"]]
    assert film["p"].iloc[0] == pytest.approx(own["p"].sum())


def test_bins_that_do_not_touch_and_other_parts_stay_apart():
    planted = (((3, "audio", (0.0, 1.0)), (3, "audio", (2.0, 3.4)), (4, "audio", (0.0, 1.0))),)
    merged = make_trace(
        response="The first bell and the second bell and the third bell ring.",
        planted=planted,
        curation=CurationSettings(coverage=1.0),
    ).intervals
    merged = merged[merged["signal"] == "excess"]
    assert merged[["part", "t0", "t1"]].to_numpy().tolist() == [[3, 0, 1], [3, 2, 3.4], [4, 0, 1]]


def test_statements_can_be_clauses():
    trace = make_trace(statement_options=StatementOptions(clauses=True), planted=((),) * 9)
    assert "and its corner is green." in trace.statements["text"].tolist()


@given(
    arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.floats(-1, 1, width=32)), st.data()
)
def test_packed_scores_come_back_within_the_documented_error(rows, data):
    exponents = data.draw(st.lists(st.integers(-36, 36), min_size=len(rows), max_size=len(rows)))
    rows = (rows * 10.0 ** np.array(exponents)[:, None]).astype(np.float32)
    back = pack(rows).unpack(slice(None))
    largest = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64)
    bound = np.maximum(np.abs(rows) * 2.0**-11, largest * 2.0**-25)
    # Two roundings to float32 and the denormals of float32 itself come on top.
    assert (np.abs(back.astype(np.float64) - rows) <= bound * (1 + 1e-3) + largest * 2.0**-25 + 3e-45).all()
    assert ((back == 0) | (np.sign(back) == np.sign(rows))).all()


def test_tiny_gradients_and_broken_steps_survive_packing():
    rows = np.array([[1e-30, 5e-31, 0.0], [np.nan, 1.0, np.inf], [0.0, 0.0, 0.0]], np.float32)
    back = pack(rows).unpack(slice(None))
    np.testing.assert_allclose(back[0], rows[0], rtol=2**-11)
    assert np.isnan(back[1, 0])
    assert back[1, 1:].tolist() == [1.0, np.inf]
    assert not back[2].any()


def test_a_step_whose_scores_are_no_numbers_has_no_source():
    parts = make_parts()
    layout = make_layout(parts)
    response = align([b"Red", b" box", b"."], [1, 2, 3], [0.0] * 3, "eos")
    scores = np.zeros((3, len(layout) + 3), np.float32)
    scores[0] = np.nan
    scores[1, layout.positions(1)] = 0.01
    scores[2, layout.positions(2)] = np.inf
    trace = Trace.build(parts, layout, sourcing.build(layout, parts), response, {"x": scores}, RunInfo("m", "f"))
    assert trace.votes("x")["source"].tolist() == [-1, 4, -1]
    assert trace.spans["source"].tolist() == [4]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"scores": {"x": np.zeros((2, 3), np.float32)}}, r"scores\['x'\] has shape \(2, 3\)"),
        ({"sources": lambda own: own[1:]}, "numbered from 0"),
        (
            {"sources": lambda own: [dataclasses.replace(own[0], positions=np.array([9999])), *own[1:]]},
            "own positions from 0 to",
        ),
    ],
)
def test_pieces_that_do_not_fit_are_refused(broken, named):
    parts = make_parts()
    layout = make_layout(parts)
    sources = sourcing.build(layout, parts)
    response = align([b"Red"], [1], [0.0], "eos")
    pieces = {"scores": {"x": np.zeros((1, len(layout) + 1), np.float32)}, "sources": sources}
    if callable(broken.get("sources")):
        broken = {"sources": broken["sources"](list(sources))}
    pieces |= broken
    with pytest.raises(ValueError, match=named):
        Trace.build(parts, layout, pieces["sources"], response, pieces["scores"], RunInfo("m", "f"))


def test_a_trace_introduces_itself(trace, empty):
    shown = repr(trace)
    for told in ("planted", "2 text, 2 image, 1 audio, 1 video", "390 positions", "20 sources", "excess, attmean"):
        assert told in shown
    assert "The key is in the red box." in shown
    assert "0 steps" in repr(empty)


# --- the file -----------------------------------------------------------------------------------------------------


def assert_same(one, other):
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    assert one.signals == other.signals
    for signal in one.signals:
        assert one.scores(signal).tobytes() == other.scores(signal).tobytes()
        assert one.earlier(signal).tobytes() == other.earlier(signal).tobytes()
    assert one.settings == other.settings
    assert dataclasses.asdict(one.run) == dataclasses.asdict(other.run)
    assert (one.response, one.response_record.stopped) == (other.response, other.response_record.stopped)
    assert one.response_record.tokens == other.response_record.tokens
    for name in ("token_ids", "part", "modality", "chars", "box", "time"):
        mine, theirs = getattr(one.layout, name), getattr(other.layout, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    assert dict(one.layout.grids) == dict(other.layout.grids)
    for mine, theirs in zip(one.source_records, other.source_records, strict=True):
        for field in dataclasses.fields(mine):
            np.testing.assert_array_equal(getattr(mine, field.name), getattr(theirs, field.name))
    for mine, theirs in zip(one.parts, other.parts, strict=True):
        for field in dataclasses.fields(mine):
            if field.name in {"peaks", "spectrogram"}:
                np.testing.assert_array_equal(getattr(mine, field.name), getattr(theirs, field.name))
            elif field.name != "media":
                assert getattr(mine, field.name) == getattr(theirs, field.name), field.name


@pytest.mark.parametrize("which", ["trace", "empty"])
def test_a_saved_trace_opens_as_it_was(which, request, tmp_path):
    trace = request.getfixturevalue(which)
    path = trace.save(tmp_path / "t.omnitrace")
    opened = open_trace(path)
    assert_same(trace, opened)
    assert_same(trace, open_trace(str(opened.save(tmp_path / "again.omnitrace"))))
    assert (tmp_path / "again.omnitrace").read_bytes() == path.read_bytes()


def test_media_are_left_out_unless_asked_for(trace, tmp_path):
    lean = open_trace(trace.save(tmp_path / "lean.omnitrace"))
    full = open_trace(trace.save(tmp_path / "full.omnitrace", embed_media=True))
    assert all(part.media is None for part in lean.parts)
    assert [part.thumbnails for part in lean.parts] == [part.thumbnails for part in trace.parts]
    assert [part.media for part in full.parts] == [part.media for part in trace.parts]
    assert full.parts[1].media.startswith(b"\x89PNG")
    assert full.parts[3].media.startswith(b"RIFF")
    assert (tmp_path / "full.omnitrace").stat().st_size > (tmp_path / "lean.omnitrace").stat().st_size


def test_strange_text_and_settings_survive_the_file(tmp_path):
    trace = make_trace(
        note=NOTE + "\n\ud800 lone, مرحبا \x00.", curation=CurationSettings(weights={"NOUN": 0.5}, gamma=0)
    )
    assert_same(trace, open_trace(trace.save(tmp_path / "t.omnitrace")))


def test_a_name_without_suffix_gets_ours_and_saving_again_replaces(trace, empty, tmp_path):
    path = trace.save(tmp_path / "t")
    assert path == tmp_path / "t.omnitrace"
    empty.save(path)
    assert len(open_trace(path)) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["t.omnitrace"]


def test_what_cannot_be_written_leaves_the_old_file_and_no_rubbish(trace, tmp_path, monkeypatch):
    path = trace.save(tmp_path / "t.omnitrace")
    before = path.read_bytes()
    with pytest.raises(TraceFileError, match="could not be written"):
        trace.save(tmp_path / "missing" / "t.omnitrace")
    with pytest.raises(TraceFileError, match="could not be written"):
        trace.save(tmp_path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TraceFileError, match="No space left on device"):
        trace.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["t.omnitrace"]


def test_opening_loads_neither_torch_nor_transformers_nor_spacy(trace, tmp_path):
    path = trace.save(tmp_path / "t.omnitrace")
    program = (
        "import sys; from omnitrace_nb.trace import open_trace; t = open_trace(sys.argv[1]);"
        "t.sources, t.steps, t.statements, t.spans, t.intervals, t.curate(gamma=1.0), t.to_json(), repr(t);"
        "t.checks, t.attribute(t.signals[0], 1);"
        "t.save(sys.argv[1] + '2.omnitrace');"
        "print(len(t.spans), sorted({'torch', 'transformers', 'spacy', 'thinc'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", program, str(path)]
    root = Path(__file__).parent.parent
    out = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root).stdout
    assert out.split(" ", 1) == [str(len(trace.spans)), "[]\n"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    parts = make_parts(media=False)[:2]
    parts = [dataclasses.replace(each, thumbnails=(), peaks=None) for each in parts]
    from omnitrace_nb.layout import Layout  # noqa: PLC0415

    layout = Layout.blank(np.arange(3))
    layout.part[1:] = 0
    layout.modality[1:] = 1
    layout.chars[1:] = [[0, 3], [3, 7]]
    response = align([b"Red"], [1], [0.0], "eos")
    scores = {"x": np.ones((1, 4), np.float32)}
    small = Trace.build(parts, layout, sourcing.build(layout, parts), response, scores, RunInfo("m", "f"))
    path = small.save(tmp_path_factory.mktemp("file") / "small.omnitrace")
    return small, path.read_bytes()


def opens_or_is_refused(data, small, path):
    path.write_bytes(data)
    try:
        opened = open_trace(path)
    except TraceFileError as error:
        assert str(path) in str(error)  # noqa: PT017 (either outcome is right, both are checked)
        return False
    assert_same(small, opened)
    return True


def test_a_file_cut_short_anywhere_is_refused(saved, tmp_path):
    small, data = saved
    for length in {*range(0, len(data), 97), len(data) - 1, len(data) - 30, 1}:
        assert not opens_or_is_refused(data[:length], small, tmp_path / "t.omnitrace")


def test_no_changed_byte_ever_gives_another_trace(saved, tmp_path):
    small, data = saved
    rng = np.random.default_rng(0)
    refused = 0
    places = rng.choice(len(data), 300, replace=False).tolist()
    for place in [*places, *range(len(data) - 140, len(data))]:
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        refused += not opens_or_is_refused(bytes(changed), small, tmp_path / "t.omnitrace")
    # Some bytes, such as dates, mean nothing; most do.
    assert refused > 250


def rewritten(data, change):
    """Pack the entries anew after a change, with hashes made right again: what somebody clever would send."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}
    buffer = io.BytesIO()
    container._write_zip(buffer, change(entries))
    return buffer.getvalue()


def changed_json(**values):
    def change(entries):
        about = json.loads(entries["trace.json"])
        about.update(values)
        return {**entries, "trace.json": json.dumps(about).encode()}

    return change


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def lying_header():
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<i8", "fortran_order": False, "shape": (10**14,)})
    return buffer.getvalue() + b"\0" * 24


BROKEN_HEADER = npy(np.zeros(3, np.int64)).replace(b"(3,), }", b"(3,), (")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda e: {k: v for k, v in e.items() if k != "arrays/layout_part.npy"}, id="an array is missing"),
        pytest.param(lambda e: {**e, "trace.json": b"[]"}, id="json of another kind"),
        pytest.param(lambda e: {**e, "trace.json": b"{"}, id="json cut short"),
        pytest.param(lambda e: {**e, "trace.json": b"[" * 200_000}, id="json nested without end"),
        pytest.param(changed_json(steps=10**12), id="more steps than the arrays have"),
        pytest.param(changed_json(steps=-1), id="negative steps"),
        pytest.param(changed_json(tags=[]), id="tags are missing"),
        pytest.param(changed_json(parts=[]), id="sources without parts"),
        pytest.param(changed_json(statements=[[0, 99]]), id="a statement past the end"),
        pytest.param(changed_json(settings={"gama": 1}), id="an unknown setting"),
        pytest.param(changed_json(settings={"gamma": -1}), id="a setting out of range"),
        pytest.param(lambda e: {**e, "arrays/layout_part.npy": npy(np.zeros(3))}, id="an array of another type"),
        pytest.param(lambda e: {**e, "arrays/layout_token_ids.npy": lying_header()}, id="a header that lies"),
        pytest.param(
            lambda e: changed_json(positions=10**14)({**e, "arrays/layout_token_ids.npy": lying_header()}),
            id="a header that lies as the json does",
        ),
        pytest.param(lambda e: {**e, "arrays/layout_token_ids.npy": BROKEN_HEADER}, id="a header that is no header"),
        pytest.param(lambda e: {**e, "arrays/layout_token_ids.npy": b"\x93NUM"}, id="an array cut short"),
        pytest.param(
            lambda e: {**e, "arrays/layout_part.npy": npy(np.array([print] * 3, object), allow_pickle=True)},
            id="a pickle",
        ),
        pytest.param(
            lambda e: {**e, "arrays/source_positions.npy": npy(np.array([1, 99], np.int32))},
            id="positions past the end",
        ),
        pytest.param(lambda e: {**e, "../../evil.json": b"{}"}, id="a path that climbs"),
        pytest.param(lambda e: {**e, "/etc/evil": b"{}"}, id="an absolute path"),
        pytest.param(lambda e: {**e, "arrays/x.py": b"print()"}, id="a foreign entry"),
    ],
)
def test_files_that_lie_with_right_hashes_are_refused(saved, tmp_path, change):
    small, data = saved
    assert rewritten(data, dict) == data
    assert not opens_or_is_refused(rewritten(data, change), small, tmp_path / "t.omnitrace")
    assert [each.name for each in tmp_path.rglob("*")] == ["t.omnitrace"]


def test_a_zip_bomb_is_refused_before_it_unpacks(saved, tmp_path, monkeypatch):
    _, data = saved
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("arrays/bomb.npy", b"\0" * 2**26, zipfile.ZIP_DEFLATED)
    path = tmp_path / "t.omnitrace"
    path.write_bytes(buffer.getvalue())
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("something was unpacked"))
    with pytest.raises(TraceFileError, match="would inflate"):
        open_trace(path)
    path.write_bytes(data)
    with pytest.raises(TraceFileError, match=r"t\.omnitrace would unpack to over 100 bytes.*max_bytes=\d+"):
        open_trace(path, max_bytes=100)


def test_a_trace_whose_scores_are_nearly_all_zero_opens_though_it_packs_well(tmp_path):
    parts = make_parts()
    layout = make_layout(parts)
    steps = 3000
    response = align([b"a "] * steps, range(steps), np.zeros(steps), "length")
    scores = {"x": np.zeros((steps, len(layout) + steps), np.float32)}
    trace = Trace.build(parts, layout, sourcing.build(layout, parts), response, scores, RunInfo("m", "f"))
    assert_same(trace, open_trace(trace.save(tmp_path / "t.omnitrace")))


def test_two_entries_of_one_name_are_refused(saved, tmp_path):
    _, data = saved
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("trace.json", b"{}")
    path = tmp_path / "t.omnitrace"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(TraceFileError, match="occurs twice"):
        open_trace(path)


def test_a_newer_schema_asks_for_an_upgrade(saved, tmp_path):
    _, data = saved
    path = tmp_path / "t.omnitrace"
    path.write_bytes(data.replace(b"omnitrace/3 ", b"omnitrace/4 "))
    with pytest.raises(TraceFileError, match=r"schema 4; this omnitrace-nb .* reads up to 3.*pip install --upgrade"):
        open_trace(path)


@pytest.mark.parametrize(("schema", "later"), [(1, ("ablations", "verification")), (2, ())])
def test_a_file_of_an_earlier_schema_opens(trace, tmp_path, schema, later):
    def older(entries):
        about = json.loads(entries["trace.json"])
        for each in [*about["parts"], *about["sources"]]:
            for name in ("document", "title", "note", "words", "speaker"):
                each.pop(name, None)
        kept = {name: value for name, value in about.items() if name not in later}
        return {**entries, "trace.json": json.dumps(kept).encode()}

    data = rewritten(trace.save(tmp_path / "t").read_bytes(), older)
    path = tmp_path / "old.omnitrace"
    path.write_bytes(data.replace(b"omnitrace/3 ", f"omnitrace/{schema} ".encode()))
    assert_same(trace, open_trace(path))


def verified(trace):
    """The trace as if two masks had been run and two of its spans checked, one of them in an interval of no width."""
    rng = np.random.default_rng(3)
    keep = rng.random((5, len(trace.source_records))) < 0.5
    masks = Ablations("mask", keep, rng.normal(size=(5, len(trace))).astype(np.float32))
    first = trace.spans.iloc[0]
    checks = (
        Check(int(first["statement"]) - 1, int(first["source"]), ("excess", "attmean"), 2.5, 1.5, 3.5, "verified"),
        Check(3, 7, ("excess",), -0.25, np.nan, np.nan, "not verified"),
        Check(3, 8, (), 0.125, -0.5, 0.5, ""),
    )
    about = Verification("mask", ("excess", "attmean"), 5, 0, 4, 1234, 0.5, interrupted=False, checks=checks)
    return trace.with_verification(about, {"mask": masks})


def test_masks_and_checks_come_back_from_the_file(trace, tmp_path):
    checked = verified(trace)
    path = checked.save(tmp_path / "t.omnitrace")
    opened = open_trace(path)
    assert_same(checked, opened)
    np.testing.assert_array_equal(opened.ablations["mask"].keep, checked.ablations["mask"].keep)
    np.testing.assert_array_equal(opened.ablations["mask"].logprobs, checked.ablations["mask"].logprobs)
    assert repr(opened.verification) == repr(checked.verification)
    assert opened.save(tmp_path / "again").read_bytes() == path.read_bytes()
    assert opened.checks.attrs == {"operator": "mask", "forwards": 4, "tokens": 1234, "seconds": 0.5}
    plain = json.loads(checked.to_json())
    assert (plain["verification"]["forwards"], plain["verification"]["tokens"]) == (4, 1234)
    assert plain["checks"][1]["drop_low"] is None


def test_a_check_stands_in_the_spans_of_every_signal_and_of_every_curation(trace):
    checked = verified(trace)
    first = checked.verification.checks[0]
    for spans in (checked.spans, checked.curate(gamma=0.5)):
        own = spans[(spans["statement"] == first.statement + 1) & (spans["source"] == first.source)]
        assert set(own["signal"]) == {"excess", "attmean"}
        assert set(own["verdict"]) == {"verified"}
        assert own[["drop", "drop_low", "drop_high"]].to_numpy().tolist() == [[2.5, 1.5, 3.5]] * len(own)
        others = spans.drop(own.index)
        assert others[others["drop"].isna()]["verdict"].isna().all()
    assert checked.checks["verdict"].isna().tolist() == [False, False, True]
    assert trace.spans["verdict"].isna().all()
    assert len(trace.checks) == 0


def test_further_signals_leave_the_checks_and_masks_in_place(trace):
    checked = verified(trace)
    more = checked.with_scores(Scored({"again": np.ones((len(trace), len(trace.layout) + len(trace)), np.float32)}))
    assert more.signals == ("excess", "attmean", "again")
    assert more.verification is checked.verification
    assert more.ablations == checked.ablations


def test_checks_and_masks_of_another_trace_are_refused_in_a_file(trace, tmp_path):
    checked = verified(trace)
    foreign = dataclasses.replace(checked.verification, checks=(Check(99, 0, (), 0, 0, 0, ""),))
    path = checked.with_verification(foreign, {}).save(tmp_path / "t.omnitrace")
    with pytest.raises(TraceFileError, match="own statements and sources"):
        open_trace(path)
    for harm in ({"verdict": "surely"}, {"drop": "much"}, {"signals": None}):
        row = dataclasses.replace(checked.verification.checks[0], **harm)
        foreign = dataclasses.replace(checked.verification, checks=(row,))
        checked.with_verification(foreign, {}).save(path)
        with pytest.raises(TraceFileError, match="is damaged"):
            open_trace(path)
    narrow = dataclasses.replace(checked.ablations["mask"], keep=np.ones((5, 3), bool))
    checked.with_verification(checked.verification, {"mask": narrow}).save(path)
    with pytest.raises(TraceFileError, match=r"expected bool \(5, 20\)"):
        open_trace(path)


def test_other_files_are_refused_by_name(tmp_path):
    for name, content, told in (
        ("empty.omnitrace", b"", "cut short"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 90, "no trace file"),
        ("folder", None, "Is a directory"),
    ):
        path = tmp_path / name
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(TraceFileError, match=told) as caught:
            open_trace(path)
        assert name in str(caught.value)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("trace.json", "{}")
    with pytest.raises(TraceFileError, match="zip file, but no trace"):
        open_trace(tmp_path / "other.zip")
    with pytest.raises(TraceFileError, match="No such file"):
        open_trace(tmp_path / "none.omnitrace")


def test_json_is_plain_and_complete(trace, empty):
    plain = json.loads(trace.to_json())
    assert (plain["format"], plain["schema"]) == ("omnitrace.json", 2)
    for name in TABLES:
        table = getattr(trace, name)
        assert len(plain[name]) == len(table)
        assert all(list(row) == list(table.columns) for row in plain[name])
    assert plain["sources"][4]["t0"] is None
    assert plain["sources"][4]["text"] is None
    assert plain["sources"][0]["text"] == "The key is in the red box."
    assert plain["steps"][-1]["pos"] is None
    assert plain["intervals"][1]["sources"] == [12, 17]
    assert plain["settings"]["weights"]["VERB"] == 0.9
    part = trace.parts[1]
    assert plain["prompt"]["parts"][1] == {
        "index": 1, "kind": "image", "role": "user", "label": "image 1", "text": None, "size": [320, 240],
        "duration": None, "mime": "image/png", "sha256": hashlib.sha256(part.media).hexdigest(),
        "document": None, "title": None, "note": "", "turn": None, "unread": [],
        "read": None, "frames": None, "fps": None, "max_pixels": None, "read_size": None,
    }  # fmt: skip
    assert json.loads(empty.to_json())["spans"] == []


def test_json_takes_run_settings_that_json_has_no_word_for():
    trace = make_trace()
    run = dataclasses.replace(
        trace.run, generation={"temperature": float("nan"), "dtype": np.float32, "stop": ("a", 1)}
    )
    trace.run = run
    plain = trace.to_dict()["run"]["generation"]
    assert plain["temperature"] is None
    assert plain["stop"] == ["a", 1]
    json.dumps(plain, allow_nan=False)


def test_a_page_is_written_where_asked(trace, tmp_path):
    html = trace.to_html(tmp_path / "t.html")
    assert (tmp_path / "t.html").read_text(encoding="utf-8") == html
    assert "circle" in html


def test_a_notebook_is_given_html_and_text(trace):
    data, _ = trace._repr_mimebundle_(include=None, exclude=None)
    assert {"text/plain", "text/html"} <= set(data)


def test_a_page_or_json_that_cannot_be_written_is_told_in_words(tmp_path):
    trace = make_trace()
    for write in (trace.to_html, trace.to_json):
        with pytest.raises(TraceFileError, match="could not be written"):
            write(tmp_path / "no such folder" / "t.out")
    assert json.loads(trace.to_json(tmp_path / "t.json")) == json.loads((tmp_path / "t.json").read_text("utf-8"))
