/** A setting as a slider: its name, its number, what it does, the paper's value marked, and the way back. */

import { plain } from "./curation.js";
import { h, KEYS_STAY } from "./dom.js";

/**
 * @param {{name: string, title: string, hint?: string, low?: number, high: number, step: number, own: number, paper?: number}} about
 *   `own`: the trace's value; `paper`: the paper's
 * @param {(value: number) => void} change
 */
export function slider({ name, title, hint, low = 0, high, step, own, paper = own }, change) {
  const input = h("input", { type: "range", min: low, max: high, step, "aria-label": title, ...KEYS_STAY });
  const number = h("output", {});
  const back = h(
    "button",
    {
      type: "button",
      class: "otr-back",
      "aria-label": `${name} back to ${own}`,
      title: `back to ${own}`,
      ...KEYS_STAY,
    },
    "\u21ba",
  );
  const mark = h("i", { title: `by default ${paper}` });
  mark.style.setProperty("--otr-at", String((Math.min(paper, high) - low) / (high - low)));
  input.addEventListener("input", () => change(Number(input.value)));
  back.addEventListener("click", () => {
    input.focus(); // the button goes
    change(own);
  });
  return {
    el: h(
      "div",
      { class: "otr-slider", "data-setting": name },
      h("span", { class: "otr-name", title }, name),
      h("span", { class: "otr-range" }, input, mark),
      number,
      back,
      ...(hint ? [h("span", { class: "otr-hint" }, hint)] : []),
    ),
    /** @param {number} value */
    set(value) {
      if (Number(input.value) !== value) input.value = String(value);
      number.textContent = plain(value);
      back.hidden = value === own;
    },
  };
}
