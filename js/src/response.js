/** The response as statements of words, each with what it rests on: a list box. */

import { h, KEYS_STAY } from "./dom.js";
import { isResponse } from "./focus.js";
import { pickWords } from "./picking.js";
import { drawRests, restsOf } from "./rests.js";
import { createThinking } from "./thinking.js";
import { textOf } from "./tokens.js";
import { drawWords, lightOf, lightWords, shadeOf } from "./words.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Shown, State } from "./types.js" */
/** @import { Light, Word } from "./words.js" */

/**
 * One statement. `key`: what its words were drawn from; `chipped`: what its chips were; both empty before it is seen.
 * @typedef {object} Row
 * @property {number} id
 * @property {HTMLElement} el
 * @property {HTMLElement} said
 * @property {HTMLElement} rests
 * @property {Word[]} words
 * @property {string} key
 * @property {string} chipped
 * @property {string} last
 */

const AT_ONCE = 100; // statements; of more, only those near the window have words and chips
const NEAR = "800px";
/** @type {Record<string, string>} */
const STOPPED = {
  length: "… the response was cut at its longest allowed length",
  interrupted: "… interrupted",
};

/** @param {Data} data @param {Store} store */
export function createResponse(data, store) {
  const list = h("div", {
    class: "otr-statements",
    role: "listbox",
    "aria-label": "Statements of the response",
  });
  const empty = h(
    "div",
    { class: "otr-empty", role: "option", "aria-disabled": "true" },
    "The response is empty.",
  );
  const stopped = h("p", { class: "otr-stopped" });
  /** @type {Row[]} */
  const rows = [];
  const thinking = createThinking(data, () => rows);
  /** @type {Light} */
  let light = { shades: null, now: [0, 0], kept: [0, 0], step: data.steps };
  let curated = "";
  let known = data.steps;
  let step = -1;
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = rows[Number(/** @type {HTMLElement} */ (target).dataset.statement)];
        if (!row || !isIntersecting) continue;
        seen.unobserve(target);
        ready(row);
      }
    },
    { rootMargin: NEAR },
  );

  function grow() {
    const { statements } = data.document;
    if (data.steps < known) store.set({ hover: null, step: null }); // they may be of what is gone
    known = data.steps;
    list.classList.toggle("otr-many", statements.length > AT_ONCE);
    for (const { el } of rows.splice(statements.length)) {
      seen.unobserve(el);
      el.remove();
    }
    for (const { id, text } of statements.slice(rows.length)) {
      const row = drawRow(id, text);
      rows.push(row);
      list.append(row.el);
      if (statements.length > AT_ONCE) seen.observe(row.el);
    }
    thinking.grow();
    for (const row of rows) if (row.key || statements.length <= AT_ONCE) ready(row);
    if (rows.length) empty.remove();
    else list.append(empty);
    stopped.textContent = STOPPED[data.document.stopped] ?? "";
    stopped.hidden = !stopped.textContent;
    step = -1;
  }

  /** Draw the words and chips of a row where they are not, or are no longer true. @param {Row} row */
  function ready(row) {
    const state = store.get();
    const { text, first, stop, chars } = data.document.statements[row.id];
    const key = JSON.stringify([text, first, stop, chars, state.raw, state.raw && data.steps]);
    if (row.key !== key) {
      row.key = key;
      const { nodes, words } = drawWords(data, row.id, state.raw);
      row.said.replaceChildren(...nodes);
      row.words = words;
      row.last = "";
    }
    const rests = restsOf(data, state, row.id);
    const chipped = JSON.stringify(rests);
    if (row.chipped !== chipped) {
      row.chipped = chipped;
      row.last = "";
      row.rests.replaceChildren(...drawRests(rests));
    }
    lightWords(row.words, light);
  }

  grow();
  pickWords(list, () => rows, ready, store);
  list.addEventListener("copy", (event) => {
    const { hover, pinned } = store.get();
    const focus = isResponse(pinned) ? pinned : hover;
    if (!isResponse(focus)) return;
    event.clipboardData?.setData("text/plain", textOf(data, ...data.stepsOf(focus)));
    event.preventDefault();
  });
  return {
    el: h("div", {}, thinking.el, list, stopped),
    list,
    items: () => rows.flatMap(({ el }) => (el.hidden ? [] : [el])),
    grow,
    dispose: () => seen.disconnect(),
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      thinking.reach(state);
      light = lightOf(data, shown, state);
      const { statement, source } = shown;
      const { key } = data.curated(state);
      const all = `${key} ${state.raw}`;
      if (all !== curated) for (const row of rows) if (row.key) ready(row);
      curated = all;
      const pinned = state.pinned?.kind === "statement" ? state.pinned.id : null;
      const supported =
        source === null ? null : new Set(data.selections(state, source).map(({ statement: own }) => own));
      list.classList.toggle("otr-some", statement !== null || source !== null);
      for (const row of rows) {
        const { first, stop } = data.document.statements[row.id];
        const lit = supported ? supported.has(row.id) : statement === row.id;
        const shade = supported ? 0 : shadeOf(light, first, stop);
        const unsaid = state.step !== null && stop > state.step + 1;
        const next = `${lit} ${pinned === row.id} ${shade} ${unsaid} ${lit && source}`;
        if (row.key) lightWords(row.words, light);
        if (next === row.last) continue;
        row.last = next;
        row.el.classList.toggle("otr-lit", lit);
        row.el.classList.toggle("otr-pinned", pinned === row.id);
        row.el.classList.toggle("otr-unsaid", unsaid);
        row.el.setAttribute("aria-selected", String(pinned === row.id));
        row.el.style.setProperty("--otr-shade", String(shade));
        for (const chip of row.rests.querySelectorAll(".otr-chip")) {
          const own = /** @type {HTMLElement} */ (chip).dataset.sources?.split(" ") ?? [];
          chip.classList.toggle("otr-lit", source !== null && own.includes(String(source)));
        }
      }
      if (state.step !== null && state.step !== step) follow(state.step);
      step = state.step ?? -1;
    },
  };

  /** Keep the statement that is being said in sight, within the list alone. @param {number} at */
  function follow(at) {
    const row = rows[data.statementOf[at]];
    if (!row) return;
    if (!row.key) ready(row);
    if (data.statementOf[step] === row.id) return;
    const [inner, outer] = [row.el.getBoundingClientRect(), list.getBoundingClientRect()];
    if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
    else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
  }
}

/** @param {number} id @param {string} text @returns {Row} */
function drawRow(id, text) {
  const said = h("span", { class: "otr-said", dir: "auto" }, text);
  const rests = h("div", { class: "otr-rests" });
  const el = h(
    "div",
    {
      class: "otr-statement",
      role: "option",
      tabindex: id ? -1 : 0,
      "aria-selected": "false",
      "data-statement": id,
      ...KEYS_STAY,
    },
    h("span", { class: "otr-number", "aria-hidden": "true" }, String(id + 1)),
    h("div", {}, said, rests),
  );
  return { id, el, said, rests, words: [], key: "", chipped: "", last: "" };
}
