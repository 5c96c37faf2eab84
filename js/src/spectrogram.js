/** Spectrograms: small ones that the trace keeps (`omnitrace_nb/media/spectrograms.py`), drawn in the notebook's ink. */

/** @import { Data } from "./data.js" */
/** @import { Part } from "./types.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Pad } from "./wave.js" */

const STRONGEST = 0.82;

/**
 * @param {Data} data
 * @param {Part} part
 */
export function createSpectrogram(data, part) {
  const grid = part.spectrogram;
  if (!grid) return null;
  const [start, count] = grid.values;
  const values = data.prompt.arrays.spectrograms.subarray(start, start + count);
  const small = document.createElement("canvas");
  small.width = grid.columns;
  small.height = grid.bands;
  let last = "";

  /** @param {string} ink  a colour */
  function dye(ink) {
    const context = small.getContext("2d", { willReadFrequently: true });
    if (!context || ink === last) return;
    last = ink;
    context.fillStyle = ink;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    const image = context.createImageData(grid?.columns ?? 1, grid?.bands ?? 1);
    for (let at = 0; at < values.length; at++)
      image.data.set([red, green, blue, STRONGEST * values[at]], 4 * at);
    context.putImageData(image, 0, 0);
  }

  return {
    /** The highest frequency, in words. */
    top: `${Math.round(grid.hertz / 100) / 10} kHz`,
    /** @param {Pad} pad @param {Timeline} timeline */
    draw({ context, width, height, ink }, timeline) {
      dye(ink);
      const [from, to] = timeline.shown().map((time) => (time / timeline.total) * grid.columns);
      context.drawImage(small, from, 0, to - from, grid.bands, 0, 0, width, height - 6);
    },
  };
}
