"""A live trace in real JupyterLab: the view fills while the model writes, and its button stops a cell that runs."""

import json

import pytest
from nbformat.v4 import new_code_cell
from test_view import AXE

from notebooks import go_to, run_all, wait_for, write_notebook

LIVE = """
import time, json, pathlib
import omnitrace_nb as ot
tracer = ot.load(device="cpu")
def at_the_pace_of_a_larger_model(_ids, scores):
    time.sleep(0.1)
    return scores
trace = tracer.trace(ot.example(), live=True, logits_processor=[at_the_pace_of_a_larger_model])
"""
NEXT = """
said = {"tokens": len(trace), "stopped": trace.response_record.stopped, "statements": len(trace.statements)}
pathlib.Path("told.json").write_text(json.dumps(said))
"""
FULL = 143  # tokens of the whole response


@pytest.fixture
def running(chromium, watched, lab, folder):
    """Run a notebook whose first cell traces; gives the page once tokens come."""
    pages = []

    def run(name, *cells):
        (folder / "told.json").unlink(missing_ok=True)
        write_notebook(folder / name, [new_code_cell(cell.strip()) for cell in cells])
        page = chromium.new_page(viewport={"width": 1500, "height": 1000})
        pages.append(page)
        watched.follow(page)
        go_to(page, lab, name)
        run_all(page)
        tokens(page, 1)
        return page

    yield run
    for page in pages:
        page.close()


def tokens(page, least):
    """Wait until the view has counted so many tokens."""
    page.wait_for_function(
        "least => parseInt(document.querySelector('.otr-far')?.textContent.match(/token (\\d+) of/)?.[1]) >= least",
        arg=least,
    )


def statements(page, least):
    page.wait_for_function("least => document.querySelectorAll('.otr-statement').length >= least", arg=least)


def told(folder):
    wait_for((folder / "told.json").exists)
    return json.loads((folder / "told.json").read_text())


def test_the_view_fills_while_the_model_writes_and_stop_gives_the_trace_so_far(running, folder):
    page = running("stop.ipynb", LIVE, NEXT)
    cells, view = page.locator(".jp-NotebookPanel .jp-Cell"), page.locator(".omnitrace-view")

    # It fills, with its eyes on the newest statement, and leaves the focus to whoever writes the next cell.
    cells.nth(1).locator(".cm-content").click()
    focused = page.evaluate_handle("() => document.activeElement")
    statements(page, 2)
    page.wait_for_function("() => [...document.querySelectorAll('.otr-statement')].at(-1)?.matches('.otr-lit')")
    statements(page, 4)
    assert page.evaluate("el => el === document.activeElement", focused)

    # What is pinned stays pinned while more comes.
    view.locator(".otr-statement").nth(1).click()
    view.locator('.otr-statement[aria-selected="true"][data-statement="1"]').wait_for()
    statements(page, 6)
    pinned = view.locator('.otr-statement[aria-selected="true"]')
    assert pinned.evaluate_all("all => all.map(el => el.dataset.statement)") == ["1"]
    view.evaluate("el => { el.dataset.mine = 'yes'; }")

    # Stop, by the keyboard: the cell runs, and yet it ends.
    stop = view.get_by_role("button", name="Stop")
    assert stop.get_attribute("data-lm-suppress-shortcuts") == "true"
    stop.focus()
    page.keyboard.press("Enter")
    stop.wait_for(state="hidden")
    said = told(folder)
    assert said["stopped"] == "interrupted"
    assert 6 <= said["statements"] < 14
    assert said["tokens"] < FULL

    # The same view shows the finished trace; there is no second one, and the focus is still in it.
    statements(page, said["statements"])
    assert view.count() == 1
    assert view.get_attribute("data-mine") == "yes"
    assert view.locator(".otr-statement").count() == said["statements"]
    assert "interrupted" in view.locator(".otr-response").inner_text()
    page.wait_for_function("() => document.activeElement.matches('.omnitrace-view .otr-response *')")
    assert pinned.evaluate_all("all => all.map(el => el.dataset.statement)") == ["1"]
    assert view.get_by_role("status").inner_text() == "The trace is there."
    assert view.locator(".otr-error").count() == 0


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
def test_a_run_to_its_end_an_error_and_axe(running, folder):
    broken = "def broken(_ids, scores):\n    raise RuntimeError('out of ink')\n"
    fails = f"{broken}tracer.trace(ot.example(), live=True, logits_processor=[broken])"
    page = running("whole.ipynb", LIVE.replace("0.1", "0.03"), NEXT, fails)
    first, second = page.locator(".omnitrace-view").nth(0), page.locator(".omnitrace-view").nth(1)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run('.omnitrace-view')")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
    assert told(folder) == {"tokens": FULL, "stopped": "eos", "statements": 14}
    first.get_by_role("button", name="Stop").wait_for(state="hidden")
    assert first.locator(".otr-statement").count() == 14

    # The view of a run that broke off says so, and does not seem to run for ever.
    second.get_by_text(
        "There is no trace: SettingsError: generate refuses these settings (logits_processor): out of ink"
    ).first.wait_for()
    assert second.get_by_role("button", name="Stop").count() == 0
