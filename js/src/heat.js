/** Heat on canvases: one hue, transparent where there is none, so that it sits on any theme and any picture. */

const GAMMA = 0.6; // small values stay visible; the legend's ticks use the same curve
const STRONGEST = 0.8;

/** Opacity of a quantised score. */
export const OPACITY = Float32Array.from({ length: 256 }, (_, value) => STRONGEST * (value / 255) ** GAMMA);

/** @param {number} level  0..1 */
export const opacityOf = (level) => STRONGEST * level ** GAMMA;

/**
 * Shade an element; below 0, as in a difference, in the other hue.
 * @param {HTMLElement} el @param {number} level  -1..1
 */
export function shade(el, level) {
  el.style.setProperty("--otr-shade", opacityOf(Math.abs(level)).toFixed(3));
  el.classList.toggle("otr-minus", level < 0);
}

/** The largest of some numbers, whatever their sign. @param {Float32Array} all */
export const extreme = (all) => all.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** The share of the largest score whose opacity is halfway. */
export const HALFWAY = 0.5 ** (1 / GAMMA);

const DEEP = [0, 114, 178];
const PALE = [126, 205, 250];
const MINUS = [213, 94, 0];
const DARK = 90; // mean brightness, of 255

/**
 * The hue of heat over a picture: deep on a bright one, pale on a dark one, whatever the notebook's theme.
 * @param {HTMLImageElement} image  loaded
 */
export function hueOver(image) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  if (!context || !image.naturalWidth) return DEEP;
  context.drawImage(image, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK ? PALE : DEEP;
}

/**
 * One pixel a cell, opaque where it is strongest; the style sheet scales it and sets how strong it is over the picture.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array | Int16Array} heat  [rows, columns], below 0 in the other hue
 * @param {number[]} hue
 */
export function drawGrid(canvas, heat, hue = DEEP) {
  const context = canvas.getContext("2d");
  if (!context || !heat.length) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const { data } = image;
  for (let i = 0; i < heat.length; i++) {
    const own = heat[i] < 0 ? MINUS : hue;
    data[4 * i] = own[0];
    data[4 * i + 1] = own[1];
    data[4 * i + 2] = own[2];
    data[4 * i + 3] = (255 * OPACITY[Math.abs(heat[i])]) / STRONGEST;
  }
  context.putImageData(image, 0, 0);
}
