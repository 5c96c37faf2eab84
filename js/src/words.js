/** The words of one statement as elements, and how they are lit. */

import { h } from "./dom.js";
import { opacityOf } from "./heat.js";
import { cut } from "./tokens.js";

/** @import { Data } from "./data.js" */
/** @import { Shown, State } from "./types.js" */

/**
 * `last`: how it is lit, as one number.
 * @typedef {{el: HTMLElement, start: number, stop: number, last: number}} Word
 *
 * Steps from the first to before the second.
 * @typedef {[number, number]} Steps
 *
 * `shades`: of each step, 0..1; `now`: what the inputs are coloured by.
 * @typedef {{shades: Float32Array | null, now: Steps, kept: Steps, step: number}} Light
 */

const LEVELS = 32; // shades; fewer writes to the page than one a value
const FAINT = 0.2; // a share below which the darkest shade is not used
const UNSURE = 0.5; // less probable tokens are marked
/** @type {Steps} */
const NONE = [0, 0];
const CLASSES = ["otr-in", "otr-kept", "otr-later"];

/**
 * @param {Data} data @param {number} statement @param {boolean} raw
 * @returns {{nodes: Node[], words: Word[]}}
 */
export function drawWords(data, statement, raw) {
  /** @type {Word[]} */
  const words = [];
  const nodes = cut(data, statement, raw).map(({ text, start, stop }) => {
    if (stop <= start) return document.createTextNode(text);
    const least = Math.min(...data.response.logprob.subarray(start, stop));
    const kinds = ["otr-word", raw && "otr-token", least < Math.log(UNSURE) && "otr-unsure"];
    const el = h("span", { class: kinds.filter(Boolean).join(" "), "data-steps": `${start} ${stop}` }, text);
    words.push({ el, start, stop, last: 0 });
    return el;
  });
  return { nodes, words };
}

/** What lights words, in one state. @param {Data} data @param {Shown} shown @param {State} state @returns {Light} */
export function lightOf(data, { inputs, drove, words }, { pinned, step }) {
  /** @param {typeof pinned} focus @returns {Steps} */
  const steps = (focus) => (focus?.kind === "token" || focus?.kind === "range" ? data.stepsOf(focus) : NONE);
  // The largest is the darkest, but a source that drove next to nothing looks so.
  const most = Math.max(words?.kind === "source" ? FAINT : 0, ...(drove ?? [])) || 1;
  return {
    shades: drove?.map((each) => each / most) ?? null,
    now: steps(inputs),
    kept: steps(pinned),
    step: step ?? data.steps,
  };
}

/** @param {Float32Array} shades @param {number} start @param {number} stop */
function mean(shades, start, stop) {
  let sum = 0;
  for (let step = start; step < stop; step++) sum += shades[step];
  return sum / Math.max(1, stop - start);
}

/** @param {number} shade  0..1 */
const levelOf = (shade) => Math.round(LEVELS * opacityOf(shade));

/** The shade of any steps. @param {Light} light @param {number} start @param {number} stop */
export const shadeOf = ({ shades }, start, stop) =>
  shades && stop > start ? levelOf(mean(shades, start, stop)) / LEVELS : 0;

/** @param {Word[]} words @param {Light} light */
export function lightWords(words, { shades, now, kept, step }) {
  for (const word of words) {
    const { el, start, stop } = word;
    const level = shades ? levelOf(mean(shades, start, stop)) : 0;
    const flags = [start < now[1] && stop > now[0], start < kept[1] && stop > kept[0], start > step];
    const next = flags.reduce((sum, flag, i) => sum + (flag ? LEVELS * 2 ** (i + 1) : 0), level);
    if (next === word.last) continue;
    word.last = next;
    el.style.setProperty("--otr-shade", String(level / LEVELS));
    CLASSES.forEach((name, i) => {
      el.classList.toggle(name, flags[i]);
    });
  }
}
