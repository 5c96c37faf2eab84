/** One drawing for each kind of part: text, picture, sound, film. */

import { h, KEYS_STAY, percent } from "./dom.js";
import { drawGrid, hueOver } from "./heat.js";
import { createAxis, createPlayer, createWave, drawBins, duration } from "./timeline.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Box, Drawn, Frames, Part, Patches, Range } from "./types.js" */

const NARROWEST_FRAME = 52; // pixels

/** @param {HTMLElement} el @param {Box} box */
function place(el, [left, top, right, bottom]) {
  Object.assign(el.style, {
    left: percent(left),
    top: percent(top),
    width: percent(right - left),
    height: percent(bottom - top),
  });
}

/**
 * A thumbnail and a canvas of one pixel a patch over it.
 * @param {Data} data
 * @param {Part} part
 * @param {Range | undefined} thumbnail
 * @param {Patches | Frames | null} grid
 * @param {string} name
 */
function picture(data, part, thumbnail, grid, name) {
  const url = thumbnail ? URL.createObjectURL(data.thumbnail(thumbnail)) : "";
  const [width, height] = part.size ?? [4, 3];
  const el = h("div", {
    class: "otr-picture",
    style: `aspect-ratio:${width}/${height}`,
  });
  const canvas = h("canvas", { "aria-hidden": "true", width: grid?.columns ?? 1, height: grid?.rows ?? 1 });
  /** @type {number[] | undefined} */
  let hue;
  /** @type {Uint8Array} */
  let last = new Uint8Array();
  /** @param {Uint8Array} heat */
  function paint(heat) {
    last = heat;
    drawGrid(canvas, heat, hue);
  }
  if (url) {
    const image = h("img", { src: url, alt: name, draggable: "false" });
    image.addEventListener("load", () => {
      hue = hueOver(image);
      paint(last);
    });
    el.append(image);
  }
  if (grid) {
    place(canvas, grid.extent);
    el.append(canvas);
  }
  return { el, paint, dispose: () => URL.revokeObjectURL(url) };
}

/** @param {Data} _data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
function drawText(_data, part, sources, _store) {
  const text = part.text ?? "";
  const el = h("div", { class: "otr-text", dir: "auto" });
  let at = 0;
  for (const source of sources.of(part.index)) {
    const [from, to] = source.chars ?? [at, at];
    el.append(text.slice(at, from), sources.draw(source, "otr-sentence", text.slice(from, to)));
    at = to;
  }
  el.append(text.slice(at));
  return { el };
}

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
function drawImage(data, part, sources, _store) {
  const { patches } = part;
  const { el, paint, dispose } = picture(data, part, part.thumbnails[0], patches, part.label);
  for (const source of sources.of(part.index)) {
    const box = sources.draw(source, "otr-box");
    place(box, source.box ?? [0, 0, 1, 1]);
    el.append(box);
  }
  return {
    el,
    paint: ({ heat }) => {
      if (patches) paint(heat.subarray(patches.cells[0], patches.cells[0] + patches.cells[1]));
    },
    dispose,
  };
}

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
function drawSound(data, part, sources, _store) {
  const lane = h("div", { class: "otr-lane otr-sound" });
  const wave = part.sound ? createWave(data, part, part.sound) : null;
  if (wave) lane.append(wave.el);
  lane.append(...drawBins(sources, sources.of(part.index), duration(part)));
  const player = createPlayer(data, part, () => new Audio(), lane);
  const el = h(
    "div",
    { class: "otr-time" },
    h("div", { class: "otr-side" }, player.el),
    h("div", {}, lane, createAxis(duration(part))),
  );
  return {
    el,
    paint: wave?.paint,
    dispose() {
      wave?.dispose();
      player.dispose();
    },
  };
}

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
function drawFilm(data, part, sources, _store) {
  const { frames } = part;
  const mine = sources.of(part.index);
  const pictures = part.thumbnails.map((thumbnail) => picture(data, part, thumbnail, frames, ""));
  const slots = pictures.map(({ el }) => h("div", { class: "otr-slot" }, el));
  const strip = h(
    "div",
    { class: "otr-frames", role: "img", "aria-label": `${part.label}, ${slots.length} frames` },
    ...slots,
  );
  const lane = h("div", { class: "otr-lane otr-film" }, strip);
  lane.append(
    ...drawBins(
      sources,
      mine.filter(({ modality }) => modality === "video"),
      duration(part),
    ),
  );
  const tracks = h("div", {}, lane);
  const wave = part.sound ? createWave(data, part, part.sound) : null;
  if (wave) {
    const bins = drawBins(
      sources,
      mine.filter(({ modality }) => modality === "audio"),
      duration(part),
    );
    tracks.append(h("div", { class: "otr-lane otr-sound otr-track" }, wave.el, ...bins));
  }
  tracks.append(createAxis(duration(part)));
  const screen = h("div", { class: "otr-screen" });
  const player = createPlayer(
    data,
    part,
    () => {
      const film = h("video", { playsinline: true, controls: true, "aria-label": part.label, ...KEYS_STAY });
      screen.append(film);
      return film;
    },
    lane,
  );
  const el = h("div", { class: "otr-time" }, h("div", { class: "otr-side" }, player.el), tracks, screen);

  const observer = new ResizeObserver(() => {
    const every = Math.max(1, Math.ceil((slots.length * NARROWEST_FRAME) / Math.max(1, strip.clientWidth)));
    slots.forEach((slot, i) => {
      slot.hidden = i % every > 0;
      slot.style.flexGrow = String(Math.min(every, slots.length - i));
    });
  });
  observer.observe(strip);
  return {
    el,
    paint(shown) {
      wave?.paint(shown);
      if (!frames) return;
      const size = frames.rows * frames.columns;
      pictures.forEach((picture, i) => {
        const start = frames.cells[0] + i * size;
        picture.paint(shown.heat.subarray(start, start + size));
      });
    },
    dispose() {
      observer.disconnect();
      wave?.dispose();
      player.dispose();
      for (const { dispose } of pictures) dispose();
    },
  };
}

/** How each kind of part is drawn. */
export const DRAW = { text: drawText, image: drawImage, audio: drawSound, video: drawFilm };
