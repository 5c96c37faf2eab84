/** The view of a trace: an anywidget front-end module. All linking is done here; the kernel is never asked. */

import { createLegend, createToolbar } from "./bar.js";
import { compare } from "./compare.js";
import { Data } from "./data.js";
import { h, KEYS_STAY } from "./dom.js";
import { isResponse, pointedAt, same } from "./focus.js";
import { rove } from "./keys.js";
import { createLive } from "./live.js";
import { Media } from "./media.js";
import { unpack } from "./pack.js";
import { adrift, keep } from "./place.js";
import { createPlayground } from "./playground.js";
import { createPrompt } from "./prompt.js";
import { createResponse } from "./response.js";
import { createSteps } from "./steps.js";
import { createStore } from "./store.js";
import { followTheme } from "./theme.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Focus, Shown, State } from "./types.js" */

/**
 * @param {{model: AnyModel, el: HTMLElement, signal?: AbortSignal}} props
 * @returns {Promise<() => void>}
 */
async function render({ model, el, signal }) {
  const key = model.get("prompt");
  const moved = key && adrift(key);
  const { root, stop } = moved ?? {
    root: h("div", { class: "omnitrace-view", ...KEYS_STAY }),
    stop: new AbortController(),
  };
  const end = () => stop.abort();
  signal?.addEventListener("abort", end);
  el.append(root);
  moved?.restore();
  if (moved) return end;
  if (key) keep(key, root, stop);
  try {
    if (model.get("columns")) await comparison(root, model, stop.signal);
    else {
      const [data] = await Data.read(model, new Media(model, stop.signal));
      if (!stop.signal.aborted) show(root, model, data, stop.signal);
    }
  } catch (error) {
    fail(root, error);
  }
  return end;
}

/** Columns side by side, drawn again when Python compares others. @param {HTMLElement} root @param {AnyModel} model @param {AbortSignal} signal */
async function comparison(root, model, signal) {
  let stop = new AbortController();
  const draw = async () => {
    stop.abort();
    stop = new AbortController();
    root.replaceChildren();
    try {
      await compare(root, model, stop.signal, show);
    } catch (error) {
      fail(root, error);
    }
    problem(root, model.get("error"));
  };
  const complain = () => problem(root, model.get("error"));
  root.classList.add("otr-compare");
  model.on("change:columns", draw);
  model.on("change:error", complain);
  signal.addEventListener("abort", () => {
    stop.abort();
    model.off("change:columns", draw);
    model.off("change:error", complain);
  });
  await draw();
}

/** @param {HTMLElement} root @param {unknown} error */
function fail(root, error) {
  problem(root, `The view could not be drawn: ${error instanceof Error ? error.message : error}`);
}

/** What went wrong, in words, under the view; nothing if empty. @param {HTMLElement} root @param {string} [words] */
function problem(root, words) {
  root.querySelector(".otr-error")?.remove();
  if (words) root.append(h("p", { class: "otr-error", role: "alert" }, words));
}

/**
 * @param {HTMLElement} root
 * @param {AnyModel} model
 * @param {Data} data
 * @param {AbortSignal} signal
 * @param {{changed?: () => void, view?: (shown: Shown, state: State) => Shown}} [hooks]  of a view among others
 */
function show(root, model, data, signal, { changed, view } = {}) {
  let frame = 0;
  /** @type {{source: number, chosen: boolean} | null} to be brought into sight, once texts are folded for it */
  let wanted = null;
  /** @type {Focus | null} the pin that was last drawn */
  let kept = null;
  const store = createStore(model, data, update, signal);
  const toolbar = createToolbar(data, store);
  const response = createResponse(data, store);
  const prompt = createPrompt(data, store);
  const steps = createSteps(data, store);
  const legend = createLegend(data);
  const live = createLive(model, root, signal);
  const playground = createPlayground(data, store);
  const scroll = h("div", { class: "otr-scroll" }, prompt.el);
  root.append(
    toolbar.el,
    h(
      "div",
      { class: "otr-panes" },
      h(
        "div",
        { class: "otr-pane otr-response" },
        h("div", { class: "otr-titled" }, h("div", { class: "otr-heading" }, "Response"), live.el),
        response.el,
      ),
      h("div", { class: "otr-pane otr-prompt" }, h("div", { class: "otr-heading" }, "Prompt"), scroll),
    ),
    steps.el,
    legend.el,
    playground.el,
  );
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(frame);
    response.dispose();
    prompt.dispose();
    steps.dispose();
  });

  function update() {
    draw();
    changed?.();
  }
  function draw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      try {
        const state = live.newest(store.get(), data);
        if (!same(state.pinned, kept)) {
          kept = state.pinned;
          const [best] = isResponse(kept) ? data.evidenceOf(state, kept) : [];
          if (best) wanted ??= { source: best.sources[0], chosen: false };
        }
        const own = data.shown(state);
        const shown = view?.(own, state) ?? own;
        toolbar.paint(shown, state);
        response.paint(shown, state);
        prompt.paint(shown, state);
        steps.paint(shown, state);
        legend.paint(shown, state);
        playground.paint(shown, state);
        root.classList.toggle("otr-active", shown.inputs !== null);
        if (wanted) reveal(scroll, prompt.sources.reach(wanted.source), wanted.chosen);
        wanted = null;
      } catch (error) {
        fail(root, error);
      }
    });
  }

  /** @param {EventTarget | null} target @returns {Focus | null} */
  function focusOf(target) {
    const el =
      target instanceof Element ? target.closest("[data-token], [data-source], [data-statement]") : null;
    if (!(el instanceof HTMLElement)) return null;
    const { token, source, statement } = el.dataset;
    if (token !== undefined) return { kind: "token", id: Number(token) };
    if (source !== undefined) return { kind: "source", id: Number(source) };
    const chip = /** @type {Element} */ (target).closest("[data-chip]");
    const named = chip instanceof HTMLElement ? { chip: Number(chip.dataset.chip) } : {};
    return { kind: "statement", id: Number(statement), ...named };
  }
  /** @param {Focus | null} focus */
  function pin(focus) {
    const chosen = focus?.kind === "statement" && focus.chip !== undefined;
    const unpin = focus === null || (same(focus, store.get().pinned) && !chosen);
    store.set({ pinned: unpin ? null : focus });
    if (chosen && focus.chip !== undefined) wanted = { source: focus.chip, chosen };
  }
  function clear() {
    store.hover(null);
    store.set({ pinned: null, step: null });
  }

  for (const moved of /** @type {const} */ (["pointerover", "pointermove"]))
    root.addEventListener(moved, (event) => {
      if (!event.buttons) store.hover(pointedAt(event) ?? focusOf(event.target));
    });
  root.addEventListener("pointerleave", () => store.hover(null));
  root.addEventListener("focusin", ({ target }) => store.hover(focusOf(target)));
  root.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) store.hover(null);
  });
  root.addEventListener("click", (event) => {
    const focus = (event.detail ? pointedAt(event) : null) ?? focusOf(event.target); // 0: no mouse, a screen reader
    if (focus) pin(focus);
  });
  const actions = { enter: (/** @type {HTMLElement} */ item) => pin(focusOf(item)), clear };
  rove(response.list, response.items, actions);
  prompt.sources.keys(prompt.el, { ...actions, enter: (item) => pin(prompt.inside(item) ?? focusOf(item)) });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
  });
  const complain = () => problem(root, model.get("error"));
  let latest = 0;
  const grow = async () => {
    const own = ++latest;
    try {
      const [pack] = await unpack(model.get("response"));
      if (signal.aborted || !pack || own !== latest) return;
      data.take(pack);
      live.grow(response.list, () => {
        for (const piece of [toolbar, response, legend]) piece.grow();
      });
      store.follow();
      draw();
    } catch (error) {
      fail(root, error);
    }
  };
  model.on("change:error", complain);
  model.on("change:response", grow);
  signal.addEventListener("abort", () => {
    model.off("change:error", complain);
    model.off("change:response", grow);
  });
  followTheme(root, draw, signal);
  complain();
  draw();
  return { store, draw };
}

/**
 * Bring a source into sight within the prompt's own scroll area; the page itself does not move. On narrow screens there
 * is no such area, and the page goes to a source whose own chip was chosen.
 * @param {HTMLElement} area
 * @param {HTMLElement | undefined} el
 * @param {boolean} asked
 */
function reveal(area, el, asked) {
  if (!el) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const behavior = calm ? "auto" : "smooth";
  if (getComputedStyle(area).overflowY === "visible") {
    if (asked) el.scrollIntoView({ block: "center", behavior });
    return;
  }
  const inner = el.getBoundingClientRect();
  const outer = area.getBoundingClientRect();
  if (inner.top >= outer.top && inner.bottom <= outer.bottom) return;
  area.scrollBy({ top: inner.top - outer.top - outer.height / 3, behavior });
}

export default { render };
