/** The controls of a sound or film: play, the intervals that can be played alone, the scale; one tab stop. */

import { stretch } from "./clock.js";
import { h, KEYS_STAY, percent } from "./dom.js";
import { isResponse } from "./focus.js";
import { rove } from "./keys.js";
import { createPlayer } from "./player.js";

/** @import { Data } from "./data.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Store } from "./store.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Part, State } from "./types.js" */

const MOST = 4; // intervals that are offered
const NARROW = 0.02; // of the width: an interval below that is looked at from nearer

/**
 * @param {object} given
 * @param {Data} given.data
 * @param {Part} given.part
 * @param {Sources} given.sources
 * @param {Store} given.store
 * @param {Timeline} given.timeline
 * @param {HTMLElement} given.tracks  where the head moves
 * @param {() => HTMLMediaElement} given.create
 */
export function createControls({ data, part, sources, store, timeline, tracks, create }) {
  const { label } = part;
  const { total } = timeline;
  const main = control("", `Play ${label}`, () => toggle());
  main.className = "otr-play";
  main.append(h("span", { class: "otr-icon", "aria-hidden": "true" }));
  const head = h("div", { class: "otr-head", hidden: true });
  const intervals = h("span", { class: "otr-intervals" });
  const more = h("span", { class: "otr-more" });
  const why = h("p", { class: "otr-why", role: "status" });
  const el = h(
    "div",
    {},
    h("div", { class: "otr-tools", role: "group", "aria-label": `${label}, time` }, intervals, more),
    why,
  );
  const player = part.media ? createPlayer(data, part, create, moved, failed) : null;
  tracks.append(head);
  if (!player) failed(part.media_note ?? "not included", true);
  if (timeline.long)
    more.append(
      control("\u2212", `Zoom out of ${label}`, () => timeline.zoom(0.5)),
      control("+", `Zoom into ${label}`, () => timeline.zoom(2)),
      control("Whole", `Whole ${label}`, () => timeline.show(0, total)),
    );
  let offered = "";

  /** @param {string} text @param {string} name @param {() => void} act */
  function control(text, name, act) {
    const given = { type: "button", tabindex: -1, "aria-label": name, title: name, ...KEYS_STAY };
    const button = h("button", given, text);
    button.addEventListener("click", act);
    return button;
  }

  /** @param {string} words @param {boolean} lasting */
  function failed(words, lasting) {
    if (player || !lasting) why.textContent = `${label}: ${words}`;
    if (!lasting) return;
    main.disabled = true;
    main.tabIndex = -1;
    stop();
    main.title = words;
    main.setAttribute("aria-label", `${label}: ${words}`);
  }

  function moved() {
    if (!player) return;
    const playing = player.playing();
    const time = player.time();
    const [from, to] = timeline.shown();
    if (playing && (time > to || time < from)) timeline.show(time - 0.05 * (to - from), to - from);
    const at = timeline.share(time);
    head.hidden = (!playing && !time) || at < 0 || at > 1;
    head.style.left = percent(at);
    if (playing) why.textContent = "";
    main.classList.toggle("otr-playing", playing);
    if (main.disabled) return;
    main.title = `${playing ? "Pause" : "Play"} ${label}`;
    main.setAttribute("aria-label", main.title);
  }

  /** @param {number} [from]  seconds */
  function toggle(from) {
    if (player?.playing()) player.pause();
    else player?.play(from);
  }

  /** @param {[number, number]} time  seconds */
  function show([from, to]) {
    if ((to - from) / (timeline.shown()[1] - timeline.shown()[0]) < NARROW)
      timeline.show((from + to) / 2 - 6 * (to - from), 12 * (to - from));
    else timeline.include([from, to]);
  }

  /** What is pinned, as intervals of this part, the chosen chip's first. @param {State} state @returns {[number, number][]} */
  function pinnedIntervals(state) {
    const { pinned } = state;
    if (pinned?.kind === "cells" && pinned.part === part.index && "time" in pinned.region)
      return [pinned.region.time];
    const chip = pinned?.kind === "statement" ? pinned.chip : undefined;
    const groups =
      pinned?.kind === "source"
        ? [[pinned.id]]
        : isResponse(pinned)
          ? data.evidenceOf(state, pinned).map((each) => each.sources)
          : [];
    const first = groups.filter((group) => chip !== undefined && group.includes(chip));
    return [...new Set([...first, ...groups])].flatMap((group) => {
      const times = group.flatMap((id) =>
        sources.sources[id].part === part.index ? (sources.sources[id].time ?? []) : [],
      );
      return times.length ? [/** @type {[number, number]} */ ([Math.min(...times), Math.max(...times)])] : [];
    });
  }

  /** @returns {HTMLElement[]} */
  function items() {
    const all = /** @type {HTMLButtonElement[]} */ ([main, ...intervals.children, ...more.children]);
    return all.filter(({ disabled }) => !disabled);
  }
  function stop() {
    const all = items();
    if (!all.some(({ tabIndex }) => tabIndex === 0))
      for (const each of all) each.tabIndex = each === all[0] ? 0 : -1;
  }

  return {
    /** The play button. */
    button: main,
    el,
    toggle,
    pause: () => player?.pause(),
    play: (/** @type {number} */ from, /** @type {number} */ to) => player?.play(from, to),
    seek: (/** @type {number} */ time) => player?.seek(time),
    /** One more button. @param {string} text @param {string} name @param {() => void} act */
    add(text, name, act) {
      const button = control(text, name, act);
      more.prepend(button);
      return button;
    },
    /** @param {State} state */
    paint(state) {
      const wanted = pinnedIntervals(state).slice(0, MOST);
      if (JSON.stringify(wanted) !== offered) {
        offered = JSON.stringify(wanted);
        intervals.replaceChildren(
          ...(player || timeline.long ? wanted : []).map((time) => {
            const words = stretch(time, total);
            const button = control(words, `${player ? "Play" : "Show"} ${words} of ${label}`, () => {
              show(time);
              player?.play(...time);
            });
            if (player) button.prepend(h("span", { class: "otr-icon", "aria-hidden": "true" }));
            return button;
          }),
        );
      }
      stop();
      moved();
    },
    /** Keys of the controls, wherever they are in an element. @param {HTMLElement} list */
    keys: (list) =>
      rove(list, items, {
        enter: (item) => item.click(),
        clear() {
          store.hover(null);
          store.set({ pinned: null });
        },
      }),
    dispose: () => player?.dispose(),
  };
}
