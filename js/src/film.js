/** Films of the prompt. */

import { h, KEYS_STAY } from "./dom.js";
import { picture } from "./picture.js";
import { createAxis, createPlayer, createWave, drawBins, duration } from "./timeline.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Part } from "./types.js" */

const NARROWEST_FRAME = 52; // pixels

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
export function drawFilm(data, part, sources, _store) {
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
