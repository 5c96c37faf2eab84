"""Take the pictures of docs/images: `python docs/screenshots.py`.

The packaged example is traced by the embedded model; its page and a JupyterLab of its own are shown in Chromium, light
and dark, wide and narrow, pointed at and pinned. Look at every picture before committing it.
"""

# ruff: noqa: INP001 (a command beside the documents, no package)

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat.v4 import new_code_cell
from PIL import Image
from playwright.sync_api import sync_playwright

import omnitrace_nb as ot

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parent.parent
IMAGES = Path(__file__).parent / "images"

sys.path.insert(0, str(ROOT / "tests" / "browser"))
from notebooks import go_to, jupyterlab, run_all, use_theme, write_notebook  # noqa: E402 (a folder of the tests)


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    trace = ot.load().trace(ot.example(), progress=False)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        figures(trace)
        trace.to_html(folder / "example.html")
        trace.save(folder / "example.omnitrace", embed_media=True)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages(browser, (folder / "example.html").as_uri())
        notebook(browser, folder)
        comparison(browser, folder)
        browser.close()
    charts()


def figures(trace: ot.Trace) -> None:
    """Draw the figures of the page on exports."""
    trace.to_png(IMAGES / "figure-light.png", statement=len(trace.statements))
    trace.to_png(IMAGES / "figure-dark.png", statement=4, theme="dark")
    trace.to_png(IMAGES / "figure-response.png", scale=1)


def pages(browser: Browser, address: str) -> None:
    """Show the page that stands alone."""

    def take(name: str, width: int, height: int, scheme: str, act: Callable[[Page], None]) -> None:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(address)
        page.locator(".otr-statement").first.wait_for()
        act(page)
        keep(page, name)
        page.close()

    for scheme in ("light", "dark"):
        take(f"page-{scheme}", 1400, 900, scheme, lambda _page: None)
        take(f"page-{scheme}-pinned", 1400, 900, scheme, lambda page: statement(page, "image").click())
        take(f"playground-{scheme}", 1400, 1640, scheme, playground)
        take(f"page-{scheme}-700", 700, 1000, scheme, lambda page: statement(page, "film").hover())
    take("page-light-narrow", 420, 1400, "light", lambda page: statement(page, "sound").hover())
    take("page-light-source", 1400, 900, "light", lambda page: page.locator(".otr-box").last.hover())


def playground(page: Page) -> None:
    """Open the playground, let unsure words count more, and pin what was said of a sound."""
    page.get_by_role("button", name="Settings").click()
    page.locator('[data-setting="gamma"] input').fill("0.8")
    page.locator(".otr-statement", has_text="siren").locator(".otr-said").click()


def notebook(browser: Browser, folder: Path) -> None:
    """Show the view in JupyterLab."""
    cell = new_code_cell('import omnitrace_nb as ot\n\ntrace = ot.open("example.omnitrace")\ntrace')
    write_notebook(folder / "example.ipynb", [cell])
    with jupyterlab(folder) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 1160})
        go_to(page, address, "example.ipynb")
        page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
        run_all(page)
        page.locator(".otr-statement").first.wait_for()
        statement(page, "image").click()
        keep(page, "jupyterlab-light")
        use_theme(page, "JupyterLab Dark")
        page.wait_for_selector('.omnitrace-view[data-theme="dark"]')
        statement(page, "film").hover()
        keep(page, "jupyterlab-dark")
        page.close()


CHARTED = ("excess", "attmean", "attgrads", "leave_one_out", "integrated_gradients")


def comparison(browser: Browser, folder: Path) -> None:
    """Show two signals side by side, and their difference."""
    view = ot.load().trace(ot.example(), signals=CHARTED[:3], progress=False).compare("excess", "attgrads")
    view.pinned, view.mode = int(view.agreement["statement"].iloc[0]), "difference"
    view.to_html(folder / "comparison.html")
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 1400, "height": 1910}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto((folder / "comparison.html").as_uri())
        page.locator(".otr-agreement").wait_for()
        keep(page, f"compare-{scheme}")
        page.close()


def charts() -> None:
    """Draw the charts, as the pictures that notebooks keep of them."""
    trace = ot.load().trace(ot.example(), signals=CHARTED, progress=False)
    drawn = {name: getattr(trace.charts, name)() for name in ("sources", "modalities", "steps", "confidence", "cost")}
    drawn["positions"] = trace.charts.positions(CHARTED[:4])
    drawn["agreement"] = trace.charts.agreement("excess", "attmean", "attgrads")
    for name, chart in drawn.items():
        (IMAGES / f"chart-{name}.png").write_bytes(chart.to_png())


def statement(page: Page, about: str):  # noqa: ANN201 (a locator)
    """Give a statement that rests on a part whose label has this word, or the first one."""
    some = page.locator(".otr-statement", has=page.locator(".otr-label", has_text=about))
    return some.first if some.count() else page.locator(".otr-statement").first


def keep(page: Page, name: str) -> None:
    """Write what the page shows; without a palette, which would lose the colours of the pictures under their heat."""
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
