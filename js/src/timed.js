/** What sound and film share: lanes on one axis, an interval that can be chosen, the head of the player, controls. */

import { clock, stretch } from "./clock.js";
import { h, percent } from "./dom.js";
import { cellsOfTime, same } from "./focus.js";
import { createLane } from "./lane.js";
import { createControls } from "./playing.js";
import { createTimeline, duration } from "./timeline.js";
import { begin, drawShares } from "./wave.js";

/** @import { Data } from "./data.js" */
/** @import { Lane } from "./lane.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Store } from "./store.js" */
/** @import { Focus, Part, Shown, State } from "./types.js" */

const OVERVIEW = 10; // pixels, as in the style sheet
const DRAG = 4; // pixels from which a press is a drag

/**
 * @param {Data} data
 * @param {Part} part
 * @param {Sources} sources
 * @param {Store} store
 * @param {() => HTMLMediaElement} create
 */
export function createTimed(data, part, sources, store, create) {
  /** @type {Lane[]} */
  const lanes = [];
  const timeline = createTimeline(duration(part), repaint);
  const { total } = timeline;
  const band = h("div", { class: "otr-band", hidden: true });
  const cursor = h("div", { class: "otr-cursor", "aria-hidden": "true", hidden: true }, h("span"));
  const tracks = h("div", { class: "otr-tracks" }, band, cursor);
  const overview = h("div", { class: "otr-overview", "aria-hidden": "true", hidden: true }, h("i"));
  const controls = createControls({ data, part, sources, store, timeline, tracks, create });
  const el = h(
    "div",
    { class: "otr-time" },
    h("div", { class: "otr-side" }, controls.button),
    h("div", { class: "otr-stack" }, tracks, timeline.axis, overview, controls.el),
  );
  /** @type {[Shown, State] | null} */
  let last = null;
  let fitted = "";
  let width = 0; // pixels, as it was told: asking the page for it makes it lay everything out
  /** @type {{x: number, time: number} | null} */
  let pressed = null;
  let dragged = false;
  /** @type {number | null} where an interval that Shift and arrows choose began */
  let anchor = null;
  let stepping = false;

  /** @param {Focus | null} focus @returns {[number, number] | null}  if it is an interval of this part */
  const own = (focus) =>
    focus?.kind === "cells" && focus.part === part.index && "time" in focus.region ? focus.region.time : null;
  /** @param {number} a @param {number} b  seconds, in any order */
  const between = (a, b) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)].map((time) => Math.round(time * 1000) / 1000);
    return cellsOfTime(part, [Math.max(0, from), Math.min(total, Math.max(to, from + 0.001))]);
  };
  /** @param {number} id @returns {Lane | undefined} */
  const laneOf = (id) => lanes.find((lane) => lane.has(id));
  /** @param {Event} event */
  const laneUnder = ({ target }) =>
    lanes.find((lane) => target instanceof Node && lane.el.contains(target)) ?? lanes[0];
  /** @param {Event} event @param {number} time @returns {number | undefined} */
  function sourceUnder(event, time) {
    const bin = event.target instanceof Element ? event.target.closest("[data-source]") : null;
    return bin instanceof HTMLElement ? Number(bin.dataset.source) : laneUnder(event)?.at(time)?.id;
  }
  /** @param {MouseEvent} event */
  function timeUnder({ clientX }) {
    const { left, width } = tracks.getBoundingClientRect();
    return timeline.at((clientX - left) / Math.max(width, 1));
  }
  /** @param {number} id @returns {[number, number]} */
  const timeOf = (id) => sources.sources[id].time ?? [0, total];

  /** @param {PointerEvent} event */
  function point(event) {
    const time = timeUnder(event);
    cursor.hidden = false;
    cursor.style.left = percent(timeline.share(time));
    cursor.classList.toggle("otr-late", timeline.share(time) > 0.5);
    const [from, to] = timeline.shown();
    /** @type {HTMLElement} */ (cursor.firstChild).textContent = clock(time, total, to - from < 120 ? 1 : 0);
    if (pressed && (dragged || Math.abs(event.clientX - pressed.x) > DRAG)) {
      if (!dragged) tracks.setPointerCapture(event.pointerId);
      dragged = true;
      store.hover(between(pressed.time, time));
      return;
    }
    const { pinned } = store.get();
    const kept = own(pinned);
    const source = sourceUnder(event, time);
    // Inside the pinned interval the mouse means the interval, so that its words stay lit while one looks.
    if (kept && time >= kept[0] && time <= kept[1]) store.hover(pinned);
    else store.hover(source === undefined ? null : { kind: "source", id: source });
  }

  tracks.addEventListener("pointerover", (event) => event.stopPropagation()); // `point` says it
  tracks.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    point(event);
  });
  tracks.addEventListener("pointerdown", (event) => {
    dragged = false;
    pressed = event.button ? null : { x: event.clientX, time: timeUnder(event) };
  });
  tracks.addEventListener("pointerup", (event) => {
    if (pressed && dragged) store.set({ pinned: between(pressed.time, timeUnder(event)) });
    pressed = null;
  });
  tracks.addEventListener("pointercancel", () => {
    pressed = null;
  });
  tracks.addEventListener("pointerleave", () => {
    cursor.hidden = true;
  });
  tracks.addEventListener(
    "click",
    (event) => {
      if (dragged) event.stopPropagation();
    },
    { capture: true },
  );
  tracks.addEventListener("click", (event) => {
    const time = timeUnder(event);
    const { pinned } = store.get();
    const kept = own(pinned);
    if (event.detail) controls.seek(time);
    if (event.detail && kept && time >= kept[0] && time <= kept[1]) event.stopPropagation();
    else if (!(event.target instanceof Element && event.target.closest("[data-source]"))) {
      const id = sourceUnder(event, time);
      /** @type {Focus | null} */
      const focus = id === undefined ? null : { kind: "source", id };
      store.set({ pinned: same(focus, pinned) ? null : focus });
    }
  });
  tracks.addEventListener(
    "wheel",
    (event) => {
      if (!timeline.long) return;
      const along =
        Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
      const [from, to] = timeline.shown();
      if (event.ctrlKey) timeline.zoom(event.deltaY < 0 ? 1.25 : 0.8, timeUnder(event));
      else if (along && timeline.close()) timeline.show(from + (along / 800) * (to - from), to - from);
      else return;
      event.preventDefault();
    },
    { passive: false },
  );
  overview.addEventListener("click", ({ clientX }) => {
    const { left, width } = overview.getBoundingClientRect();
    const [from, to] = timeline.shown();
    timeline.show((total * (clientX - left)) / width - (to - from) / 2, to - from);
  });

  sources.provide(part.index, {
    reach: (id) => laneOf(id)?.reach(id),
    step(id, key) {
      const lane = laneOf(id);
      const by = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
      const next = lane?.mine[lane.mine.findIndex((each) => each.id === id) + by];
      if (!by || !next) return false;
      anchor ??= id;
      stepping = true;
      sources.reach(next.id)?.focus();
      stepping = false;
      const times = [...timeOf(anchor), ...timeOf(next.id)];
      store.hover(between(Math.min(...times), Math.max(...times)));
      return true;
    },
  });
  tracks.addEventListener("focusin", ({ target }) => {
    const id = target instanceof HTMLElement ? target.dataset.source : undefined;
    if (!stepping) anchor = null;
    if (id !== undefined) timeline.include(timeOf(Number(id)));
  });
  tracks.addEventListener("keydown", (event) => {
    const id = event.target instanceof HTMLElement ? Number(event.target.dataset.source ?? -1) : -1;
    if (id < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const { hover } = store.get();
    const chosen = anchor === null ? null : own(hover);
    const [from, to] = timeOf(id);
    /** @type {Record<string, () => void>} */
    const keys = {
      " ": () => (chosen ? controls.play(...chosen) : controls.toggle(from)),
      "+": () => timeline.zoom(2, (from + to) / 2),
      "=": () => timeline.zoom(2, (from + to) / 2),
      "-": () => timeline.zoom(0.5, (from + to) / 2),
      ...(chosen ? { Enter: () => store.set({ pinned: hover }) } : {}),
    };
    if (event.key === "Escape") {
      anchor = null;
      controls.pause();
    }
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });

  controls.keys(el);

  const observer = new ResizeObserver(([{ contentRect }]) => {
    ({ width } = contentRect);
    repaint();
  });
  observer.observe(tracks);

  function repaint() {
    if (last) paint(...last);
  }

  function fit() {
    const key = [...timeline.shown(), width].join();
    if (key === fitted || !width) return;
    fitted = key;
    timeline.paint(width);
    for (const lane of lanes) lane.fit(width);
    overview.hidden = !timeline.close();
    const [from, to] = timeline.shown();
    const window = /** @type {HTMLElement} */ (overview.firstChild);
    window.style.left = percent(from / total);
    window.style.width = percent((to - from) / total);
  }

  /** Where the most mass is in all, while a stretch of it is shown. @param {Shown} shown */
  function paintOverview(shown) {
    const canvas = overview.querySelector("canvas");
    if (overview.hidden) canvas?.remove();
    else {
      const there = canvas ?? h("canvas");
      if (!canvas) overview.prepend(there);
      const pad = begin(there, width, OVERVIEW);
      const whole = { ...timeline, share: (/** @type {number} */ time) => time / total };
      for (const lane of pad ? lanes : []) if (pad) drawShares(pad, whole, lane.mine, shown.share);
    }
  }

  /** @param {Shown} shown @param {State} state */
  function paint(shown, state) {
    last = [shown, state];
    fit();
    const pinned = state.pinned?.kind === "source" ? state.pinned.id : null;
    for (const lane of lanes) lane.paint(shown, pinned);
    paintOverview(shown);
    const chosen = own(state.hover) ?? own(state.pinned);
    band.hidden = !chosen;
    if (chosen) {
      const [from, to] = chosen.map((time) => Math.min(Math.max(timeline.share(time), -0.1), 1.1));
      band.style.left = percent(from);
      band.style.width = percent(to - from);
      band.title = stretch(chosen, total);
    }
    controls.paint(state);
  }

  return {
    el,
    tracks,
    timeline,
    controls,
    paint,
    repaint,
    /** @param {Omit<Parameters<typeof createLane>[0], "sources" | "timeline">} given */
    add(given) {
      const lane = createLane({ ...given, sources, timeline });
      lanes.push(lane);
      tracks.insertBefore(lane.el, band);
      return lane;
    },
    dispose() {
      observer.disconnect();
      for (const lane of lanes) lane.dispose();
      controls.dispose();
    },
  };
}
