"""Exported pages in real Chromium: they work without a network, and nothing but the package's own scripts runs."""

import html
import re
from dataclasses import replace

import pytest
from bad_traces import build
from traces import make_parts, make_trace, with_verdicts

ATTACK = "</script><script>globalThis.hacked = 1</script><img src=x onerror='globalThis.hacked = 1'>"


@pytest.fixture
def visit(chromium, watched, tmp_path):
    """Open a page from its HTML, and give it with what its policy refused; fails if it asks for anything outside."""
    pages = []

    def open_page(text, ready, **options):
        page = chromium.new_page(viewport={"width": 1280, "height": 1000}, **options)
        pages.append(page)
        page.set_default_timeout(90_000)
        page.on("request", lambda request: request.url.startswith("http") and watched.requests.append(request.url))
        page.add_init_script(
            "globalThis.refused = [];"
            "addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective))"
        )
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(text, encoding="utf-8")
        page.goto(path.as_uri())
        page.wait_for_function(ready)
        return page

    yield open_page
    for page in pages:
        page.close()


READY = "() => document.querySelector('.otr-foot .otr-live:not(:empty)')"
DRAWN = "() => globalThis.omnitrace && document.querySelector('svg.marks')"


def hostile():
    parts = [replace(each, label=f"{each.label} {ATTACK}", title=ATTACK) for each in make_parts()]
    return build(parts, f"{ATTACK}. {ATTACK}.", signals=(ATTACK, "attmean"), model=ATTACK)


@pytest.mark.parametrize("form", ["page", "comparison"])
def test_an_exported_page_works_under_a_policy_that_names_its_scripts_and_styles(visit, form):
    trace = with_verdicts(make_trace())
    text = trace.to_html() if form == "page" else trace.compare("excess", "attmean").to_html()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    assert "unsafe" not in policy
    assert "sha256-" in policy
    page = visit(text, READY)
    page.locator(".otr-statement").first.hover()
    # Colours and places that scripts set are there, though the policy knows no style attributes.
    assert page.locator(".otr-picture[style*='aspect-ratio']").count()
    assert page.evaluate("refused") == []


def test_a_script_that_somebody_puts_into_a_page_does_not_run(visit):
    text = make_trace().to_html()
    spoiled = text.replace("<noscript>", "<script>globalThis.hacked = 1</script><noscript>", 1)
    spoiled = spoiled.replace("<main ", "<p style='color:red' onclick='globalThis.hacked = 1' id='bait'>x</p><main ", 1)
    page = visit(spoiled, READY)
    page.locator("#bait").click()
    assert page.evaluate("globalThis.hacked") is None
    assert {"script-src-elem", "script-src-attr", "style-src-attr"} <= set(page.evaluate("refused"))


@pytest.mark.parametrize("name", ["sources", "agreement", "joined", "repeated"])
def test_a_chart_of_hostile_names_is_saved_as_a_page_that_draws_offline_and_runs_nothing(
    visit, watched, tmp_path, name
):
    charts = hostile().charts
    chart = {
        "sources": charts.sources,
        "agreement": charts.agreement,
        "joined": lambda: charts.sources() | charts.steps() & charts.cost(),
        "repeated": lambda: charts.modalities().repeat(["a", "b"]),
    }[name]()
    chart.save(tmp_path / "chart.html")
    text = (tmp_path / "chart.html").read_text(encoding="utf-8")
    assert text == chart.to_html()
    page = visit(text, DRAWN)
    assert page.locator("svg.marks path").count()
    assert page.evaluate("globalThis.hacked") is None
    assert page.evaluate("refused") == []
    assert not watched.requests
    if name == "sources":
        assert ATTACK[:20] in page.locator("svg.marks").text_content()
        page.locator("svg.marks .mark-rect path").first.hover(force=True)
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert "share" in tip.inner_text()


def test_a_page_of_hostile_names_shows_them_and_runs_nothing(visit):
    for text in (hostile().to_html(), hostile().compare(ATTACK, "attmean").to_html()):
        page = visit(text, READY)
        assert page.evaluate("globalThis.hacked") is None
        assert page.evaluate("refused") == []
