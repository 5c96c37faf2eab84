/** Sounds of the prompt, and the sound tracks of films. */

import { h } from "./dom.js";
import { createSpectrogram } from "./spectrogram.js";
import { createTimed } from "./timed.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Part, Source } from "./types.js" */

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} store @returns {Drawn} */
export function drawSound(data, part, sources, store) {
  const timed = createTimed(data, part, sources, store, () => new Audio());
  addSound(timed, data, part, sources.of(part.index), part.label, "");
  return timed;
}

/**
 * A lane of sound: its waveform, or on request its spectrogram.
 * @param {ReturnType<typeof createTimed>} timed
 * @param {Data} data
 * @param {Part} part
 * @param {Source[]} mine
 * @param {string} label
 * @param {string} kind  class
 */
export function addSound(timed, data, part, mine, label, kind) {
  const [start, count] = part.peaks ?? [0, 0];
  const spectrogram = createSpectrogram(data, part);
  const lane = timed.add({
    mine,
    strip: part.sound,
    peaks: data.peaks.subarray(start, start + count),
    kind: `otr-sound ${kind}`,
    label,
    spectrogram,
  });
  if (!spectrogram) return;
  lane.el.append(h("span", { class: "otr-hertz", "aria-hidden": "true" }, spectrogram.top));
  const button = timed.controls.add("Spectrogram", `Spectrogram of ${label}`, () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    lane.change(on);
    timed.repaint();
  });
  button.setAttribute("aria-pressed", "false");
}
