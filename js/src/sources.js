/** The sources of the prompt as elements: shading, ranks, names; one tab stop for all of them. */

import { h, KEYS_STAY, two } from "./dom.js";
import { extreme, shade } from "./heat.js";

/** @import { Shown, Source } from "./types.js" */

const LEVELS = 64; // shades; fewer writes to the page than one a value
const LARGE = 0.1; // a share whose number is shown unasked, where there is room for one

/**
 * What a part that does not draw all of its sources at once does for those that it has not drawn.
 * @typedef {object} Home
 * @property {(id: number) => void} [reach]  draw it, or unfold what hides it, now
 * @property {() => boolean} [inner]  whether arrows step inside also without Shift
 * @property {(id: number, key: string) => boolean} [step]  Shift and an arrow: to a word or patch inside; whether it is one
 */

/** @param {Source[]} sources @returns {Map<number, Source[]>} */
export function groupByPart(sources) {
  /** @type {Map<number, Source[]>} */
  const groups = new Map();
  for (const source of sources) {
    const own = groups.get(source.part);
    if (own) own.push(source);
    else groups.set(source.part, [source]);
  }
  return groups;
}

/** Sources in prompt order; `id` is a source's place in it. */
export class Sources {
  /** @param {Source[]} sources */
  constructor(sources) {
    this.sources = sources;
    this.byPart = groupByPart(sources);
    /** @type {Map<number, {el: HTMLElement, badge: HTMLElement, text: string, last: string}>} those that are drawn */
    this.drawn = new Map();
    /** @type {Map<number, Home>} by part */
    this.homes = new Map();
    /** @type {Map<number, HTMLElement>} by source, the button that hides it */
    this.folds = new Map();
    /** @type {HTMLElement | null} the tab stop */
    this.stop = null;
    this.visited = false;
    /** @type {Shown | null} */
    this.shown = null;
    this.most = 1;
  }

  /** @param {number} part */
  of(part) {
    return this.byPart.get(part) ?? [];
  }

  /** @param {number} part @param {Home} home */
  provide(part, home) {
    this.homes.set(part, home);
  }

  /**
   * Make a source's element, at once or whenever its home is asked to; it is in its shade already.
   * @param {Source} source
   * @param {string} kind  class
   * @param {...(Node | string)} children
   * @returns {HTMLElement}
   */
  draw(source, kind, ...children) {
    const badge = h("span", { class: "otr-badge", "aria-hidden": "true" });
    const el = h(
      "span",
      {
        class: `otr-source ${kind}`,
        role: "button",
        tabindex: -1,
        "data-source": source.id,
        ...KEYS_STAY,
      },
      badge,
      ...children,
    );
    this.drawn.set(source.id, { el, badge, text: el.textContent || source.excerpt, last: "" });
    this.folds.delete(source.id);
    if (this.shown) this.paintOne(source, this.shown, this.most);
    return el;
  }

  /** Forget an element that is taken out of the page. @param {number} id */
  drop(id) {
    const el = this.drawn.get(id)?.el;
    if (el && el === this.stop) this.stop = null;
    this.drawn.delete(id);
  }

  /**
   * A button stands for sources that it hides: arrows stop at it, and Enter clicks it.
   * @param {number[]} ids  in order
   * @param {HTMLElement} button
   */
  fold(ids, button) {
    for (const id of ids) this.folds.set(id, button);
    if (ids.length) button.dataset.fold = `${ids[0]} ${ids[ids.length - 1]}`;
  }

  /** @param {number} id @returns {HTMLElement | undefined}  if it is drawn */
  element(id) {
    return this.drawn.get(id)?.el;
  }

  /** @param {number} id @returns {HTMLElement | undefined}  drawn and unfolded if need be */
  reach(id) {
    if (!this.drawn.has(id)) this.homes.get(this.sources[id]?.part)?.reach?.(id);
    return this.element(id);
  }

  /** @param {HTMLElement} el */
  stopAt(el) {
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = el;
    el.tabIndex = 0;
  }

  /**
   * Arrows go from source to source, with Shift inside one; Enter pins, Esc clears.
   * @param {HTMLElement} list
   * @param {{enter: (item: HTMLElement) => void, clear: () => void}} actions
   */
  keys(list, { enter, clear }) {
    /** @param {EventTarget | null} target @returns {[number, number] | null}  first and last source */
    const at = (target) => {
      if (!(target instanceof HTMLElement)) return null;
      const { source, fold } = target.dataset;
      if (source !== undefined) return [Number(source), Number(source)];
      if (fold === undefined) return null;
      const [first, last] = fold.split(" ").map(Number);
      return [first, last];
    };
    /** @param {number} id */
    const go = (id) => {
      const wanted = Math.max(0, Math.min(id, this.sources.length - 1));
      (this.folds.get(wanted) ?? this.reach(wanted))?.focus();
    };
    list.addEventListener("keydown", (event) => {
      const own = at(event.target);
      if (!own || event.ctrlKey || event.metaKey || event.altKey) return;
      const [first, last] = own;
      const item = /** @type {HTMLElement} */ (event.target);
      const folds = item.dataset.fold !== undefined;
      /** @type {Record<string, () => void>} */
      const keys = {
        ArrowDown: () => go(last + 1),
        ArrowRight: () => go(last + 1),
        ArrowUp: () => go(first - 1),
        ArrowLeft: () => go(first - 1),
        Home: () => go(0),
        End: () => go(this.sources.length - 1),
        Enter: () => (folds ? item.click() : enter(item)),
        " ": () => (folds ? item.click() : enter(item)),
        Escape: clear,
      };
      const home = this.homes.get(this.sources[first].part);
      const inside = (event.shiftKey || home?.inner?.()) && home?.step?.(first, event.key) === true;
      const action = inside ? () => {} : event.shiftKey ? undefined : keys[event.key];
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      action();
    });
    // A click moves the tab stop too, so that Tab returns to where the reader was.
    list.addEventListener("focusin", ({ target }) => {
      if (!at(target)) return;
      this.visited = true;
      this.stopAt(/** @type {HTMLElement} */ (target));
    });
  }

  /** @param {Shown} shown @param {number} [most]  the share that has the strongest shade */
  paint(shown, most = largest(shown)) {
    this.shown = shown;
    this.most = most;
    for (const id of this.drawn.keys()) this.paintOne(this.sources[id], shown, most);
  }

  /** Keep the tab stop in the page: where the reader was, else at the first. */
  settle() {
    if (this.visited && this.stop?.isConnected) return;
    let first = this.sources.length;
    for (const id of this.drawn.keys()) if (id < first) first = id;
    const el = this.folds.get(0) ?? this.element(first);
    if (el) this.stopAt(el);
  }

  /** @param {Source} source @param {Shown} shown @param {number} most */
  paintOne({ id, label }, { source, chip, share, ranks }, most) {
    const drawn = this.drawn.get(id);
    if (!drawn) return;
    const own = share[id] ?? 0;
    const level = Math.round((LEVELS * own) / most) / LEVELS;
    const rank = ranks.get(id) ?? 0;
    const focused = id === source || id === chip;
    const state = `${level} ${rank} ${focused} ${two(own)}`;
    if (state === drawn.last) return;
    drawn.last = state;
    const { el, badge, text } = drawn;
    shade(el, level);
    el.classList.toggle("otr-ranked", rank > 0);
    el.classList.toggle("otr-focused", focused);
    el.classList.toggle("otr-large", Math.abs(own) >= LARGE);
    el.dataset.share = two(own);
    badge.dataset.rank = rank ? String(rank) : ""; // by the style sheet: a name must hold all text inside
    const name = [label, text && `“${text}”`, `share ${two(own)}`, rank && `rank ${rank}`];
    el.setAttribute("aria-label", name.filter(Boolean).join(", "));
    const words = text && !el.textContent ? `\n“${text}”` : "";
    el.title = `${label}: ${two(own)}${rank ? `, rank ${rank}` : ""}${words}`;
  }
}

/** @param {Shown} shown */
const largest = ({ share }) => extreme(share) || 1;
