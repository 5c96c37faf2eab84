/** The time axis of a part: how long it is, what stretch of it is shown, and where a time lies in that. */

import { clock } from "./clock.js";
import { h, percent } from "./dom.js";

/** @import { Part } from "./types.js" */

const NARROWEST = 2; // seconds shown at the closest
const LONG = 20; // seconds from which it is worth to come closer
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const LABEL = 68; // pixels that a label needs

/** @param {Part} part @returns {number}  seconds, never 0 */
export const duration = (part) =>
  Math.max(part.duration ?? 0, part.sound?.edges.at(-1) ?? 0, part.strip?.edges.at(-1) ?? 0, 1e-3);

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {number} total  seconds @param {() => void} changed  another stretch is shown */
export function createTimeline(total, changed) {
  const axis = h("div", { class: "otr-axis", "aria-hidden": "true" });
  const narrowest = Math.min(total, NARROWEST);
  let from = 0;
  let length = total;

  /** @param {number} start @param {number} wanted  seconds */
  function show(start, wanted) {
    const before = [from, length];
    length = clamp(wanted, narrowest, total);
    from = clamp(start, 0, total - length);
    if (before[0] !== from || before[1] !== length) changed();
  }

  return {
    axis,
    total,
    long: total > LONG,
    /** Whether less than all is shown. */
    close: () => length < total,
    /** @returns {[number, number]} */
    shown: () => [from, from + length],
    /** @param {number} share  0..1 of the width @returns {number} seconds */
    at: (share) => from + clamp(share, 0, 1) * length,
    /** @param {number} time @returns {number}  share of the width; beyond 0..1 it is not shown */
    share: (time) => (time - from) / length,
    show,
    /** @param {number} factor @param {number} [at]  the time that stays where it is */
    zoom(factor, at = from + length / 2) {
      const wanted = clamp(length / factor, narrowest, total);
      show(at - ((at - from) * wanted) / length, wanted);
    },
    /** Bring an interval into sight. @param {[number, number]} time */
    include([start, stop]) {
      if (start >= from && stop <= from + length) return;
      const wanted = Math.max(length, 1.25 * (stop - start));
      show((start + stop - wanted) / 2, wanted);
    },
    /** @param {number} width  pixels */
    paint(width) {
      const most = clamp(Math.floor(width / LABEL), 2, 8);
      const step =
        STEPS.find((candidate) => length / candidate <= most) ?? 3600 * Math.ceil(length / 3600 / most);
      const digits = total < 60 || step < 1 ? 1 : 0;
      const labels = [];
      for (let at = Math.ceil(from / step - 1e-9) * step; at < from + length - step / 2; at += step)
        labels.push(h("span", { style: `left:${percent((at - from) / length)}` }, clock(at, total, digits)));
      const end = clock(from + length, total, digits);
      axis.replaceChildren(...labels, h("span", { class: "otr-end" }, total < 60 ? `${end} s` : end));
    },
  };
}

/** @typedef {ReturnType<typeof createTimeline>} Timeline */
