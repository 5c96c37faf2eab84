/** The sources of the prompt as elements: shading, ranks, names; one tab stop for all of them. */

import { h, KEYS_STAY, two } from "./dom.js";
import { opacityOf } from "./heat.js";

/** @import { Shown, Source } from "./types.js" */

const LEVELS = 64; // shades; fewer writes to the page than one a value

/** A source may be drawn in several pieces (none is today); the first is the one that takes the focus. */
export class Sources {
  /** @param {Source[]} sources */
  constructor(sources) {
    this.sources = sources;
    /** @type {Map<number, {el: HTMLElement, badge: HTMLElement, last: string}>} */
    this.drawn = new Map();
  }

  /** @param {number} part */
  of(part) {
    return this.sources.filter((source) => source.part === part);
  }

  /**
   * @param {Source} source
   * @param {string} kind  class
   * @param {string} [text]
   * @returns {HTMLElement}
   */
  draw(source, kind, text) {
    const badge = h("span", { class: "otr-badge", "aria-hidden": "true" });
    const el = h(
      "span",
      {
        class: `otr-source ${kind}`,
        role: "button",
        tabindex: this.drawn.size ? -1 : 0,
        "data-source": source.id,
        ...KEYS_STAY,
      },
      badge,
      ...(text === undefined ? [] : [text]),
    );
    this.drawn.set(source.id, { el, badge, last: "" });
    return el;
  }

  /** @param {number} id */
  element(id) {
    return this.drawn.get(id)?.el;
  }

  /** In prompt order. */
  elements() {
    return [...this.drawn.values()].map(({ el }) => el);
  }

  /** @param {Shown} shown */
  paint({ source, chip, share, ranks }) {
    const top = share.reduce((a, b) => Math.max(a, b), 0) || 1;
    for (const { id, label, excerpt } of this.sources) {
      const drawn = this.drawn.get(id);
      if (!drawn) continue;
      const level = Math.round((LEVELS * (share[id] ?? 0)) / top) / LEVELS;
      const rank = ranks.get(id) ?? 0;
      const focused = id === source || id === chip;
      const state = `${level} ${rank} ${focused} ${two(share[id] ?? 0)}`;
      if (state === drawn.last) continue;
      drawn.last = state;
      drawn.el.style.setProperty("--otr-shade", opacityOf(level).toFixed(3));
      drawn.el.classList.toggle("otr-ranked", rank > 0);
      drawn.el.classList.toggle("otr-focused", focused);
      drawn.badge.textContent = rank ? String(rank) : "";
      const name = [label, excerpt && `“${excerpt}”`, `share ${two(share[id] ?? 0)}`, rank && `rank ${rank}`];
      drawn.el.setAttribute("aria-label", name.filter(Boolean).join(", "));
      drawn.el.title = `${label}: ${two(share[id] ?? 0)}${rank ? `, rank ${rank}` : ""}`;
    }
  }
}
