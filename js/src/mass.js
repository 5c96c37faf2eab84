/** Where the scores of each step went, stacked to 1: a small chart over the steps, with a gap between statements. */

import { PLACES } from "./data.js";
import { h } from "./dom.js";
import { budget } from "./places.js";

/** @import { Data } from "./data.js" */
/** @import { State } from "./types.js" */

const CROWDED = 6; // pixels: narrower statements are not told apart

/** @param {Data} data */
export function createMass(data) {
  const el = h("canvas", { class: "otr-mass", role: "img", "aria-label": "Evidence budget of each step" });
  /** @type {unknown[]} */
  let drawn = [];
  /** @type {State | null} */
  let last = null;
  let size = [0, 0]; // as it was told: asking the page for it makes it lay everything out

  /** @param {State} state */
  function paint(state) {
    last = state;
    const theme = el.closest("[data-theme]")?.getAttribute("data-theme");
    const now = [state.signal, data.response, theme, ...size];
    if (now.every((each, i) => each === drawn[i])) return;
    drawn = now;
    draw(state.signal);
  }

  /** @param {string} signal */
  function draw(signal) {
    const context = el.getContext("2d");
    if (!context) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = size.map((length) => Math.round(length * ratio));
    if (!width || !height) return;
    el.width = width;
    el.height = height;
    const style = getComputedStyle(el);
    const colours = PLACES.map((place) => style.getPropertyValue(`--otr-of-${place}`));
    const columns = Math.min(data.steps, width);
    /** @param {number} step */
    const left = (step) => Math.round((step / data.steps) * width);
    for (let column = 0; column < columns; column++) {
      const [start, stop] = [column, column + 1].map((at) => Math.floor((at * data.steps) / columns));
      let at = height;
      budget(data, signal, start, stop).forEach((share, place) => {
        const top = at - share * height;
        context.fillStyle = colours[place];
        context.fillRect(left(start), top, left(stop) - left(start), at - top);
        at = top;
      });
    }
    const { statements } = data.document;
    if (statements.length * CROWDED * ratio > width) return;
    for (const { first } of statements)
      if (first) context.clearRect(left(first) - ratio / 2, 0, ratio, height);
  }

  const observer = new ResizeObserver(([{ contentRect }]) => {
    size = [contentRect.width, contentRect.height];
    if (last) paint(last);
  });
  observer.observe(el);
  return { el, paint, dispose: () => observer.disconnect() };
}
