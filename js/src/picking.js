/** Words and ranges of words: pointed at, dragged over with mouse or finger, walked with the arrow keys. */

import { same } from "./focus.js";
import { focusOn } from "./tokens.js";

/** @import { Store } from "./store.js" */
/** @import { Word } from "./words.js" */

/** @typedef {{el: HTMLElement, id: number, said: HTMLElement, words: Word[]}} Row  a statement */

/**
 * @template {Row} R
 * The statements' elements keep the focus: a word is walked to inside of them, and the live line says which.
 * @param {HTMLElement} list
 * @param {() => R[]} rows
 * @param {(row: R) => void} ready  draws the words of a row that does not have them yet
 * @param {Store} store
 */
export function pickWords(list, rows, ready, store) {
  pointAtWords(list, store);
  /** @type {{row: number, word: number} | null} where the keyboard is */
  let at = null;
  /** @type {Word | null} where its range began */
  let anchor = null;

  /** @param {R} row @param {number} word @param {boolean} extend */
  function go(row, word, extend) {
    at = { row: rows().indexOf(row), word };
    const own = row.words[word];
    if (!extend || !anchor) anchor = own;
    if (!row.el.matches(":focus")) row.el.focus();
    own.el.scrollIntoView({ block: "nearest", inline: "nearest" });
    store.hover(reached());
  }

  function reached() {
    const own = at && rows()[at.row].words[at.word];
    if (!own || !anchor) return null;
    return focusOn(Math.min(anchor.start, own.start), Math.max(anchor.stop, own.stop));
  }

  /** To the next word or the one before, in another statement too. @param {number} by  1 or -1 @param {boolean} extend */
  function walk(by, extend) {
    if (!at) return;
    const all = rows();
    const row = all[at.row];
    if (row.words[at.word + by]) return go(row, at.word + by, extend);
    for (let next = at.row + by; all[next]; next += by) {
      if (all[next].el.hidden) continue;
      ready(all[next]);
      const { length } = all[next].words;
      if (length) return go(all[next], by > 0 ? 0 : length - 1, extend);
    }
  }

  function forget() {
    at = null;
    anchor = null;
  }

  function leave() {
    const row = at && rows()[at.row];
    forget();
    if (row) store.hover({ kind: "statement", id: row.id });
  }

  list.addEventListener("keydown", (event) => {
    const row = rows().find(({ el }) => el === event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at && rows()[at.row] !== row) forget();
    const [on, back] = ["ArrowRight", "ArrowLeft"];
    const leftwards = getComputedStyle(row.said).direction === "rtl";
    const [forward, backward] = leftwards ? [back, on] : [on, back];
    /** @type {Record<string, () => void>} */
    const inside = {
      [forward]: () => walk(1, event.shiftKey),
      [backward]: () => walk(-1, event.shiftKey),
      Home: () => go(row, 0, event.shiftKey),
      End: () => go(row, row.words.length - 1, event.shiftKey),
      Enter: keep,
      " ": keep,
      Escape: leave,
    };
    /** @type {Record<string, () => void>} */
    const outside = {
      [forward]: () => {
        ready(row);
        if (row.words.length) go(row, 0, false);
      },
    };
    const action = (at ? inside : outside)[event.key];
    if (!action) {
      if (event.key !== "Shift") forget();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    action();
  });
  list.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && list.contains(relatedTarget))) forget();
  });

  function keep() {
    const focus = reached();
    store.set({ pinned: same(focus, store.get().pinned) ? null : focus });
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
const wordAt = (target) => (target instanceof Element ? target.closest(".otr-word") : null);

/** @param {HTMLElement} word */
const stepsOf = (word) => /** @type {string} */ (word.dataset.steps).split(" ").map(Number);

/** @param {HTMLElement} a @param {HTMLElement} b */
function between(a, b) {
  const [start, stop] = stepsOf(a);
  const [other, last] = stepsOf(b);
  return focusOn(Math.min(start, other), Math.max(stop, last));
}

/** @param {HTMLElement} list @param {Store} store */
function pointAtWords(list, store) {
  /** @type {HTMLElement | null} where the button went down */
  let down = null;
  /** @type {HTMLElement | null} where a drag is now */
  let over = null;
  /** @type {HTMLElement | null} a word just clicked: what was pinned shows until the mouse is at another */
  let still = null;
  let dragged = false;

  list.addEventListener("pointerover", (event) => {
    const word = wordAt(event.target);
    if (!over && word !== still) {
      still = null;
      if (!word) return;
      store.hover(between(word, word));
    }
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => {
    down = event.button === 0 && event.isPrimary ? wordAt(event.target) : null;
    dragged = false;
  });
  list.addEventListener("pointermove", (event) => {
    if (down || wordAt(event.target)) event.stopPropagation();
    if (!down) return;
    const { clientX, clientY, pointerId } = event;
    const root = /** @type {Document | ShadowRoot} */ (list.getRootNode());
    const word = wordAt(root.elementFromPoint(clientX, clientY));
    if (!word || word === (over ?? down) || !list.contains(word)) return;
    if (!over) {
      list.setPointerCapture(pointerId);
      store.set({ busy: true });
    }
    over = word;
    dragged = true;
    store.hover(between(down, word));
  });
  /** @param {boolean} done */
  function end(done) {
    if (down && over) {
      store.set({ busy: false, hover: null, ...(done ? { pinned: between(down, over) } : {}) });
      still = over;
    }
    down = over = null;
  }
  list.addEventListener("pointerup", () => end(true));
  list.addEventListener("pointercancel", () => end(false));
  list.addEventListener("click", (event) => {
    const word = wordAt(event.target);
    if (dragged) event.stopPropagation();
    else if (word) {
      still = word;
      store.hover(null);
      if (event.detail === 2) {
        event.stopPropagation();
        store.set({ pinned: between(word, word) });
      }
    }
    dragged = false;
  });
}
