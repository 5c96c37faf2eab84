/** How far columns agree: altair's chart, whose dots are to be pointed at and clicked, and what differs, in words. */

import { h, KEYS_STAY } from "./dom.js";
import { rove } from "./keys.js";

/** @import { Row } from "./compare.js" */

const SVG = "http://www.w3.org/2000/svg";
const TAGS = new Set(["svg", "g", "path", "line", "rect", "text", "tspan"]);
const ATTRIBUTES =
  /^(aria-label|d|dx|dy|fill.*|font.*|height|opacity|stroke.*|text-anchor|transform|viewBox|width|[xy][12]?)$/;
const STATEMENT = /^Statement (\d+)/; // how Python names a dot

/**
 * @param {string} svg
 * @param {string[]} names  of the columns
 * @param {Row[]} rows  disagreements first
 * @param {string[]} measures
 * @param {{hover: (id: number | null) => void, pin: (id: number | null) => void}} actions
 */
export function createAgreement(svg, names, rows, measures, { hover, pin }) {
  /** @type {(HTMLElement | SVGElement)[]} */
  const dots = [];
  const chart = imported(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, dots);
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", "Agreement by statement, as a chart");
  const lines = rows.map((row) => drawRow(row));
  const table = h(
    "table",
    { class: "otr-differences", "aria-label": "What differs, disagreements first" },
    h(
      "tr",
      {},
      ...["statement", measures.join(" / "), "shared", ...names].map((name) =>
        h("th", { scope: "col" }, name),
      ),
    ),
    ...lines.map(({ el }) => el),
  );
  const picture = h("div", { class: "otr-chart" });
  picture.append(chart);
  const listed = h("div", { class: "otr-listed" }, table);
  const el = h("section", { class: "otr-agreement", "aria-label": "Agreement" }, picture, listed);

  /** @param {EventTarget | null} target */
  const idOf = (target) => {
    const own = target instanceof Element ? target.closest("[data-of]") : null;
    return own ? Number(own.getAttribute("data-of")) : null;
  };
  for (const area of [picture, listed]) {
    area.addEventListener("pointerover", ({ target }) => hover(idOf(target)));
    area.addEventListener("pointerleave", () => hover(null));
    area.addEventListener("focusin", ({ target }) => hover(idOf(target)));
    area.addEventListener("focusout", () => hover(null));
    area.addEventListener("click", ({ target }) => {
      const id = idOf(target);
      if (id !== null) pin(id);
    });
  }
  const actions = { enter: (/** @type {Element} */ item) => pin(idOf(item)), clear: () => pin(null) };
  rove(picture, () => /** @type {HTMLElement[]} */ (dots), actions);
  rove(listed, () => lines.map(({ button }) => button), actions);
  for (const [first] of [dots, lines.map(({ button }) => button)]) first?.setAttribute("tabindex", "0");

  return {
    el,
    /** @param {number | null} id @param {number | null} pinned */
    paint(id, pinned) {
      picture.classList.toggle("otr-some", id !== null);
      for (const dot of dots) dot.classList.toggle("otr-lit", dot.getAttribute("data-of") === String(id));
      lines.forEach(({ el, button }, i) => {
        el.classList.toggle("otr-lit", rows[i].id === id);
        button.setAttribute("aria-pressed", String(rows[i].id === pinned));
      });
    },
  };

  /** @param {Row} row */
  function drawRow({ id, text, numbers, shared, alone }) {
    const button = h(
      "button",
      {
        type: "button",
        class: "otr-differing",
        tabindex: -1,
        "data-of": id,
        "aria-pressed": "false",
        ...KEYS_STAY,
      },
      h("span", { class: "otr-number" }, String(id + 1)),
      h("span", { dir: "auto" }, text),
    );
    const values = numbers.every((value) => value === null)
      ? "none"
      : numbers.map((value) => (value === null ? "none" : value.toFixed(2))).join(" / ");
    const cells = [shared, ...alone].map((labels) =>
      labels ? h("td", {}, labels.join(", ")) : h("td", { class: "otr-nowhere" }, "no such statement"),
    );
    return { button, el: h("tr", { "data-of": id }, h("td", {}, button), h("td", {}, values), ...cells) };
  }
}

/**
 * A copy of what was drawn, made of nothing but shapes and words.
 * @param {Element} from
 * @param {(HTMLElement | SVGElement)[]} dots  where those that stand for a statement are put
 */
function imported(from, dots) {
  const to = document.createElementNS(SVG, from.tagName);
  const label = from.getAttribute("aria-label") ?? "";
  const id = STATEMENT.exec(label);
  for (const { name, value } of from.attributes)
    if (ATTRIBUTES.test(name) && (id || name !== "aria-label")) to.setAttribute(name, value);
  if (id) {
    const own = {
      role: "button",
      tabindex: "-1",
      "data-of": String(Number(id[1]) - 1),
      class: "otr-dot",
      ...KEYS_STAY,
    };
    for (const [name, value] of Object.entries(own)) to.setAttribute(name, value);
    const title = document.createElementNS(SVG, "title");
    title.append(label);
    to.append(title);
    dots.push(/** @type {SVGElement} */ (to));
  }
  for (const child of from.childNodes) {
    if (child instanceof Element) {
      if (TAGS.has(child.tagName)) to.append(imported(child, dots));
    } else to.append(child.nodeValue ?? "");
  }
  return to;
}
