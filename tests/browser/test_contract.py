"""The widget in hosts that hold it to anywidget's documented front-end contract (AFM), which VS Code and Colab go by.

A host gives `render` a model with get, set, save_changes, on, off and send, an element, and, newer ones, a signal. The
hosts here refuse everything else; some are older, or give bytes in other ways.
"""

import base64

import pytest
import speed
from traces import make_trace, supporting

HOST = """async ({ code, css, state, buffers, kind }) => {
    const told = { used: [], sent: [], saved: [] };
    const give = {
        view: (data) => new DataView(data.buffer),
        offset: (data) => {
            const room = new Uint8Array(data.length + 11);
            room.fill(255);
            room.set(data, 3);
            return new DataView(room.buffer, 3, data.length);
        },
        buffer: (data) => data.buffer,
        array: (data) => data,
    }[kind.bytes];
    const freeze = (value) => {
        if (value && typeof value === "object" && !ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) {
            Object.values(value).forEach(freeze);
            Object.freeze(value);
        }
        return value;
    };
    for (const [name, text] of Object.entries(buffers))
        state[name] = give(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
    Object.values(state).forEach(freeze);
    const listeners = new Map();
    const changed = new Set();
    const know = (name) => { if (!(name in state)) throw new Error(`no trait ${name}`); };
    const model = {
        get: (name) => state[name],
        set: (name, value) => {
            know(name);
            structuredClone(value);
            state[name] = freeze(value);
            changed.add(name);
            for (const call of listeners.get(`change:${name}`) ?? []) call();
        },
        save_changes: () => { told.saved.push(...changed); changed.clear(); },
        on: (event, call) => {
            if (!/^(change:\\w+|msg:custom)$/.test(event)) throw new Error(`no event ${event}`);
            listeners.set(event, (listeners.get(event) ?? new Set()).add(call));
        },
        off: (event, call) => {
            if (!listeners.get(event)?.delete(call)) throw new Error(`off without on: ${event}`);
        },
        send: (content) => { told.sent.push(structuredClone(content)); },
    };
    if (!kind.send) delete model.send;
    const strict = (what, target, more = []) => new Proxy(target, {
        get(own, name) {
            if (typeof name === "symbol" || name === "then") return undefined;
            told.used.push(`${what}.${name}`);
            if (!(name in own) && !more.includes(name)) throw new Error(`${what}.${name} is not in the contract`);
            return own[name];
        },
        set() { throw new Error(`${what} is not the widget's to change`); },
    });
    document.adoptedStyleSheets = [await new CSSStyleSheet().replace(css)];
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const module = await import(url);
    const exported = Object.keys(module);
    const hooks = Object.keys(module.default);
    const el = document.body.appendChild(document.createElement("div"));
    const stop = new AbortController();
    const props = { model: strict("model", model, ["send"]), el };
    if (kind.signal) props.signal = stop.signal;
    const end = await module.default.render(strict("props", props, ["signal"]));
    Object.assign(window, { told, model, state, listeners, end: kind.signal ? () => stop.abort() : end });
    return { exported, hooks };
}"""
USUAL = {"bytes": "view", "signal": True, "send": True}


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture
def shown(chromium, watched, trace):
    """Show the trace in a host of some kind."""
    pages = []

    def show(**kind):
        page = watched.follow(chromium.new_page(viewport={"width": 1200, "height": 900}))
        pages.append(page)
        page.set_default_timeout(20_000)
        page.route(
            speed.HOME, lambda route: route.fulfill(body="<!doctype html><body></body>", content_type="text/html")
        )
        page.goto(speed.HOME)
        view = trace.view()
        state, buffers = speed.traits(view)
        code, css = str(view._esm), str(view._css)
        given = {"code": code, "css": css, "state": state, "buffers": buffers, "kind": {**USUAL, **kind}}
        page.module = page.evaluate(HOST, given)
        page.locator(".otr-statement").first.wait_for()
        return page

    yield show
    for page in pages:
        page.close()


def pin(page, number):
    """Click a statement; wait until the host was told to save it."""
    page.locator(f'.otr-statement[data-statement="{number}"]').click()
    page.wait_for_function("number => state.pinned === number && told.saved.includes('pinned')", arg=number)


@pytest.mark.parametrize("form", ["view", "offset", "buffer", "array"])
def test_bytes_are_read_in_every_form_that_hosts_give_them_in(shown, trace, form):
    page = shown(bytes=form)
    for number, planted in enumerate(supporting(trace.source_records)):
        pin(page, number)
        page.wait_for_function(
            """planted => {
                const ranked = Array.from(document.querySelectorAll(".otr-source.otr-ranked"));
                return ranked.length && ranked.every((el) => planted.includes(Number(el.dataset.source)));
            }""",
            arg=sorted(planted),
        )
    loaded = page.locator(".otr-part-image img").evaluate_all("all => all.map(el => el.naturalWidth > 0)")
    assert all(loaded)


def test_only_what_is_documented_is_used(shown):
    page = shown()
    assert page.module == {"exported": ["default"], "hooks": ["render"]}
    pin(page, 1)
    page.evaluate("() => model.set('signal', 'attmean')")
    page.wait_for_function("() => document.querySelector('.otr-signal select').value === 'attmean'")
    page.get_by_role("button", name="Play sound 1").click()
    page.wait_for_function("() => told.sent.length > 0")
    used = set(page.evaluate("() => told.used"))
    surface = {f"model.{name}" for name in ("get", "set", "save_changes", "on", "off", "send")}
    assert used <= surface | {"props.model", "props.el", "props.signal"}
    assert {"model.get", "model.set", "model.save_changes", "model.on", "model.send"} <= used


@pytest.mark.parametrize("signal", [True, False], ids=["signal", "cleanup function"])
def test_a_view_that_is_taken_away_listens_no_more(shown, signal):
    page = shown(signal=signal)
    pin(page, 1)
    assert page.evaluate("() => Array.from(listeners.values()).some(calls => calls.size > 0)")
    page.evaluate("() => end()")
    assert page.evaluate("() => Array.from(listeners.values()).every(calls => calls.size === 0)")


def test_an_original_comes_by_message_in_any_form_of_bytes(shown, trace):
    page = shown()
    page.get_by_role("button", name="Play sound 1").click()
    page.wait_for_function("() => told.sent.length > 0")
    asked = page.evaluate("() => told.sent[0]")
    assert asked == {"type": "media", "part": 3}
    data = base64.b64encode(trace.parts[3].media).decode()
    page.evaluate(
        """data => {
            const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
            const said = { type: "media", part: 3, mime: "audio/wav", error: null };
            for (const call of listeners.get("msg:custom")) call(said, [new DataView(bytes.buffer)]);
        }""",
        data,
    )
    page.get_by_role("button", name="Pause sound 1").wait_for()


def test_a_host_without_messages_says_that_nothing_can_be_played(shown):
    page = shown(send=False)
    page.get_by_role("button", name="Play sound 1").click()
    page.get_by_text("this host brings no originals").wait_for()
    pin(page, 2)
