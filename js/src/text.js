/** Texts of the prompt: shaded by token, word, sentence or paragraph; long ones folded to what matters. */

import { h, KEYS_STAY, score, two } from "./dom.js";
import { cellsOfChars, isResponse, pointed } from "./focus.js";
import { shade } from "./heat.js";
import { paragraphShares, passages, runsOf, textsOf, unitsOf } from "./passages.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Unit } from "./passages.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Focus, Part, Shown, State } from "./types.js" */

const UNREAD = "The chat template leaves this out: the model did not read it";
const LEVELS = 64; // shades; fewer writes to the page than one a value
const NEAR = 4; // pieces shown on each side of a source that is reached

/** @typedef {Unit & {el: HTMLElement, level: number}} DrawnUnit */

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} store @returns {Drawn} */
export function drawText(data, part, sources, store) {
  const text = part.text ?? "";
  const tiles = textsOf(data).get(part.index) ?? [];
  const tileOf = new Map(tiles.map(({ source }, at) => [source?.id, at]));
  const el = h("div", { class: "otr-text", dir: "auto" });
  const again = h("button", { type: "button", class: "otr-again", hidden: true, ...KEYS_STAY }, "fold again");
  const opened = new Set();
  /** @type {Map<number, {el: HTMLElement, units: DrawnUnit[]}>} pieces in the page, by tile */
  const drawn = new Map();
  /** @type {Map<Element, Unit>} */
  let unitOf = new Map();
  /** @type {{el: HTMLElement, paragraph: number, level: number}[]} */
  let paragraphs = [];
  /** @type {{tiles: number[], share: HTMLElement, last: string}[]} */
  let folds = [];
  let detail = "";
  let foldedFor = "";
  /** @type {number[] | Float32Array} shares by which it was folded */
  let folding = [];
  /** @type {Set<Element>} */
  let marked = new Set();
  /** @type {Shown | null} */
  let last = null;

  /** Piece by piece; what is not shown goes, and what is shown already stays as it is. */
  function render() {
    const shown = passages(
      tiles,
      ({ source }) => (source ? (folding[source.id] ?? 0) : 0),
      (at) => opened.has(at),
    );
    for (const [at, { units }] of drawn) {
      if (shown[at]) continue;
      drawn.delete(at);
      for (const unit of units) unitOf.delete(unit.el);
      const { source } = tiles[at];
      if (source) sources.drop(source.id);
    }
    const runs = new Map(runsOf(shown, false).map((run) => [run[0], run]));
    /** @type {Node[]} */
    const children = [];
    paragraphs = [];
    folds = [];
    for (let at = 0; at < tiles.length; at++) {
      const run = runs.get(at);
      if (run) {
        children.push(foldButton(run));
        at = run[run.length - 1];
        continue;
      }
      const { paragraph, blank, from, to } = tiles[at];
      if (blank && (runs.has(at + 1) || !shown[at - 1])) continue; // the fold is a break already
      if (paragraph < 0) {
        children.push(document.createTextNode(text.slice(from, to)));
        continue;
      }
      let wrap = paragraphs[paragraphs.length - 1];
      if (wrap?.paragraph !== paragraph || children[children.length - 1] !== wrap.el) {
        wrap = {
          el: h("span", { class: "otr-paragraph", "data-paragraph": paragraph }),
          paragraph,
          level: -1,
        };
        paragraphs.push(wrap);
        children.push(wrap.el);
      }
      wrap.el.append(blank ? text.slice(from, to) : tileAt(at).el);
    }
    const held = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    const holds = held && el.contains(held);
    el.replaceChildren(...children);
    if (holds && held.isConnected) held.focus({ preventScroll: true });
    again.hidden = !opened.size;
    if (last) recolour(last);
  }

  /** @param {number} at */
  function tileAt(at) {
    const known = drawn.get(at);
    if (known) return known;
    const { source, from, to } = tiles[at];
    /** @type {DrawnUnit[]} */
    const units = [];
    /** @type {(Node | string)[]} */
    const children = [];
    let done = from;
    if (part.tokens && (detail === "token" || detail === "word")) {
      for (const unit of unitsOf(text, data.chars, part.tokens, tiles[at], detail === "word")) {
        const own = h("span", { class: "otr-unit" }, text.slice(unit.from, unit.to));
        if (unit.from > done) children.push(text.slice(done, unit.from));
        children.push(own);
        units.push({ ...unit, el: own, level: 0 });
        unitOf.set(own, unit);
        done = unit.to;
      }
    }
    if (done < to) children.push(text.slice(done, to));
    const kind = from < to ? "otr-sentence" : "otr-sentence otr-covered"; // others have all of its text
    const gone = part.unread.some(([start, end]) => start < to && from < end);
    const rest = () =>
      gone ? h("del", { class: "otr-unread", title: UNREAD }, ...children) : h("span", {}, ...children);
    const made = source ? sources.draw(source, kind, ...children) : rest();
    const tile = { el: made, units };
    drawn.set(at, tile);
    return tile;
  }

  /** @param {number[]} run  tiles */
  function foldButton(run) {
    const words = run.reduce((sum, at) => sum + tiles[at].words, 0).toLocaleString("en");
    const share = h("span", { class: "otr-share" });
    const button = h(
      "button",
      { type: "button", class: "otr-fold", tabindex: -1, "aria-expanded": "false", ...KEYS_STAY },
      h("span", {}, `… ${words} words …`),
      share,
    );
    button.addEventListener("click", () => {
      const keyboard = document.activeElement === button;
      open(run);
      const first = run.find((at) => tiles[at].source);
      if (keyboard && first !== undefined) drawn.get(first)?.el.focus();
    });
    sources.fold(
      run.flatMap((at) => tiles[at].source?.id ?? []),
      button,
    );
    folds.push({ tiles: run, share, last: "" });
    return button;
  }

  /** @param {number[]} run */
  function open(run) {
    for (const at of run) opened.add(at);
    render();
  }

  /** @param {Shown} shown */
  function recolour(shown) {
    const known = last === shown ? null : last;
    last = shown;
    const { heat, share, words } = shown;
    const own = words?.kind === "cells" && words.part === part.index ? new Set(words.cells) : null;
    /** @type {Set<Element>} */
    const now = new Set();
    for (const { units } of drawn.values()) {
      for (const unit of units) {
        if (own?.has(unit.first)) now.add(unit.el);
        if (known?.heat === heat) continue;
        let sum = 0;
        for (let cell = unit.first; cell < unit.first + unit.count; cell++) sum += heat[cell];
        const level = Math.round((LEVELS * sum) / (255 * unit.count));
        if (level === unit.level) continue;
        unit.level = level;
        shade(unit.el, level / LEVELS);
      }
    }
    for (const each of marked) if (!now.has(each)) each.classList.remove("otr-focused");
    for (const each of now) if (!marked.has(each)) each.classList.add("otr-focused");
    marked = now;
    if (detail === "paragraph") {
      const { sums, most } = paragraphShares(data, share);
      for (const wrap of paragraphs) {
        const sum = sums.get(part.index)?.[wrap.paragraph] ?? 0;
        const level = Math.round((LEVELS * sum) / most);
        if (level === wrap.level) continue;
        wrap.level = level;
        shade(wrap.el, level / LEVELS);
      }
    }
    for (const fold of folds) {
      const sum = fold.tiles.reduce((sum, at) => sum + (share[tiles[at].source?.id ?? -1] ?? 0), 0);
      const said = sum >= 0.005 ? two(sum) : "";
      if (said === fold.last) continue;
      fold.last = said;
      fold.share.textContent = said;
    }
  }

  /** @param {Unit | undefined} unit @returns {Focus | null} */
  const focusOn = (unit) => (unit ? cellsOfChars(part, data.chars, [unit.from, unit.to]) : null);

  pointed.set(el, ({ target }) => {
    if (!(target instanceof Element) || target.closest(".otr-fold")) return null;
    const unit = target.closest(".otr-unit");
    if (unit instanceof HTMLElement) {
      const own = unitOf.get(unit);
      if (own && last) unit.title = score(meanOf(last.mean, own));
      return focusOn(own);
    }
    const wrap = detail === "paragraph" ? target.closest(".otr-paragraph") : null;
    const own = tiles.filter(
      ({ paragraph }) => wrap && paragraph === Number(wrap.getAttribute("data-paragraph")),
    );
    return own.length ? cellsOfChars(part, data.chars, [own[0].from, own[own.length - 1].to]) : null;
  });

  again.addEventListener("click", () => {
    opened.clear();
    render();
    el.scrollIntoView({ block: "nearest" });
  });
  sources.provide(part.index, {
    reach(id) {
      const at = tileOf.get(id) ?? 0;
      open(tiles.flatMap((_, other) => (Math.abs(other - at) <= NEAR ? other : [])));
    },
    step(id, key) {
      const units = drawn.get(tileOf.get(id) ?? -1)?.units ?? [];
      const { hover } = store.get();
      const at = hover?.kind === "cells" ? units.findIndex(({ first }) => first === hover.cells[0]) : -1;
      const by = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
      if (!by || !units.length) return false;
      store.hover(
        focusOn(
          units[Math.max(0, Math.min(at < 0 && by < 0 ? units.length - 1 : at + by, units.length - 1))],
        ),
      );
      return true;
    },
  });
  return {
    el,
    extras: [again],
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      const { signal, pinned } = state;
      const kept = isResponse(pinned) ? pinned : null;
      const wanted = part.tokens || state.detail === "paragraph" ? state.detail : "sentence";
      const foldFor = JSON.stringify([signal, kept]);
      if (wanted === detail && foldFor === foldedFor) return recolour(shown);
      last = shown;
      if (wanted !== detail) {
        for (const at of drawn.keys()) if (tiles[at].source) sources.drop(tiles[at].source.id);
        drawn.clear();
        unitOf = new Map();
        detail = wanted;
        el.dataset.detail = detail;
      }
      if (foldFor !== foldedFor) {
        foldedFor = foldFor;
        const { share, ranks } = data.shown({ ...state, hover: null, step: null });
        folding = share.map((own, id) => own + Number(ranks.has(id))); // what was selected comes first
      }
      render();
    },
  };
}

/** @param {Float32Array} mean @param {Unit} unit */
function meanOf(mean, { first, count }) {
  return mean.subarray(first, first + count).reduce((sum, each) => sum + each, 0) / count;
}
