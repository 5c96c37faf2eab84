/** Time on a canvas: a waveform, a spectrogram or nothing, the heat of its time over it, and shares of sources below. */

import { extreme, OPACITY, opacityOf } from "./heat.js";

/** @import { Source, Strip } from "./types.js" */
/** @import { Timeline } from "./timeline.js" */

/**
 * A canvas to draw on; sizes in CSS pixels.
 * @typedef {{context: CanvasRenderingContext2D, width: number, height: number, ink: string, muted: string, accent: string, minus: string}} Pad
 */

const BAR = 3; // pixels
const FOOT = 6; // pixels, of shares
const LEGIBLE = 24; // pixels below which no word is written

/**
 * Fit a canvas to its place.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width @param {number} height  as an observer told them: to ask makes the page lay everything out
 * @returns {Pad | null}  null while it has no size
 */
export function begin(canvas, width, height) {
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return null;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const ink = style.color;
  context.font = `11px ${style.fontFamily}`;
  const [muted, accent, minus] = ["--otr-wave", "--otr-heat-rgb", "--otr-minus-rgb"].map((name) =>
    style.getPropertyValue(name).trim(),
  );
  return { context, width, height, ink, muted, accent, minus };
}

/**
 * @param {Strip | null} strip
 * @param {Uint8Array | Int16Array} heat  [cells], of all parts
 * @returns {(time: number) => number}  -255..255, of rising times
 */
function heatOver(strip, heat) {
  if (!strip) return () => 0;
  const [first, count] = strip.cells;
  const { edges } = strip;
  let cell = 0;
  return (time) => {
    while (cell < count && time >= edges[cell + 1]) cell++;
    return cell < count && time >= edges[cell] ? heat[first + cell] : 0;
  };
}

/** @type {WeakMap<Int8Array, number>} */
const loudness = new WeakMap();

/** @param {Int8Array} peaks */
function loudestOf(peaks) {
  const known = loudness.get(peaks) ?? peaks.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  loudness.set(peaks, known);
  return known;
}

/**
 * @param {Pad} pad
 * @param {Timeline} timeline
 * @param {Strip | null} strip
 * @param {Uint8Array | Int16Array} scores
 * @param {Int8Array} peaks  pairs of lowest and highest, -127..127; without any, heat is on the ground alone
 */
export function drawTime({ context, width, height, muted, accent, minus }, timeline, strip, scores, peaks) {
  const tint = peaks.length ? 0.32 : 0.6;
  const heatAt = heatOver(strip, scores);
  const slices = peaks.length / 2;
  const loudest = loudestOf(peaks);
  const bars = Math.max(1, Math.ceil(width / BAR));
  const tall = height - FOOT;
  /** @param {number} bar */
  const slice = (bar) => Math.floor((timeline.at((bar * BAR) / width) / timeline.total) * slices);
  for (let bar = 0; bar < bars; bar++) {
    const heat = heatAt(timeline.at(((bar + 0.5) * BAR) / width));
    const opacity = OPACITY[Math.abs(heat)];
    const hue = heat < 0 ? minus : accent;
    if (opacity) {
      context.fillStyle = `rgb(${hue} / ${opacity * tint})`;
      context.fillRect(BAR * bar, 0, BAR, tall);
    }
    if (!slices) continue;
    let extent = 0;
    const first = Math.min(slice(bar), slices - 1);
    for (let at = 2 * first; at < 2 * Math.max(first + 1, slice(bar + 1)); at++)
      extent = Math.max(extent, Math.abs(peaks[at]));
    const half = Math.max(1, Math.round((extent / loudest) * (tall / 2 - 3)));
    for (const fill of [muted, `rgb(${hue} / ${opacity})`]) {
      context.fillStyle = fill;
      context.fillRect(BAR * bar, Math.round(tall / 2) - half, BAR - 1, 2 * half);
    }
  }
}

/**
 * How much of the mass is on each source: of sources that share a pixel, the most.
 * @param {Pad} pad
 * @param {Timeline} timeline
 * @param {Source[]} mine
 * @param {Float32Array} share  [sources]
 */
export function drawShares({ context, width, height, accent, minus }, timeline, mine, share) {
  const top = extreme(share) || 1;
  const levels = new Float32Array(Math.ceil(width));
  for (const { id, time } of mine) {
    const [from, to] = time ?? [0, timeline.total];
    const first = Math.max(0, Math.round(timeline.share(from) * width));
    const last = Math.min(levels.length, Math.max(first + 1, Math.round(timeline.share(to) * width)));
    const own = share[id] ?? 0;
    for (let x = first; x < last; x++) if (Math.abs(own) > Math.abs(levels[x])) levels[x] = own;
  }
  for (let x = 0, start = 0; x < levels.length; x++) {
    if (levels[x + 1] === levels[x]) continue;
    if (levels[x]) {
      context.fillStyle = `rgb(${levels[x] < 0 ? minus : accent} / ${opacityOf(Math.abs(levels[x]) / top)})`;
      context.fillRect(start, height - FOOT + 1, x + 1 - start, FOOT - 1);
    }
    start = x + 1;
  }
}

/**
 * Words over the stretch in which they are said, as far as there is room.
 * @param {Pad} pad
 * @param {number[]} shares  of the width, where they begin and end
 * @param {string} words
 * @param {number} indent  pixels before the first word
 */
export function write({ context, width, ink }, [from, to], words, indent) {
  const left = Math.max(from, 0) * width;
  const room = Math.min(to, 1) * width - left;
  if (room < LEGIBLE) return;
  context.save();
  context.beginPath();
  context.rect(left, 0, room - 3, 16);
  context.clip();
  context.fillStyle = ink;
  context.fillText(words, left + indent, 11);
  context.restore();
}
