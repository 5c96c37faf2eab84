"""Views in JupyterLab that are shown twice, scrolled away and back, reopened without their kernel, or exported."""

import json
import urllib.request

import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import read
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traces import make_trace, supporting

from notebooks import PATIENCE, environment, go_to, run_all, type_and_run, write_notebook

pytestmark = pytest.mark.usefixtures("saved")

OPEN = 'import omnitrace_nb as ot\ntrace = ot.open("example.omnitrace")\nview = trace.view()\nview'
TRACKER = "@jupyterlab/notebook-extension:tracker"

# Whether a canvas has anything drawn on it.
INKED = """canvas => canvas.width > 0 && canvas.height > 0
    && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(each => each > 0)"""


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture
def open_lab(chromium, watched, lab, folder):
    """Write a notebook, and open it in the browser."""
    pages = []

    def open_notebook(name, cells, *, trusted=False):
        write_notebook(folder / name, cells)
        if trusted:
            NotebookNotary(data_dir=str(folder / ".jupyter" / "data")).sign(read(folder / name, as_version=4))
        page = watched.follow(chromium.new_page(viewport={"width": 1700, "height": 1000}))
        pages.append(page)
        go_to(page, lab, name)
        page.set_default_timeout(45_000)
        return page

    yield open_notebook
    for page in pages:
        page.close()


@pytest.fixture
def windowing_full(lab):
    """JupyterLab takes cells off the page that are scrolled away."""

    def choose(**settings):
        said = json.dumps({"raw": json.dumps(settings)}).encode()
        address = f"{lab}/lab/api/settings/{TRACKER}"
        urllib.request.urlopen(urllib.request.Request(address, said, method="PUT"), timeout=30)  # noqa: S310 (our own)

    choose(windowingMode="full")
    yield
    choose()


def pinned(view, number):
    view.locator(f'.otr-statement[aria-selected="true"][data-statement="{number}"]').wait_for()
    return True


def test_a_new_view_of_an_output_and_its_first_agree(open_lab):
    page = open_lab("twice.ipynb", [new_code_cell(OPEN), new_code_cell()])
    run_all(page)
    first = page.locator(".jp-NotebookPanel .omnitrace-view")
    first.locator(".otr-statement").first.click()
    first.locator(".otr-model").click(button="right")
    page.get_by_role("menuitem", name="Create New View for Cell Output").click()
    second = page.locator(".jp-LinkedOutputView .omnitrace-view")
    assert pinned(second, 0)  # what was pinned before it was there
    second.locator('.otr-statement[data-statement="3"] .otr-number').click()
    assert pinned(first, 3)
    first.locator(".otr-signal select").select_option("attmean")
    page.wait_for_function(
        "() => document.querySelector('.jp-LinkedOutputView .otr-signal select').value === 'attmean'"
    )
    # Pointing is each one's own.
    second.locator('.otr-statement[data-statement="1"] .otr-number').hover()
    second.locator(".otr-live", has_text="Statement 2 of 5").wait_for()
    assert first.locator(".otr-live").inner_text().startswith("Statement 4 of 5, pinned")
    type_and_run(page, "print('Python sees', view.pinned, view.signal)")
    page.get_by_text("Python sees 4 attmean").wait_for()
    type_and_run(page, "view.pinned = 3")
    assert pinned(first, 2)
    assert pinned(second, 2)
    # One goes; the other stays as it is.
    page.locator(".lm-TabBar-tab", has_text="Output View").locator(".lm-TabBar-tabCloseIcon").click()
    second.wait_for(state="detached")
    first.locator('.otr-statement[data-statement="4"] .otr-number').click()
    assert pinned(first, 4)


def test_two_views_of_one_trace_have_pins_of_their_own(open_lab, trace):
    both = 'other = trace.view(signal="attmean", pinned=3)\nother'
    page = open_lab("two.ipynb", [new_code_cell(OPEN), new_code_cell(both), new_code_cell()])
    run_all(page)
    first, second = page.locator(".omnitrace-view").nth(0), page.locator(".omnitrace-view").nth(1)
    assert pinned(second, 2)
    first.locator('.otr-statement[data-statement="1"] .otr-number').click()
    assert pinned(first, 1)
    own = supporting(trace.source_records)[1]
    ranked = first.locator(".otr-source.otr-ranked").evaluate_all("all => all.map(el => +el.dataset.source)")
    assert set(ranked) == own
    assert pinned(second, 2)
    assert [each.locator(".otr-signal select").input_value() for each in (first, second)] == ["excess", "attmean"]
    type_and_run(page, "print('Python sees', view.pinned, other.pinned)")
    page.get_by_text("Python sees 2 3").wait_for()


@pytest.mark.usefixtures("windowing_full")
def test_a_view_scrolled_away_and_back_in_full_windowing_is_as_it_was(open_lab, trace):
    filler = [new_markdown_cell("\n\n".join(["A line of text."] * 30)) for _ in range(12)]
    page = open_lab("scrolled.ipynb", [new_code_cell(OPEN), *filler, new_code_cell()])
    mode = "() => jupyterapp.shell.currentWidget.content.notebookConfig.windowingMode"
    assert page.evaluate(mode) == "full"
    run_all(page)
    panel = page.locator(".jp-WindowedPanel-outer").first.bounding_box()
    margin = (panel["x"] + 8, panel["y"] + panel["height"] / 2)
    view = page.locator(".omnitrace-view")

    # JupyterLab takes the cell off the page, or shuts it to no height.
    seen = "() => document.querySelector('.omnitrace-view')?.closest('.jp-Cell').offsetHeight > 0"

    def scroll(by, shown):
        for _ in range(400):
            if page.evaluate(seen) == shown:
                return
            page.mouse.move(*margin)  # beside the cells: over the view, its own panes scroll first
            page.mouse.wheel(0, by)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        raise AssertionError(f"the view is {'not ' * shown}on the page")

    view.wait_for(state="attached")
    scroll(-900, shown=True)
    view.locator(".otr-statement").first.wait_for()
    view.locator('.otr-statement[data-statement="1"] .otr-number').click()
    assert pinned(view, 1)
    ranked = "all => all.map(el => +el.dataset.source)"
    for _ in range(2):
        scroll(900, shown=False)
        page.locator(".jp-MarkdownCell").last.click()  # the cell of the view is no longer the active one
        scroll(-900, shown=True)
        assert pinned(view, 1)
        assert set(view.locator(".otr-source.otr-ranked").evaluate_all(ranked)) == supporting(trace.source_records)[1]
        for part in ("image", "audio", "video"):
            canvases = view.locator(f".otr-part-{part} canvas")
            assert canvases.count() > 0
            assert canvases.first.evaluate(INKED), part
        assert view.locator("img").evaluate_all("all => all.every(el => el.complete && el.naturalWidth > 0)")
    # It answers as before.
    view.locator('.otr-statement[data-statement="3"] .otr-number').click()
    assert pinned(view, 3)
    view.get_by_role("button", name="Play sound 1").click()
    view.get_by_role("button", name="Pause sound 1").wait_for()
    view.get_by_role("button", name="Pause sound 1").click()


def stored(trace):
    """A cell whose output was stored, live view and static form, without the widget's state."""
    data, metadata = trace.view()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    shown = new_output("execute_result", data, metadata=metadata, execution_count=1)
    return new_code_cell("trace", outputs=[shown], execution_count=1)


def test_trusted_and_without_its_kernel_jupyterlab_says_that_the_model_is_gone(open_lab, watched, trace):
    page = open_lab("trusted.ipynb", [stored(trace)], trusted=True)
    output = page.locator(".jp-OutputArea-output").first
    output.wait_for()
    output.get_by_text("Error displaying widget: model not found").wait_for()
    assert "film 1" not in page.locator(".jp-OutputArea").first.inner_text()  # the static form is in the file alone
    watched.errors[:] = [error for error in watched.errors if "widget model not found" not in error]


def asked(chromium, tmp_path, notebook):
    """Open an exported notebook without a network: what it asks for, and its page."""
    html, _ = HTMLExporter().from_notebook_node(notebook)
    (tmp_path / "out.html").write_text(html, encoding="utf-8")
    page = chromium.new_page()
    requests = []

    def refuse(route):
        requests.append(route.request.url)
        route.abort()

    page.route(lambda url: url.startswith("http"), refuse)
    page.goto((tmp_path / "out.html").as_uri())
    return requests, page


def test_an_export_without_state_shows_the_static_form_and_asks_for_nothing_of_its_own(chromium, trace, tmp_path):
    without, page = asked(chromium, tmp_path, new_notebook(cells=[new_code_cell("1")]))
    page.close()
    requests, page = asked(chromium, tmp_path, new_notebook(cells=[stored(trace)]))
    assert requests == without  # nbconvert's own page asks for scripts; the view adds nothing
    assert page.get_by_text("film 1, 2-4 s").first.is_visible()
    assert page.locator('img[alt="image 1"]').last.is_visible()
    assert page.locator(".jp-OutputArea-output img").evaluate_all("all => all.every(el => el.naturalWidth > 0)")
    page.close()


def test_an_export_with_stored_state_asks_for_jupyters_widget_manager_and_is_blank_without(chromium, folder, tmp_path):
    notebook = new_notebook(cells=[new_code_cell(OPEN)])
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, timeout=PATIENCE).execute(env=environment())
    assert "widgets" in notebook.metadata
    requests, page = asked(chromium, tmp_path, notebook)
    assert any("html-manager" in url for url in requests)
    assert page.get_by_text("film 1, 2-4 s").count() == 0  # docs/hosts.md says so, and what to do
    page.close()
