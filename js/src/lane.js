/**
 * One lane of a time axis: shares and heat on a canvas, and of its sources as elements only those that are worth one, so
 * that an hour of seconds costs what a minute does.
 */

import { h, percent } from "./dom.js";
import { begin, drawShares, drawTime, write } from "./wave.js";

/** @import { Sources } from "./sources.js" */
/** @import { Shown, Source, Strip } from "./types.js" */
/** @import { Timeline } from "./timeline.js" */

const FEW = 64; // sources that all have an element
const THINNEST = 5; // pixels of an element, so that its number has something to stand on
const WORDS = 15; // pixels
const NOTHING = new Int8Array();

const BADGE = 21; // pixels that the disc of a rank takes before words

/** Who said what, of an interval of a transcript, or how a user named it. @param {Source} source */
function wordsOf({ modality, label, excerpt }) {
  if (modality !== "audio") return "";
  const name = / s(?: \(sound\))?, (.+)$/.exec(label)?.[1];
  return [name, excerpt && `“${excerpt}”`].filter(Boolean).join(": ");
}

/**
 * @param {object} given
 * @param {Sources} given.sources
 * @param {Source[]} given.mine
 * @param {Timeline} given.timeline
 * @param {Strip | null} given.strip
 * @param {Int8Array} [given.peaks]
 * @param {string} given.kind  class
 * @param {string} given.label
 * @param {ReturnType<typeof import("./spectrogram.js").createSpectrogram>} [given.spectrogram]
 */
export function createLane({
  sources,
  mine: given,
  timeline,
  strip,
  peaks = NOTHING,
  kind,
  label,
  spectrogram = null,
}) {
  /** @param {Source} source @returns {[number, number]} */
  const timeOf = ({ time }) => time ?? [0, timeline.total];
  const mine = given.slice().sort((a, b) => timeOf(a)[0] - timeOf(b)[0]);
  const canvas = h("canvas", { class: "otr-wave", "aria-hidden": "true" });
  const here = h("div", { class: "otr-here", hidden: true });
  const el = h(
    "div",
    {
      class: `otr-lane ${kind}`,
      role: "group",
      "aria-label": label,
      "aria-description":
        "Arrows go from interval to interval, Shift and arrows choose several, Enter pins, Space plays from here, " +
        "plus and minus change the scale, Escape clears.",
    },
    canvas,
    here,
  );
  if (given.some(wordsOf)) el.classList.add("otr-worded");
  const few = mine.length <= FEW;
  const own = new Set(mine.map(({ id }) => id));
  const words = mine.filter((source) => wordsOf(source));
  // How far what began until then lasts: a user's own intervals may overlap.
  let lasts = 0;
  const until = mine.map((source) => {
    lasts = Math.max(lasts, timeOf(source)[1]);
    return lasts;
  });
  let wide = 600; // pixels
  let size = [0, 0]; // of the canvas
  /** @type {unknown[]} what it was drawn from */
  let drawn = [];
  /** @type {[Shown, number | null] | null} */
  let last = null;
  let frequencies = false;

  /** Also what is out of sight has its place, where it can take the focus. @param {HTMLElement} bin @param {Source} source */
  function place(bin, source) {
    const [from, to] = timeOf(source).map((time) => Math.min(Math.max(timeline.share(time), -1), 2));
    const least = few ? 0 : THINNEST / wide;
    const width = Math.max(to - from, least);
    const [left, top, right, bottom] = source.box ?? [0, 0, 1, 1]; // regions of an interval lie in it as in its frames
    bin.style.left = percent((from >= 0 && from <= 1 ? Math.min(from, 1 - least) : from) + left * width);
    bin.style.width = percent((right - left) * width);
    bin.style.top = percent(top);
    bin.style.height = percent(bottom - top);
  }

  /** @param {number} id */
  function reach(id) {
    if (sources.element(id)) return;
    const after = mine.find((each) => each.id > id && sources.element(each.id));
    const bin = sources.draw(sources.sources[id], "otr-bin");
    place(bin, sources.sources[id]);
    el.insertBefore(bin, (after && sources.element(after.id)) ?? here);
  }
  for (const { id } of few ? mine : mine.slice(0, 1)) reach(id);

  const bins = () => /** @type {NodeListOf<HTMLElement>} */ (el.querySelectorAll(".otr-bin"));

  /** Elements come where they are needed, and go where nothing needs them. @param {(number | null)[]} needed */
  function tidy(needed) {
    const wanted = new Set([mine[0].id, ...needed]);
    for (const id of wanted) if (id !== null && own.has(id)) reach(id);
    for (const bin of bins()) {
      const id = Number(bin.dataset.source);
      if (wanted.has(id) || bin === sources.stop || bin.matches(":focus")) continue;
      sources.drop(id);
      bin.remove();
    }
  }

  const observer = new ResizeObserver(([{ contentRect }]) => {
    size = [contentRect.width, contentRect.height];
    if (last) paint(...last);
  });
  observer.observe(canvas);

  return {
    el,
    mine,
    /** @param {number} id */
    has: (id) => own.has(id),
    timeOf,
    reach,
    /** @param {number} time @returns {Source | undefined} */
    at(time) {
      let low = 0;
      for (let high = mine.length; high - low > 1; ) {
        const middle = (low + high) >> 1;
        if (timeOf(mine[middle])[0] <= time) low = middle;
        else high = middle;
      }
      while (low > 0 && timeOf(mine[low])[1] < time && until[low - 1] >= time) low--;
      const [from, to] = mine[low] ? timeOf(mine[low]) : [1, 0];
      return from <= time && time <= to ? mine[low] : undefined;
    },
    /** @param {boolean} on  frequencies in place of the waveform */
    change(on) {
      frequencies = on;
      el.classList.toggle("otr-frequencies", on);
    },
    /** Put elements where they belong on the axis. */
    fit(/** @type {number} */ width) {
      wide = width || wide;
      for (const bin of bins()) place(bin, sources.sources[Number(bin.dataset.source)]);
    },
    paint,
    dispose: () => observer.disconnect(),
  };

  /** @param {Shown} shown @param {number | null} pinned  source */
  function paint(shown, pinned) {
    last = [shown, pinned];
    if (!few) tidy([...shown.ranks.keys(), shown.chip, pinned]);
    const { source } = shown;
    here.hidden = few || source === null || !own.has(source);
    if (!here.hidden && source !== null) place(here, sources.sources[source]);
    const theme = el.closest("[data-theme]")?.getAttribute("data-theme");
    const now = [shown.heat, shown.share, shown.ranks, ...timeline.shown(), ...size, frequencies, theme];
    if (now.every((each, i) => each === drawn[i])) return;
    drawn = now;
    const pad = begin(canvas, size[0], size[1]);
    if (!pad) return;
    for (const each of words) {
      write(pad, timeOf(each).map(timeline.share), wordsOf(each), shown.ranks.has(each.id) ? BADGE : 3);
    }
    const top = words.length ? WORDS : 0;
    const below = { ...pad, height: pad.height - top };
    pad.context.translate(0, top);
    const spectra = frequencies ? spectrogram : null;
    spectra?.draw(below, timeline);
    drawTime(below, timeline, strip, shown.heat, spectra ? NOTHING : peaks);
    drawShares(below, timeline, mine, shown.share);
  }
}

/** @typedef {ReturnType<typeof createLane>} Lane */
