"""The response in a browser: words and ranges, what drove them, budget, scrubber, growth, many statements."""

import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from traces import make_trace, supporting

from omnitrace_nb import view
from omnitrace_nb.budget import PLACES, by_place
from omnitrace_nb.view.stepwise import Sparse

PLAIN = (((0, "text", 0),),)
AXE = Path(__file__).parent.parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture
def page(opened, trace):
    return opened(trace)


def drawn(page):
    page.evaluate(TWO_FRAMES)
    return page


def word(page, text, number=0):
    return page.locator(".otr-word", has_text=text).nth(number)


def live(page):
    return drawn(page).locator(".otr-live").inner_text()


def picked(page):
    return drawn(page).locator(".otr-picked").inner_text()


def selection(page, value):
    """Wait until Python has been told of a selection."""
    page.wait_for_function(
        "value => JSON.stringify(omnitrace.get('selection') ?? null) === JSON.stringify(value)", arg=value
    )
    return True


def middle(located):
    box = located.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, end):
    """Press on one word, and move to another."""
    page.mouse.move(*middle(start))
    page.mouse.down()
    page.mouse.move(*middle(end), steps=6)


def shares(page, signal_trace):
    """The shares of the sources as their names say them."""
    names = [
        drawn(page).locator(f'.otr-source[data-source="{j}"]').get_attribute("aria-label")
        for j in range(len(signal_trace.source_records))
    ]
    return np.array([float(name.split("share ")[1].split(",")[0]) for name in names])


def steps_of(trace, text):
    """The steps that write a piece of the response."""
    start = trace.response.index(text)
    own = trace.steps[(trace.steps["end"] > start) & (trace.steps["start"] < start + len(text))]
    return int(own["step"].min()), int(own["step"].max()) + 1


def exact(trace, signal, steps):
    mass = trace.mass(signal)[slice(*steps)].clip(min=0).sum(axis=0)
    return mass / mass.sum()


def test_pointing_at_a_word_colours_the_inputs_by_its_tokens(page, trace):
    for text in ("red", "circle.", "film"):
        steps = steps_of(trace, text)
        word(page, text).hover()
        assert np.abs(shares(page, trace) - exact(trace, "excess", steps)).max() <= 0.0051  # names have two decimals
        assert f"“{text}”" in live(page)
    assert page.evaluate("omnitrace.get('selection') ?? null") is None
    page.mouse.move(3, 3)
    assert "The whole response" in live(page)


def test_beside_the_words_a_statement_is_pointed_at_as_a_whole(page, trace):
    page.locator(".otr-statement .otr-number").nth(2).hover()
    assert live(page).startswith("Statement 3 of 5 rests on image 2")
    own = np.flatnonzero(trace.statement_of == 2)
    assert np.abs(shares(page, trace) - exact(trace, "excess", (own[0], own[-1] + 1))).max() <= 0.0051


def test_a_range_of_words_is_dragged_over_pinned_and_told_to_python(page, trace):
    first, last = steps_of(trace, "picture")[0], steps_of(trace, "circle.")[1]
    drag(page, word(page, "picture"), word(page, "circle."))
    assert page.locator(".otr-live").get_attribute("aria-busy") == "true"  # nothing is read out meanwhile
    page.mouse.up()
    assert selection(page, {"steps": [first, last]})
    page.mouse.move(3, 3)
    assert np.abs(shares(page, trace) - exact(trace, "excess", (first, last))).max() <= 0.0051
    assert live(page).startswith(f"“picture shows a red circle.”, steps {first + 1}-{last}, pinned, rests on image 1")
    assert page.locator(".otr-live").get_attribute("aria-busy") == "false"
    assert picked(page).startswith("picture shows a red circle.")
    # Python's own attribution of those steps says the same.
    said = trace.attribute("excess", target=range(first, last))
    assert np.abs(shares(page, trace) - said.set_index("source")["share"].sort_index()).max() <= 0.0051
    copied = page.evaluate("""() => {
        const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true });
        document.activeElement.dispatchEvent(event);
        return event.clipboardData.getData("text/plain");
    }""")
    assert copied == "picture shows a red circle."
    page.keyboard.press("Escape")
    assert selection(page, None)


def test_a_range_backwards_and_across_statements(page, trace):
    first, last = steps_of(trace, "box.")[0], steps_of(trace, "first")[1]
    drag(page, word(page, "first"), word(page, "box."))
    page.mouse.up()
    assert selection(page, {"steps": [first, last]})
    assert page.evaluate("omnitrace.get('pinned') ?? null") is None
    page.mouse.move(3, 3)
    kept = drawn(page).locator(".otr-word.otr-kept").all_inner_texts()
    assert " ".join(kept) == "box. - The first"


def test_a_range_that_is_a_statement_rests_on_what_the_statement_does(page):
    for number in range(5):
        own = page.locator(f'[data-statement="{number}"]')
        drag(page, own.locator(".otr-word").first, own.locator(".otr-word").last)
        page.mouse.up()
        page.mouse.move(3, 3)
        chips = [chip.inner_text() for chip in own.locator(".otr-chip").all()]
        assert [chip.inner_text() for chip in drawn(page).locator(".otr-picked .otr-chip").all()] == chips


def test_a_finger_drags_a_range(chromium, trace, tmp_path):
    file = tmp_path / "touch.html"
    trace.to_html(file)
    context = chromium.new_context(viewport={"width": 420, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector(".otr-live:not(:empty)")
    (x, y), (to, _) = middle(word(page, "picture")), middle(word(page, "shows"))
    touch = context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for at in np.linspace(x, to, 8):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": float(at), "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert selection(page, {"steps": [steps_of(trace, "picture")[0], steps_of(trace, "shows")[1]]})
    context.close()


def test_a_click_pins_the_statement_and_a_double_click_the_word(page, trace):
    word(page, "circle.").click()
    page.wait_for_function("() => omnitrace.get('pinned') === 1")
    assert live(page).startswith("Statement 2 of 5, pinned")
    word(page, "blue").dblclick()
    assert selection(page, {"steps": list(steps_of(trace, "blue"))})
    assert page.evaluate("omnitrace.get('pinned') ?? null") is None
    assert live(page).startswith("“blue”")


def test_words_are_reached_and_ranges_made_by_keyboard(page):
    page.locator(".otr-statement").first.focus()
    page.keyboard.press("ArrowRight")
    assert live(page).startswith("“The”, step 1 of")
    page.keyboard.press("ArrowRight")
    assert live(page).startswith("“key”")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert live(page).startswith("“key is in”, steps 2-4")
    page.keyboard.press("Enter")
    assert selection(page, {"steps": [1, 4]})
    assert page.evaluate("() => document.activeElement.dataset.statement") == "0"
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # on into the next statement, and the focus with it
    assert page.evaluate("() => document.activeElement.dataset.statement") == "1"
    assert live(page).startswith("“-”")
    page.keyboard.press("ArrowLeft")
    assert live(page).startswith("“box.”")
    page.keyboard.press("Escape")  # back to the statement; the pin stays
    assert live(page).startswith("Statement 1 of 5")
    assert selection(page, {"steps": [1, 4]})
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.dataset.statement") == "1"
    page.keyboard.press("Escape")
    assert selection(page, None)


def test_right_to_left_words_follow_the_keys_as_they_are_seen(opened):
    trace = make_trace(response="שלום עולם טוב.\nThe lamp.", planted=PLAIN * 2)
    page = opened(trace)
    page.locator(".otr-statement").first.focus()
    page.keyboard.press("ArrowLeft")
    assert live(page).startswith("“שלום”")
    page.keyboard.press("Shift+ArrowLeft")
    assert live(page).startswith("“שלום עולם”")
    page.keyboard.press("Enter")
    assert selection(page, {"steps": [0, steps_of(trace, "עולם")[1]]})


def test_python_selects_a_range(page, trace):
    first, last = steps_of(trace, "blue")[0], steps_of(trace, "green")[1]
    page.evaluate("steps => omnitrace.set('selection', { steps })", [first, last])
    assert np.abs(shares(page, trace) - exact(trace, "excess", (first, last))).max() <= 0.0051
    assert page.locator(".otr-word.otr-kept").first.inner_text() == "blue"


def test_an_input_lights_the_words_that_it_drove(page, trace):
    [planted] = supporting(trace.source_records)[3]
    page.locator(f'.otr-source[data-source="{planted}"]').hover()
    shade = "all => all.map(el => Number(el.style.getPropertyValue('--otr-shade')))"
    words = drawn(page).locator(".otr-word")
    lit = np.array(words.evaluate_all(shade))
    steps = words.evaluate_all("all => all.map(el => el.dataset.steps.split(' ').map(Number))")
    # The share of the source in all that each step's scores went to, by definition.
    places = trace.scores("excess").astype(float).clip(min=0)
    own = places[:, trace.source_records[planted].positions].sum(axis=1)
    share = own / (places.sum(axis=1) + trace.earlier("excess").sum(axis=1))
    exactly = np.array([share[slice(*each)].mean() for each in steps])
    assert np.diff(lit[exactly.argsort()]).min() >= 0
    assert {statement for (start, _), shade in zip(steps, lit, strict=True) if shade > 0.4
            for statement in [trace.statement_of[start]]} == {3}  # fmt: skip
    best = int(share.argmax())
    assert f"({share[best]:.2f})" in live(page)


def test_cells_in_focus_light_words_too(page, trace):
    page.evaluate("() => omnitrace.set('selection', { part: 1, box: [64, 60, 192, 180] })")
    lit = (
        drawn(page)
        .locator(".otr-word")
        .evaluate_all(
            "all => all.filter(el => el.style.getPropertyValue('--otr-shade') > 0.5).map(el => el.textContent)"
        )
    )
    assert lit
    assert all(text in trace.statements["text"][2] for text in lit)
    assert "drove" in live(page)


def test_word_pieces_are_joined_and_shown_on_request(opened):
    trace = make_trace(response="The cup is 😀 green.\n我喜欢茶。\n<b>No</b> markup.", planted=PLAIN * 3)
    page = opened(trace)
    first = page.locator(".otr-said").first
    assert first.inner_text() == "The cup is 😀 green."
    assert first.locator(".otr-word").all_inner_texts() == ["The", "cup", "is", "😀", "green."]
    emoji = first.locator(".otr-word").nth(3).get_attribute("data-steps").split()
    assert int(emoji[1]) - int(emoji[0]) == 2  # two tokens, one character
    assert "".join(page.locator(".otr-said").nth(1).locator(".otr-word").all_inner_texts()) == "我喜欢茶。"
    assert page.locator(".otr-said").nth(1).locator(".otr-word").count() > 1  # no spaces: a token each
    assert page.locator(".otr-said").nth(2).inner_text() == "<b>No</b> markup."
    assert page.locator(".otr-said b").count() == 0

    page.get_by_role("button", name="Tokens").click()
    tokens = drawn(page).locator(".otr-token").all_inner_texts()
    assert len(tokens) == len(trace)
    marks = str.maketrans({" ": "␣", "\n": "⏎"})
    assert tokens == [token.translate(marks) or "⟨special⟩" for token in trace.steps["token"]]
    page.get_by_role("button", name="Tokens").click()
    assert drawn(page).locator(".otr-token").count() == 0


def test_improbable_tokens_are_marked_and_their_numbers_told(page, trace):
    odds = np.exp(trace.steps["logprob"].to_numpy())
    for each in page.locator(".otr-word").all():
        start, stop = map(int, each.get_attribute("data-steps").split())
        assert ("otr-unsure" in each.get_attribute("class")) == (odds[start:stop].min() < 0.5)
    word(page, "red").hover()
    step = steps_of(trace, "red")[0]
    told = f"log-probability \N{MINUS SIGN}{-np.log(odds[step]):.2g} ({odds[step]:.2f})"
    assert f"step {step + 1} of {len(trace)}, {told}" in picked(page)


def test_confidence_is_the_mean_of_the_votes(page, trace):
    votes = trace.votes("excess")
    for number in range(5):
        said = page.locator(".otr-statement").nth(number).locator(".otr-sure").inner_text()
        own = votes.loc[votes["statement"] == number + 1, "confidence"].mean()
        assert float(said.removeprefix("conf. ")) == pytest.approx(own, rel=0.05)  # two digits


def test_the_budget_of_a_statement_is_a_bar_with_its_numbers_in_words(page, trace):
    budget = trace.budget.query("signal == 'excess'")
    for number in range(5):
        bar = page.locator(".otr-statement").nth(number).locator(".otr-budget")
        rows = budget[budget["statement"] == number + 1]
        place = rows["kind"].astype(str).where(rows["kind"] != "source", rows["modality"].astype(str))
        exactly = rows["share"].groupby(place).sum()
        said = dict(
            each.rsplit(" ", 1)
            for each in bar.get_attribute("aria-label").removeprefix("Evidence budget: ").split(", ")
        )
        assert list(said) == [each for each in PLACES if exactly.get(each, 0) >= 0.005]
        assert all(abs(float(share) - exactly[name]) <= 0.0051 for name, share in said.items())
    page.locator(".otr-number").first.hover()
    legend = [each.rsplit(None, 1) for each in drawn(page).locator(".otr-places li:visible").all_inner_texts()]
    mean = by_place(trace, "excess")[trace.statement_of == 0].mean(axis=0)
    assert [name for name, _ in legend] == list(PLACES)
    assert np.abs(np.array([float(share) for _, share in legend]) - mean).max() <= 0.0051


def test_the_scrubber_goes_through_the_steps_by_mouse_and_keys(page, trace):
    lane = page.locator(".otr-run").bounding_box()
    at = steps_of(trace, "circle.")[0]
    page.mouse.move(lane["x"] + (at + 0.5) / len(trace) * lane["width"], lane["y"] + 10)
    assert live(page).startswith(f"“circle”, step {at + 1} of {len(trace)}")  # under the mouse
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(3, 3)
    assert np.abs(shares(page, trace) - exact(trace, "excess", (at, at + 1))).max() <= 0.0051
    later = page.locator(".otr-word.otr-later").all_inner_texts()
    assert "circle." not in later
    assert "second" in later
    scrub = page.get_by_role("slider", name="Step of the generation")
    assert scrub.evaluate("el => el === document.activeElement")
    page.keyboard.press("ArrowRight")
    assert drawn(page).locator(".otr-picked q").inner_text() == "."
    assert scrub.get_attribute("aria-valuetext") == f"{at + 2} of {len(trace)}: ."
    page.keyboard.press("Escape")
    assert "The whole response" in live(page)
    assert page.locator(".otr-later").count() == 0
    page.keyboard.press("Home")
    assert live(page).startswith("“The”, step 1 of")
    page.keyboard.press("End")
    assert "The whole response" in live(page)


PLAYED = """() => {
    window.played = new Set();
    window.busy = false;
    const look = () => {
        for (const word of document.querySelectorAll(".otr-word.otr-in")) window.played.add(word.textContent.trim());
        window.busy ||= document.querySelector(".otr-live").getAttribute("aria-busy") === "true";
    };
    new MutationObserver(look).observe(document.querySelector(".omnitrace-view"), {
        subtree: true, childList: true, attributes: true,
    });
}"""


def test_play_runs_to_the_end_and_gives_the_whole_response_again(opened):
    page = opened(make_trace(response="The key is red.", planted=PLAIN))
    page.evaluate(PLAYED)
    page.get_by_role("button", name="Play the response").click()
    page.wait_for_function("() => window.busy")
    page.wait_for_selector(".otr-live[aria-busy='false']:text('The whole response')")
    assert {"key", "is"} <= set(page.evaluate("() => [...window.played]"))
    assert page.get_by_role("button", name="Play the response").is_visible()


def test_play_is_paused_where_it_is(opened, trace):
    page = opened(trace)
    page.get_by_role("button", name="Play the response").click()
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector(".otr-live[aria-busy='false']")
    assert "step" in live(page)


def test_play_takes_one_step_at_a_time_where_motion_is_unwelcome(opened, trace):
    page = opened(trace, motion="reduce")
    button = page.get_by_role("button", name="Next step")
    button.click()
    assert live(page).startswith("“The”, step 1 of")
    button.click()
    assert live(page).startswith("“key”, step 2 of")


def wire(model):
    return base64.b64encode(model.response()).decode()


GROW = """data => omnitrace.set("response",
    new DataView(Uint8Array.from(atob(data), char => char.charCodeAt(0)).buffer))"""


def test_a_response_that_grows_keeps_focus_scroll_and_pins(opened):
    lines = [f"Lamp {i} is blue.\n" for i in range(60)]
    begun = make_trace(response="".join(lines[:40]) + "Lamp 40", planted=PLAIN * 41)
    whole = make_trace(response="".join(lines), planted=PLAIN * 60)
    page = opened(begun)
    page.locator(".otr-statement").nth(12).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    steps = page.evaluate("() => omnitrace.get('selection')?.steps") or page.wait_for_function(
        "() => omnitrace.get('selection')?.steps").json_value()  # fmt: skip
    page.evaluate("() => { window.kept = document.querySelector('[data-statement=\"12\"] .otr-word'); }")
    scroll = page.evaluate("() => document.querySelector('.otr-statements').scrollTop")
    page.evaluate(GROW, wire(view.model(whole)))
    page.wait_for_function("() => document.querySelectorAll('.otr-statement').length === 60")
    assert page.evaluate("() => kept.isConnected")  # not drawn again
    assert page.evaluate("() => document.activeElement.dataset.statement") == "12"
    assert page.evaluate("() => document.querySelector('.otr-statements').scrollTop") == scroll
    assert page.evaluate("() => omnitrace.get('selection').steps") == steps
    assert page.locator('[data-statement="40"] .otr-said').text_content() == "Lamp 40 is blue."
    page.keyboard.press("Shift+ArrowRight")
    assert live(page).startswith("“Lamp 12 is”")
    page.mouse.move(*middle(page.locator('[data-statement="12"] .otr-number')))
    # And back to fewer, as another trace may have.
    page.evaluate(GROW, wire(view.model(make_trace(response="One.", planted=PLAIN))))
    page.wait_for_function("() => document.querySelectorAll('.otr-statement').length === 1")
    assert page.locator(".otr-error").count() == 0


def repeated(model, times):
    """Give a view model whose response is said so many times over, without the scores of so long a trace."""
    said, steps, each, length = model.said, model.steps, len(model.statements), len(model.said.text)

    def sparse(rows):
        start = np.concatenate([[0], np.tile(np.diff(rows.start), times).cumsum()]).astype(np.int32)
        gap, value, scale = (np.tile(array, times) for array in (rows.gap, rows.value, rows.scale))
        return Sparse(start, gap, value, scale, rows.most)

    count = len(said.pieces)
    again = np.repeat(np.arange(times), count)
    return replace(
        model,
        statements=tuple(
            replace(
                one,
                id=one.id + turn * each,
                first=one.first + turn * count,
                stop=one.stop + turn * count,
                chars=(one.chars[0] + turn * length, one.chars[1] + turn * length),
            )
            for turn in range(times)
            for one in model.statements
        ),
        said=replace(
            said,
            text=said.text * times,
            pieces=said.pieces * times,
            chars=np.tile(said.chars, (times, 1)) + length * again[:, None].astype(np.int32),
            statement_of=np.where(
                np.tile(said.statement_of, times) < 0, -1, np.tile(said.statement_of, times) + each * again
            ),
            logprobs=np.tile(said.logprobs, times),
            tags=said.tags * times,
        ),
        later=SimpleNamespace(
            steps=replace(
                steps,
                source=np.tile(steps.source, times),
                confidence=np.tile(steps.confidence, times),
                mass=sparse(steps.mass),
                heat=sparse(steps.heat),
                budget=np.tile(steps.budget, (1, times, 1)),
            )
        ),
    )


def test_five_thousand_statements_do_not_freeze_the_page(opened):
    trace = make_trace(response="The lamp is blue.\nThe cup is green.\n", planted=PLAIN * 2, signals=("excess",))
    page = opened(trace)
    page.evaluate(GROW, wire(repeated(view.model(trace), 2500)))
    page.wait_for_function("() => document.querySelectorAll('.otr-statement').length > 2")
    assert page.locator(".otr-statement").count() == 5000
    assert page.locator(".otr-word").count() < 2000  # only those near the window have words
    median = page.evaluate("""async () => {
        const rows = document.querySelectorAll(".otr-statement");
        const times = [];
        for (let i = 0; i < 20; i++) {
            const from = performance.now();
            rows[i % 8].querySelector(".otr-number").dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
            await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
            times.push(performance.now() - from);
        }
        return times.sort((a, b) => a - b)[10];
    }""")
    assert median < 100  # milliseconds; 17 alone on the machine
    last = page.locator(".otr-statement").last
    last.scroll_into_view_if_needed()
    last.locator(".otr-word", has_text="green").hover()
    assert live(page).startswith("“green.”, steps ")


@pytest.mark.parametrize(("response", "planted"), [("", ()), ("Yes", PLAIN), ("\n\n", ())])
def test_no_statement_and_one_token(opened, response, planted):
    page = opened(make_trace(response=response, planted=planted))
    assert page.locator(".otr-statement").count() == len(planted)
    page.get_by_role("button", name="Play the response").click()
    page.wait_for_selector(".otr-live[aria-busy='false']:text('The whole response')")
    page.get_by_role("button", name="Tokens").click()
    assert drawn(page).locator(".otr-error").count() == 0


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in js/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["range", "step", "tokens", "source"])
def test_axe_finds_no_violation(opened, trace, scheme, state):
    page = opened(trace, scheme=scheme, motion="reduce")
    if state == "range":
        drag(page, word(page, "picture"), word(page, "blue"))
        page.mouse.up()
    elif state == "step":
        page.get_by_role("slider", name="Step of the generation").focus()
        page.keyboard.press("Home")
        for _ in range(9):
            page.keyboard.press("ArrowRight")
    elif state == "tokens":
        page.get_by_role("button", name="Tokens").click()
    else:
        page.locator(".otr-source").first.hover()
    drawn(page).evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
