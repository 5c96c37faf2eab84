"""Budgets of time and size: 20,000 prompt tokens, 500 steps, 3 signals, 200 statements, also with hours of media.

Times are the browser's own. Other work on a machine only adds to them, so the best of a few rounds is what counts.
"""

import base64
import time

import pytest
import speed
from large import POSITIONS, SIGNALS, STATEMENTS, STEPS, make_large_trace
from traces import make_trace

from notebooks import PATIENCE

ROUNDS = 4
LARGEST = 1_000_000  # bytes


@pytest.fixture(scope="module", params=[False, True], ids=["texts", "hours"])
def trace(request):
    return make_large_trace(hours=request.param)


@pytest.fixture(scope="module")
def view(trace):
    return trace.view()


@pytest.fixture
def page(chromium, watched):
    page = watched.follow(chromium.new_page(viewport={"width": 1400, "height": 900}))
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    page.close()


def test_the_trace_is_as_large_as_the_budgets_say(trace):
    assert len(trace.layout) == POSITIONS
    assert len(trace) == STEPS
    assert len(trace.statements) == STATEMENTS
    assert trace.signals == SIGNALS
    seconds = [part.duration for part in trace.parts if part.duration]
    assert seconds in ([], [3600.0, 3600.0])


def test_python_makes_the_view_in_three_seconds(trace):
    make_trace().view()  # what is loaded once is loaded
    taken = []
    for _ in range(ROUNDS):
        trace._masses.clear()  # nothing is known from the round before
        start = time.process_time()
        trace.view()
        taken.append(time.process_time() - start)
    assert min(taken) < 3


def test_the_state_is_below_a_megabyte_on_the_wire_and_in_a_notebook_file(view):
    wire, saved = speed.size(view)
    assert wire < LARGEST
    assert saved < LARGEST


def test_the_state_holds_thumbnails_alone_and_an_original_is_asked_for(view):
    told = []
    view.send = lambda content, buffers=None: told.append((content, buffers))
    originals = {part.index: part.media for part in view._trace.parts if part.media}
    _, buffers = speed.traits(view)
    for part, original in originals.items():
        view._handle_custom_msg({"type": "media", "part": part}, [])
        content, data = told.pop()
        assert content["part"] == part
        assert content["error"] is None
        assert bytes(data[0]) == original
    thumbnails = sum(len(each) for part in view._trace.parts for each in part.thumbnails)
    assert sum(map(len, originals.values())) > thumbnails
    assert not any(
        original[:200] in base64.b64decode(data) for original in originals.values() for data in buffers.values()
    )


def test_the_first_paint_comes_within_a_second_of_the_call(view, page):
    drawn = [speed.draw(page, view) for _ in range(ROUNDS)]
    assert min(each.first for each in drawn) < 1000
    assert min(each.whole for each in drawn) < 1000
    assert page.locator(".otr-statement").count() == STATEMENTS


def test_what_is_under_the_mouse_is_shown_in_one_frame_and_in_three_at_worst(view, page):
    speed.draw(page, view)
    rounds = []
    for _ in range(ROUNDS):
        waits = speed.hover(page)
        assert {"statement", "word", "source"} <= set(waits)
        assert all(len(each) > 20 for each in waits.values())
        rounds.append(speed.summary(waits))
        if rounds[-1] <= (1.2, 3):
            break
    # A frame's length is measured to a tenth or so.
    assert min(middle for middle, _ in rounds) < 1.2
    assert min(high for _, high in rounds) < 3.2
