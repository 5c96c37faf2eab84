"""Columns side by side in a browser: linked hover and pins, differences in numbers, the chart that drives the view."""

import json
from pathlib import Path

import numpy as np
import pytest
from nbformat.v4 import new_code_cell
from traces import RESPONSE, make_trace

import omnitrace_nb as ot
from notebooks import PATIENCE, go_to, jupyterlab, run_all, wait_for, write_notebook

AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
SIGNALS = ("excess", "attmean", "other")
DRAWN = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
)

NAMED = "all => all.map(el => [el.dataset.source, el.getAttribute('aria-label'), el.classList.contains('otr-minus')])"


@pytest.fixture(scope="module")
def trace():
    """`other` credits the first sentence for the third statement, everything else as `excess` does."""
    made = make_trace(signals=SIGNALS)
    scores = {name: np.concatenate([made.scores(name), made.earlier(name)], axis=1) for name in SIGNALS}
    steps = made.statement_of == 2
    scores["other"][steps] = 0
    scores["other"][np.ix_(steps, made.source_records[0].positions)] = 1
    return made.build(made.parts, made.layout, made.source_records, made.response_record, scores, made.run)


@pytest.fixture
def show(chromium, watched, tmp_path):
    """Open a comparison's page, as a file."""
    pages = []

    def open_page(view, *, width=1280, height=1400, scheme="light"):
        page = watched.follow(chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme))
        pages.append(page)
        page.set_default_timeout(1000 * PATIENCE)
        file = tmp_path / f"view{len(pages)}.html"
        view.to_html(file)
        page.goto(file.as_uri())
        page.wait_for_selector(".otr-agreement, .otr-error")
        page.evaluate(DRAWN)
        return page

    yield open_page
    for page in pages:
        page.close()


def column(page, number):
    return page.locator(".otr-column").nth(number)


def statement(page, number, id_):
    return column(page, number).locator(f'.otr-statement[data-statement="{id_}"]')


def lit(page, number):
    page.evaluate(DRAWN)
    lighted = column(page, number).locator(".otr-statement.otr-lit")
    return lighted.evaluate_all("all => all.map(el => +el.dataset.statement)")


def ranked(page, number):
    page.evaluate(DRAWN)
    marked = column(page, number).locator(".otr-source.otr-ranked")
    return set(marked.evaluate_all("all => all.map(el => +el.dataset.source)"))


def selected(trace, signal, id_):
    spans = trace.spans[trace.spans["selected"]]
    return set(spans[(spans["signal"] == signal) & (spans["statement"] == id_ + 1)]["source"])


def live(page):
    page.evaluate(DRAWN)
    return page.locator(".otr-compare > .otr-live").inner_text()


def told(page, name, value):
    page.wait_for_function("([name, value]) => omnitrace.get(name) === value", arg=[name, value])


def shown_shares(page, number):
    """The numbers in the names of a column's sources: source -> (share, drawn in the hue of what is less)."""
    page.evaluate(DRAWN)
    return {
        int(id_): (float(name.split(", share ")[1].split(",")[0]), minus)
        for id_, name, minus in column(page, number).locator(".otr-source").evaluate_all(NAMED)
    }


def hues(page, number):
    """Whether the strong patches of the second picture are more red than blue: each answer once."""
    return (
        column(page, number)
        .locator(".otr-picture canvas")
        .nth(1)
        .evaluate(
            """canvas => {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const found = new Set();
                for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 60) found.add(data[i] > data[i + 2]);
                return [...found];
            }"""
        )
    )


def shares(trace, signal, id_):
    mass = np.maximum(trace.mass(signal), 0)[trace.statement_of == id_].sum(axis=0)
    return mass / mass.sum()


def test_what_is_pointed_at_in_one_column_is_in_every_column(show, trace):
    page = show(trace.compare(*SIGNALS))
    for id_ in range(5):
        statement(page, id_ % 3, id_).hover()
        for number, signal in enumerate(SIGNALS):
            assert lit(page, number) == [id_]
            assert ranked(page, number) == selected(trace, signal, id_)
    assert "Statement 5" in live(page)
    # A source lights the statements that rest on it, in each column by its own signal.
    column(page, 1).locator('.otr-source[data-source="0"]').hover()
    for number, signal in enumerate(SIGNALS):
        assert lit(page, number) == [id_ for id_ in range(5) if 0 in selected(trace, signal, id_)]
    name = trace.sources["label"][0]
    assert live(page).startswith(f"{name}: excess ")
    page.mouse.move(3, 3)
    assert [lit(page, number) for number in range(3)] == [[], [], []]


def test_a_click_on_a_dot_pins_its_statement_in_every_column(show, trace):
    page = show(trace.compare("excess", "other"))
    dots = page.locator(".otr-dot")
    assert dots.count() == 15
    # Disagreements stand first: in the list, and in the chart from top to bottom.
    assert page.locator(".otr-differing").first.get_attribute("data-of") == "2"
    tops = dots.evaluate_all("all => all.map(el => [el.getBoundingClientRect().top, el.dataset.of])")
    assert min(tops)[1] == "2"
    dot = page.locator('.otr-dot[data-of="2"]').first
    dot.hover()
    assert lit(page, 0) == lit(page, 1) == [2]
    dot.click()
    told(page, "pinned", 2)
    page.mouse.move(3, 3)
    for number in range(2):
        assert statement(page, number, 2).get_attribute("aria-selected") == "true"
    assert page.locator('.otr-differing[data-of="2"]').get_attribute("aria-pressed") == "true"
    assert live(page).startswith("Statement 3. only excess: ")
    assert f"only other: {trace.sources['label'][0]}" in live(page)
    # A statement in any column, and a line of the list, pin as well; a second click lets go.
    statement(page, 1, 4).click()
    told(page, "pinned", 4)
    assert lit(page, 0) == [4]
    line = page.locator('.otr-differing[data-of="0"]')
    line.click()
    told(page, "pinned", 0)
    line.click()
    told(page, "pinned", None)


def test_dots_and_lines_are_reached_by_keyboard_one_tab_stop_each(show, trace):
    page = show(trace.compare("excess", "other"))
    assert page.locator('.otr-chart [tabindex="0"]').count() == 1
    assert page.locator('.otr-listed [tabindex="0"]').count() == 1
    first = page.locator('.otr-chart [tabindex="0"]')
    first.focus()
    names = []
    for _ in range(3):
        names.append(page.evaluate("() => document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press("ArrowRight")
    assert all(name.startswith("Statement ") for name in names)
    assert len(set(names)) == 3
    id_ = int(page.evaluate("() => document.activeElement.dataset.of"))
    assert lit(page, 0) == lit(page, 1) == [id_]
    page.keyboard.press("Enter")
    told(page, "pinned", id_)
    page.keyboard.press("Escape")
    told(page, "pinned", None)
    page.locator('.otr-listed [tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    told(page, "pinned", int(page.locator(".otr-differing").nth(1).get_attribute("data-of")))


def test_the_difference_is_one_columns_shares_minus_the_others(show, trace):
    page = show(trace.compare("attmean", "other", mode="difference"))
    assert page.locator(".otr-column-name").all_inner_texts() == ["attmean minus other", "other"]
    statement(page, 0, 2).click()
    page.mouse.move(3, 3)
    expected = shares(trace, "attmean", 2) - shares(trace, "other", 2)
    for id_, (number, minus) in shown_shares(page, 0).items():
        assert number == pytest.approx(expected[id_], abs=0.0051)
        if abs(expected[id_]) > 0.02:
            assert minus == (expected[id_] < 0)
    assert {number for number, _ in shown_shares(page, 1).values()} == {0.0, 1.0}
    # The legend has the same number at both ends, and 0 between them.
    ends = column(page, 0).locator(".otr-legend tr").nth(2).locator("td").all_inner_texts()
    assert ends[1] == "0"
    assert float(ends[2]) == -float(ends[0]) == pytest.approx(np.abs(expected).max(), rel=0.05)
    # Patches are blue where the first has more, and orange below, where it has less.
    assert hues(page, 0) == [False]
    # From the other column, with the signs turned.
    page.locator(".otr-minus-what select").select_option("0")
    told(page, "reference", 0)
    assert page.locator(".otr-column-name").all_inner_texts() == ["attmean", "other minus attmean"]
    for id_, (number, _) in shown_shares(page, 1).items():
        assert number == pytest.approx(-expected[id_], abs=0.0051)
    assert hues(page, 1) == [True]
    # And back.
    page.get_by_role("radio", name="side by side").click()
    told(page, "mode", "side by side")
    own = shares(trace, "other", 2)
    for id_, (number, minus) in shown_shares(page, 1).items():
        assert number == pytest.approx(own[id_], abs=0.0051)
        assert not minus


def test_other_responses_are_linked_by_their_statements(show, trace):
    lines = RESPONSE.split("\n")
    shorter = make_trace(response="\n".join([lines[4], *lines[2:4]]), planted=())
    page = show(ot.compare(trace, shorter, signals=["excess"], names=["whole", "less"]))
    notes = page.locator(".otr-compare > .otr-note").all_inner_texts()
    assert notes == ["whole / less: Of the statements, 2 on the left and 0 on the right have no partner."]
    for id_, partner in ((4, [0]), (2, [1]), (3, [2]), (0, [])):
        statement(page, 0, id_).hover()
        assert lit(page, 0) == [id_]
        assert lit(page, 1) == partner
    statement(page, 1, 0).click()
    told(page, "pinned", 4)
    page.mouse.move(3, 3)
    assert lit(page, 0) == [4]


def test_a_statement_that_only_another_column_has_can_be_pinned_there(show, trace):
    longer = make_trace(response=f"{RESPONSE}\nNobody else was there at that time of night.")
    page = show(ot.compare(trace, longer, signals=["excess"]))
    statement(page, 1, 5).click()
    page.mouse.move(3, 3)
    page.wait_for_function("() => true")
    assert lit(page, 1) == [5]
    assert lit(page, 0) == []
    assert page.evaluate("() => omnitrace.get('pinned')") is None


PLAYED = """number => parseFloat(document.querySelectorAll(".otr-column")[number]
    .querySelector(".otr-part-audio .otr-head").style.left) > 1"""


def test_each_column_plays_the_sounds_of_its_own_trace(show, trace):
    page = show(ot.compare(trace, make_trace(seed=1), signals=["excess"]))
    for number in range(2):
        column(page, number).get_by_role("button", name="Play sound 1").click()
        page.wait_for_function(PLAYED, arg=number)


def test_columns_stack_where_there_is_no_room(show, trace):
    page = show(trace.compare(*SIGNALS), width=420)
    boxes = [column(page, number).bounding_box() for number in range(3)]
    assert len({round(box["x"]) for box in boxes}) == 1
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"] < boxes[2]["y"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show, trace, scheme):
    if not AXE.exists():
        pytest.skip("axe-core is not installed (run npm install in js/)")
    page = show(trace.compare("excess", "other", mode="difference", pinned=3), scheme=scheme)
    # By the browser's own means: the page's policy lets in no script.
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []


CELLS = (
    """
import json, pathlib
import omnitrace_nb as ot
trace = ot.open("example.omnitrace")
view = trace.compare("excess", "other")
def tell(_change):
    pathlib.Path("told.json").write_text(json.dumps([view.pinned, view.mode, view.reference]))
view.observe(tell, names=["pinned", "mode", "reference"])
view
""",
    "view.agreement",
)


def test_in_jupyterlab_clicks_reach_python_and_python_changes_the_columns(chromium, watched, trace, tmp_path):
    trace.save(tmp_path / "example.omnitrace", embed_media=True)
    write_notebook(tmp_path / "live.ipynb", [new_code_cell(cell.strip()) for cell in CELLS])
    page = watched.follow(chromium.new_page(viewport={"width": 1500, "height": 2600}))

    def said(expected):
        wait_for(lambda: json.loads((tmp_path / "told.json").read_text()) == expected)

    with jupyterlab(tmp_path) as address:
        go_to(page, address, "live.ipynb")
        run_all(page)
        page.locator(".otr-agreement").wait_for()
        page.locator('.otr-dot[data-of="2"]').first.click()
        said([3, "side by side", 1])
        page.locator('.otr-column .otr-statement[data-statement="2"][aria-selected="true"]').nth(1).wait_for()
        page.get_by_role("radio", name="difference").click()
        said([3, "difference", 1])
        page.locator(".jp-NotebookPanel .jp-Cell").nth(1).locator(".cm-content").click()
        page.keyboard.press("Control+End")
        page.keyboard.type('\nview.pinned = 5; view.signals = ["attmean", "excess"]')
        page.keyboard.press("Control+Enter")
        page.get_by_text("attmean minus excess").wait_for()
        # A sound plays from bytes that are asked of Python.
        column(page, 1).get_by_role("button", name="Play sound 1").click()
        page.wait_for_function(PLAYED, arg=1)
        page.locator('.otr-column .otr-statement[data-statement="4"][aria-selected="true"]').nth(1).wait_for()
        page.close()
