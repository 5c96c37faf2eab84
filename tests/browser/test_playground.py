"""The playground of the curation: sliders by mouse and keyboard, and what Python says under the same settings."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from modules import run
from nbformat.v4 import new_code_cell
from scored import make_scored
from traces import make_empty_trace, make_trace

from notebooks import go_to, jupyterlab, run_all, wait_for, write_notebook
from omnitrace_nb.curation import POS_WEIGHTS, CurationSettings

AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
THREE = (((0, "text", 0), (1, "image", None), (3, "audio", (1.0, 2.0))),) * 5
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# Where what was changed is told to the model, after its short delay.
TOLD = "([name, value]) => JSON.stringify(omnitrace.get('settings')[name]) === value"

# From a move of a slider to the end of the first frame that shows it, layout included: milliseconds, by the page.
MOVE = """value => new Promise(done => {
    const input = document.querySelector('[data-setting="coverage"] input');
    const shown = () => [...document.querySelectorAll('.otr-chip')].map(el => el.dataset.sources).join();
    const before = shown();
    const start = performance.now();
    input.value = value;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(() => {
        document.body.offsetHeight;
        const took = performance.now() - start;
        done([took, shown() !== before]);
    });
})"""
FRAME = 1000 / 60


@pytest.fixture(scope="module")
def trace():
    return make_trace(planted=THREE)


@pytest.fixture
def page(opened, trace):
    """The page of the trace, with the playground open."""
    page = opened(trace)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("region", name="Curation playground").wait_for()
    return page


def slider(page, name):
    return page.locator(f'[data-setting="{name}"] input')


def chosen(page, statements=5):
    """The sources that the chips of each statement name."""
    page.evaluate(DRAWN)
    chips = [page.locator(f'.otr-statement[data-statement="{k}"] .otr-chip') for k in range(statements)]
    return [
        {int(j) for each in own.evaluate_all("all => all.map(el => el.dataset.sources)") for j in each.split()}
        for own in chips
    ]


def selected(trace, signal="excess", **settings):
    """The sources that Python selects for each statement."""
    spans = trace.curate(**settings)
    spans = spans[spans["selected"] & (spans["signal"] == signal)]
    return [set(spans.loc[spans["statement"] == k + 1, "source"]) for k in range(len(trace.statement_chars))]


def settings_of(page):
    page.evaluate("() => new Promise(done => setTimeout(done, 80))")  # longer than what is told is delayed
    return page.evaluate("() => omnitrace.get('settings')")


def said(page):
    page.evaluate(DRAWN)
    return page.locator(".otr-told p").inner_text()


def test_the_marks_are_at_the_papers_defaults(blank):
    settings = CurationSettings()
    paper, other = run(blank, "curation.js", "({ PAPER, weightOf }) => [PAPER, weightOf('X', { weights: {} })]")
    assert paper == {name: getattr(settings, name) for name in ("coverage", "p_min", "run_min", "alpha", "gamma")}
    assert other == settings.token_weights(["X"])[0]


def test_it_is_closed_until_asked_for_and_opens_by_the_keyboard(opened, trace):
    page = opened(trace)
    assert not page.locator(".otr-playground").is_visible()
    button = page.get_by_role("button", name="Settings")
    assert button.get_attribute("aria-expanded") == "false"
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Curation playground").wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    page.wait_for_function("() => omnitrace.get('playground') === true")
    page.keyboard.press("Enter")
    page.locator(".otr-playground").wait_for(state="hidden")


def test_a_slider_by_the_keyboard_changes_the_sources_at_once_to_those_of_python(page, trace):
    assert said(page) == "No statement has other sources than by default."
    before = chosen(page)
    slider(page, "coverage").focus()
    page.keyboard.press("Home")
    assert chosen(page) == selected(trace, coverage=0.01) != before
    assert page.locator('[data-setting="coverage"] output').inner_text() == "0.01"
    assert re.match(r"\d statements have other sources than by default", said(page))
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(TOLD, arg=["coverage", "0.31"])
    assert chosen(page) == selected(trace, coverage=0.31)


def test_a_slider_by_the_mouse(page, trace):
    slider(page, "p_min").scroll_into_view_if_needed()
    box = slider(page, "p_min").bounding_box()
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + 7 + 0.07 * (box["width"] - 14), y)
    page.mouse.down()
    page.mouse.move(x + 0.5 * box["width"], y, steps=5)
    halfway = float(slider(page, "p_min").input_value())
    assert halfway == pytest.approx(0.5, abs=0.02)
    assert chosen(page) == selected(trace, p_min=halfway)  # before the mouse is up
    page.mouse.up()
    assert settings_of(page)["p_min"] == halfway


def test_what_changed_is_told_by_statement(page, trace):
    before, after = selected(trace), selected(trace, coverage=0.01)
    slider(page, "coverage").focus()
    page.keyboard.press("Home")
    page.evaluate(DRAWN)
    rows = page.locator(".otr-told li[data-statement]")
    changed = [k for k in range(5) if before[k] != after[k]]
    assert [int(each.get_attribute("data-statement")) for each in rows.all()] == changed[:5]
    labels = {source.id: source.label for source in trace.source_records}
    for k, row in zip(changed, rows.all(), strict=False):
        gone = row.locator("del").inner_text()
        assert {label for label in labels.values() if label in gone} == {labels[j] for j in before[k] - after[k]}


def test_what_came_is_marked_as_new_where_it_stands(page, trace):
    page.get_by_role("radio", name="peak").check()
    before, after = selected(trace), selected(trace, assign="peak")
    page.evaluate(DRAWN)
    came = {j for k in range(5) for j in after[k] - before[k]}
    assert came
    for k in range(5):
        marked = page.locator(f'.otr-statement[data-statement="{k}"] .otr-chip:has(.otr-new)')
        named = " ".join(marked.evaluate_all("all => all.map(el => el.dataset.sources)"))
        assert set(map(int, named.split())) >= after[k] - before[k]
        assert bool(named) == bool(after[k] - before[k])
    page.get_by_role("button", name="Reset all").click()
    page.evaluate(DRAWN)
    assert page.locator(".otr-new").count() == 0


def test_rule_question_and_weights(page, trace):
    page.get_by_role("radio", name="peak").check()
    page.wait_for_function(TOLD, arg=["assign", '"peak"'])
    assert chosen(page) == selected(trace, assign="peak")
    page.get_by_role("radio", name="peak").press("ArrowRight")
    assert chosen(page) == selected(trace, assign="mean")
    page.get_by_role("checkbox", name="question").uncheck()
    assert chosen(page) == selected(trace, assign="mean", question=False)
    noun = page.get_by_label("weight of NOUN, noun")
    noun.focus()
    page.keyboard.press("Home")
    expected = selected(trace, assign="mean", question=False, weights={**POS_WEIGHTS, "NOUN": 0.0})
    assert chosen(page) == expected
    assert settings_of(page)["weights"] == {**POS_WEIGHTS, "NOUN": 0}
    tags = page.locator(".otr-weights .otr-name").all_inner_texts()
    assert set(tags) == {tag for tag in trace.tags if tag}


def test_one_goes_back_and_all_go_back(page, trace):
    own = settings_of(page)
    reset = page.get_by_role("button", name="Reset all")
    assert reset.is_disabled()
    for name in ("coverage", "gamma"):
        slider(page, name).focus()
        page.keyboard.press("Home")
    page.get_by_role("button", name="gamma back to 2").click()
    assert settings_of(page) == own | {"coverage": 0.01}
    assert slider(page, "gamma").evaluate("el => el === document.activeElement")
    reset.click()
    assert settings_of(page) == own
    assert chosen(page) == selected(trace)


def column(page, name):
    row = page.locator(f'.otr-votes tr:has(> th:text-is("{name}"))')
    return row.locator("> :not(:first-child)").all_inner_texts()


def test_why_shows_the_votes_of_python_and_what_follows_from_them(page, trace):
    slider(page, "coverage").focus()
    page.keyboard.press("End")
    slider(page, "p_min").press("PageUp")
    settings = settings_of(page)
    for k in range(5):
        page.locator(f'.otr-statement[data-statement="{k}"] .otr-said').click()
        page.evaluate(DRAWN)
        votes = trace.votes("excess", **settings).query("statement == @k + 1")
        spans = trace.curate(**settings).query("signal == 'excess' and statement == @k + 1").sort_values("rank")
        steps = trace.steps.loc[votes["step"]]
        assert column(page, "token") == [token.strip() or "\u2423" for token in steps["token"]]
        assert column(page, "part of speech") == list(steps["pos"])
        assert list(map(float, column(page, "weight"))) == list(votes["weight"])
        share = votes["vote"] / votes["vote"].sum()
        np.testing.assert_allclose(list(map(float, column(page, "vote"))), share, atol=0.0051)
        ranks = dict(zip(spans["source"], spans["rank"], strict=True))
        assert column(page, "for source") == [str(ranks.get(j, "\u2013")) for j in votes["source"]]
        assert sum(map(float, column(page, "runs"))) == pytest.approx(1, abs=0.05)
        rows = page.locator(".otr-because tr[data-chip]")
        assert [int(row.get_attribute("data-chip")) for row in rows.all()] == list(spans["source"])
        for row, span in zip(rows.all(), spans.to_dict("records"), strict=True):
            cells = row.locator("td, th").all_inner_texts()
            assert cells[:2] == [str(span["rank"]), span["label"]]
            assert cells[2:5] == [f"{span[name]:.2f}" for name in ("p", "run", "score")]
            assert cells[5].startswith("taken" if span["selected"] else "left")


def test_why_says_which_cut_off_left_a_source_out(page):
    page.locator('.otr-statement[data-statement="0"] .otr-said').click()
    reasons = page.locator(".otr-because tr[data-chip] td:last-child")
    slider(page, "coverage").focus()
    page.keyboard.press("Home")
    page.evaluate(DRAWN)
    assert "left: coverage 0.01 was reached before it" in reasons.all_inner_texts()
    assert page.locator(".otr-cut").inner_text() == "coverage 0.01 reached"
    for name in ("p_min", "run_min", "coverage"):
        slider(page, name).focus()
        page.keyboard.press("End")
    page.evaluate(DRAWN)
    assert "left: below p_min 1.00 and run_min 1.00" in reasons.all_inner_texts()


def test_a_token_there_takes_the_focus_and_the_view_follows(opened, trace):
    page = opened(trace, height=2400)  # nothing scrolls away under the mouse
    page.get_by_role("button", name="Settings").click()
    page.locator('.otr-statement[data-statement="1"] .otr-said').click()
    tokens = page.locator(".otr-votes [data-token]")
    share = page.locator(".otr-part-image .otr-share").first
    tokens.nth(0).focus()
    seen = []
    for _ in range(5):
        page.evaluate(DRAWN)
        seen.append(share.inner_text())
        page.keyboard.press("ArrowRight")
    assert len(set(seen)) > 1  # the prompt is coloured by the token, not by the statement
    assert tokens.nth(5).evaluate("el => el === document.activeElement")
    assert page.locator(".otr-because .otr-heading").inner_text() == "Why these sources? Statement 2"
    tokens.nth(0).hover()
    page.evaluate(DRAWN)
    assert share.inner_text() == seen[0]


def test_a_source_there_is_followed_by_its_own_votes(page):
    page.locator('.otr-statement[data-statement="0"] .otr-said').click()
    row = page.locator(".otr-because tr[data-chip]").first
    row.hover()
    page.evaluate(DRAWN)
    source = row.get_attribute("data-chip")
    dim = page.locator(".otr-votes td.otr-dim").evaluate_all("all => all.map(el => el.dataset.own)")
    assert dim
    assert source not in dim
    assert page.locator(f'.otr-source[data-source="{source}"]').first.evaluate("el => el.matches('.otr-focused')")


def test_sources_there_are_one_tab_stop_with_arrows(opened, trace):
    page = opened(trace, height=2400)
    page.get_by_role("button", name="Settings").click()
    page.locator('.otr-statement[data-statement="0"] .otr-said').click()
    names = page.locator(".otr-because tr[data-chip] [role=button]")
    assert [each.get_attribute("tabindex") for each in names.all()] == ["0", *["-1"] * (names.count() - 1)]
    names.first.focus()
    page.keyboard.press("ArrowDown")
    page.evaluate(DRAWN)
    second = page.locator(".otr-because tr[data-chip]").nth(1).get_attribute("data-chip")
    lit = page.locator(".otr-votes td[data-own]:not(.otr-dim)").evaluate_all("all => all.map(el => el.dataset.own)")
    assert set(lit) == {second}
    page.keyboard.press("Enter")
    page.wait_for_function("() => omnitrace.get('pinned') === 0")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_the_open_panel(opened, trace, scheme):
    page = opened(trace, scheme=scheme)
    page.get_by_role("button", name="Settings").click()
    page.locator('.otr-statement[data-statement="0"] .otr-said').click()
    slider(page, "coverage").press("Home")
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("width", [420, 760])
def test_nothing_is_cut_off_on_narrow_screens(opened, trace, width):
    page = opened(trace, width=width)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("region", name="Curation playground").wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_slider_moves_two_hundred_statements_within_two_frames(opened):
    rng = np.random.default_rng(0)
    trace = make_scored({"random": rng.random((500, 40))}, np.arange(40) // 2, statements=200)
    page = opened(trace)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("region", name="Curation playground").wait_for()
    page.evaluate(DRAWN)
    medians = []
    for _ in range(3):  # what else a machine does makes it slower, never faster
        took, changed = zip(*(page.evaluate(MOVE, value) for value in [0.1, 0.9, 0.3, 0.6] * 5), strict=True)
        assert all(changed)  # in the very next frame
        medians.append(float(np.median(took)))
    assert min(medians) <= 2 * FRAME, f"{medians} ms"


def test_a_statement_of_five_hundred_tokens_follows_too(opened):
    rng = np.random.default_rng(0)
    trace = make_scored({"random": rng.random((500, 40))}, np.arange(40) // 2, statements=1)
    page = opened(trace)
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("The first 120 tokens are shown.").wait_for()
    assert page.locator(".otr-votes [data-token]").count() == 120
    spans = page.locator(".otr-votes tr").last.locator("td").evaluate_all("all => all.map(el => el.colSpan)")
    assert sum(spans) == 120
    slider(page, "coverage").press("Home")
    assert chosen(page, 1) == selected(trace, "random", coverage=0.01)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make_empty_trace, id="nothing generated"),
        pytest.param(lambda: make_empty_trace(signals=()), id="nothing at all"),
        pytest.param(lambda: make_trace(signals=()), id="no signal"),
        pytest.param(lambda: make_scored({"a": np.ones((1, 2))}, np.zeros(2, int), statements=1), id="one of each"),
        pytest.param(lambda: make_scored({"a": np.full((9, 4), np.nan)}, np.arange(4)), id="no numbers"),
        pytest.param(lambda: make_scored({"a": np.zeros((9, 4))}, np.arange(4)), id="zeros"),
    ],
)
def test_it_opens_on_traces_with_little_in_them(opened, make):
    page = opened(make())
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("region", name="Curation playground").wait_for()
    slider(page, "gamma").press("Home")
    assert said(page) == "No statement has other sources than by default."
    assert page.locator(".otr-error").count() == 0


SHOW = """
import json, pathlib
import omnitrace_nb as ot
view = ot.open("example.omnitrace").view(playground=True)
def tell(_change):
    told = {"settings": view.settings, "spans": json.loads(view.spans.to_json(orient="records"))}
    pathlib.Path("told.json").write_text(json.dumps(told))
view.observe(tell, names="settings")
view
"""


def test_in_jupyterlab_settings_go_both_ways(chromium, watched, trace, tmp_path):
    trace.save(tmp_path / "example.omnitrace")
    write_notebook(tmp_path / "live.ipynb", [new_code_cell(cell.strip()) for cell in (SHOW, "view.settings")])

    def told():
        return json.loads((tmp_path / "told.json").read_text())

    with jupyterlab(tmp_path) as address:
        page = watched.follow(chromium.new_page(viewport={"width": 1500, "height": 1000}))
        go_to(page, address, "live.ipynb")
        run_all(page)
        slider(page, "coverage").focus()
        page.keyboard.press("Home")
        wait_for(lambda: told()["settings"]["coverage"] == 0.01)
        spans = trace.curate(coverage=0.01)
        expected = spans[spans["signal"] == "excess"].reset_index(drop=True)
        assert told()["spans"] == json.loads(expected.to_json(orient="records"))
        assert chosen(page) == selected(trace, coverage=0.01)

        def run_cell(code):
            page.locator(".jp-NotebookPanel .jp-Cell").nth(1).locator(".cm-content").click()
            page.keyboard.press("Control+A")
            page.keyboard.type(code)
            page.keyboard.press("Control+Enter")

        run_cell('view.settings = {"gamma": 0.5}')
        wait_for(lambda: told()["settings"]["gamma"] == 0.5)
        page.wait_for_function("() => document.querySelector('[data-setting=\"gamma\"] input').value === '0.5'")
        assert told()["settings"]["coverage"] == 0.85  # what is not named is as the trace has it
        run_cell('view.settings = {"gamma": 99}')
        page.get_by_text("SettingsError: gamma=99 is not usable").wait_for()
        assert slider(page, "gamma").input_value() == "0.5"
        page.close()
