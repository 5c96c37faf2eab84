/** The response as statements, each with what it rests on: a list box. */

import { h, KEYS_STAY, two } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Mark, Shown, State } from "./types.js" */

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

/** @param {Data} data @param {Store} _store */
export function createResponse(data, _store) {
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

  /** @param {State} state */
  function drawChips(state) {
    for (const { id, chips } of rows) {
      const evidence = data.evidence(state, id);
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
    grow() {},
    /** @param {Shown} shown @param {State} state */
    paint({ statement, source }, state) {
      const { key } = data.curated(state);
      if (key !== painted) drawChips(state);
      painted = key;
      const pinned = state.pinned?.kind === "statement" ? state.pinned.id : null;
      const supported =
        source === null ? null : data.selections(state, source).map(({ statement: own }) => own);
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
