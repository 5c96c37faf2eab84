"""Charts in real JupyterLab and in exports: drawn without a network, in the colours of the page they stand on."""

import io
import re
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell
from PIL import Image
from traces import make_trace

from notebooks import environment, go_to, jupyterlab, run_all, use_theme, write_notebook

CHARTS = ("sources", "modalities", "steps", "confidence", "positions", "cost", "agreement")
OPEN = 'import omnitrace_nb as ot\ntrace = ot.open("example.omnitrace")'
JOINED = "(trace.charts.modalities() | trace.charts.modalities('attmean')).properties(title='Joined')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    make_trace().save(folder / "example.omnitrace")
    cells = [new_code_cell(OPEN), *(new_code_cell(f"trace.charts.{name}()") for name in CHARTS), new_code_cell(JOINED)]
    write_notebook(folder / "charts.ipynb", cells)
    return folder


def test_jupyterlab_draws_every_chart_offline_in_the_colours_of_its_theme(chromium, watched, folder):
    page = watched.follow(chromium.new_page(viewport={"width": 1300, "height": 6000}))
    with jupyterlab(folder) as address:
        go_to(page, address, "charts.ipynb")
        run_all(page)
        cells = page.locator(".jp-Notebook .jp-CodeCell")
        for at in range(1, len(CHARTS) + 2):
            cells.nth(at).scroll_into_view_if_needed()
            drawn = cells.nth(at).locator(".jp-OutputArea-output svg.marks")
            drawn.wait_for()
            assert drawn.locator(".mark-rect path, .mark-symbol path, .mark-rule line").count() > 0
        # The renderer of JupyterLab has drawn them, not the picture that is kept for exports.
        assert page.locator(".jp-OutputArea-output img").count() == 0
        assert page.locator(".vega-actions").count() == 0
        title = page.locator(".jp-OutputArea-output svg.marks .role-title text").first
        for theme, lightest in (("JupyterLab Light", False), ("JupyterLab Dark", True)):
            use_theme(page, theme)
            page.wait_for_function(
                "light => document.body.dataset.jpThemeLight === light", arg=str(not lightest).lower()
            )
            page.wait_for_function(
                """([el, light]) => {
                    const [red] = getComputedStyle(el).fill.match(/[0-9.]+/g).map(Number);
                    return light ? red > 200 : red < 60;
                }""",
                arg=[title.element_handle(), lightest],
            )
        page.close()


def test_an_executed_export_keeps_a_picture_of_every_chart_and_asks_for_nothing(chromium, watched, folder):
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", "charts.ipynb"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ValidationError" not in done.stderr
    html = (folder / "charts.html").read_text(encoding="utf-8")
    # nbconvert's own page loads scripts for mathematics and widgets from elsewhere; offline they are simply not there.
    (folder / "bare.html").write_text(re.sub(r"<script[^>]*src=[^>]*>\s*</script>", "", html), encoding="utf-8")
    page = watched.follow(chromium.new_page())
    page.goto((folder / "bare.html").as_uri())
    pictures = page.locator(".jp-OutputArea-output img")
    assert pictures.count() == len(CHARTS) + 1
    for each in pictures.all():
        # Twice the pixels of the size at which it is shown, so that it is sharp on fine screens and in print.
        shown, held = each.evaluate("el => [el.getAttribute('width'), el.naturalWidth]")
        assert held == pytest.approx(2 * int(shown), abs=1)
    page.close()


def test_the_picture_is_dark_on_white_so_that_it_is_legible_on_any_page():
    picture = Image.open(io.BytesIO(make_trace().charts.cost().to_png())).convert("L")
    lightness = dict(zip(*reversed(list(zip(*picture.getcolors(1 << 20), strict=True))), strict=True))
    assert picture.getpixel((0, 0)) == 255
    assert min(lightness) < 60
