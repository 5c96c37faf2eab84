/** Sounds of the prompt. */

import { h } from "./dom.js";
import { createAxis, createPlayer, createWave, drawBins, duration } from "./timeline.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Part } from "./types.js" */

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
export function drawSound(data, part, sources, _store) {
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
