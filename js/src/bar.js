/** Above the view: which signal. Below it: what is shown, in words and numbers, and what the shades mean. */

import { createDetail } from "./detail.js";
import { h, KEYS_STAY, score } from "./dom.js";
import { extreme, HALFWAY } from "./heat.js";
import { paragraphShares } from "./passages.js";
import { sentence } from "./sentence.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Shown, State } from "./types.js" */

/** @param {Data} data @param {Store} store */
export function createToolbar(data, store) {
  const select = h("select", KEYS_STAY);
  select.addEventListener("change", () => store.set({ signal: select.value }));
  const settings = h("button", { type: "button", class: "otr-open", ...KEYS_STAY }, "Settings");
  const detail = createDetail(data, store);
  settings.addEventListener("click", () => store.set({ playground: !store.get().playground }));
  const el = h(
    "div",
    { class: "otr-toolbar" },
    h("span", { class: "otr-model" }, `Model ${data.document.model}`),
    detail.el,
    h("label", { class: "otr-signal" }, h("span", {}, "Signal"), select),
    settings,
  );
  /** The signals that there are: those that run passes come when the response is whole. */
  function grow() {
    const { signals } = data.document;
    if (signals.length === select.options.length) return;
    const chosen = select.value;
    select.replaceChildren(...signals.map((name) => h("option", { value: name }, name)));
    if (signals.includes(chosen)) select.value = chosen;
  }
  grow();
  return {
    el,
    grow,
    /** @param {Shown} _shown @param {State} state */
    paint: (_shown, state) => {
      const { signal, playground } = state;
      select.value = signal;
      detail.paint(state);
      settings.setAttribute("aria-expanded", String(playground));
    },
  };
}

/**
 * One ramp for both shades: of a token (patches, slices of time) and of a source (sentences, seconds).
 * @param {Data} data
 */
export function createLegend(data) {
  const scales = ["per token", "per source"].map((name) => ({
    name: h("th", { scope: "row" }, name),
    least: h("td"),
    half: h("td"),
    most: h("td"),
  }));
  const live = h("p", { class: "otr-live", "aria-live": "polite" });
  const ramp = h("span", { class: "otr-ramp" }, h("i"));
  const legend = h(
    "table",
    { class: "otr-legend", "aria-label": "What the shades stand for" },
    h("tr", {}, h("td"), h("td", { colspan: 3 }, ramp)),
    ...scales.map(({ name, least, half, most }) => h("tr", {}, name, least, half, most)),
  );
  const el = h("div", { class: "otr-foot" }, live, legend);
  /** @type {{el: HTMLElement, signals: string[]}[]} */
  let notes = [];
  function grow() {
    for (const note of notes) note.el.remove();
    notes = data.document.notes.map(({ text, signals }) => ({
      el: h("p", { class: "otr-note" }, text),
      signals,
    }));
    el.append(...notes.map((note) => note.el));
  }
  grow();

  return {
    el,
    grow,
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      const paragraphs = state.detail === "paragraph";
      const largest = [
        shown.scale,
        paragraphs ? paragraphShares(data, shown.share).most : extreme(shown.share),
      ];
      const names = [
        state.detail === "word" ? "per word, the mean of its tokens" : "per token",
        paragraphs ? "per paragraph, the sum of its sentences" : "per source",
      ];
      ramp.classList.toggle("otr-two", Boolean(shown.minus));
      scales.forEach(({ name, least, half, most }, i) => {
        if (name.textContent !== names[i]) name.textContent = names[i];
        const top = score(largest[i]);
        least.textContent = shown.minus ? `-${top}` : "0";
        half.textContent = shown.minus ? "0" : score(largest[i] * HALFWAY);
        most.textContent = shown.minus ? `+${top}` : top;
      });
      for (const { el, signals } of notes) el.hidden = signals.length > 0 && !signals.includes(state.signal);
      const text = sentence(data, shown, state);
      live.setAttribute("aria-busy", String(state.busy));
      if (live.textContent !== text) live.textContent = text;
    },
  };
}
