"""The view in real JupyterLab: real mouse and keyboard, what Python saw of them, and notebooks without a kernel."""

import json
import re

import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traces import make_trace, supporting

from notebooks import PATIENCE, environment, go_to, run_all, use_theme, wait_for, write_notebook

pytestmark = pytest.mark.usefixtures("saved")

SHOW = """
import json, pathlib
import omnitrace_nb as ot
trace = ot.open("example.omnitrace")
view = trace.view()
def tell(_change):
    pathlib.Path("told.json").write_text(json.dumps([view.pinned, view.signal]))
view.observe(tell, names=["pinned", "signal"])
view
"""


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture
def open_lab(chromium, watched, lab):
    """Open a notebook in the browser."""
    pages = []

    def open_notebook(name):
        page = chromium.new_page(viewport={"width": 1500, "height": 1000})
        pages.append(page)
        watched.follow(page)
        go_to(page, lab, name)
        return page

    yield open_notebook
    for page in pages:
        page.close()


def told(folder):
    return json.loads((folder / "told.json").read_text())


def test_mouse_and_keyboard_in_jupyterlab_reach_python_and_python_reaches_the_page(open_lab, folder, trace):
    write_notebook(folder / "live.ipynb", [new_code_cell(cell.strip()) for cell in (SHOW, "view")])
    page = open_lab("live.ipynb")
    run_all(page)
    first, second = page.locator(".omnitrace-view").nth(0), page.locator(".omnitrace-view").nth(1)
    second.locator(".otr-statement").first.wait_for()

    # Pointing recolours this copy alone, in the browser alone.
    first.locator(".otr-statement").nth(1).hover()
    first.locator(".otr-source.otr-ranked").first.wait_for()
    ranked = first.locator(".otr-source.otr-ranked").evaluate_all("all => all.map(el => +el.dataset.source)")
    assert set(ranked) == supporting(trace.source_records)[1]
    assert second.locator(".otr-source.otr-ranked").count() == 0
    assert not (folder / "told.json").exists()

    # A click pins: in Python, and in the other copy.
    first.locator(".otr-statement").nth(1).click()
    wait_for(lambda: told(folder) == [2, "excess"])
    second.locator('.otr-statement[aria-selected="true"][data-statement="1"]').wait_for()

    # Keys belong to the view while it has the focus: no cell is added, cut or run.
    count = page.locator(".jp-NotebookPanel .jp-Cell").count()
    for key in ("a", "b", "d", "d", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    wait_for(lambda: told(folder) == [4, "excess"])
    assert page.locator(".jp-NotebookPanel .jp-Cell").count() == count
    page.keyboard.press("Escape")
    wait_for(lambda: told(folder) == [None, "excess"])
    first.locator("select").select_option("attmean")
    wait_for(lambda: told(folder) == [None, "attmean"])

    # Python pins: both copies follow.
    page.locator(".jp-NotebookPanel .jp-Cell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nview.pinned = 5")
    page.keyboard.press("Control+Enter")
    first.locator('.otr-statement[aria-selected="true"][data-statement="4"]').wait_for()

    # The sound plays from bytes that came with the view.
    first.get_by_role("button", name="Play sound 1").click()
    page.wait_for_function("() => parseFloat(document.querySelector('.otr-part-audio .otr-head').style.left) > 1")

    # The theme is followed.
    assert first.get_attribute("data-theme") == "light"
    use_theme(page, "JupyterLab Dark")
    page.wait_for_selector('.omnitrace-view[data-theme="dark"]')


def test_a_notebook_of_somebody_else_shows_the_static_form(open_lab, folder, trace):
    data, metadata = trace._repr_mimebundle_()
    cell = new_code_cell("trace", outputs=[new_output("execute_result", data, metadata=metadata, execution_count=1)])
    write_notebook(folder / "untrusted.ipynb", [cell])
    page = open_lab("untrusted.ipynb")
    output = page.locator(".jp-OutputArea-output").first
    output.get_by_text("Prompt", exact=True).wait_for()
    assert "film 1, 2-4 s" in output.inner_text()
    assert output.locator("img").count() >= 5
    widths = output.locator("summary ~ * img, div > img").evaluate_all("all => all.map(el => el.naturalWidth)")
    assert min(widths) > 0
    shades = output.locator("mark").evaluate_all("all => all.map(el => getComputedStyle(el).backgroundColor)")
    assert len(set(shades)) > 1
    assert output.locator("details").count() == 5


def test_nbconvert_without_widget_state_shows_the_static_form(chromium, trace, tmp_path):
    data, metadata = trace._repr_mimebundle_()
    cell = new_code_cell("trace", outputs=[new_output("execute_result", data, metadata=metadata, execution_count=1)])
    html, _ = HTMLExporter().from_notebook_node(new_notebook(cells=[cell]))
    # nbconvert's own page loads scripts for mathematics and widgets from elsewhere; offline they are simply not there.
    (tmp_path / "out.html").write_text(re.sub(r"<script[^>]*src=[^>]*>\s*</script>", "", html), encoding="utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "out.html").as_uri())
    assert page.get_by_text("film 1, 2-4 s").first.is_visible()
    assert page.locator('img[alt="image 1"]').last.is_visible()
    page.close()


def test_a_notebook_executed_in_static_mode_holds_no_widget(folder):
    source = 'import omnitrace_nb as ot\not.display("static")\not.open("example.omnitrace")'
    notebook = new_notebook(cells=[new_code_cell(source)])
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, timeout=PATIENCE)
    client.execute(env=environment())
    assert "widgets" not in notebook.metadata
    [output] = notebook.cells[0].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert "sound of film 1" in output.data["text/html"]
