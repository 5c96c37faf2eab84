"""The view in a browser, on a page without notebook or kernel: pointing, pinning, keys, drawing, playing, access."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from traces import make_empty_trace, make_trace, supporting, with_verdicts

from omnitrace_nb import view
from omnitrace_nb.layout import AUDIO, IMAGE
from omnitrace_nb.view.records import Note

PLAIN = (((0, "text", 0),),) * 200
AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"

# The opacity of each cell of a canvas, row by row.
OPACITIES = """canvas => Array.from(canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data).filter((_, i) => i % 4 === 3)"""


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture
def page(opened, trace):
    return opened(trace)


def statement(page, number):
    return page.locator(f'.otr-statement[data-statement="{number}"]')


def source(page, number):
    return page.locator(f'.otr-source[data-source="{number}"]')


def point_at(page, number):
    """Go to a source; over a picture the mouse is on its patches, so there by keyboard."""
    there = source(page, number)
    if "otr-box" in there.get_attribute("class"):
        there.focus()
    else:
        there.hover()


def ranked(page):
    """What is numbered in the prompt, after drawing: source -> number."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return {
        int(each.get_attribute("data-source")): int(each.locator(".otr-badge").get_attribute("data-rank"))
        for each in page.locator(".otr-source.otr-ranked").all()
    }


def live(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator(".otr-live").inner_text()


def lit(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [int(each.get_attribute("data-statement")) for each in page.locator(".otr-statement.otr-lit").all()]


def told(page, name, value):
    """Wait until the view has told Python."""
    page.wait_for_function("([name, value]) => omnitrace.get(name) === value", arg=[name, value])
    return True


def test_pointing_at_a_statement_numbers_its_planted_sources(page, trace):
    for number, planted in enumerate(supporting(trace.source_records)):
        statement(page, number).hover()
        assert set(ranked(page)) == planted
        assert f"Statement {number + 1} of 5" in live(page)
    page.mouse.move(5, 5)
    assert ranked(page) == {}


def test_several_sources_are_ranked_with_their_numbers(opened):
    both = (((0, "text", 0), (1, "image", None)),) * 5
    trace = make_trace(planted=both)
    page = opened(trace)
    spans = trace.spans[(trace.spans["signal"] == "excess") & trace.spans["selected"]]
    ranks_seen = set()
    for number in range(5):
        statement(page, number).hover()
        own = spans[spans["statement"] == number + 1].sort_values("rank")
        assert ranked(page) == {j: rank for rank, j in enumerate(own["source"], 1)}
        chips = statement(page, number).locator(".otr-chip")
        assert [chip.locator(".otr-value").inner_text() for chip in chips.all()] == [
            f"{score:.2f}" for score in own["score"]
        ]
        ranks_seen |= set(ranked(page).values())
    assert ranks_seen == {1, 2}


def test_heat_on_a_picture_follows_the_scores_of_its_patches(page, trace):
    statement(page, 1).hover()
    ranked(page)
    shown = np.array(page.locator(".otr-part-image canvas").first.evaluate(OPACITIES))
    steps = trace.steps["statement"].to_numpy() == 2
    scores = trace.scores("excess")[steps].mean(axis=0)[trace.layout.positions(1, IMAGE)]
    rows, columns = trace.layout.grids[1][1:]
    assert len(shown) == rows * columns
    assert shown.argmax() == scores.argmax()
    assert np.diff(shown[scores.argsort()]).min() >= -1  # the same order, but for rounding
    statement(page, 2).hover()
    ranked(page)
    assert np.max(page.locator(".otr-part-image canvas").first.evaluate(OPACITIES)) < shown.max() / 2


def test_a_waveform_is_coloured_in_its_own_second(page, trace):
    statement(page, 3).hover()
    ranked(page)
    blue = """canvas => {
        const { width, height } = canvas;
        const row = canvas.getContext("2d").getImageData(0, 2, width, 1).data;
        return Array.from({ length: width }, (_, x) => row[4 * x + 3]);
    }"""
    tint = np.array(page.locator(".otr-part-audio canvas").evaluate(blue), float)
    times = (np.arange(len(tint)) + 0.5) / len(tint) * trace.parts[3].duration
    inside = (times > 1.05) & (times < 1.95)
    assert tint[inside].mean() > 4 * tint[~((times > 0.95) & (times < 2.05))].mean()
    scores = trace.scores("excess")[trace.steps["statement"] == 4].mean(axis=0)
    loudest = trace.layout.time[trace.layout.positions(3, AUDIO)][scores[trace.layout.positions(3, AUDIO)].argmax()]
    assert loudest[0] - 0.03 <= times[tint.argmax()] <= loudest[1] + 0.03


def test_sentences_are_shaded_by_their_share(page, trace):
    statement(page, 0).hover()
    ranked(page)
    [planted] = supporting(trace.source_records)[0]
    shade = [
        float(each.evaluate("el => el.style.getPropertyValue('--otr-shade')"))
        for each in page.locator(".otr-sentence").all()
    ]
    assert np.argmax(shade) == planted
    assert sorted(shade)[-2] < 0.5 * max(shade)


def test_pointing_at_a_source_lights_the_statements_that_it_supports(page, trace):
    for number, planted in enumerate(supporting(trace.source_records)):
        for j in planted:
            point_at(page, j)
            assert lit(page) == [number]
            assert f"supports statement {number + 1}" in live(page)
    bare = next(
        j for j in range(len(trace.source_records)) if not any(j in own for own in supporting(trace.source_records))
    )
    point_at(page, bare)
    assert lit(page) == []
    assert "selected for no statement" in live(page)


def test_a_click_pins_until_the_next_one(page):
    statement(page, 1).click()
    assert told(page, "pinned", 1)
    page.mouse.move(5, 5)
    pinned = ranked(page)
    assert pinned
    assert statement(page, 1).get_attribute("aria-selected") == "true"
    statement(page, 0).hover()
    assert ranked(page) != pinned
    page.mouse.move(5, 5)
    assert ranked(page) == pinned
    statement(page, 1).click()
    assert told(page, "pinned", None)
    page.mouse.move(5, 5)
    assert ranked(page) == {}


def test_a_pinned_statement_keeps_its_colours_while_the_mouse_explores_the_prompt(page, trace):
    statement(page, 4).click()
    before = ranked(page)
    point_at(page, next(iter(supporting(trace.source_records)[1])))
    assert ranked(page) == before
    assert lit(page) == [1]


def test_a_chip_shows_where_its_source_is_and_a_click_on_it_pins_its_statement(page, trace):
    chip = statement(page, 1).locator(".otr-chip")
    chip.hover()
    [planted] = supporting(trace.source_records)[1]
    assert set(ranked(page)) == {planted}
    assert "otr-focused" in source(page, planted).get_attribute("class")
    assert lit(page) == [1]
    chip.click()
    assert told(page, "pinned", 1)


def test_python_can_pin_and_choose_the_signal(page, trace):
    page.evaluate("() => { omnitrace.set('pinned', 2); omnitrace.set('signal', 'attmean'); }")
    assert set(ranked(page)) == set(trace.spans.query("signal == 'attmean' and statement == 3 and selected")["source"])
    assert page.locator("select").input_value() == "attmean"
    page.evaluate("() => omnitrace.set('pinned', null)")
    assert ranked(page) == {}


def test_choosing_a_signal_recolours_and_is_told_to_python(page, trace):
    statement(page, 1).click()
    before = page.locator(".otr-legend").inner_text()
    page.locator("select").select_option("attmean")
    assert told(page, "signal", "attmean")
    page.wait_for_function("before => document.querySelector('.otr-legend').innerText !== before", arg=before)
    scale = view.model(trace, ["attmean"]).scale[0, 1]
    largest = float(page.locator(".otr-legend tr").nth(1).locator("td").last.inner_text())
    assert largest == pytest.approx(scale, rel=0.06)


def test_everything_can_be_done_by_keyboard(page):
    stops = []
    while not page.evaluate("() => document.activeElement.matches('[data-statement]')"):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("() => document.activeElement.type ?? document.activeElement.role"))
    assert stops == ["radio", "range", "checkbox", "select-one", "button", "option"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.dataset.statement") == "2"
    assert "Statement 3 of 5" in live(page)
    page.keyboard.press("Enter")
    assert told(page, "pinned", 2)
    page.keyboard.press("Escape")
    assert told(page, "pinned", None)
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.dataset.statement") == "4"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.dataset.source") == "0"
    assert lit(page) == [0]
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.source") == "1"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.dataset.statement") == "4"  # the list remembers its place


def test_each_list_is_one_tab_stop(page):
    stops = [page.locator(f'{each}[tabindex="0"]').count() for each in (".otr-statement", ".otr-source")]
    assert stops == [1, 1]
    statement(page, 3).click()
    assert page.locator('.otr-statement[tabindex="0"]').count() == 1


def test_sound_plays_and_its_head_moves(page):
    button = page.get_by_role("button", name="Play sound 1")
    button.click()
    page.wait_for_function("() => parseFloat(document.querySelector('.otr-part-audio .otr-head').style.left) > 2")
    assert page.get_by_role("button", name="Pause sound 1").is_visible()
    page.get_by_role("button", name="Pause sound 1").click()
    page.wait_for_selector(".otr-part-audio .otr-play:not(.otr-playing)")
    assert page.locator(".otr-part-audio .otr-head").is_visible()


def test_a_film_that_is_not_included_says_so(page):
    button = page.locator(".otr-part-video .otr-play")
    assert button.is_disabled()
    assert "not kept in this trace" in button.get_attribute("aria-label")
    assert "not kept in this trace" in page.locator(".otr-part-video .otr-caption").inner_text()


def test_a_film_plays_in_place(opened, trace, media_dir):
    film = replace(trace.parts[4], media=(media_dir / "film.mp4").read_bytes(), mime="video/mp4")
    playable = make_trace()
    playable.parts = (*playable.parts[:4], film, playable.parts[5])
    page = opened(playable)
    page.get_by_role("button", name="Play film 1").click()
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.1")
    assert page.locator(".otr-part-video .otr-head").is_visible()


def test_markup_in_text_names_and_response_is_shown_as_text(opened):
    attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> </script><b>end</b>.'
    trace = make_trace(note=attack, question=attack, response=f"Say {attack} twice.\n")
    trace.parts = tuple(replace(part, label=f"<i>{part.index}</i>") for part in trace.parts)
    page = opened(trace)
    statement(page, 0).hover()
    assert page.evaluate("() => window.hacked") is None
    assert page.locator(".otr-text").first.evaluate("el => el.textContent").endswith(attack)
    assert page.locator(".otr-text img, .otr-text script").count() == 0
    assert page.locator(".otr-name").first.inner_text() == "<i>0</i>"


def test_sentences_with_emoji_and_right_to_left_text_are_cut_where_they_end(opened):
    note = "😀😀 The first. שלום עולם. The last 🙂 one."
    trace = make_trace(note=note)
    page = opened(trace)
    shown = [each.evaluate("el => el.lastChild.textContent") for each in page.locator(".otr-sentence").all()]
    records = [record for record in trace.source_records if record.modality == "text"]
    assert shown == [trace.parts[record.part].text[slice(*record.chars)] for record in records]


def test_two_views_of_one_model_share_the_pin_and_keep_their_own_pointer(page):
    page.evaluate("""async () => {
        const code = document.getElementById("omnitrace-widget").textContent;
        const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
        const { default: widget } = await import(url);
        const el = document.createElement("div");
        el.id = "second";
        document.body.append(el);
        window.stop = new AbortController();
        await widget.render({ model: omnitrace, el, signal: window.stop.signal });
    }""")
    first, second = page.locator("#omnitrace-root"), page.locator("#second")
    second.locator(".otr-statement").nth(1).click()
    page.mouse.move(2, 2)
    assert told(page, "pinned", 1)
    page.wait_for_selector("#omnitrace-root .otr-statement[data-statement='1'][aria-selected='true']")
    first.locator(".otr-statement").nth(0).hover()
    page.wait_for_selector("#omnitrace-root .otr-live:text('Statement 1 of 5')")
    assert "Statement 1 of 5" in first.locator(".otr-live").inner_text()
    assert "Statement 2 of 5" in second.locator(".otr-live").inner_text()
    # A view that is taken away no longer listens; the other goes on.
    page.evaluate(
        "() => { window.stop.abort(); document.getElementById('second').remove(); omnitrace.set('pinned', 3); }"
    )
    page.wait_for_selector("#omnitrace-root .otr-statement[data-statement='3'][aria-selected='true']")


@pytest.mark.parametrize("width", [320, 420, 700, 1400])
def test_it_fits_any_width(opened, trace, width):
    page = opened(trace, width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    response = page.locator(".otr-response").bounding_box()
    prompt = page.locator(".otr-prompt").bounding_box()
    beside = prompt["x"] > response["x"] + 100
    assert beside == (width >= 700)
    assert beside or prompt["y"] >= response["y"] + response["height"] - 1


def test_on_a_narrow_screen_nothing_is_hidden_in_an_inner_scroll_region(opened):
    many = make_trace(response="".join(f"Lamp {i} is blue. " for i in range(40)), planted=PLAIN)
    page = opened(many, width=420, height=800)
    cut = page.locator(".omnitrace-view *").evaluate_all(
        """all => all.filter(el => /auto|scroll|hidden/.test(getComputedStyle(el).overflowY)
            && el.scrollHeight > el.clientHeight + 1).map(el => el.className)"""
    )
    assert cut == []
    last = statement(page, 39)
    assert last.bounding_box()["y"] > 800
    # The page itself goes to a source whose chip is chosen, and stays where it is for a statement.
    last.scroll_into_view_if_needed()
    before = page.evaluate("() => scrollY")
    last.locator(".otr-said").click()
    told(page, "pinned", 39)
    assert page.evaluate("() => scrollY") == before
    last.locator(".otr-chip").click()
    page.wait_for_function(
        """() => { const at = document.querySelector(".otr-source.otr-focused, .otr-source.otr-ranked")
            .getBoundingClientRect(); return at.top > 0 && at.bottom < innerHeight; }"""
    )


@pytest.mark.parametrize("width", [420, 1280])
@pytest.mark.parametrize("size", [(56, 400), (400, 56), (112, 112)])
def test_a_picture_of_any_shape_keeps_it_below_a_height_with_its_heat_and_box_on_it(opened, trace, width, size):
    model = view.model(trace)
    shaped = replace(model.parts[1], size=size, detail=f"{size[0]} \N{MULTIPLICATION SIGN} {size[1]}")
    page = opened(replace(model, parts=(model.parts[0], shaped, *model.parts[2:])), width=width)
    part = page.locator(".otr-part-image").first
    frame = part.locator(".otr-picture").bounding_box()
    assert frame["height"] <= 320.5
    assert frame["width"] / frame["height"] == pytest.approx(size[0] / size[1], rel=0.02)
    for laid in ("img", "canvas", ".otr-box"):
        assert part.locator(laid).bounding_box() == pytest.approx(frame, abs=0.5)
    said = part.locator(".otr-detail")
    assert said.is_visible()
    assert said.evaluate("el => el.scrollWidth <= el.clientWidth")


def test_a_note_on_signed_scores_stands_only_where_the_signal_is_one(opened, trace):
    model = view.model(trace)
    note = Note("Negative scores are not shown.", ("attmean",))
    page = opened(replace(model, notes=(note, Note("For all."))))
    notes = page.locator(".otr-note")
    assert [each.is_visible() for each in notes.all()] == [False, True]
    page.locator("select").select_option("attmean")
    notes.first.wait_for(state="visible")
    page.locator("select").select_option("excess")
    notes.first.wait_for(state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_on_its_strongest_shade_keeps_its_contrast(opened, trace, scheme):
    page = opened(trace, scheme=scheme)
    statement(page, 0).hover()
    page.wait_for_timeout(300)
    ink, shade, paper = page.evaluate("""() => {
        const sentence = document.querySelector(".otr-sentence.otr-ranked");
        const root = document.querySelector(".omnitrace-view");
        const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const rgba = colour => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
            return Array.from(probe.getImageData(0, 0, 1, 1).data); };
        const dark = root.dataset.theme === "dark";
        return [rgba(getComputedStyle(sentence).color), rgba(getComputedStyle(sentence).backgroundColor),
            dark ? [18, 18, 18, 255] : [255, 255, 255, 255]];
    }""")
    assert page.locator(".omnitrace-view").get_attribute("data-theme") == scheme

    def luminance(colour):
        parts = np.array(colour[:3]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    alpha = shade[3] / 255
    assert alpha > 0.2
    behind = alpha * np.array(shade) + (1 - alpha) * np.array(paper)
    bright, dim = sorted((luminance(ink), luminance(behind)), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pinned", [None, 4])
def test_axe_finds_no_violation(opened, trace, scheme, pinned):
    page = opened(trace, scheme=scheme)
    if pinned is not None:
        statement(page, pinned).click()
        page.mouse.move(2, 2)
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []


def test_motion_stops_for_those_who_ask(opened, trace):
    calm = opened(trace, motion="reduce")
    duration = "el => getComputedStyle(el).transitionDuration"
    assert set(re.split(", ", statement(calm, 0).evaluate(duration))) == {"0s"}
    lively = opened(trace)
    assert "0.14s" in statement(lively, 0).evaluate(duration)


def test_a_state_of_another_version_is_explained_in_words(opened, trace, monkeypatch):
    monkeypatch.setattr("omnitrace_nb.view.viewmodel.SCHEMA", 99)
    page = opened(trace)
    assert "schema 99" in page.locator(".otr-error").inner_text()
    assert page.get_by_role("alert").count() == 1


def test_damaged_data_are_explained_in_words(opened, trace):
    model = view.model(trace)
    broken = replace(model.parts[0], kind="smell")
    page = opened(replace(model, parts=(broken, *model.parts[1:])))
    assert "could not be drawn" in page.locator(".otr-error").inner_text()


def test_an_empty_response_and_a_trace_without_media_are_shown(opened):
    page = opened(make_empty_trace())
    assert "The response is empty." in page.locator(".otr-response").inner_text()
    assert "interrupted" in page.locator(".otr-response").inner_text()
    bare = make_trace()
    bare.parts = tuple(replace(part, thumbnails=(), thumbnail_times=(), peaks=None, media=None) for part in bare.parts)
    page = opened(bare)
    statement(page, 1).hover()
    assert set(ranked(page)) == supporting(bare.source_records)[1]


def test_many_statements_and_a_long_text_stay_in_their_panes(opened):
    trace = make_trace(
        note="The lamp is blue. " * 1500, response="".join(f"Lamp {i} is blue. " for i in range(200)), planted=PLAIN
    )
    page = opened(trace, height=900)
    assert page.locator(".otr-statement").count() == 200
    assert page.evaluate("() => document.documentElement.scrollHeight") < 1200
    last = page.locator(".otr-statement").last
    last.scroll_into_view_if_needed()
    last.click()
    assert told(page, "pinned", 199)


def test_verdicts_are_signs_on_the_chips_with_their_numbers_in_words(opened, trace):
    page = opened(with_verdicts(trace))
    marks = page.locator(".otr-mark")
    assert [mark.inner_text() for mark in marks.all()] == [
        "\N{CHECK MARK}",
        "\N{BALLOT X}",
        "\N{WHITE CIRCLE}",
        "\N{CHECK MARK}",
    ]
    assert marks.nth(1).get_attribute("aria-label").startswith("contradicted: 0.75 nats more likely without it")
    statement(page, 0).hover()
    assert live(page) == "Statement 1 of 5 rests on text 1, sentence 1 (1.00, verified)."
    statement(page, 1).hover()
    assert live(page) == "Statement 2 of 5: excess proposes image 1 (1.00, contradicted)."
    point_at(page, ranked(page).popitem()[0])
    assert "image 1 is proposed for statement 2 (contradicted); share" in live(page)
    statement(page, 2).hover()
    assert live(page) == "Statement 3 of 5: excess proposes image 2 (1.00, not verified)."
    assert "7 forwards" in page.locator(".otr-note").first.inner_text()
    choose = page.locator(".otr-signal select")
    choose.select_option("attmean")
    page.wait_for_function("() => document.querySelectorAll('.otr-mark').length > 0")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_with_verdicts(opened, trace, scheme):
    page = opened(with_verdicts(trace), scheme=scheme)
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
