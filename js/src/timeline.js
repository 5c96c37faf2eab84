/** What sound and film share: a time axis, bins that can be credited, a waveform, a play button and its head. */

import { h, KEYS_STAY, percent, seconds } from "./dom.js";
import { drawWave } from "./heat.js";

/** @import { Data } from "./data.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Part, Shown, Source, Strip } from "./types.js" */

/**
 * @param {Part} part
 * @returns {number}
 */
export const duration = (part) => Math.max(part.duration ?? 0, part.sound?.edges.at(-1) ?? 0, 1e-3);

/** @param {number} total  seconds */
export function createAxis(total) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  const step = steps.find((candidate) => total / candidate <= 8) ?? 3600;
  const axis = h("div", { class: "otr-axis", "aria-hidden": "true" });
  for (let at = 0; at < total - step / 3; at += step) {
    axis.append(h("span", { style: `left:${percent(at / total)}` }, seconds(at)));
  }
  axis.append(h("span", { class: "otr-end" }, `${seconds(total)} s`));
  return axis;
}

/**
 * @param {Sources} sources
 * @param {Source[]} mine
 * @param {number} total
 */
export const drawBins = (sources, mine, total) =>
  mine.map((source) => {
    const [from, to] = source.time ?? [0, total];
    const bin = sources.draw(source, "otr-bin");
    bin.style.left = percent(from / total);
    bin.style.width = percent(Math.max(0, Math.min(to, total) - from) / total);
    return bin;
  });

/**
 * @param {Data} data
 * @param {Part} part
 * @param {Strip} strip
 */
export function createWave(data, part, strip) {
  const canvas = h("canvas", { class: "otr-wave", "aria-hidden": "true" });
  const [start, count] = part.peaks ?? [0, 0];
  const peaks = data.peaks.subarray(start, start + count);
  const total = duration(part);
  /** @type {Shown | null} */
  let last = null;

  /** @param {Shown} shown */
  function paint(shown) {
    last = shown;
    const heat = shown.heat.subarray(strip.cells[0], strip.cells[0] + strip.cells[1]);
    let cell = 0;
    drawWave(canvas, peaks, (at) => {
      const time = at * total;
      while (cell < heat.length && time >= strip.edges[cell + 1]) cell++;
      return cell < heat.length && time >= strip.edges[cell] ? heat[cell] : 0;
    });
  }
  const observer = new ResizeObserver(() => last && paint(last));
  observer.observe(canvas);
  return { el: canvas, paint, dispose: () => observer.disconnect() };
}

/**
 * A play button; disabled, with the reason, where there is nothing to play.
 * @param {Data} data
 * @param {Part} part
 * @param {() => HTMLMediaElement} create
 * @param {HTMLElement} lane  where the head moves
 */
export function createPlayer(data, part, create, lane) {
  const { media, label } = part;
  const icon = h("span", { class: "otr-icon", "aria-hidden": "true" });
  const el = h(
    "button",
    { class: "otr-play", type: "button", "aria-label": `Play ${label}`, ...KEYS_STAY },
    icon,
  );
  /** @param {string} why */
  function unplayable(why) {
    el.disabled = true;
    el.title = why;
    el.setAttribute("aria-label", `${label}: ${why}`);
  }
  if (!media) {
    unplayable(part.media_note ?? "not included");
    return { el, dispose: () => {} };
  }
  const head = h("div", { class: "otr-head", hidden: true });
  lane.append(head);
  /** @type {HTMLMediaElement | null} */
  let player = null;
  let url = "";
  let frame = 0;

  function follow() {
    if (!player) return;
    head.style.left = percent(player.currentTime / duration(part));
    if (!player.paused) frame = requestAnimationFrame(follow);
  }
  function state() {
    const playing = Boolean(player && !player.paused && !player.ended);
    el.classList.toggle("otr-playing", playing);
    el.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${label}`);
    head.hidden = !playing && !player?.currentTime;
    follow();
  }
  el.addEventListener("click", async () => {
    if (!player) {
      const made = create();
      try {
        url = URL.createObjectURL(await data.media.get(part.index));
      } catch (error) {
        unplayable(error instanceof Error ? error.message : String(error));
        return;
      }
      player = made;
      player.src = url;
      for (const event of ["play", "pause", "ended", "seeked"]) player.addEventListener(event, state);
      player.addEventListener("error", () => unplayable("this browser cannot play it"));
    }
    if (player.paused) player.play().catch(() => state());
    else player.pause();
  });
  return {
    el,
    dispose() {
      cancelAnimationFrame(frame);
      player?.pause();
      if (url) URL.revokeObjectURL(url);
    },
  };
}
