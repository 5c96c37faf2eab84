"""Charts: numbers against the public tables, rows within altair's limit, nothing of altair's own changed."""

import io
import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import altair as alt
import numpy as np
import pytest
from PIL import Image
from traces import RESPONSE, make_empty_trace, make_trace

from omnitrace_nb import charts
from omnitrace_nb.charts import frames, theme
from omnitrace_nb.charts.showing import VEGA_LITE, to_svg
from omnitrace_nb.errors import SignalError

NAMES = ("sources", "modalities", "steps", "confidence", "positions", "cost", "agreement")
LIMIT = 5_000  # altair's


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture(scope="module")
def long_trace():
    """A response of 400 statements and 3,200 steps; the prompt has 200 sentences besides its media."""
    lines = [f"The lamp number {number} is blue." for number in range(400)]
    return make_trace(note="\n".join(lines[:200]), response="\n".join(lines), planted=(((0, "text", 3),),) * 400)


def drawn(trace, name):
    return getattr(trace.charts, name)()


def values(spec):
    """Every row of data that a specification holds."""
    return [row for rows in spec.get("datasets", {}).values() for row in rows]


# What is drawn


def test_the_matrix_holds_each_sources_share_and_what_is_selected(trace):
    found = frames.matrix(trace, "excess")
    selected = trace.spans[(trace.spans["signal"] == "excess") & trace.spans["selected"]]
    chosen = found[found["selected"]]
    assert set(zip(chosen["statement"], chosen["source"], chosen["rank"], strict=True)) == set(
        zip(selected["statement"], selected["source"], selected["rank"], strict=True)
    )
    for statement, own in found.groupby("statement"):
        mass = np.maximum(trace.mass("excess"), 0)[trace.statement_of == statement - 1].sum(axis=0)
        assert own["share"].to_numpy() == pytest.approx(mass / mass.sum())


def test_modalities_are_those_of_the_table(trace):
    found = frames.modalities(trace, "attmean").pivot_table(index="row", columns="modality", values="share")
    table = trace.modalities[trace.modalities["signal"] == "attmean"]
    for row in table.itertuples():
        assert found.loc[row.statement - 1, row.modality] == pytest.approx(row.share)
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)


def test_steps_divide_the_scores_among_all_that_stands_before_them(trace):
    found = frames.steps(trace, "attmean")
    shares = found.pivot_table(index="start", columns="place", values="share").fillna(0)
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    scores, earlier = np.maximum(trace.scores("attmean"), 0), trace.earlier("attmean")
    total = scores.sum(axis=1) + earlier.sum(axis=1)
    assert shares["response"].to_numpy() == pytest.approx(earlier.sum(axis=1) / total, rel=1e-5)
    pictures = scores[:, np.isin(trace.layout.part, (1, 2))].sum(axis=1)
    assert shares["image"].to_numpy() == pytest.approx(pictures / total, rel=1e-5)


def test_confidence_is_that_of_the_votes(trace):
    found, votes = frames.confidence(trace, "excess"), trace.votes("excess")
    votes = votes[votes["source"] >= 0]
    assert found["start"].tolist() == votes["step"].tolist()
    assert found["confidence"].to_numpy() == pytest.approx(votes["confidence"].to_numpy())
    asked = [trace.source_records[id_].question for id_ in votes["source"]]
    modality = trace.sources["modality"].astype(str)[votes["source"]]
    assert found["modality"].tolist() == ["question" if q else m for q, m in zip(asked, modality, strict=True)]


def test_positions_lay_every_credited_source_on_its_own_place(trace):
    n = len(trace.layout)
    found = frames.positions(trace, ["excess"], bins=n)
    expected = np.zeros(n)
    for id_ in trace.spans[(trace.spans["signal"] == "excess") & trace.spans["selected"]]["source"]:
        for position in trace.source_records[id_].positions:
            expected[position] += 1 / len(trace.source_records[id_].positions)
    assert found["share"].to_numpy() == pytest.approx(expected / expected.sum(), abs=1e-9)
    middles = (np.arange(n) + 0.5) / n
    assert found["mean"].iloc[0] == pytest.approx((middles * expected).sum() / expected.sum())
    coarse = frames.positions(trace, ["excess", "attmean"], bins=7)
    assert coarse.groupby("signal")["share"].sum().to_numpy() == pytest.approx(1)
    assert coarse["uniform"].to_numpy() == pytest.approx(1 / 7)


def test_a_prompt_that_is_credited_evenly_is_uniform(trace):
    whole = type(trace.source_records[0])(0, "text", 0, "all", np.arange(len(trace.layout), dtype=np.int32))
    scores = {"excess": np.concatenate([trace.scores("excess"), trace.earlier("excess")], axis=1)}
    even = trace.build(trace.parts, trace.layout, [whole], trace.response_record, scores, trace.run)
    found = frames.positions(even, ["excess"])
    assert found["share"].to_numpy() == pytest.approx(found["uniform"].to_numpy())
    assert found["mean"].iloc[0] == pytest.approx(0.5)


def test_cost_tells_what_the_decode_and_each_signal_took(embedded, media_dir):
    import omnitrace_nb as ot  # noqa: PLC0415 (the only test with a model)

    trace = embedded.trace(
        [ot.Image(media_dir / "red.png"), "What does the picture show?"],
        signals=["excess", "leave_one_out"],
        progress=False,
    )
    found = frames.cost(trace)
    assert found["signals"].tolist() == [("excess",), ("leave_one_out",)]
    assert found["seconds"].tolist() == pytest.approx(
        [trace.run.seconds["prefill"] + trace.run.seconds["decode"], trace.run.seconds["leave_one_out"]]
    )
    # Without each source, and with all of them.
    assert found["forwards"].tolist() == [0, trace.run.signals["leave_one_out"]["forwards"]]
    assert found["forwards"].iloc[1] >= len(trace.source_records)
    assert f"{found['forwards'].iloc[1]} forwards" in found["passes"].iloc[1]


def test_agreement_is_that_of_the_table_disagreements_first(trace):
    table = trace.agreement()
    found = frames.agreement(trace, table)
    assert list(dict.fromkeys(found["statement"])) == table["statement"].tolist()
    wide = found.pivot_table(index="statement", columns="measure", values="value").loc[table["statement"]]
    for measure in ("overlap", "top", "spearman"):
        assert wide[measure].to_numpy() == pytest.approx(table[measure].to_numpy())


# Any trace


@pytest.mark.parametrize("name", NAMES)
def test_five_thousand_rows_do_not_break_a_chart(long_trace, name):
    chart = drawn(long_trace, name)
    assert alt.data_transformers.active == "default"
    spec = chart.to_dict()
    for rows in spec["datasets"].values():
        assert 0 < len(rows) <= LIMIT


def test_bands_average_statements_and_count_each_the_same(long_trace):
    found = frames.modalities(long_trace, "excess")
    assert found["row"].nunique() <= frames.MOST_STATEMENTS
    table = long_trace.modalities
    text = table[(table["signal"] == "excess") & (table["modality"] == "text")]["share"].to_numpy()
    first = found[(found["row"] == 0) & (found["modality"] == "text")]
    assert first["said"].iloc[0] == "1-7"
    assert first["share"].iloc[0] == pytest.approx(text[:7].mean())
    matrix = frames.matrix(long_trace, "excess")
    assert matrix["source"].nunique() == frames.MOST_SOURCES
    assert matrix.groupby("row")["share"].sum().to_numpy() == pytest.approx(1)
    # What the statements rest on is among the sources that are shown.
    assert 3 in set(matrix["source"])


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_trace_of_nothing_is_charted_in_words(name):
    for trace in (make_empty_trace(), make_empty_trace(signals=())):
        spec = drawn(trace, name).to_dict()
        if name not in {"cost", "positions"} or not trace.signals:
            said = [row.get("why") or row.get("what") for row in values(spec)]
            assert said[0] in {"This trace has no signal.", "The response has no statement.", "decode"}


def test_scores_that_are_zero_or_no_numbers_are_charted(trace):
    for filling in (0, np.nan):
        scores = {
            name: np.full((len(trace), len(trace.layout) + len(trace)), filling, np.float32) for name in trace.signals
        }
        blank = trace.build(trace.parts, trace.layout, trace.source_records, trace.response_record, scores, trace.run)
        for name in NAMES:
            json.dumps(drawn(blank, name).to_dict(), allow_nan=False)


def test_words_with_markup_stay_words():
    name = '<img src="x" onerror="alert(1)"> & "more" </script>'
    spec = make_trace(response=f"{name}\n{RESPONSE}").charts.sources().to_dict()
    assert any(name[:40] in str(row.get("said")) for row in values(spec))


@pytest.mark.parametrize("name", NAMES)
def test_what_no_picture_can_hold_is_drawn_as_another_sign(name):
    """Control characters that a model wrote: vl-convert would not raise, but end the process."""
    shown = drawn(make_trace(response="Mia \x19sells\x00 \x1bhoney\uffff.\nAll \U0001f41d of it."), name)
    assert shown.to_png().startswith(b"\x89PNG")
    assert ET.fromstring(to_svg(shown)).tag.endswith("svg")  # noqa: S314 (our own)


def test_an_unknown_signal_is_named_with_those_there_are(trace):
    for name in NAMES[:5]:
        with pytest.raises(SignalError, match="no signal 'attmen'; it has 'excess', 'attmean'"):
            getattr(trace.charts, name)("attmen")


# Still altair


def test_charts_stay_altair_charts_that_draw_offline(trace):
    one, other = trace.charts.modalities(), trace.charts.modalities("attmean")
    assert isinstance(one, alt.Chart)
    assert isinstance(one | other, alt.HConcatChart)
    assert isinstance(one & other, alt.VConcatChart)
    assert isinstance(trace.charts.steps(), alt.LayerChart)
    assert isinstance(one + one, alt.LayerChart)
    for chart in (one.properties(width=200), one.interactive(), one | other, one & other, one + one, one | other | one):
        data, metadata = chart._repr_mimebundle_()
        assert set(data) == {VEGA_LITE, "image/png", "text/plain"}
        assert data[VEGA_LITE]["$schema"].endswith("/v5.json")
        assert values(data[VEGA_LITE])
        width, height = Image.open(io.BytesIO(data["image/png"])).size
        assert (width // 2, height // 2) == tuple(metadata["image/png"].values())


def test_any_altair_chart_can_be_made_one_that_draws_offline(trace):
    own = alt.hconcat(trace.charts.modalities(), trace.charts.modalities("attmean"))
    shown = charts.offline(own)
    assert isinstance(shown, alt.HConcatChart)
    assert set(shown._repr_mimebundle_()[0]) == {VEGA_LITE, "image/png", "text/plain"}


def test_a_users_own_configuration_wins_and_altairs_settings_stay_as_they_are(trace):
    before = (alt.renderers.active, alt.data_transformers.active, alt.theme.active)
    chart = trace.charts.modalities().configure_axis(labelFontSize=19)
    spec = chart._repr_mimebundle_()[0][VEGA_LITE]
    assert spec["config"]["axis"]["labelFontSize"] == 19
    assert spec["config"]["axis"]["labelColor"] == "currentColor"
    assert (alt.renderers.active, alt.data_transformers.active, alt.theme.active) == before


def test_data_stay_in_the_chart_whatever_transformer_is_in_use(trace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with alt.data_transformers.enable("json"):
        spec = trace.charts.modalities()._repr_mimebundle_()[0][VEGA_LITE]
    assert values(spec)
    assert list(tmp_path.iterdir()) == []


def test_a_chart_is_small_in_a_notebook_and_names_itself(trace):
    for name in NAMES:
        data, _ = drawn(trace, name)._repr_mimebundle_()
        assert len(data["image/png"]) + len(json.dumps(data[VEGA_LITE])) < 200_000
        assert "\n" not in data["text/plain"]
        assert data["text/plain"].startswith("<")
    assert "sources()" in repr(trace.charts)


# Colours


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    dark, light = sorted(float(linear(each) @ (0.2126, 0.7152, 0.0722)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


# Machado, Oliveira & Fernandes 2009, severity 1: what linear RGB looks like to each kind of vision.
VISIONS = {
    "all cones": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb):
    """CIE L*a*b* of linear sRGB."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    x, y, z = np.cbrt(np.maximum(xyz / (0.9505, 1.0, 1.089), 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_modalities_are_told_apart_by_every_kind_of_vision_and_seen_on_both_themes():
    colours = [theme.PLACES[name] for name in ("text", "image", "audio", "video")]
    for colour in colours:
        for page in ("#ffffff", "#111111", "#212121"):  # JupyterLab's outputs and cells
            assert contrast(colour, page) >= 3
    for name, matrix in VISIONS.items():
        seen = [lab(np.array(matrix) @ linear(colour)) for colour in colours]
        least = min(math.dist(one, other) for at, one in enumerate(seen) for other in seen[:at])
        assert least >= 15, name
    assert contrast(theme.PRINTED, theme.PAPER) >= 4.5


def test_the_two_hues_of_a_difference_are_told_apart_by_every_kind_of_vision():
    css = Path(__file__).parent.parent / "js" / "src" / "css"
    sheets = (css / "base.css").read_text() + (css / "compare.css").read_text()
    more, less = (re.findall(rf"--otr-{name}-rgb: (\d+) (\d+) (\d+);", sheets) for name in ("heat", "minus"))
    assert len(more) == len(less) == 2  # light, dark
    for pair in zip(more, less, strict=True):
        one, other = (linear("#{:02x}{:02x}{:02x}".format(*map(int, hue))) for hue in pair)
        for name, matrix in VISIONS.items():
            seen = [lab(np.array(matrix) @ hue) for hue in (one, other)]
            assert math.dist(*seen) >= 40, (name, math.dist(*seen))
