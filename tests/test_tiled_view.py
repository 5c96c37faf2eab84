"""A picture that a model sees in tiles and as a thumbnail is one picture: its sources, its heat, its regions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import RESPONSE, Sketch, make_parts, tokens_of

import omnitrace_nb as ot
from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.layout import IMAGE, VIDEO
from omnitrace_nb.trace.records import RunInfo
from omnitrace_nb.trace.result import Trace
from omnitrace_nb.view.build import build
from omnitrace_nb.view.cells import Cells
from omnitrace_nb.view.painting import paint, raster

WIDTH, HEIGHT = 320, 240


def grid(rows, columns, box=(0, 0, WIDTH, HEIGHT)):
    left, top, right, bottom = box
    x, y = np.linspace(left, right, columns + 1), np.linspace(top, bottom, rows + 1)
    return [(x[c], y[r], x[c + 1], y[r + 1]) for r in range(rows) for c in range(columns)]


def tiled():
    """Two rows of four tiles of 4 x 4 positions, one tile after the other, then a thumbnail of 4 x 4."""
    tiles = grid(2, 4)
    return np.array([box for tile in tiles for box in grid(4, 4, tile)] + grid(4, 4), np.float32)


def layout_of(boxes, times=None):
    sketch = Sketch()
    sketch.template(2)
    for number, box in enumerate(boxes):
        part, kind = (1, IMAGE) if times is None else (4, VIDEO)
        sketch._add(part, kind, box=tuple(box), **({} if times is None else {"time": times[number]}))
    sketch.template(2)
    return sketch.layout()


def pixels_of(boxes, scores):
    """The heat of each pixel by definition: every score spread evenly over its box, and summed. `[height, width]`."""
    heat = np.zeros((HEIGHT, WIDTH))
    for (left, top, right, bottom), score in zip(boxes, scores, strict=True):
        x = np.clip(np.minimum(right, np.arange(WIDTH) + 1) - np.maximum(left, np.arange(WIDTH)), 0, 1)
        y = np.clip(np.minimum(bottom, np.arange(HEIGHT) + 1) - np.maximum(top, np.arange(HEIGHT)), 0, 1)
        heat += score * y[:, None] * x[None] / ((right - left) * (bottom - top))
    return heat


def test_a_cell_has_what_lies_on_its_pixels_whatever_tile_or_thumbnail_it_came_from():
    boxes, part = tiled(), make_parts()[1]
    scores = np.random.default_rng(0).random(len(boxes)).astype(np.float32)
    cells = Cells(layout_of(boxes))
    patches = cells.patches(part)
    assert (patches.rows, patches.columns, patches.extent) == (8, 16, (0, 0, 1, 1))  # as fine as the tiles
    rows = np.concatenate([[0, 0], scores, [0, 0]])[None].astype(np.float32)
    got = cells.average(rows)[0].reshape(8, 16)
    wanted = pixels_of(boxes, scores).reshape(8, HEIGHT // 8, 16, WIDTH // 16).sum((1, 3))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)
    assert got.sum() == pytest.approx(scores.sum(), rel=1e-5)


def test_an_ordinary_grid_is_painted_as_it_is():
    boxes = np.array(grid(6, 8), np.float32)
    scores = np.random.default_rng(1).random((3, 48)).astype(np.float32)
    rows, columns, bounds = raster(boxes)
    painted = paint(np.arange(48), boxes, rows, columns, bounds)
    assert (rows, columns) == (6, 8)
    np.testing.assert_allclose(painted.sums(scores), scores, rtol=1e-4)


@given(
    st.lists(st.tuples(*[st.floats(0, 200, width=32)] * 2, *[st.floats(1, 100, width=32)] * 2), min_size=1, max_size=30)
)
def test_no_score_is_lost_or_doubled_wherever_boxes_lie(given_boxes):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in given_boxes], np.float32)
    rows, columns, bounds = raster(boxes)
    assert rows * columns <= len(boxes)
    painted = paint(np.arange(len(boxes)), boxes, rows, columns, bounds)
    scores = np.arange(1.0, len(boxes) + 1)[None]
    assert painted.sums(scores).sum() == pytest.approx(scores.sum(), rel=1e-5)
    assert painted.count == rows * columns
    assert painted.weights.min() >= 0


def test_positions_that_lie_nowhere_in_particular_are_not_painted():
    part, whole = make_parts()[1], np.tile(np.array([[0, 0, WIDTH, HEIGHT]], np.float32), (5, 1))
    assert Cells(layout_of(whole)).patches(part) is None
    unknown = np.full((5, 4), np.nan, np.float32)
    assert Cells(layout_of(unknown)).patches(part) is None


def test_each_thumbnail_of_a_film_of_slices_has_the_heat_of_its_own_second():
    frame = np.array(grid(2, 2, (0, 0, 320, 180)) + grid(4, 4, (0, 0, 320, 180)), np.float32)
    times = [(float(at), at + 1.0) for at in range(4) for _ in frame]
    part = make_parts()[4]
    cells = Cells(layout_of(np.tile(frame, (4, 1)), times))
    frames = cells.frames(part)
    assert (frames.rows, frames.columns, frames.cells[1]) == (4, 4, 8 * 16)  # a thumbnail each half second
    rows = np.zeros((1, len(cells.layout)), np.float32)
    rows[0, 2 + 2 * len(frame) : 2 + 3 * len(frame)] = 1  # the third second
    heat = cells.average(rows)[0].reshape(8, 16).sum(1)
    np.testing.assert_allclose(heat, np.where(np.arange(8) // 2 == 2, len(frame), 0), rtol=1e-5)


@pytest.fixture(scope="module")
def trace():
    """A trace whose every step looks at the red circle of a tiled picture."""
    parts, boxes = make_parts(), tiled()
    sketch = Sketch()
    sketch.template(4)
    sketch.text(0, parts[0].text)
    for box in boxes:
        sketch._add(1, IMAGE, box=tuple(box))
    sketch.pictures(2, IMAGE, parts[2].size, (6, 6))
    sketch.sound(3, parts[3].duration)
    sketch.pictures(4, VIDEO, parts[4].size, (3, 5), times=[(float(at), at + 1.0) for at in range(4)])
    sketch.sound(4, parts[4].duration)
    sketch.text(5, parts[5].text)
    layout = sketch.layout()
    tokens = tokens_of(RESPONSE)
    answer = align(tokens, range(1000, 1000 + len(tokens)), -np.ones(len(tokens)), "eos")
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (((middle - [128, 120]) / [64, 60]) ** 2).sum(1) < 1
    scores = np.full((len(tokens), len(layout) + len(tokens)), 1e-4, np.float32)
    scores[:, layout.positions(1)[inside]] = 0.5 / inside.sum()
    run = RunInfo(model="planted", family="none")
    return Trace.build(
        parts, layout, sourcing.build(layout, parts), answer, {"attmean": np.tril(scores, len(layout))}, run
    )


def test_regions_have_tiles_and_thumbnail_alike(trace):
    quarters = trace.regroup({"image": (2, 2)})
    own = [source for source in quarters.source_records if source.part == 1]
    assert [len(source.positions) for source in own] == [36] * 4  # 32 of tiles, 4 of the thumbnail
    circle = trace.regroup({"image": {"image 1": [{"box": (64, 60, 192, 180), "label": "circle"}]}})
    mass = circle.mass("attmean")[:, [s.label for s in circle.source_records].index("image 1, circle")]
    assert mass.min() > 0.45
    assert "circle" in repr(circle.source("image 1, circle"))


def test_the_heat_lies_on_what_was_looked_at(trace):
    model = build(trace)
    start, count = model.parts[1].patches.cells
    heat = model.rows.shades(0, 0).heat[start : start + count].reshape(8, 16).astype(float)
    y, x = np.divmod(np.argsort(heat.ravel())[-8:], 16)
    spot = np.stack([(x + 0.5) * WIDTH / 16, (y + 0.5) * HEIGHT / 8], 1)
    assert ((((spot - [128, 120]) / [64, 60]) ** 2).sum(1) < 1).all()
    assert heat[:, 12:].max() < 0.05 * heat.max()


def test_a_mask_of_a_tiled_picture_is_drawn_by_the_cells_it_covers(trace):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, :160] = mask[120:, :] = True  # all but the upper right quarter
    masked = trace.regroup({"image": {"image 1": [{"mask": mask, "label": "corner"}]}})
    cells = next(s for s in build(masked).sources if s.label == "image 1, corner").cells
    assert set(cells) == {row * 16 + column for row in range(8) for column in range(16) if column < 8 or row >= 4}


def test_every_form_shows_it_and_a_file_keeps_it(trace, tmp_path):
    trace.to_html(tmp_path / "page.html")
    assert "image 1" in (tmp_path / "page.html").read_text()
    assert trace.to_png(tmp_path / "one.png") is None or (tmp_path / "one.png").exists()
    trace.save(tmp_path / "tiled.omnitrace")
    opened = ot.open(tmp_path / "tiled.omnitrace")
    np.testing.assert_array_equal(opened.layout.box, trace.layout.box)
    assert build(opened).parts[1].patches == build(trace).parts[1].patches
