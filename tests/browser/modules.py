"""Source modules of the front end, run alone in a blank page: no bundle, no view, no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

SOURCES = Path(__file__).parent.parent.parent / "js" / "src"
ORIGIN = "http://127.0.0.1/src/"  # made up: every request to it is answered here
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


def serve(page: Page) -> Page:
    """Open a blank page from which `import("./name.js")` gives the module `js/src/name.js`."""
    page.route(f"{ORIGIN}**", _answer)
    page.goto(f"{ORIGIN}blank.html")
    return page


def run(page: Page, module: str, function: str, argument: object = None) -> Any:
    """Call a JavaScript function such as `({ add }, [a, b]) => add(a, b)` with a module of `js/src` and an argument."""
    return page.evaluate(
        f"async ([url, argument]) => ({function})(await import(url), argument)", [f"{ORIGIN}{module}", argument]
    )


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(ORIGIN)
    if name == "blank.html":
        route.fulfill(body="<!doctype html><title>blank</title>", content_type=TYPES[".html"])
    elif (path := SOURCES / name).is_file():
        route.fulfill(body=path.read_bytes(), content_type=TYPES[path.suffix])
    else:
        route.fulfill(status=404)
