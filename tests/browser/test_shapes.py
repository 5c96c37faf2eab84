"""Sources of every kind in a browser: regions drawn around their patches, documents, notes, what was said."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from traces import make_trace

AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def trace():
    """Image 1 in superpixels, a ring on image 2, a sound with its words, a document, a note."""
    base = make_trace()
    width, height = base.parts[2].size
    ring = np.ones((height, width), bool)
    ring[height // 3 : -height // 3, width // 3 : -width // 3] = False
    first = replace(base.parts[0], label="doc-3", document="doc-3", title="The <b>harbour</b>")
    base.parts = (first, *base.parts[1:])
    said = [{"start": 0.5, "end": 3.0, "text": "Ding dong, says the bell.", "speaker": "Ann"}]
    cut = base.regroup(
        {
            "text": {"doc-3": "document"},
            "image": {1: {"superpixels": 9}, 2: [{"mask": ring, "label": "ring"}]},
            "audio": {"sound 1": said},
        }
    )
    noted = replace(cut.parts[4], note="film 1: asr found nothing; the part is cut as by default (bins).")
    cut.parts = (*cut.parts[:4], noted, cut.parts[5])
    return cut


def test_regions_are_drawn_around_their_patches_and_no_others(opened, trace):
    page = opened(trace)
    shaped = page.locator(".otr-part-image .otr-shaped")
    wanted = {source.label: len(source.positions) for source in trace.source_records if source.modality == "image"}
    drawn = shaped.evaluate_all(
        """boxes => boxes.map(box => [box.dataset.source, box.querySelector(".otr-inside").getAttribute("d")])"""
    )
    assert any(trace.source_records[int(id_)].label == "image 2, ring" for id_, _ in drawn)
    assert len(drawn) > 3
    for id_, path in drawn:
        source = trace.source_records[int(id_)]
        assert len(re.findall("M", path)) == wanted[source.label]
        positions = trace.layout.positions(source.part)
        _, rows, columns = trace.layout.grids[source.part]
        cells = {int(row) * columns + int(column) for column, row in re.findall(r"M(\d+) (\d+)", path)}
        assert {int(positions[cell]) for cell in cells} == set(source.positions.tolist())
        assert max(cells) < rows * columns


def test_a_ring_is_no_disc_its_hole_does_not_answer_the_mouse(opened, trace):
    page = opened(trace)
    ring = page.locator(".otr-shaped").filter(has=page.locator("svg")).last
    edge = ring.locator(".otr-edge")
    calm = edge.evaluate("path => getComputedStyle(path).strokeWidth")
    box = ring.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert edge.evaluate("path => getComputedStyle(path).strokeWidth") == calm
    page.mouse.move(box["x"] + box["width"] / 8, box["y"] + box["height"] / 8)
    assert float(edge.evaluate("path => parseFloat(getComputedStyle(path).strokeWidth)")) > float(calm.rstrip("px"))


def test_a_document_has_its_title_and_a_note_is_shown_as_text(opened, trace):
    page = opened(trace)
    caption = page.locator(".otr-part-text .otr-caption").first
    assert "doc-3" in caption.inner_text()
    assert "The <b>harbour</b>" in caption.inner_text()
    assert page.get_by_text("film 1: asr found nothing; the part is cut as by default (bins).").is_visible()


def test_what_was_said_is_in_the_name_of_its_interval(opened, trace):
    page = opened(trace)
    name = page.locator(".otr-part-audio .otr-bin").first.get_attribute("aria-label")
    assert name.startswith("sound 1, 0.5-3 s, Ann, \u201cDing dong, says the bell.\u201d, share ")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, trace, scheme):
    page = opened(trace, scheme=scheme)
    page.locator(".otr-statement").nth(1).locator(".otr-said").click()
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
