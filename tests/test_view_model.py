"""The view model says what the trace says: checked against the trace's own tables and scores, computed another way."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from traces import PLANTED, Sketch, make_empty_trace, make_parts, make_trace, supporting, with_verdicts

import omnitrace_nb as ot
from omnitrace_nb import view
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.layout import AUDIO, IMAGE, TEXT, VIDEO
from omnitrace_nb.trace.packed import PackedScores
from omnitrace_nb.trace.packed import pack as pack_scores
from omnitrace_nb.view import TraceView
from omnitrace_nb.view.cells import MOST_SLICES, Cells
from omnitrace_nb.view.evidence import _words
from omnitrace_nb.view.packing import pack, unpack
from omnitrace_nb.view.standalone import MOST_MEDIA
from omnitrace_nb.view.viewmodel import utf16_offsets


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture(scope="module")
def model(trace):
    return view.model(trace)


def mean_scores(trace, signal, statement):
    """The definition, step by step: the mean over a statement's own steps of what the signal gives each position."""
    steps = [step for step, of in enumerate(trace.steps["statement"]) if of == statement + 1]
    return np.mean([trace.scores(signal)[step] for step in steps], axis=0)


def test_heat_of_a_statement_is_the_mean_score_over_its_steps_on_every_patch(trace, model):
    for signal, name in enumerate(trace.signals):
        for statement in range(len(trace.statements)):
            mean = mean_scores(trace, name, statement)
            patches = mean[trace.layout.positions(1, IMAGE)]
            start, count = model.parts[1].patches.cells
            shown = model.heat[signal, statement, start : start + count] * model.scale[signal, statement] / 255
            assert shown == pytest.approx(patches, abs=float(model.scale[signal, statement]) / 255)


def test_one_scale_a_signal_and_statement_is_the_largest_score_shown(trace, model):
    own = np.concatenate([trace.layout.positions(part.index) for part in trace.parts])
    for statement in range(len(trace.statements)):
        # A film's patches are kept for its thumbnails and its sound by slices: here all of them are.
        largest = mean_scores(trace, "excess", statement)[own].max()
        assert model.scale[0, statement] == pytest.approx(largest, rel=1e-4)
        assert model.heat[0, statement].max() == 255


def test_the_last_row_is_the_whole_response(trace, model):
    steps = trace.steps["statement"].to_numpy() >= 0
    mean = trace.scores("attmean")[steps].mean(axis=0)[trace.layout.positions(0, TEXT)]
    start, count = model.parts[0].tokens.cells
    shown = model.heat[1, -1, start : start + count] * model.scale[1, -1] / 255
    assert shown == pytest.approx(mean, abs=float(model.scale[1, -1]) / 255)


def test_shares_are_masses_over_all_sources(trace, model):
    steps = trace.steps["statement"].to_numpy() == 4
    mass = trace.mass("attmean")[steps].mean(axis=0)
    assert model.share[1, 3] == pytest.approx(mass / mass.sum(), rel=1e-4)


def test_evidence_is_what_curation_selected_with_touching_seconds_merged(trace, model):
    spans = trace.spans
    for signal, name in enumerate(trace.signals):
        for statement in range(len(trace.statements)):
            chosen = spans[(spans["signal"] == name) & (spans["statement"] == statement + 1) & spans["selected"]]
            shown = model.evidence[signal][statement]
            assert sorted(j for each in shown for j in each.sources) == sorted(chosen["source"])
            assert sum(each.score for each in shown) == pytest.approx(chosen["score"].sum(), abs=1e-3)
    planted = supporting(trace.source_records)
    [film] = model.evidence[0][4]
    assert set(film.sources) == planted[4]
    assert film.label == "film 1, 2-4 s (picture and sound)"


@pytest.mark.parametrize(
    ("tracks", "said"),
    [(["audio"], " (sound)"), (["video"], ""), (["video", "audio"], " (picture and sound)")],
)
def test_seconds_of_a_film_say_whether_its_picture_or_its_sound_is_credited(tracks, said):
    film = tuple((4, track, (1.0, 2.0)) for track in tracks)
    trace = make_trace(planted=(*PLANTED[:4], film), signals=("excess",))
    [sound], [credited] = view.model(trace).evidence[0][3:5]
    assert sound.label == "sound 1, 1-2 s"  # a sound has no track but its own
    assert credited.label == f"film 1, 1-2 s{said}"
    chosen = trace.spans[(trace.spans["statement"] == 5) & trace.spans["selected"]]
    assert set(chosen["label"]) == {f"film 1, 1-2 s{' (sound)' * (track == 'audio')}" for track in tracks}
    for form in (view.text(trace), view.static_html(trace)):
        assert f"film 1, 1-2 s{said}" in form


def test_evidence_is_ordered_and_numbered_by_score():
    both = (((0, "text", 0), (1, "image", None), (3, "audio", (0.0, 2.0))), *PLANTED[1:])
    trace = make_trace(signals=("attmean",), planted=both, curation=ot.CurationSettings(coverage=1.0, p_min=0.0))
    scores = trace.spans[trace.spans["selected"]].set_index(["statement", "source"])["score"]
    many = 0
    for statement, evidence in enumerate(view.model(trace).evidence[0], 1):
        totals = [sum(scores[statement, source] for source in each.sources) for each in evidence]
        assert [each.score for each in evidence] == pytest.approx(totals, abs=1e-3)
        assert totals == sorted(totals, reverse=True)
        many += len(totals) > 1
    assert many


def test_sound_and_film_lie_on_their_seconds(trace, model):
    sound = model.parts[3].sound
    assert sound.edges[0] == 0
    assert sound.edges[-1] == pytest.approx(3.4)
    assert np.diff(sound.edges) == pytest.approx(0.04, abs=1e-3)
    mean = mean_scores(trace, "excess", 3)[trace.layout.positions(3, AUDIO)]
    shown = model.heat[0, 3, sound.cells[0] : sum(sound.cells)]
    assert sound.edges[int(shown.argmax())] == pytest.approx(mean.argmax() * 0.04, abs=1e-3)


def test_each_film_thumbnail_wears_the_patches_of_its_own_seconds(trace, model):
    frames, times = model.parts[4].frames, model.parts[4].thumbnail_times
    assert (frames.rows, frames.columns) == trace.layout.grids[4][1:]
    mean = mean_scores(trace, "excess", 4)
    positions = trace.layout.positions(4, VIDEO)
    for index, time in enumerate(times):
        own = positions[(trace.layout.time[positions, 0] <= time) & (time < trace.layout.time[positions, 1])]
        start = frames.cells[0] + index * len(own)
        shown = model.heat[0, 4, start : start + len(own)] * model.scale[0, 4] / 255
        assert shown == pytest.approx(mean[own], abs=float(model.scale[0, 4]) / 255)


def sent(model):
    """What a front end reads: the documents and arrays of prompt and response, together."""
    [(prompt, arrays)], [(response, others)] = unpack(model.prompt()), unpack(model.response())
    return {**prompt, **response}, {**arrays, **others}


def dense(arrays, name, columns):
    """Sparse rows by their definition."""
    start, gap, value = (arrays[f"{name}_{each}"] for each in ("start", "gap", "value"))
    rows = np.zeros((len(start) - 1, columns))
    for row in range(len(rows)):
        own = slice(start[row], start[row + 1])
        rows[row, np.cumsum(gap[own].astype(int)) - 1] = value[own]
    return rows * arrays[f"{name}_scale"][:, None] / np.iinfo(value.dtype).max


def test_characters_are_counted_as_browsers_count_them(trace, model):
    document, _ = sent(model)
    text = document["parts"][0]["text"]
    units = text.encode("utf-16-le")
    sentences = [source for source in document["sources"] if source["part"] == 0]
    assert len(sentences) > 3
    for source, record in zip(sentences, trace.source_records, strict=False):
        start, end = source["chars"]
        assert units[2 * start : 2 * end].decode("utf-16-le") == trace.parts[0].text[slice(*record.chars)]
    assert utf16_offsets("é😀x").tolist() == [0, 1, 3, 4]


def test_masses_and_heat_of_steps_come_back_from_their_bytes(trace, model):
    document, arrays = sent(model)
    assert document["schema"] == view.SCHEMA
    shape = len(model.signals), len(trace)
    mass = dense(arrays, "mass", len(model.sources)).reshape(*shape, -1)
    heat = dense(arrays, "heat", document["cells"]).reshape(*shape, -1)
    for at, name in enumerate(model.signals):
        wanted = trace.mass(name)
        assert mass[at] == pytest.approx(wanted, abs=wanted.max() / 65_535)
        for row, statement in enumerate(model.statements):
            own = heat[at, statement.first : statement.stop].mean(axis=0)
            top = float(model.scale[at, row])
            assert own == pytest.approx(model.heat[at, row] / 255 * top, abs=2 * heat[at].max() / 255)


def test_votes_are_sent_exactly_under_every_rule(trace, model):
    _, arrays = sent(model)
    for at, name in enumerate(model.signals):
        for rule, assign in enumerate(("sum", "peak", "mean")):
            for question in (False, True):
                votes = trace.votes(name, assign=assign, question=question)
                assert arrays["vote_source"][at, rule, int(question)].tolist() == votes["source"].tolist()
                assert arrays["vote_confidence"][at, rule, int(question)].tolist() == votes["confidence"].tolist()


def test_of_long_prompts_the_largest_scores_are_sent_and_a_note_says_so(monkeypatch, trace):
    monkeypatch.setattr("omnitrace_nb.view.stepwise.MOST_HEAT", 2 * len(trace) * 10)
    model = view.model(trace)
    document, arrays = sent(model)
    heat = dense(arrays, "heat", document["cells"])
    assert (np.count_nonzero(heat, axis=1) <= 10).all()
    scores = trace.scores(model.signals[0])
    strongest = np.sort(scores, axis=1)[:, -1]
    assert heat[: len(trace)].max(axis=1) == pytest.approx(strongest, rel=0.01)
    assert "10 largest of" in document["notes"][-1]["text"]
    assert not model.notes_of(0)  # the other forms show the means of all


def test_packs_refuse_what_a_browser_could_not_read():
    with pytest.raises(ValueError, match="Out of range float"):
        pack({"a": float("nan")}, {})
    with pytest.raises(ValueError, match="array 'b' has type <i8"):
        pack({}, {"b": np.zeros(2, "<i8")})
    several = pack({"a": 1}, {"x": np.arange(3, dtype="<u2")}) + pack({"a": 2}, {"y": np.ones((2, 2), "<f8")})
    assert [document["a"] for document, _ in unpack(several)] == [1, 2]
    assert unpack(several)[1][1]["y"].shape == (2, 2)


def test_a_film_or_sound_of_an_hour_costs_no_more_cells_than_a_minute():
    sketch = Sketch()
    sketch.sound(3, 3600.0)
    record = make_parts()[3]
    cells = Cells(sketch.layout())
    strip = cells.strip(record, AUDIO)
    assert strip.cells == (0, MOST_SLICES)
    assert strip.edges[-1] == pytest.approx(3600)
    ramp = np.linspace(0, 1, len(cells.layout))[None]
    assert np.diff(cells.average(ramp)[0]).min() > 0  # slices follow time, each the mean of its own positions


def test_state_of_the_example_stays_far_below_a_megabyte_with_media_apart(model):
    assert len(model.prompt()) + len(model.response()) < 100_000
    assert model.parts[3].media.mime == "audio/wav"
    assert model.originals[3].startswith(b"RIFF")


def test_originals_beyond_the_room_of_a_page_are_left_out_and_say_so(model):
    part = model.with_room(50_000).parts[3]
    assert part.media is None
    assert part.media_note == "not included (0.1 MB)"
    assert view.model(make_trace(media=False)).parts[3].media_note == "not kept in this trace"
    assert MOST_MEDIA <= 2_000_000


def test_scores_that_are_no_numbers_or_negative_are_named_in_a_note(trace):
    scores = np.concatenate([trace.scores("excess"), trace.earlier("excess")], axis=1)
    scores[0, 3], scores[1, 5] = np.nan, -1
    model = view.model(trace._but(scores={"excess": pack_scores(scores)}), ["excess"])
    assert any("1 scores are no numbers" in note for note in model.notes_of(0))
    assert any("Negative" in note for note in model.notes_of(0))
    assert np.isfinite(model.scale).all()


def test_signed_signals_are_named_in_one_sentence_where_one_of_them_is_shown():
    trace = make_trace(signals=("shapley", "attmean", "saliency"))
    sign = {"shapley": -1, "attmean": 1, "saliency": -1}
    packed = {name: PackedScores(sign[name] * each.halves, each.scales) for name, each in trace.packed.items()}
    trace = trace._but(scores=packed)
    model = view.model(trace)
    said = "Negative scores are not shown, only support is (shapley, saliency)."
    assert [note.text for note in model.notes] == [said]
    assert [model.notes_of(signal) for signal in range(3)] == [[said], [], [said]]
    for form in (view.text, view.static_html):
        assert form(trace, "saliency").count("Negative scores are not shown, only support is (saliency)") == 1
        assert "Negative" not in form(trace, "attmean")


def test_an_empty_response_and_all_zero_scores_still_give_a_view():
    model = view.model(make_empty_trace())
    assert model.statements == ()
    assert model.heat.max() == 0
    assert "The response is empty." in view.text(make_empty_trace())


def test_odd_characters_can_be_sent():
    note = "A\x00B \ud800 C\x7f.\tD\n"
    model = view.model(make_trace(note=note))
    assert model.parts[0].text == "A␀B � C␡.\tD\n"
    document, _ = sent(model)
    assert document["parts"][0]["text"] == model.parts[0].text


def test_unknown_signal_and_keyword_are_refused_by_name(trace):
    with pytest.raises(SignalError, match="'wrong'"):
        view.model(trace, ["wrong"])
    with pytest.raises(SettingsError, match="'signla'"):
        trace.view(signla="excess")
    with pytest.raises(SettingsError, match="statements count from 1 to 5"):
        trace.view(pinned=6)
    with pytest.raises(SignalError, match="'rollout'"):
        trace.view(signal="rollout")


def test_the_widget_is_plain_python_without_a_front_end(trace):
    shown = trace.view(signal="attmean", pinned=2)
    seen = []
    shown.observe(lambda change: seen.append(change["new"]), names="pinned")
    shown.pinned = 3
    shown.pinned = None
    assert seen == [3, None]
    assert shown.signal == "attmean"
    with pytest.raises(SettingsError):
        shown.pinned = 99
    assert shown.pinned is None
    assert "attmean" in repr(shown)


def test_a_trace_given_as_display_mode_is_pointed_to_its_view(trace):
    with pytest.raises(SettingsError, match=r"display mode of Trace is unknown.*trace\.view\(\)"):
        view.display(trace)


def test_a_trace_offers_widget_html_and_text_and_static_mode_only_the_latter(trace):
    data, _ = trace._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    with view.display("static"):
        data, _ = trace._repr_mimebundle_()
        assert set(data) == {"text/html", "text/plain"}
    assert "application/vnd.jupyter.widget-view+json" in trace._repr_mimebundle_()[0]
    with pytest.raises(SettingsError, match="'live'"):
        view.display("live")


def test_display_follows_the_environment_in_auto_mode(trace, monkeypatch):
    monkeypatch.setenv("OMNITRACE_NB_DISPLAY", "static")
    with view.display("auto"):
        assert set(trace._repr_mimebundle_()[0]) == {"text/html", "text/plain"}


def test_plain_text_names_each_statement_and_what_it_rests_on(trace):
    text = view.text(trace)
    assert "1.00  text 1, sentence 1: The key is in the red box." in text
    assert "film 1, 2-4 s" in text
    assert text.count("image 1") == 1


def test_the_view_needs_neither_torch_nor_widgets_until_a_widget_is_wanted(trace, tmp_path):
    path = trace.save(tmp_path / "t.omnitrace")
    code = (
        "import sys, omnitrace_nb as ot; trace = ot.open(sys.argv[1]); trace.to_html();"
        "from omnitrace_nb import view; view.text(trace); view.static_html(trace);"
        "print({'torch', 'transformers', 'anywidget', 'spacy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.fixture(scope="module")
def checked(trace):
    return with_verdicts(trace)


def test_verdicts_are_marks_on_the_evidence_with_their_numbers_in_words(checked):
    shown = view.model(checked)
    marks = [row[0].mark for row in shown.evidence[0]]
    assert [mark and mark.verdict for mark in marks] == [
        "verified", "contradicted", "not verified", None, "verified",
    ]  # fmt: skip
    assert marks[0].words == "verified: 2.50 nats less likely without it (drop, 95 %: 1.50 to 3.50)"
    assert marks[1].words == "contradicted: 0.75 nats more likely without it (drop, 95 %: -1.00 to 0.00)"
    assert marks[2].words == "not verified: no change without it"
    assert "7 forwards" in shown.notes[0].text
    document, _ = sent(shown)
    own = [each["mark"]["sign"] for each in document["checked"] if each["statement"] == 0]
    assert own[0] == "\N{CHECK MARK}"


def test_a_small_change_that_is_told_from_none_is_not_called_none(trace):
    [row] = [row for row in with_verdicts(trace).spans.to_dict("records") if row["verdict"] == "contradicted"][:1]
    assert _words({**row, "drop": -0.003}).startswith("contradicted: under 0.01 nats more likely without it")
    assert _words({**row, "verdict": "not verified", "drop": -0.003}).startswith("not verified: no change without it")


@pytest.mark.parametrize(("forwards", "said"), [(0, "no new forwards"), (1, "1 forward"), (12, "12 forwards")])
def test_the_legend_of_verdicts_says_what_they_cost(trace, forwards, said):
    checked = with_verdicts(trace)
    about = replace(checked.verification, forwards=forwards)
    assert view.model(trace.with_verification(about, {})).notes[0].text.endswith(f"(mask; {said}).")


def test_a_trace_that_was_not_verified_has_no_marks(model):
    assert all(each.mark is None for signal in model.evidence for row in signal for each in row)
    assert not model.notes


def test_the_forms_that_stay_show_the_signal_that_was_chosen(trace):
    first, other = trace.signals[:2]
    assert TraceView(trace)._repr_mimebundle_()[0]["text/plain"].splitlines()[0].endswith(f"by {first}")
    data = TraceView(trace, signal=other)._repr_mimebundle_()[0]
    assert data["text/plain"].splitlines()[0].endswith(f"by {other}")
    assert f"signal <b>{other}</b>" in data["text/html"]
    alone = TraceView(trace, signals=[other])._repr_mimebundle_()[0]
    assert alone == {**alone, "text/plain": data["text/plain"], "text/html": data["text/html"]}


def test_the_text_and_the_static_form_show_the_marks(checked):
    for form in (view.text(checked), view.static_html(checked)):
        assert form.count("\N{CHECK MARK} verified: ") == 2
        assert "\N{BALLOT X} contradicted: 0.75 nats more likely without it" in form
    assert max(map(len, view.text(checked).splitlines())) <= 100
