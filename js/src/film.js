/** Films of the prompt: frames along time, heat by time, the sound track on the same axis; one frame at a time larger. */

import { h, KEYS_STAY } from "./dom.js";
import { createFrames } from "./frames.js";
import { addSound } from "./sound.js";
import { createTimed } from "./timed.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Part } from "./types.js" */

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} store @returns {Drawn} */
export function drawFilm(data, part, sources, store) {
  const mine = sources.of(part.index);
  const screen = h("div", { class: "otr-screen" });
  const timed = createTimed(data, part, sources, store, () => {
    const film = h("video", { playsinline: true, controls: true, "aria-label": part.label, ...KEYS_STAY });
    film.addEventListener("play", () => {
      frames.choose(null);
      screen.append(film);
    });
    film.addEventListener("error", () => film.remove());
    return film;
  });
  const frames = createFrames(data, part, store, timed.timeline, screen);
  timed.tracks.prepend(frames.el);
  timed.el.append(screen);
  const seen = mine.filter(({ modality }) => modality === "video");
  timed.add({ mine: seen, strip: part.strip, kind: "otr-film", label: `${part.label}, picture` });
  const heard = mine.filter(({ modality }) => modality === "audio");
  if (part.sound || heard.length) addSound(timed, data, part, heard, `${part.label}, sound`, "otr-track");
  return {
    el: timed.el,
    paint(shown, state) {
      timed.paint(shown, state);
      frames.paint(shown, state);
    },
    dispose() {
      timed.dispose();
      frames.dispose();
    },
  };
}
