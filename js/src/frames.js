/** The frames that a film's thumbnails show, each where its time is; the chosen one large, with heat on its patches. */

import { clock } from "./clock.js";
import { h, KEYS_STAY, percent } from "./dom.js";
import { rove } from "./keys.js";
import { picture } from "./picture.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Part, Shown, State } from "./types.js" */

const NARROWEST = 40; // pixels
const TALLEST = 120; // pixels

/**
 * @param {Data} data
 * @param {Part} part
 * @param {Store} store
 * @param {Timeline} timeline
 * @param {HTMLElement} screen  where the chosen one is shown
 */
export function createFrames(data, part, store, timeline, screen) {
  const { frames: grid, size } = part;
  const times = part.thumbnails.map(
    (_, at) => part.thumbnail_times[at] ?? (timeline.total * at) / part.thumbnails.length,
  );
  const aspect = size ? size[0] / size[1] : 4 / 3;
  const cells = grid ? grid.rows * grid.columns : 0;
  const el = h("div", { class: "otr-frames", role: "group", "aria-label": `${part.label}, frames` });
  /** @type {[Shown, State] | null} */
  let last = null;
  /** @type {{at: number, drawn: ReturnType<typeof picture>, el: HTMLElement} | null} */
  let chosen = null;
  let fitted = "";
  let width = 0; // pixels, as it was told: asking the page for it makes it lay everything out

  /** @param {number} at */
  const name = (at) => {
    const time = clock(times[at], timeline.total);
    return timeline.total < 60 ? `${time} s` : time;
  };
  const frames = part.thumbnails.map((thumbnail, at) => {
    const drawn = picture(data, part, thumbnail, grid, "");
    const button = h(
      "button",
      {
        class: "otr-frame",
        type: "button",
        tabindex: at ? -1 : 0,
        "aria-label": `Frame at ${name(at)}`,
        title: `Frame at ${name(at)}`,
        "aria-pressed": "false",
        ...KEYS_STAY,
      },
      drawn.el,
    );
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      choose(chosen?.at === at ? null : at);
    });
    el.append(button);
    return { button, drawn };
  });
  el.hidden = !frames.length;
  rove(el, () => frames.map(({ button }) => button).filter(({ hidden }) => !hidden), {
    enter: (item) => item.click(),
    clear: () => choose(null),
  });

  /** @param {number | null} at */
  function choose(at) {
    chosen?.drawn.dispose();
    chosen?.el.remove();
    chosen = null;
    frames.forEach(({ button }, i) => {
      button.setAttribute("aria-pressed", String(i === at));
    });
    if (at === null) return;
    for (const film of screen.querySelectorAll("video")) {
      film.pause();
      film.remove();
    }
    const drawn = picture(data, part, part.thumbnails[at], grid, `Frame at ${name(at)} of ${part.label}`);
    const large = h("figure", { class: "otr-chosen" }, drawn.el, h("figcaption", {}, `Frame at ${name(at)}`));
    if (grid) follow(drawn.el, grid.cells[0] + at * cells, name(at));
    screen.append(large);
    large.scrollIntoView({ block: "nearest" });
    chosen = { at, drawn, el: large };
    if (last) paint(...last);
  }

  /** The patch under the mouse lights the words that it drove. @param {HTMLElement} over @param {number} first @param {string} time */
  function follow(over, first, time) {
    over.addEventListener("pointerover", (event) => event.stopPropagation());
    over.addEventListener("pointermove", (event) => {
      const { clientX, clientY } = event;
      event.stopPropagation();
      if (!grid || !size) return;
      const box = over.getBoundingClientRect();
      const [left, top, right, bottom] = grid.extent;
      const x = ((clientX - box.left) / box.width - left) / (right - left);
      const y = ((clientY - box.top) / box.height - top) / (bottom - top);
      if (x < 0 || y < 0 || x >= 1 || y >= 1) return store.hover(null);
      const column = Math.floor(x * grid.columns);
      const row = Math.floor(y * grid.rows);
      /** @type {[number, number, number, number]} */
      const region = [
        column / grid.columns,
        row / grid.rows,
        (column + 1) / grid.columns,
        (row + 1) / grid.rows,
      ];
      store.hover({
        kind: "cells",
        part: part.index,
        cells: [first + row * grid.columns + column],
        label: `${part.label}, ${time}, patch ${row + 1}, ${column + 1}`,
        region: { box: [region[0] * size[0], region[1] * size[1], region[2] * size[0], region[3] * size[1]] },
      });
    });
  }

  /**
   * Each picture begins at its time and has the room until the next, at most; the last may be moved to stay on the axis.
   * Those for which there is no room are left out. The one that a closer look begins in stays until the next one comes.
   */
  function fit() {
    const key = [...timeline.shown(), width].join();
    if (key === fitted || !width) return;
    fitted = key;
    const inside = times.map((time) => timeline.share(time));
    const gap = Math.min(1, ...inside.slice(1).map((at, i) => at - inside[i]));
    const wide = Math.min(Math.max(width * gap, NARROWEST), TALLEST * aspect, width);
    el.style.height = `${Math.round(wide / aspect) + 5}px`;
    const share = wide / width;
    let free = 0; // share of the width from which there is room
    const before = inside.filter((at) => at <= 0).length - 1;
    frames.forEach(({ button }, at) => {
      const left =
        at === before
          ? Math.max(inside[at], Math.min(0, (inside[at + 1] ?? 1) - share))
          : Math.min(inside[at], 1 - share);
      button.hidden = at < before || inside[at] > 1 || (at > before && left < free - 1e-3);
      if (button.hidden) return;
      free = left + share;
      button.style.left = percent(left);
      button.style.width = percent(share);
    });
    if (!frames.some(({ button }) => button.tabIndex === 0 && !button.hidden))
      for (const { button } of frames)
        button.tabIndex = button === frames.find((each) => !each.button.hidden)?.button ? 0 : -1;
  }

  /** @param {Shown} shown @param {State} state */
  function paint(shown, state) {
    last = [shown, state];
    fit();
    if (!grid) return;
    /** @param {number} at */
    const heat = (at) => shown.heat.subarray(grid.cells[0] + at * cells, grid.cells[0] + (at + 1) * cells);
    frames.forEach(({ drawn }, at) => {
      drawn.paint(heat(at));
    });
    chosen?.drawn.paint(heat(chosen.at));
  }
  const observer = new ResizeObserver(([{ contentRect }]) => {
    ({ width } = contentRect);
    if (last) paint(...last);
  });
  observer.observe(el);

  return {
    el,
    choose,
    paint,
    dispose() {
      observer.disconnect();
      choose(null);
      for (const { drawn } of frames) drawn.dispose();
    },
  };
}
