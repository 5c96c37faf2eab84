/** Columns side by side: each a view of its own, linked, with their differences and how far they agree. */

import { createAgreement } from "./agreement.js";
import { columnModel } from "./column.js";
import { Data } from "./data.js";
import { differ, link } from "./differ.js";
import { h, KEYS_STAY, two } from "./dom.js";
import { same } from "./focus.js";
import { Media } from "./media.js";
import { unpack } from "./pack.js";
import { segments } from "./segments.js";
import { followTheme } from "./theme.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Link } from "./differ.js" */
/** @import { Store } from "./store.js" */
/** @import { Focus, Shown, State } from "./types.js" */

/**
 * @typedef {{id: number, text: string, numbers: (number | null)[], shared: string[],
 *   alone: (string[] | null)[]}} Row  null where a column has no such statement
 * @typedef {object} Columns  `Sides.document` in Python
 * @property {{name: string, trace: number, signal: string, settings: object}[]} columns
 * @property {Record<string, {sources: number[], statements: number[]}>} pairs  by "left right"; of one trace left out
 * @property {string[]} measures
 * @property {Row[]} rows
 * @property {string[]} notes
 *
 * @typedef {(root: HTMLElement, model: AnyModel, data: Data, signal: AbortSignal,
 *   hooks: {changed: () => void, view: (shown: Shown, state: State) => Shown}) => {store: Store, draw: () => void}} Show
 */

const DIFFERENCE = "difference";
const MODES = [
  { value: "side by side", title: "each column as it is" },
  { value: DIFFERENCE, title: "each column minus one of them" },
];

/** @param {HTMLElement} root @param {AnyModel} model @param {AbortSignal} signal @param {Show} show */
export async function compare(root, model, signal, show) {
  /** @type {Columns} */
  const { columns, pairs, rows, measures, notes } = model.get("columns");
  const prompts = await unpack(model.get("prompt"));
  const responses = await unpack(model.get("response"));
  const [chart] = await unpack(model.get("chart"));
  if (signal.aborted) return;
  if (!chart) throw new Error("its data are not here. Run the cell again.");
  /** @type {{store: Store, draw: () => void}[]} */
  const views = [];
  const all = columns.map(({ trace }, i) => {
    const media = new Media(columnModel(model, columns[i], i, linked), signal);
    return new Data(prompts[trace], responses[trace], media);
  });
  /** @type {Link[][]} */
  const links = all.map((own, i) => all.map((other, j) => link(own, other, pairOf(pairs, i, j))));
  let busy = false;

  /** A statement of the first column in another. @param {number | null} id @param {number} from @param {number} to */
  function linked(id, from, to) {
    const own = id === null ? null : links[from][to].statement(id);
    return own !== null && own >= 0 ? own : null;
  }

  /** What is pointed at and pinned in one column is in all. @param {number} i */
  function changed(i) {
    if (busy || views.length < columns.length) return;
    busy = true;
    const { hover, pinned, detail, opacity, smooth, raw } = views[i].store.get();
    views.forEach(({ store }, j) => {
      if (j === i) return;
      const focus = links[i][j].focus(pinned);
      store.hover(links[i][j].focus(hover));
      const { pinned: was, ...now } = store.get();
      const alike =
        now.detail === detail && now.opacity === opacity && now.smooth === smooth && now.raw === raw;
      if (!same(was, focus) || !alike) store.set({ pinned: focus, detail, opacity, smooth, raw });
    });
    busy = false;
    told(i);
  }

  const mode = segments("Show", MODES, (value) => tell("mode", value));
  const reference = h("select", KEYS_STAY, ...columns.map(({ name }, i) => h("option", { value: i }, name)));
  reference.addEventListener("change", () => tell("reference", Number(reference.value)));
  const minus = h("label", { class: "otr-minus-what" }, h("span", {}, "minus"), reference);
  const names = columns.map(({ name }) => name);
  const toolbar = h("div", { class: "otr-toolbar" }, mode.el, minus);
  const live = h("p", { class: "otr-live", "aria-live": "polite" });
  const agreement = createAgreement(chart.document.svg, names, rows, measures, {
    hover(id) {
      views[0].store.hover(id === null ? null : { kind: "statement", id });
      told();
    },
    pin(id) {
      const { pinned } = views[0].store.get();
      const focus = id === null ? null : /** @type {Focus} */ ({ kind: "statement", id });
      views[0].store.set({ pinned: same(focus, pinned) ? null : focus });
    },
  });
  const own = columns.map(({ name }) => ({
    title: h("h2", { class: "otr-column-name" }, name),
    root: h("div", { class: "omnitrace-view", ...KEYS_STAY }),
  }));
  const grid = h(
    "div",
    { class: "otr-columns" },
    ...own.map(({ title, root }, i) =>
      h("section", { class: "otr-column", "aria-label": names[i] }, title, root),
    ),
  );
  root.append(toolbar, ...notes.map((note) => h("p", { class: "otr-note" }, note)), grid, live, agreement.el);
  const isDifference = () => model.get("mode") === DIFFERENCE;
  all.forEach((data, i) => {
    views.push(
      show(own[i].root, columnModel(model, columns[i], i, linked), data, signal, {
        changed: () => changed(i),
        view(shown) {
          const at = model.get("reference");
          if (!isDifference() || i === at) return shown;
          return differ(shown, all[at].shown(views[at].store.get()), links[i][at]);
        },
      }),
    );
  });
  // One set of controls and one line that is read out, for all columns.
  const detail = grid.querySelector(".otr-details");
  if (detail) toolbar.prepend(detail);
  for (const line of grid.querySelectorAll(".otr-live")) line.removeAttribute("aria-live");
  // A landmark's name is to be the only one of its kind.
  for (const part of grid.querySelectorAll(".otr-part")) part.setAttribute("role", "group");

  /** @param {string} name @param {unknown} value */
  function tell(name, value) {
    model.set(name, value);
    model.save_changes();
    follow();
  }
  function follow() {
    const at = model.get("reference");
    mode.set(model.get("mode"));
    reference.value = String(at);
    minus.hidden = !isDifference();
    own.forEach(({ title, root }, i) => {
      const differs = isDifference() && i !== at;
      title.textContent = differs ? `${names[i]} minus ${names[at]}` : names[i];
      root.classList.toggle("otr-differs", differs);
    });
    for (const { draw } of views) draw();
    told();
  }
  /** @param {number} [from]  the column that is pointed at: it stays where it is */
  function told(from) {
    const state = views[0].store.get();
    const focus = state.hover ?? state.pinned;
    const id = focus?.kind === "statement" ? focus.id : null;
    agreement.paint(id, state.pinned?.kind === "statement" ? state.pinned.id : null);
    const text = spoken(focus, id);
    if (live.textContent !== text) live.textContent = text;
    for (const [i, { root }] of own.entries()) {
      const there = linked(id, 0, i);
      if (there !== null && i !== from)
        inSight(root.querySelector(`.otr-statement[data-statement="${there}"]`));
    }
  }
  /** @param {Focus | null} focus @param {number | null} id */
  function spoken(focus, id) {
    const row = rows.find((each) => each.id === id);
    if (row) {
      const said = row.alone.map((labels, i) => labels?.length && `only ${names[i]}: ${labels.join(", ")}`);
      const agreed = row.shared.length ? [`shared: ${row.shared.join(", ")}`] : [];
      return `Statement ${row.id + 1}. ${[...agreed, ...said.filter(Boolean)].join("; ") || "No column selects a source"}.`;
    }
    if (focus?.kind === "source") {
      const shares = all.map((data, i) => {
        const own = links[0][i].source(focus.id);
        return own < 0
          ? "not in its prompt"
          : two(data.shown({ ...views[i].store.get(), hover: null }).share[own]);
      });
      return `${all[0].document.sources[focus.id].label}: ${names.map((name, i) => `${name} ${shares[i]}`).join(", ")}.`;
    }
    return "Point at a statement, a source or a dot: the same is shown in every column.";
  }

  for (const name of ["mode", "reference"]) {
    model.on(`change:${name}`, follow);
    signal.addEventListener("abort", () => model.off(`change:${name}`, follow));
  }
  followTheme(root, () => {}, signal);
  follow();
}

/** @param {Columns["pairs"]} pairs @param {number} i @param {number} j */
function pairOf(pairs, i, j) {
  const found = pairs[`${Math.min(i, j)} ${Math.max(i, j)}`];
  return found && { ...found, turned: i > j };
}

/** Scroll a statement's own list, and nothing else. @param {Element | null} el */
function inSight(el) {
  const list = el?.closest(".otr-statements");
  if (!el || !list) return;
  const [inner, outer] = [el.getBoundingClientRect(), list.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}
