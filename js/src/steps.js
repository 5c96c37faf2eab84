/** Generation, step by step: a scrubber over a chart of where the scores went, and play. */

import { h, KEYS_STAY, percent } from "./dom.js";
import { createMass } from "./mass.js";
import { createReadout } from "./readout.js";
import { textOf } from "./tokens.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Shown, State } from "./types.js" */

const WHOLE = 30_000; // ms, of a whole response
const FASTEST = 60; // ms, of a step
const SLOWEST = 160;

/** @param {Data} data @param {Store} store */
export function createSteps(data, store) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const play = h(
    "button",
    { type: "button", class: "otr-play", ...KEYS_STAY },
    h("span", { class: "otr-icon", "aria-hidden": "true" }),
  );
  const scrub = h("input", {
    type: "range",
    class: "otr-scrub",
    min: 0,
    "aria-label": "Step of the generation",
    ...KEYS_STAY,
  });
  const raw = h(
    "button",
    {
      type: "button",
      class: "otr-open",
      title: "The response's tokens as they are, spaces and special tokens too",
      ...KEYS_STAY,
    },
    "Tokens",
  );
  const mass = createMass(data);
  const readout = createReadout(data);
  const now = h("i", { class: "otr-now", hidden: true });
  const lane = h("div", { class: "otr-run" }, mass.el, now, scrub);
  const el = h(
    "section",
    { class: "otr-steps", "aria-label": "Generation, step by step" },
    play,
    lane,
    raw,
    readout.picked,
    readout.legend,
  );
  let playing = 0;

  /** @param {number} step  from the number of steps on: the whole response */
  const go = (step) => store.set({ step: step < data.steps ? Math.max(0, step) : null });

  function stop() {
    if (!playing) return;
    clearInterval(playing);
    playing = 0;
    store.set({ busy: false });
  }
  play.addEventListener("click", () => {
    const { step } = store.get();
    if (playing) return stop();
    if (calm.matches) return go((step ?? -1) + 1);
    const pace = Math.min(SLOWEST, Math.max(FASTEST, WHOLE / data.steps));
    playing = window.setInterval(() => go((store.get().step ?? data.steps) + 1), pace);
    store.set({ step: step ?? 0, busy: true });
  });
  raw.addEventListener("click", () => store.set({ raw: !store.get().raw }));
  scrub.addEventListener("input", () => {
    stop();
    go(Number(scrub.value));
  });
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || store.get().step === null) return;
    event.stopPropagation();
    store.set({ step: null });
  });

  /** @param {PointerEvent} event */
  function stepAt({ clientX }) {
    const { left, width } = lane.getBoundingClientRect();
    return Math.floor(((clientX - left) / width) * data.steps);
  }
  lane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    scrub.focus({ preventScroll: true });
    stop();
    lane.setPointerCapture(event.pointerId);
    store.set({ busy: true, hover: null });
    go(stepAt(event));
  });
  lane.addEventListener("pointerover", (event) => event.stopPropagation());
  lane.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    const step = stepAt(event);
    if (lane.hasPointerCapture(event.pointerId)) go(step);
    else if (step >= 0 && step < data.steps) store.hover({ kind: "token", id: step });
  });
  lane.addEventListener("pointerleave", () => store.hover(null));
  lane.addEventListener("lostpointercapture", () => store.set({ busy: false }));

  /** @param {State} state */
  function paintScrubber({ step }) {
    const { steps } = data;
    if (step === null) stop();
    scrub.max = String(steps);
    scrub.value = String(step ?? steps);
    scrub.setAttribute(
      "aria-valuetext",
      step === null ? "the whole response" : `${step + 1} of ${steps}: ${textOf(data, step, step + 1)}`,
    );
    play.classList.toggle("otr-playing", playing > 0);
    play.setAttribute("aria-label", playing ? "Pause" : calm.matches ? "Next step" : "Play the response");
  }

  return {
    el,
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      el.hidden = data.steps === 0;
      if (el.hidden) return;
      paintScrubber(state);
      const { inputs, steps } = shown;
      const [start, stop] = steps;
      now.hidden = inputs === null;
      now.style.left = percent(start / data.steps);
      now.style.width = percent((stop - start) / data.steps);
      raw.setAttribute("aria-pressed", String(state.raw));
      readout.paint(shown, state);
      mass.paint(state);
    },
    dispose() {
      stop();
      mass.dispose();
    },
  };
}
