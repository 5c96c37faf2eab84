"""Every gesture of the view in real JupyterLab, by mouse and keyboard: what Python is told, and what the page shows."""

import json
import re

import numpy as np
import pytest
from nbformat.v4 import new_code_cell
from traces import NOTE, supporting

from notebooks import go_to, jupyterlab, run_all, type_and_run, wait_for, write_notebook
from omnitrace_nb.budget import PLACES, by_place
from omnitrace_nb.layout import AUDIO, IMAGE

SHOW = """
import json, pathlib
import omnitrace_nb as ot
trace = ot.open("example.omnitrace")
view = trace.view()
def tell(_change=None):
    told = {name: getattr(view, name) for name in ("pinned", "selection", "signal", "settings")}
    told["spans"] = json.loads(view.spans.to_json(orient="records"))
    pathlib.Path("told.json").write_text(json.dumps(told))
view.observe(tell, names=["pinned", "selection", "signal", "settings"])
tell()
view
"""

# Every player that the page makes, in the document or not.
PLAYERS = """
    window.players = [];
    const load = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "src");
    Object.defineProperty(HTMLMediaElement.prototype, "src", {
        ...load, set(url) { window.players.push(this); load.set.call(this, url); },
    });
"""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
SETTLED = """(el, name) => Promise.all(el.getAnimations().map(each => each.finished))
    .then(() => getComputedStyle(el)[name])"""


@pytest.fixture(scope="module")
def trace(playable):
    return playable


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trace):
    folder = tmp_path_factory.mktemp("gestures")
    trace.save(folder / "example.omnitrace", embed_media=True)
    write_notebook(folder / "gestures.ipynb", [new_code_cell(SHOW.strip()), new_code_cell()])
    return folder


@pytest.fixture(scope="module")
def shared(chromium, watched_throughout, folder):
    """One page for all tests: the view in the first cell, a cell to type into below it."""
    with jupyterlab(folder) as address:
        page = watched_throughout.follow(chromium.new_page(viewport={"width": 1500, "height": 1500}))
        go_to(page, address, "gestures.ipynb")
        page.evaluate(PLAYERS)
        run_all(page)
        page.locator(".otr-live:not(:empty)").wait_for()
        page.set_default_timeout(30_000)
        yield page
        page.close()


@pytest.fixture
def page(shared, told):
    """Give the page as it was at first: nothing pinned, no step, the default detail."""
    shared.locator(".otr-segments label", has_text="sentence").click()
    shared.locator(".otr-statement").first.focus()
    shared.keyboard.press("Escape")
    shared.keyboard.press("Escape")
    told(lambda now: now["pinned"] is None and now["selection"] is None)
    return away(shared)


@pytest.fixture
def told(folder):
    """Wait until Python was told of something; give all that it knows."""

    def wait(check):
        known = {}

        def holds():
            known.update(json.loads((folder / "told.json").read_text()))
            return check(known)

        wait_for(holds, 30)
        return known

    return wait


def drawn(page):
    page.evaluate(DRAWN)
    return page


def away(page):
    """Take the mouse off the view, and the focus with it."""
    page.mouse.move(3, 3)
    page.evaluate("() => document.activeElement.blur()")
    return drawn(page)


def live(page):
    return drawn(page).locator(".otr-live").inner_text()


def word(page, text):
    return page.locator(".otr-word", has_text=text).first


def point(page, found, x=0.5, y=0.5):
    """Move the mouse to a place on an element, in shares of its size."""
    box = found.bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)


def drag(page, first, last, *, start=(0.5, 0.5), end=(0.5, 0.5)):
    first.scroll_into_view_if_needed()
    point(page, first, *start)
    page.mouse.down()
    point(page, last, *end)
    page.mouse.up()


def shares(page, trace):
    """The shares of the sources, as their names say them."""
    names = page.locator(".otr-source[data-source]").evaluate_all(
        "all => all.map(el => [+el.dataset.source, el.getAttribute('aria-label')])"
    )
    said = {source: float(name.split("share ")[1].split(",")[0]) for source, name in names}
    return np.array([said[record.id] for record in trace.source_records])


def exact(trace, steps, signal="excess"):
    mass = trace.mass(signal)[slice(*steps)].clip(min=0).sum(axis=0)
    return mass / mass.sum()


def steps_of(trace, text):
    start = trace.response.index(text)
    own = trace.steps[(trace.steps["end"] > start) & (trace.steps["start"] < start + len(text))]
    return int(own["step"].min()), int(own["step"].max()) + 1


def shown_alike(page, trace, steps, signal="excess"):
    """Whether the inputs have the shares of some steps, by Python's numbers; names have two decimals."""
    drawn(page)
    return np.abs(shares(page, trace) - exact(trace, steps, signal)).max() <= 0.0051


def says(said, trace, positions):
    """Whether a sentence names how much some positions drove three words most, by Python's numbers."""
    scores = trace.scores("excess")
    drove = np.maximum(scores[:, positions], 0).sum(axis=1)
    tokens = trace.response_record.tokens
    steps = [step for step in np.argsort(-drove, kind="stable") if re.search(r"\w", tokens[step])][:3]
    told = [float(each) for each in re.findall(r"\(([\d.e-]+)\)", said)]
    # The page has each token of the prompt in steps of 1/127 of the largest, and says two digits.
    each = scores[steps, : len(trace.layout)].max(axis=1) / 254
    return np.all(np.abs(np.array(told) - drove[steps]) <= len(positions) * each + 0.051 * drove[steps])


def test_a_word_under_the_mouse_recolours_the_inputs_and_tells_python_nothing(page, trace, told):
    whole = shares(page, trace)
    for text in ("red", "circle.", "film"):
        word(page, text).hover()
        assert shown_alike(page, trace, steps_of(trace, text))
        assert f"“{text}”" in live(page)
        assert np.abs(shares(page, trace) - whole).max() > 0.01
    away(page)
    assert np.array_equal(shares(page, trace), whole)
    assert told(bool)["selection"] is None


def test_a_drag_over_words_is_an_attribution_of_that_range(page, trace, told):
    steps = [steps_of(trace, "picture")[0], steps_of(trace, "circle.")[1]]
    drag(page, word(page, "picture"), word(page, "circle."))
    told(lambda now: now["selection"] == {"steps": steps} and now["pinned"] is None)
    away(page)
    assert shown_alike(page, trace, steps)
    said = trace.attribute("excess", target=range(*steps)).set_index("source")["share"].sort_index()
    assert np.abs(shares(page, trace) - said).max() <= 0.0051
    assert live(page).startswith(f"“picture shows a red circle.”, steps {steps[0] + 1}-{steps[1]}, pinned, rests on")
    evidence = page.locator(".otr-picked")
    assert evidence.inner_text().startswith("picture shows a red circle.")
    assert "image 1" in evidence.locator(".otr-chip").first.inner_text()


def test_a_chip_pins_its_statement_and_brings_its_source_into_sight(page, trace, told):
    chip = page.locator('.otr-statement[data-statement="4"] .otr-chip').first
    source = int(chip.get_attribute("data-chip"))
    assert source in supporting(trace.source_records)[4]
    chip.click()
    told(lambda now: now["pinned"] == 5 and now["selection"] is None)
    page.wait_for_function(
        """j => { const el = document.querySelector(`.otr-source[data-source="${j}"]`).getBoundingClientRect();
            const area = document.querySelector(".otr-scroll").getBoundingClientRect();
            return el.bottom > area.top && el.top < area.bottom; }""",
        arg=source,
    )
    ranked = page.locator(f'.otr-source.otr-ranked[data-source="{source}"]')
    ranked.wait_for()
    chip.click()
    word(page, "blue").dblclick()
    told(lambda now: now["selection"] == {"steps": list(steps_of(trace, "blue"))})


@pytest.mark.parametrize("level", ["token", "word", "paragraph", "sentence"])
def test_the_detail_of_texts_is_switched_and_no_character_is_lost(page, level):
    page.locator(".otr-segments label", has_text=level).click()
    text = page.locator(f'.otr-text[data-detail="{level}"]').first
    text.wait_for()
    said = text.evaluate(
        "el => { el = el.cloneNode(true); for (const each of el.querySelectorAll('.otr-badge')) each.remove();"
        " return el.textContent; }"
    )
    assert said == NOTE


def test_a_sentence_of_the_prompt_lights_the_words_that_it_drove(page, trace, told):
    [source] = supporting(trace.source_records)[0]
    page.locator(f'.otr-source[data-source="{source}"]').first.hover()
    assert "supports statement 1" in live(page)
    lit = page.locator(".otr-word").evaluate_all(
        "all => all.map(el => [el.dataset.steps.split(' ').map(Number), +el.style.getPropertyValue('--otr-shade')])"
    )
    mass = trace.mass("excess").clip(min=0)
    places = dict(zip(PLACES, by_place(trace, "excess").T, strict=True))
    drove = (1 - places["template"] - places["response"]) * mass[:, source] / mass.sum(axis=1)
    exactly, shades = np.array([[drove[slice(*steps)].mean(), shade] for steps, shade in lit]).T
    assert exactly[shades.argmax()] == exactly.max()
    own = np.array([trace.statement_of[steps[0]] == 0 for steps, _ in lit])
    assert shades[own].min() > shades[~own].max()
    page.locator(f'.otr-source[data-source="{source}"]').first.click()
    told(lambda now: now["selection"] == {"source": source})


def test_heat_over_pictures_fades_and_is_smooth_or_on_the_grid(page):
    page.locator('.otr-statement[data-statement="1"] .otr-number').click()
    canvas = page.locator(".otr-part-image canvas").first
    slider = page.get_by_role("slider", name="Heat over pictures")
    slider.click(position={"x": 2, "y": 5})  # by the mouse, to the left end
    away(page)
    assert float(canvas.evaluate(SETTLED, "opacity")) < 0.1
    slider.focus()
    page.keyboard.press("End")
    drawn(page)
    assert canvas.evaluate(SETTLED, "opacity") == "1"
    assert canvas.evaluate("el => [el.width, el.height]") == [8, 6]
    assert canvas.evaluate("el => getComputedStyle(el).imageRendering") == "pixelated"
    smooth = page.get_by_label("smooth")
    smooth.click()
    drawn(page)
    assert canvas.evaluate("el => getComputedStyle(el).imageRendering") == "auto"
    smooth.click()


def test_a_picture_is_enlarged_from_its_original_which_the_kernel_sends(page):
    shown = page.locator(".otr-part-image").nth(1)
    image = shown.locator("img")
    assert image.evaluate("el => el.src.startsWith('blob:')")
    small, before = shown.locator(".otr-picture").bounding_box()["width"], image.get_attribute("src")
    shown.get_by_role("button", name="image 2 larger").click()
    page.wait_for_function(
        "before => { const image = document.querySelectorAll('.otr-part-image img')[1];"
        " return image.src !== before && image.complete && image.naturalWidth === 240; }",
        arg=before,
    )
    assert shown.locator(".otr-picture").bounding_box()["width"] > 1.5 * small
    page.keyboard.press("Escape")
    assert shown.locator(".otr-picture").bounding_box()["width"] == pytest.approx(small, abs=1)


def test_a_patch_is_pinned_and_a_box_is_drawn_in_pixels(page, trace, told):
    picture = page.locator(".otr-part-image .otr-picture").first
    picture.scroll_into_view_if_needed()
    point(page, picture, 4.5 / 8, 2.5 / 6)
    said = live(page)
    assert said.startswith("image 1, row 3, column 5 drove")
    assert says(said, trace, trace.layout.positions(1, IMAGE).reshape(6, 8)[2, [4]])
    page.mouse.down()
    page.mouse.up()
    told(lambda now: now["selection"] == {"part": 1, "box": [160, 80, 200, 120]})
    drag(page, picture, picture, start=(0.25, 0.25), end=(0.75, 0.75))
    chosen = told(lambda now: now["selection"] and now["selection"].get("box") != [160, 80, 200, 120])["selection"]
    assert chosen["part"] == 1
    assert chosen["box"] == pytest.approx([80, 60, 240, 180], abs=3)
    away(page)
    assert "rows 2-5, columns 3-6" in live(page)
    assert picture.locator(".otr-kept:visible").count() == 1


def lane(page, name):
    found = page.get_by_role("group", name=name, exact=True)
    found.scroll_into_view_if_needed()
    return found


def test_a_sound_is_sought_by_a_click_played_and_paused(page, trace, told):
    sound = lane(page, "sound 1")
    point(page, sound, 0.5)
    page.mouse.down()
    page.mouse.up()
    second = next(each.id for each in trace.source_records if each.part == 3 and each.time[0] == 1.0)
    told(lambda now: now["selection"] == {"source": second})
    page.get_by_role("button", name="Play sound 1").click()
    page.wait_for_function("() => { const sound = players.at(-1); return sound?.currentTime > 1.71 && !sound.paused; }")
    assert page.locator(".otr-part-audio .otr-head").is_visible()
    point(page, sound, 0.1)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => players.at(-1).currentTime < 1")
    page.get_by_role("button", name="Pause sound 1").click()
    page.wait_for_function("() => players.at(-1).paused")


def test_a_brushed_interval_lights_its_words_and_is_played_alone(page, trace, told):
    sound = lane(page, "sound 1")
    drag(page, sound, sound, start=(1.0 / 3.4, 0.5), end=(2.0 / 3.4, 0.5))
    chosen = told(lambda now: now["selection"] and "time" in now["selection"])["selection"]
    assert chosen["part"] == 3
    assert chosen["time"] == pytest.approx([1, 2], abs=0.02)
    away(page)
    own = trace.layout.positions(3, AUDIO)
    times = trace.layout.time[own].astype(float)
    start, stop = chosen["time"]
    said = live(page)
    assert said.startswith("sound 1, ")
    assert says(said, trace, own[(times[:, 0] < stop - 1e-6) & (times[:, 1] > start + 1e-6)])
    bell = word(page, "bell").evaluate("el => +el.style.getPropertyValue('--otr-shade')")
    lamp = word(page, "circle.").evaluate("el => +el.style.getPropertyValue('--otr-shade')")
    assert bell > lamp
    page.locator(".otr-part-audio .otr-intervals button").click()
    page.wait_for_function("() => players.at(-1) && !players.at(-1).paused")
    page.wait_for_function("() => players.at(-1).paused")
    assert page.evaluate("() => players.at(-1).currentTime") == pytest.approx(stop, abs=0.02)


def test_a_film_shows_a_frame_and_plays_from_what_was_credited(page, told):
    page.get_by_role("button", name="Frame at 2 s", exact=True).click()
    large = page.locator(".otr-chosen")
    assert large.locator("figcaption").inner_text() == "Frame at 2 s"
    large.scroll_into_view_if_needed()
    point(page, large.locator(".otr-picture"))
    assert "film 1, 2 s, patch 2, 3 drove" in live(page)
    page.locator('.otr-statement[data-statement="4"] .otr-number').click()
    told(lambda now: now["pinned"] == 5)
    offered = page.locator(".otr-part-video .otr-intervals button").first
    assert offered.get_attribute("aria-label") == "Play 2-4 s of film 1"
    offered.click()
    page.wait_for_function("() => document.querySelector('.otr-screen video')?.currentTime >= 2")
    assert large.count() == 0
    page.get_by_role("button", name="Pause film 1").click()
    page.wait_for_function("() => document.querySelector('.otr-screen video').paused")
    frames = lane(page, "film 1, frames")
    drag(page, frames, frames, start=(0.3, 0.5), end=(0.6, 0.5))
    chosen = told(lambda now: now["selection"] and "time" in now["selection"])["selection"]
    assert (chosen["part"], chosen["time"]) == (4, pytest.approx([1.2, 2.4], abs=0.03))


def test_the_scrubber_goes_through_the_steps_and_the_response_grows(page, trace):
    scrub = page.get_by_role("slider", name="Step of the generation")
    scrub.focus()
    page.keyboard.press("Home")
    assert live(page).startswith("“The”, step 1 of")
    count = page.locator(".otr-word").count()
    assert page.locator(".otr-word.otr-later").count() == count - 1
    later = [count - 1]
    for step in range(1, 5):
        page.keyboard.press("ArrowRight")
        assert f"step {step + 1} of {len(trace)}" in live(page)
        assert shown_alike(page, trace, (step, step + 1))
        later.append(page.locator(".otr-word.otr-later").count())
    assert later == sorted(later, reverse=True)
    assert later[-1] < later[0]
    cells = page.locator(".jp-NotebookPanel .jp-Cell").count()
    page.keyboard.press("Escape")
    assert "The whole response" in live(page)
    page.get_by_role("button", name="Play the response").click()
    page.wait_for_function(  # some statements are said, others are not yet
        "count => { const later = document.querySelectorAll('.otr-word.otr-later').length;"
        " return later && later < count - 8; }",
        arg=count,
    )
    page.get_by_role("button", name="Pause", exact=True).click()
    page.wait_for_selector(".otr-live[aria-busy='false']")
    scrub.focus()
    page.keyboard.press("End")
    assert drawn(page).locator(".otr-later").count() == 0
    assert page.locator(".jp-NotebookPanel .jp-Cell").count() == cells


def test_a_slider_of_the_playground_reaches_settings_and_spans(page, trace, told):
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("region", name="Curation playground").wait_for()
    coverage = page.locator('[data-setting="coverage"] input')
    coverage.focus()
    page.keyboard.press("Home")
    now = told(lambda now: now["settings"]["coverage"] == 0.01)
    spans = trace.curate(coverage=0.01).query("signal == 'excess'").reset_index(drop=True)
    assert now["spans"] == json.loads(spans.to_json(orient="records"))
    own = spans[spans["selected"]].groupby("statement")["source"].agg(set)
    for number in range(5):
        chips = page.locator(f'.otr-statement[data-statement="{number}"] .otr-chip')
        named = " ".join(drawn(page) and chips.evaluate_all("all => all.map(el => el.dataset.sources)"))
        assert set(map(int, named.split())) == own[number + 1]
    page.get_by_role("button", name="Reset all").click()
    told(lambda now: now["settings"]["coverage"] == trace.settings.coverage)
    page.get_by_role("button", name="Settings").click()
    page.locator(".otr-playground").wait_for(state="hidden")


def test_what_python_sets_reaches_the_page(page, trace):
    type_and_run(page, "view.pinned = 3")
    page.locator('.otr-statement[aria-selected="true"][data-statement="2"]').wait_for()
    steps = steps_of(trace, "circle.")
    type_and_run(page, f"view.selection = {{'steps': {list(steps)}}}")
    page.locator(".otr-word.otr-kept", has_text="circle.").wait_for()
    assert page.locator('.otr-statement[aria-selected="true"]').count() == 0
    assert shown_alike(away(page), trace, steps)
    type_and_run(page, "view.selection = {'part': 3, 'time': [1, 2]}")
    page.locator(".otr-part-audio .otr-band:visible").wait_for()
    page.get_by_role("button", name="Settings").click()
    type_and_run(page, "view.settings = {'gamma': 1}")
    page.wait_for_function("() => document.querySelector('[data-setting=\"gamma\"] input').value === '1'")
    page.get_by_role("button", name="Settings").click()
    type_and_run(page, "view.settings = {}; view.selection = None; view.signal = 'attmean'")
    page.wait_for_function("() => document.querySelector('.otr-signal select').value === 'attmean'")
    assert shown_alike(away(page), trace, (0, len(trace)), "attmean")
    page.locator(".otr-signal select").select_option("excess")
    type_and_run(page, "print('Python sees', view.signal)")
    page.get_by_text("Python sees excess").wait_for()


def test_an_error_in_a_callback_is_said_under_the_view(page, told):
    type_and_run(page, "bad = lambda change: 1 / 0; view.observe(bad, names='pinned'); print('observed')")
    page.get_by_text("observed", exact=True).wait_for()
    page.locator('.otr-statement[data-statement="1"] .otr-number').click()
    page.get_by_role("alert").filter(has_text="ZeroDivisionError in Python: division by zero").wait_for()
    type_and_run(page, "view.unobserve(bad, names='pinned'); print('no longer')")
    page.get_by_text("no longer", exact=True).wait_for()
    page.locator('.otr-statement[data-statement="3"] .otr-number').click()
    told(lambda now: now["pinned"] == 4)
    page.locator(".otr-error").wait_for(state="detached")
