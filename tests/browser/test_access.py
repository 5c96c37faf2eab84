"""axe finds no violation in any state of the view, contrast included, light and dark."""

from pathlib import Path

import pytest
from large import make_large_trace
from traces import make_trace

AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/"),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


def violations(page):
    """Give what axe finds on a page whose transitions are over."""
    page.evaluate("() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {})))")
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]][:4]) for each in found]


@pytest.mark.parametrize("act", ["nothing", "pinned", "pointed at", "playground"])
def test_a_trace(opened, scheme, act):
    page = opened(make_trace(), scheme=scheme, motion="reduce")
    if act == "pinned":
        page.locator(".otr-statement").nth(4).click()
        page.mouse.move(2, 2)
    elif act == "pointed at":
        page.locator(".otr-statement").nth(3).hover()
    elif act == "playground":
        page.evaluate("() => omnitrace.set('playground', true)")
        page.locator(".otr-playground input").first.wait_for()
    assert violations(page) == []


def test_a_long_text_that_is_folded(opened, scheme):
    page = opened(make_large_trace(), scheme=scheme, motion="reduce")
    page.locator(".otr-statement").nth(7).click()
    assert violations(page) == []
