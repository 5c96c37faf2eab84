/** One of a few, side by side: radio buttons that look like one control; arrows choose, and it is one tab stop. */

import { h, KEYS_STAY } from "./dom.js";

/**
 * @param {string} name
 * @param {{value: string, title: string}[]} choices
 * @param {(value: string) => void} change
 */
export function segments(name, choices, change) {
  const group = `otr-segments-${Math.random()}`; // radio buttons of one name belong together, in the whole page
  const inputs = choices.map(({ value }) => h("input", { type: "radio", name: group, value, ...KEYS_STAY }));
  const el = h(
    "div",
    { class: "otr-segments", role: "radiogroup", "aria-label": name },
    ...choices.map(({ value, title }, i) => h("label", { title }, inputs[i], h("span", {}, value))),
  );
  el.addEventListener("change", ({ target }) => change(/** @type {HTMLInputElement} */ (target).value));
  return {
    el,
    /** @param {string} value */
    set(value) {
      for (const input of inputs) input.checked = input.value === value;
    },
  };
}
