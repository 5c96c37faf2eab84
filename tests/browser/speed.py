"""How fast the view is drawn and recoloured, by the browser's own clock, and how large it is: a command too.

The widget's bundle is run as notebooks run it, from its traits, on an empty page; the mouse is a real one.
"""

# ruff: noqa: T201 (a command prints)

from __future__ import annotations

import base64
import json
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from omnitrace_nb.view import TraceView

HOME = "http://127.0.0.1/empty.html"  # made up: answered here
KINDS = {"statement": ".otr-statement", "word": ".otr-word", "source": ".otr-source"}
OWN = ("_esm", "_css")

DRAW = """async ({ code, css, state, buffers }) => {
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    for (const [name, data] of Object.entries(buffers)) state[name] = bytes(data);
    const model = {
        get: (name) => state[name], set: (name, value) => { state[name] = value; },
        on() {}, off() {}, save_changes() {}, send() {},
    };
    document.adoptedStyleSheets = [await new CSSStyleSheet().replace(css)];
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    const el = document.body.appendChild(document.createElement("div"));
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => new Promise((done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
    }));
    await frame();
    await frame();
    const first = new Promise((done) => new PerformanceObserver((list) => {
        for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") done(startTime);
    }).observe({ type: "paint", buffered: true }));
    const start = performance.now();
    await widget.render({ model, el, signal: new AbortController().signal });
    const called = performance.now();
    while (!el.querySelector(".otr-live:not(:empty)")) await frame();
    const whole = await painted();
    return { first: (await first) - start, render: called - start, whole: whole - start };
}"""

WATCH = """() => {
    window.waits = [];
    window.stamp = 0;
    let last = null;
    document.querySelector(".omnitrace-view").addEventListener("pointerover", () => {
        const start = performance.now();
        if (start - last < 4) return;
        last = start;
        requestAnimationFrame(() => requestAnimationFrame((next) => window.waits.push(next - start)));
    }, true);
}"""

FRAME = """async () => {
    const stamps = [];
    for (let i = 0; i < 31; i++) stamps.push(await new Promise(requestAnimationFrame));
    return stamps.slice(1).map((stamp, i) => stamp - stamps[i]).sort((a, b) => a - b)[15];
}"""

PLACES = """(selector) => Array.from(document.querySelectorAll(selector)).flatMap((el) => {
    const at = el.getBoundingClientRect();
    const [x, y] = [at.left + Math.min(at.width / 2, 40), at.top + Math.min(at.height / 2, 12)];
    const inside = x > 0 && y > 0 && x < innerWidth && y < innerHeight;
    return inside && document.elementFromPoint(x, y)?.closest(selector) === el ? [[x, y]] : [];
})"""


@dataclass
class Drawn:
    """Milliseconds from the call of `render`: to its return, the first painted content, and the whole view painted."""

    render: float
    first: float
    whole: float


def draw(page: Page, view: TraceView) -> Drawn:
    """Draw a view on an empty page."""
    page.route(HOME, lambda route: route.fulfill(body="<!doctype html><body></body>", content_type="text/html"))
    page.goto(HOME)
    state, buffers = traits(view)
    code, css = (getattr(view, name) for name in OWN)
    return Drawn(**page.evaluate(DRAW, {"code": str(code), "css": str(css), "state": state, "buffers": buffers}))


def hover(page: Page, moves: int = 60) -> dict[str, list[float]]:
    """Move the mouse over statements, words and sources; gives, by kind, frames from the event to the next frame."""
    length = page.evaluate(FRAME)
    page.evaluate(WATCH)
    waits = {}
    for kind, selector in KINDS.items():
        places = page.evaluate(PLACES, selector)
        if not places:
            continue
        page.mouse.move(1, 1)
        page.evaluate("() => { window.waits.length = 0; }")
        for move in range(moves):
            # Far from the last one, as a hand that searches moves, and so never the same statement twice.
            page.mouse.move(*places[move * 7 % len(places)])
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        waits[kind] = [wait / length for wait in page.evaluate("() => window.waits")]
    return waits


def traits(view: TraceView) -> tuple[dict[str, Any], dict[str, str]]:
    """Give a view's state without code and style, as JSON and, for bytes, base64."""
    state = {name: value for name, value in view.get_state().items() if name not in OWN and not name.startswith("_")}
    raw = {name: value for name, value in state.items() if isinstance(value, (bytes, memoryview))}
    rest = {name: value for name, value in state.items() if name not in raw}
    return rest, {name: base64.b64encode(value).decode() for name, value in raw.items()}


def size(view: TraceView) -> tuple[int, int]:
    """Give the bytes of a view's state on the wire, and as a notebook file saves them, without code and style."""
    state, buffers = traits(view)
    text = len(json.dumps(state))
    saved = sum(map(len, buffers.values()))
    return text + sum(len(base64.b64decode(each)) for each in buffers.values()), text + saved


def summary(waits: dict[str, list[float]]) -> tuple[float, float]:
    """Give the median and the 95th percentile of all kinds together."""
    every = sorted(wait for each in waits.values() for wait in each)
    return statistics.median(every), every[int(0.95 * (len(every) - 1))]


def main() -> None:
    """Measure the large trace, with and without an hour of film and sound."""
    from large import make_large_trace  # noqa: PLC0415 (its folder is put on the path below)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for hours in (False, True):
            trace = make_large_trace(hours=hours)
            trace.view()
            start = time.process_time()
            view = trace.view()
            taken = time.process_time() - start
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.on("pageerror", lambda error: print(f"error on the page: {error}"))
            drawn = draw(page, view)
            waits = hover(page)
            wire, saved = size(view)
            print("with an hour of film and of sound" if hours else "text and pictures")
            print(f"  trace.view(): {taken:.2f} s; state {wire / 1e3:.0f} kB on the wire, {saved / 1e3:.0f} kB saved")
            print(f"  render {drawn.render:.0f} ms; first paint {drawn.first:.0f} ms; whole {drawn.whole:.0f} ms")
            for kind, each in waits.items():
                middle, high = summary({kind: each})
                print(f"  hover {kind}: {middle:.2f} frames at the median, {high:.2f} at the 95th percentile")
            page.close()
        browser.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
