/** Making elements. Text enters as text nodes only, so markup in a prompt stays text. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null>} [attributes]  `class` and others; null and false leave out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) el.setAttribute(name, value === true ? "" : String(value));
  }
  el.append(...children);
  return el;
}

/**
 * For every element that can have the focus: JupyterLab's shortcuts (a, b, d d, ...) must not act on keys pressed here.
 * On an ancestor alone it does not help: Lumino matches selectors such as `:focus` at the target first.
 */
export const KEYS_STAY = { "data-lm-suppress-shortcuts": "true" };

/** @param {number} x */
export const two = (x) => x.toFixed(2);

/** @param {number} x  percent, from a share */
export const percent = (x) => `${(100 * x).toFixed(3)}%`;

/** @param {number} x  seconds, with decimals only where needed */
export const seconds = (x) => String(Math.round(x * 10) / 10);

/** @param {number} x  a score of any size: two significant digits, as a plain decimal where that stays short */
export function score(x) {
  if (x === 0) return "0";
  return x < 1e-4 || x >= 1e4 ? x.toExponential(1) : String(Number(x.toPrecision(2)));
}
