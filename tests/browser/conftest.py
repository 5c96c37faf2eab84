"""A real browser: Debian's Chromium, watched for requests that leave the machine and for errors in the console."""

import shutil
from dataclasses import dataclass, field, replace

import pytest
from modules import serve
from playwright.sync_api import sync_playwright
from traces import make_trace

from notebooks import jupyterlab
from omnitrace_nb.view.standalone import interactive_page
from omnitrace_nb.view.viewmodel import ViewModel

PATIENCE = 90_000  # milliseconds, for machines that do much else
LOCAL = ("file:", "blob:", "data:", "about:", "http://127.0.0.1", "ws://127.0.0.1")


@dataclass
class Watched:
    """What must not happen on a page."""

    errors: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def follow(self, page):
        """Watch a page from here on."""
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        page.on("request", lambda request: request.url.startswith(LOCAL) or self.requests.append(request.url))
        return page


def pytest_collection_modifyitems(items):
    """Mark what needs a browser."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the path (Debian's package `chromium`)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _watch():
    seen = Watched()
    yield seen
    assert not seen.requests
    assert not seen.errors


@pytest.fixture
def watched():
    """Fails the test if its page asked for anything outside, or reported an error."""
    yield from _watch()


@pytest.fixture(scope="module")
def watched_throughout():
    """Watch a page that all tests of a file share; fails the last of them."""
    yield from _watch()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for a module's notebooks."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def lab(folder):
    """A JupyterLab that serves the module's folder; gives its address."""
    with jupyterlab(folder) as address:
        yield address


@pytest.fixture(scope="module")
def saved(folder, trace):
    """The module's trace, with its media, as `example.omnitrace` in its folder."""
    return trace.save(folder / "example.omnitrace", embed_media=True)


@pytest.fixture(scope="module")
def playable(media_dir):
    """A trace whose sound and film can both be played."""
    trace = make_trace()
    film = replace(trace.parts[4], media=(media_dir / "film.mp4").read_bytes(), mime="video/mp4")
    trace.parts = (*trace.parts[:4], film, trace.parts[5])
    return trace


@pytest.fixture
def blank(chromium, watched):
    """A blank page for `modules.run`."""
    page = watched.follow(chromium.new_page())
    page.set_default_timeout(PATIENCE)
    yield serve(page)
    page.close()


@pytest.fixture
def opened(chromium, watched, tmp_path):
    """Open a trace's page, as a file, at a given width: `opened(trace, width=1280, scheme="light")`."""
    pages = []

    def open_page(trace, *, width=1280, height=1000, scheme="light", motion="no-preference"):
        page = chromium.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion
        )
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        watched.follow(page)
        file = tmp_path / f"trace{len(pages)}.html"
        html = interactive_page(trace) if isinstance(trace, ViewModel) else trace.to_html()
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_selector(".otr-foot .otr-live:not(:empty), .otr-error")
        return page

    yield open_page
    for page in pages:
        page.close()
