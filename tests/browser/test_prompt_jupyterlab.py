"""Words, patches and boxes of the prompt in real JupyterLab: what Python saw of them, and what came from the kernel."""

import json

import pytest
from nbformat.v4 import new_code_cell
from traces import NOTE, make_trace

from notebooks import go_to, jupyterlab, run_all, wait_for, write_notebook

SHOW = """
import json, pathlib
import omnitrace_nb as ot
view = ot.open("example.omnitrace").view()
def tell(_change):
    pathlib.Path("told.json").write_text(json.dumps([view.pinned, view.selection]))
view.observe(tell, names=["pinned", "selection"])
view
"""


@pytest.fixture
def page(chromium, watched, tmp_path):
    make_trace().save(tmp_path / "example.omnitrace", embed_media=True)
    write_notebook(tmp_path / "prompt.ipynb", [new_code_cell(cell.strip()) for cell in (SHOW, "1")])
    with jupyterlab(tmp_path) as address:
        page = watched.follow(chromium.new_page(viewport={"width": 1500, "height": 1200}))
        go_to(page, address, "prompt.ipynb")
        run_all(page)
        page.locator(".otr-statement").first.wait_for()
        yield page
        page.close()


def test_words_patches_and_boxes_reach_python_and_python_reaches_them(page, tmp_path):
    def told(check):
        def holds():
            return check(*json.loads((tmp_path / "told.json").read_text()))

        wait_for(holds)
        return json.loads((tmp_path / "told.json").read_text())[1]

    # A word, by its characters.
    page.locator(".otr-segments label", has_text="token").click()
    page.locator(".otr-unit", has_text="lamp").click()
    chars = told(lambda _, selection: selection is not None)["chars"]
    assert NOTE[slice(*chars)].strip() == "lamp"

    # A box, in pixels; the patch under the mouse follows it.
    picture = page.locator(".otr-part-image .otr-picture").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75, steps=6)
    page.mouse.up()
    drawn = told(lambda _, selection: selection and "box" in selection)
    assert drawn["part"] == 1
    assert drawn["box"] == pytest.approx([80, 60, 240, 180], abs=3)

    # By keyboard a patch; no key reaches the notebook.
    cells = page.locator(".jp-NotebookPanel .jp-Cell").count()
    page.locator(".otr-part-image .otr-box").first.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".otr-tip:visible").wait_for()
    for key in ("a", "b", "x"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    patch = told(lambda _, selection: selection and selection.get("box") != drawn["box"])["box"]
    assert patch[2] - patch[0] == pytest.approx(40)
    assert page.locator(".jp-NotebookPanel .jp-Cell").count() == cells

    # The larger picture is the original, which the kernel sends when it is asked.
    small = page.locator(".otr-part-image img").first.get_attribute("src")
    page.keyboard.press("z")
    page.wait_for_function(
        "before => { const image = document.querySelector('.otr-part-image img');"
        " return image.src !== before && image.complete && image.naturalWidth === 320; }",
        arg=small,
    )
    page.keyboard.press("Escape")
    assert page.locator(".otr-zoomed").count() == 0

    # Python selects, and the page shows it.
    page.locator(".jp-NotebookPanel .jp-Cell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nview.selection = {'part': 2, 'box': [0, 0, 80, 80]}")
    page.keyboard.press("Control+Enter")
    page.locator(".otr-part-image").nth(1).locator(".otr-kept:visible").wait_for()
    assert "image 2, rows 1-2, columns 1-2" in page.locator(".otr-live").inner_text()
