"""Texts and pictures of the prompt in a browser: levels of detail, folds, patches, boxes, zoom; mouse and keyboard."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from traces import Sketch, make_trace, part, picture, png, supporting, tokens_of, webp

from omnitrace_nb import sources as sourcing
from omnitrace_nb import view
from omnitrace_nb.alignment import align
from omnitrace_nb.layout import IMAGE, TEXT
from omnitrace_nb.trace.records import RunInfo
from omnitrace_nb.trace.result import Trace

AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
STRONGEST, GAMMA, LEVELS = 0.8, 0.6, 64
STORY = (
    "The key 😀 is in the red box. Mrs. Smith put it there at 3.5 hours.\n\n"
    "The lamp is blue. The cup is green.\nNobody saw it.\n\n"
    "שלום עולם. The end."
)
SHADES = "all => all.map(el => [el.textContent, Number(el.style.getPropertyValue('--otr-shade'))])"
WORDS = ["lamp", "is", "blue", "and", "a", "cup", "stands", "near", "red", "box", "while", "ball", "jumps", "over"]


@pytest.fixture(scope="module")
def trace():
    return make_trace(note=STORY)


@pytest.fixture(scope="module")
def long_trace():
    planted = (((0, "text", 40), (0, "text", 300)), *(((i, kind, None),) for i, kind in ((1, "image"), (2, "image"))))
    return make_trace(note=long_text(6_000), planted=(*planted, ((0, "text", 200),), ((0, "text", 120),)))


def long_text(words, seed=0):
    """Give paragraphs of sentences in made-up order."""
    rnd = random.Random(seed)  # noqa: S311 (a text, no secret)
    paragraphs, count = [], 0
    while count < words:
        sentences = [" ".join(rnd.choices(WORDS, k=rnd.randint(6, 20))).capitalize() + "." for _ in range(5)]
        count += sum(len(sentence.split()) for sentence in sentences)
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def drawn(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def statement(page, number):
    return page.locator(f'.otr-statement[data-statement="{number}"] .otr-number')


def source(page, number):
    return page.locator(f'.otr-source[data-source="{number}"]')


def detail(page, level):
    page.locator(".otr-segments label", has_text=level).click()
    drawn(page).locator(f'.otr-text[data-detail="{level}"]').first.wait_for()


def live(page):
    return drawn(page).locator(".otr-live").inner_text()


def selected(page, check="selection => selection !== null"):
    """Wait until the view has told Python what is selected."""
    page.wait_for_function(f"() => ({check})(omnitrace.get('selection'))")
    return json.loads(page.evaluate("() => JSON.stringify(omnitrace.get('selection'))"))


def levels(shades):
    """Undo the curve of the shades: 0..1."""
    return (np.array(shades) / STRONGEST) ** (1 / GAMMA)


def mean_scores(trace, statement, positions):
    return trace.scores("excess")[trace.steps["statement"] == statement + 1].mean(axis=0)[positions]


def patch_scores(trace, statement, part=1):
    return mean_scores(trace, statement, trace.layout.positions(part, IMAGE)).reshape(trace.layout.grids[part][1:])


def share_of(trace, statement=None):
    of = trace.steps["statement"]
    mass = trace.mass("excess")[of >= 0 if statement is None else of == statement + 1].mean(axis=0)
    return mass / mass.sum()


def largest_cell(trace, statement):
    """Give the largest mean score among all that has a shade."""
    return view.model(trace).scale[0, statement]


def middle(box, across, down):
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def test_each_token_has_the_shade_of_its_score(opened, trace):
    page = opened(trace)
    detail(page, "token")
    statement(page, 0).hover()
    shown = drawn(page).locator(".otr-text").first.locator(".otr-unit").evaluate_all(SHADES)
    positions = trace.layout.positions(0, TEXT)
    spans = trace.layout.chars[positions]
    assert [text.strip() for text, _ in shown] == [STORY[a:b].strip() for a, b in spans if STORY[a:b].strip()]
    scores = {tuple(span): score for span, score in zip(spans.tolist(), mean_scores(trace, 0, positions), strict=True)}
    expected = [scores[a, b] / largest_cell(trace, 0) for a, b in spans.tolist() if STORY[a:b].strip()]
    got = levels([shade for _, shade in shown])
    assert np.abs(got - expected).max() < 1.5 / LEVELS


def test_a_word_has_the_mean_of_its_tokens(opened, trace):
    page = opened(trace)
    detail(page, "word")
    statement(page, 0).hover()
    shown = dict(drawn(page).locator(".otr-text").first.locator(".otr-unit").evaluate_all(SHADES))
    positions = trace.layout.positions(0, TEXT)
    spans = trace.layout.chars[positions]
    scores = mean_scores(trace, 0, positions)
    for word in ("3.5", "Smith", "key"):
        at = STORY.index(word)
        own = (spans[:, 0] < at + len(word)) & (spans[:, 1] > at)
        assert own.sum() == (3 if word == "3.5" else 1)
        expected = scores[own].mean() / largest_cell(trace, 0)
        assert abs(levels(shown[f" {word}"]) - expected) < 1.5 / LEVELS
    assert "per word, the mean of its tokens" in page.locator(".otr-legend").inner_text()


def test_a_paragraph_has_the_sum_of_its_sentences_shares(opened, trace):
    page = opened(trace)
    detail(page, "paragraph")
    statement(page, 0).hover()
    shown = drawn(page).locator(".otr-text").first.locator(".otr-paragraph").evaluate_all(SHADES)
    breaks = [match.end() for match in re.finditer(r"\n\n", STORY)]
    share = share_of(trace, 0)
    sums = np.zeros(3)
    for record in trace.source_records:
        if record.part == 0:
            sums[np.searchsorted(breaks, record.chars[0], "right")] += share[record.id]
    assert len(shown) == 3
    most = max(sums.max(), share.max())
    assert np.abs(levels([shade for _, shade in shown]) - sums / most).max() < 1.5 / LEVELS
    assert "per paragraph, the sum of its sentences" in page.locator(".otr-legend").inner_text()
    last = page.locator(".otr-legend tr").nth(2).locator("td").last.inner_text()
    assert float(last) == pytest.approx(most, rel=0.06)


def test_a_word_under_the_mouse_says_what_it_drove_and_is_selected_in_python_by_its_characters(opened, trace):
    page = opened(trace)
    detail(page, "token")
    page.locator(".otr-unit", has_text="Smith").hover()
    assert "“Smith”" in live(page)
    page.locator(".otr-unit", has_text="Smith").click()
    chosen = selected(page)
    assert chosen["part"] == 0
    assert trace.parts[0].text[slice(*chosen["chars"])] == " Smith"  # although an emoji stands before it
    page.mouse.move(2, 2)
    assert drawn(page).locator(".otr-unit.otr-focused").all_inner_texts() == [" Smith"]
    # The same from Python.
    page.evaluate("() => omnitrace.set('selection', { part: 0, chars: [6, 7] })")
    assert live(page).startswith("text 1, “y”")  # the last letter alone selects its token
    at = STORY.index("lamp")
    page.evaluate("at => omnitrace.set('selection', { part: 0, chars: [at, at + 4] })", at)
    assert "“lamp”" in live(page)
    assert page.locator(".otr-unit.otr-focused").all_inner_texts() == [" lamp"]


def test_a_paragraph_under_the_mouse_is_all_of_its_tokens(opened, trace):
    page = opened(trace)
    detail(page, "paragraph")
    source(page, 2).click()
    start, end = selected(page)["chars"]
    assert STORY[start:end] == "The lamp is blue. The cup is green.\nNobody saw it."


def test_the_level_of_detail_is_chosen_by_keyboard(opened, trace):
    page = opened(trace)
    page.locator('.otr-segments input[value="sentence"]').focus()
    for key, level in (("ArrowRight", "paragraph"), ("ArrowRight", "token"), ("ArrowRight", "word")):
        page.keyboard.press(key)
        page.locator(f'.otr-text[data-detail="{level}"]').first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.type") == "range"  # one tab stop
    # The sources are sentences still, and arrows go through them.
    source(page, 0).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.source") == "1"
    assert "text 1, sentence 2" in live(page)
    # Shift goes inside, and Enter pins the word.
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.source") == "1"
    page.keyboard.press("Enter")
    start, end = selected(page)["chars"]
    assert STORY[start:end] == " Smith"  # after "Mrs" and its point


@pytest.mark.parametrize("level", ["token", "word", "paragraph"])
def test_no_character_is_lost_at_any_level(opened, trace, level):
    page = opened(trace)
    detail(page, level)
    said = page.locator(".otr-text").first.evaluate(
        "el => { el = el.cloneNode(true); for (const each of el.querySelectorAll('.otr-badge')) each.remove();"
        " return el.textContent; }"
    )
    assert said == STORY


def test_a_long_text_is_folded_to_what_the_response_rests_on(opened, long_trace):
    page = opened(long_trace)
    text = page.locator(".otr-text").first
    count = len(long_trace.parts[0].text.split())
    folded = [int(re.sub(r"\D", "", each)) for each in text.locator(".otr-fold span:first-child").all_inner_texts()]
    shown = text.evaluate("""el => { el = el.cloneNode(true);
        for (const each of el.querySelectorAll('.otr-fold, .otr-badge')) each.replaceWith(' ');
        return el.textContent.split(/\\s+/).filter(Boolean).length; }""")
    assert len(folded) >= 3
    assert sum(folded) + shown == count
    assert shown < 600
    mass = np.where([record.part == 0 for record in long_trace.source_records], share_of(long_trace), 0)
    for j in mass.argsort()[-3:]:
        assert source(page, j).is_visible()


def test_a_fold_opens_where_it_is_clicked_or_entered_and_closes_again(opened, long_trace):
    page = opened(long_trace)
    text = page.locator(".otr-text").first
    before = text.locator(".otr-fold").count()
    text.locator(".otr-fold").first.click()
    assert text.locator(".otr-fold").count() == before - 1
    page.get_by_role("button", name="fold again").click()
    assert text.locator(".otr-fold").count() == before
    # Arrows stop at a fold; Enter opens it and goes on inside.
    source(page, 0).focus()
    while not page.evaluate("() => document.activeElement.matches('.otr-fold')"):
        page.keyboard.press("ArrowDown")
    at = page.evaluate("() => document.activeElement.dataset.fold.split(' ')[0]")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.dataset.source") == at
    assert page.locator('.otr-prompt [tabindex="0"][data-source], .otr-fold[tabindex="0"]').count() == 1


def test_pointing_does_not_fold_the_text_anew_but_pinning_does(opened, long_trace):
    page = opened(long_trace)
    shown = "() => Array.from(document.querySelectorAll('.otr-text [data-source]'), el => el.dataset.source).join()"
    first = page.evaluate(shown)
    statement(page, 0).hover()
    assert drawn(page).evaluate(shown) == first
    statement(page, 0).click()
    page.wait_for_function(f"before => ({shown})() !== before", arg=first)
    own = long_trace.spans.query("signal == 'excess' and statement == 1 and selected")["source"]
    for j in own:
        assert source(page, j).is_visible()


def test_a_chip_unfolds_the_passage_of_its_source_and_goes_there(opened, long_trace):
    page = opened(long_trace, height=700)
    hidden = next(each for each in page.locator(".otr-chip").all() if "text 1" in each.inner_text())
    j = hidden.get_attribute("data-chip")
    hidden.click()
    page.wait_for_function(
        """j => { const el = document.querySelector(`[data-source="${j}"]`); if (!el) return false;
        const at = el.getBoundingClientRect(), area = el.closest(".otr-scroll").getBoundingClientRect();
        return at.top >= area.top - 1 && at.bottom <= area.bottom + 1; }""",
        arg=j,
    )


def test_the_patch_under_the_mouse_has_its_score_and_is_selected_by_a_click(opened, trace):
    page = opened(trace)
    statement(page, 1).click()
    shown = page.locator(".otr-part-image").first
    box = shown.locator(".otr-picture").bounding_box()
    page.mouse.move(*middle(box, 4.5 / 8, 2.5 / 6))
    said = drawn(page).locator(".otr-tip:visible").inner_text()
    place, score = said.split(" · ")
    assert place == "row 3, column 5"
    scores = patch_scores(trace, 1)
    assert float(score) == pytest.approx(scores[2, 4], rel=0.06, abs=1e-5)
    assert "image 1, row 3, column 5" in live(page)
    page.mouse.click(*middle(box, 4.5 / 8, 2.5 / 6))
    assert selected(page) == {"part": 1, "box": [160, 80, 200, 120]}
    page.mouse.click(*middle(box, 4.5 / 8, 2.5 / 6))
    assert selected(page, "selection => selection === null") is None


def test_a_box_drawn_over_a_picture_is_selected_in_pixels(opened, trace):
    page = opened(trace)
    box = page.locator(".otr-part-image .otr-picture").first.bounding_box()
    page.mouse.move(*middle(box, 0.25, 0.25))
    page.mouse.down()
    page.mouse.move(*middle(box, 0.5, 0.5), steps=4)
    page.mouse.move(*middle(box, 0.75, 0.75), steps=4)
    page.mouse.up()
    chosen = selected(page)
    assert chosen["part"] == 1
    assert chosen["box"] == pytest.approx([80, 60, 240, 180], abs=2)
    page.mouse.move(2, 2)
    assert "rows 2-5, columns 3-6" in live(page)  # patches whose middle is inside
    assert drawn(page).locator(".otr-kept:visible").count() == 1
    page.keyboard.press("Escape")


def test_patches_are_reached_by_keyboard_from_the_strongest(opened, trace):
    page = opened(trace)
    statement(page, 1).click()
    page.mouse.move(2, 2)
    [planted] = supporting(trace.source_records)[1]
    assert "Shift and arrows" in source(page, planted).get_attribute("aria-description")
    source(page, planted).focus()
    drawn(page).keyboard.press("Shift+ArrowRight")
    scores = patch_scores(trace, 1)
    row, column = np.unravel_index(scores.argmax(), scores.shape)
    assert drawn(page).locator(".otr-tip:visible").inner_text().startswith(f"row {row + 1}, column {column + 1} ")
    key, step = ("ArrowLeft", -1) if column else ("ArrowRight", 1)
    page.keyboard.press(f"Shift+{key}")
    page.keyboard.press("Enter")
    left, top = (column + step) * 40, row * 40
    assert selected(page) == {"part": 1, "box": [left, top, left + 40, top + 40]}
    page.keyboard.press("ArrowRight")  # without Shift: the next source
    assert page.evaluate("() => document.activeElement.dataset.source") == str(planted + 1)


def test_heat_over_pictures_fades_to_the_true_colours(opened, trace):
    page = opened(trace)
    canvas = page.locator(".otr-part-image canvas").first
    image = page.locator(".otr-part-image img").first
    style = "(el, name) => new Promise(done => setTimeout(() => done(getComputedStyle(el)[name]), 250))"
    assert canvas.evaluate("el => getComputedStyle(el).opacity") == "0"  # nothing is focused
    assert image.evaluate("el => getComputedStyle(el).filter") == "none"
    statement(page, 1).click()
    assert float(canvas.evaluate(f"el => ({style})(el, 'opacity')")) == pytest.approx(0.8)
    slider = page.get_by_role("slider", name="Heat over pictures")
    slider.focus()
    page.keyboard.press("Home")
    assert canvas.evaluate(f"el => ({style})(el, 'opacity')") == "0"
    assert image.evaluate(f"el => ({style})(el, 'filter')") == "grayscale(0) opacity(1)"
    page.keyboard.press("End")
    assert canvas.evaluate(f"el => ({style})(el, 'opacity')") == "1"


def test_heat_is_on_the_true_grid_or_smooth(opened, trace):
    page = opened(trace)
    canvas = page.locator(".otr-part-image canvas").first
    assert canvas.evaluate("el => [el.width, el.height]") == [8, 6]
    assert canvas.evaluate("el => getComputedStyle(el).imageRendering") == "pixelated"
    page.get_by_label("smooth").check()
    assert (
        drawn(page).locator(".otr-part-image canvas").first.evaluate("el => getComputedStyle(el).imageRendering")
        == "auto"
    )


def test_regions_have_their_rank_and_number_and_the_whole_picture_has_its_own(opened):
    trace = make_trace(image=(3, 3))
    page = opened(trace)
    statement(page, 1).hover()
    drawn(page)
    share = share_of(trace, 1)
    own = trace.spans.query("signal == 'excess' and statement == 2 and selected")
    for _, row in own.iterrows():
        assert source(page, row["source"]).locator(".otr-badge").get_attribute("data-rank") == str(row["rank"])
        number = source(page, row["source"]).evaluate("el => getComputedStyle(el, '::after').content")
        assert number == f'"{share[row["source"]]:.2f}"'
    regions = [record.id for record in trace.source_records if record.part == 1]
    assert len(regions) == 9
    whole = page.locator(".otr-part-image .otr-share").first.inner_text()
    assert whole == f"{share[regions].sum():.2f}"


def test_a_picture_is_made_larger_in_place_from_its_original(opened, trace):
    page = opened(trace)
    shown = page.locator(".otr-part-image").nth(1)
    small = shown.locator(".otr-picture").bounding_box()["width"]
    button = shown.get_by_role("button", name="image 2 larger")
    button.click()
    assert shown.locator(".otr-picture").bounding_box()["width"] > 1.5 * small
    assert shown.locator("canvas").bounding_box() == pytest.approx(shown.locator(".otr-picture").bounding_box(), abs=1)
    page.wait_for_function(
        "() => document.querySelectorAll('.otr-part-image img')[1].naturalWidth === 240"
        " && performance.getEntriesByType('resource') !== null"
    )
    page.keyboard.press("Escape")
    assert shown.locator(".otr-picture").bounding_box()["width"] == pytest.approx(small, abs=1)
    # A double click does the same and leaves what is pinned alone.
    statement(page, 1).click()
    page.wait_for_function("() => omnitrace.get('pinned') === 1")
    page.mouse.dblclick(*middle(shown.locator(".otr-picture").bounding_box(), 0.5, 0.5))
    assert shown.locator(".otr-picture").bounding_box()["width"] > 1.5 * small
    page.wait_for_function("() => omnitrace.get('pinned') === 1")
    # By keyboard; arrows go from patch to patch while it is large, and Esc closes it before it unpins.
    source(page, next(record.id for record in trace.source_records if record.part == 2)).focus()
    page.keyboard.press("ArrowRight")
    assert "row" in drawn(page).locator(".otr-tip:visible").inner_text()
    page.keyboard.press("Escape")
    assert shown.locator(".otr-picture").bounding_box()["width"] == pytest.approx(small, abs=1)
    assert page.evaluate("() => omnitrace.get('pinned')") == 1
    page.keyboard.press("z")
    assert shown.locator(".otr-picture").bounding_box()["width"] > 1.5 * small


def test_without_its_original_a_larger_picture_says_so(opened):
    page = opened(make_trace(media=False))
    shown = page.locator(".otr-part-image").first
    shown.get_by_role("button", name="image 1 larger").click()
    assert "does not keep the original" in shown.get_by_role("status").inner_text()


@pytest.mark.parametrize("missing", ["thumbnails", "patches"])
def test_a_picture_without_thumbnail_or_patches_still_has_its_source(opened, trace, missing):
    model = view.model(trace)
    bare = replace(model.parts[1], **{missing: () if missing == "thumbnails" else None})
    page = opened(replace(model, parts=(model.parts[0], bare, *model.parts[2:])))
    [planted] = supporting(trace.source_records)[1]
    source(page, planted).click()
    if missing == "patches":
        assert selected(page) == {"source": planted}
    else:
        assert selected(page)["part"] == 1
    assert page.locator(".otr-error").count() == 0


@pytest.mark.parametrize("size", [(1, 1), (8, 900), (900, 8)])
def test_a_picture_of_one_pixel_or_very_long_keeps_within_its_width(opened, trace, size):
    model = view.model(trace)
    odd = replace(model.parts[1], size=size)
    page = opened(replace(model, parts=(model.parts[0], odd, *model.parts[2:])), width=420)
    box = page.locator(".otr-picture").first.bounding_box()
    page.mouse.move(*middle(box, 0.9, 0.9))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420
    assert box["height"] <= 320.5
    page.locator(".otr-part-image .otr-zoom").first.click()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420


def album(count):
    """Make the trace of many small pictures, and nothing else."""
    shown = picture((32, 32), "ellipse", "red")
    parts = [
        part(i, "image", f"image <b>{i}</b>", png(shown), size=shown.size, thumbnails=(webp(shown),))
        for i in range(count)
    ]
    sketch = Sketch()
    for each in parts:
        sketch.pictures(each.index, IMAGE, each.size, (2, 2))
    layout = sketch.layout()
    token_bytes = tokens_of("All are red.")
    answer = align(token_bytes, range(1000, 1000 + len(token_bytes)), -np.ones(len(token_bytes)), "eos")
    scores = {"excess": np.ones((len(token_bytes), len(layout) + len(token_bytes)), np.float32)}
    return Trace.build(parts, layout, sourcing.build(layout, parts), answer, scores, RunInfo(model="m", family="none"))


def test_a_hundred_pictures_are_drawn_and_are_one_tab_stop(opened):
    page = opened(album(100))
    assert page.locator(".otr-picture img").count() == 100
    assert page.locator('.otr-prompt [tabindex="0"]').count() == 1
    assert page.locator(".otr-name").nth(99).inner_text() == "image <b>99</b>"
    source(page, 0).focus()
    page.keyboard.press("End")
    assert page.evaluate("() => document.activeElement.dataset.source") == "99"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_folds_tokens_patches_and_zoom(opened, long_trace, scheme):
    page = opened(long_trace, scheme=scheme)
    detail(page, "token")
    statement(page, 1).click()
    page.locator(".otr-part-image .otr-zoom").first.click()
    source(page, next(record.id for record in long_trace.source_records if record.part == 1)).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []


def test_sources_that_overlap_are_each_reached_and_every_character_is_drawn_once(opened, trace):
    spans = [(0, 20), (10, 30), (5, 8), (0, 20), (40, 60)]  # one in another, one twice
    own = trace.regroup({"text": {trace.parts[0].label: spans}})
    page = opened(own)
    count = sum(record.part == 0 for record in own.source_records)
    assert count == len(spans)
    for level in ("sentence", "word", "token", "paragraph"):
        detail(page, level)
        assert page.locator(".otr-text").first.evaluate("el => el.textContent") == own.parts[0].text
    source(page, 0).focus()
    for number in range(count):
        assert page.evaluate("() => document.activeElement.dataset.source") == str(number)
        page.keyboard.press("ArrowRight")
    assert page.locator(".otr-note:visible").all_inner_texts() == [
        "Sources overlap: a position counts for each of its sources."
    ]


def test_in_a_talk_every_turn_names_who_speaks_and_a_lone_question_names_nobody(opened, trace):
    named = "all => all.map(el => [el.querySelector('.otr-role')?.textContent ?? '', el.getAttribute('aria-label')])"
    assert not any(role for role, _ in opened(trace).locator(".otr-part").evaluate_all(named))
    roles = ["system", *["user"] * (len(trace.parts) - 3), "assistant", "user"]
    parts = [replace(each, role=role) for each, role in zip(trace.parts, roles, strict=True)]
    talk = trace._but(parts=tuple(parts))
    assert [role for role, _ in opened(talk).locator(".otr-part").evaluate_all(named)] == roles
    assert "user &middot;" in view.static_html(talk)
    assert "user &middot;" not in view.static_html(trace)


def test_a_white_picture_shows_where_it_ends(opened, trace):
    for scheme in ("light", "dark"):
        style = (
            opened(trace, scheme=scheme)
            .locator(".otr-picture img")
            .first.evaluate("el => [getComputedStyle(el).outlineStyle, getComputedStyle(el).outlineWidth]")
        )
        assert style == ["solid", "1px"]
