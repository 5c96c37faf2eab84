/** The response as statements, each with what it rests on: a list box. */

import { h, KEYS_STAY, two } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { Mark, Shown } from "./types.js" */

/** @type {Record<string, string>} */
const STOPPED = {
  length: "… the response was cut at its longest allowed length",
  interrupted: "… interrupted",
};

/** @param {Mark | null} mark */
const drawMark = (mark) =>
  mark
    ? [
        h(
          "span",
          {
            class: "otr-mark",
            role: "img",
            "aria-label": mark.words,
            title: mark.words,
            "data-verdict": mark.verdict,
          },
          mark.sign,
        ),
      ]
    : [];

/** @param {Data} data */
export function createResponse(data) {
  const { statements, stopped } = data.document;
  const list = h("div", {
    class: "otr-statements",
    role: "listbox",
    "aria-label": "Statements of the response",
  });
  let painted = "";

  const rows = statements.map(({ id, text }, i) => {
    const chips = h("span", { class: "otr-chips" });
    const el = h(
      "div",
      {
        class: "otr-statement",
        role: "option",
        tabindex: i ? -1 : 0,
        "aria-selected": "false",
        "data-statement": id,
        ...KEYS_STAY,
      },
      h("span", { class: "otr-number", "aria-hidden": "true" }, String(id + 1)),
      h("div", {}, h("span", { class: "otr-said", dir: "auto" }, text), chips),
    );
    list.append(el);
    return { id, el, chips };
  });
  if (!rows.length)
    list.append(
      h("div", { class: "otr-empty", role: "option", "aria-disabled": "true" }, "The response is empty."),
    );

  /** @param {string} signal */
  function drawChips(signal) {
    for (const { id, chips } of rows) {
      const evidence = data.evidence(signal, id);
      chips.replaceChildren(
        ...evidence.map(({ sources, label, score, mark }, i) =>
          h(
            "span",
            { class: "otr-chip", "data-chip": sources[0], "data-sources": sources.join(" ") },
            h("b", {}, String(i + 1)),
            h("span", { class: "otr-label" }, label),
            h("span", { class: "otr-value" }, two(score)),
            ...drawMark(mark),
          ),
        ),
        ...(evidence.length ? [] : [h("span", { class: "otr-none" }, "no source stands out")]),
      );
    }
  }

  return {
    el: h(
      "div",
      {},
      list,
      ...(stopped in STOPPED ? [h("p", { class: "otr-stopped" }, STOPPED[stopped])] : []),
    ),
    list,
    items: () => rows.map(({ el }) => el),
    /**
     * @param {Shown} shown
     * @param {string} signal
     * @param {number | null} pinned
     */
    paint({ statement, source }, signal, pinned) {
      if (signal !== painted) drawChips(signal);
      painted = signal;
      const supported = source === null ? null : data.supported(signal, source);
      list.classList.toggle("otr-some", statement !== null || source !== null);
      for (const { id, el, chips } of rows) {
        const lit = supported ? supported.includes(id) : statement === id;
        el.classList.toggle("otr-lit", lit);
        el.classList.toggle("otr-pinned", pinned === id);
        el.setAttribute("aria-selected", String(pinned === id));
        for (const chip of chips.children) {
          const own = /** @type {HTMLElement} */ (chip).dataset.sources?.split(" ") ?? [];
          chip.classList.toggle("otr-lit", source !== null && own.includes(String(source)));
        }
      }
    },
  };
}
