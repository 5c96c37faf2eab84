/** Above the view: which signal. Below it: what is shown, in words and numbers, and what the shades mean. */

import { h, KEYS_STAY, score, two } from "./dom.js";
import { HALFWAY } from "./heat.js";

/** @import { Data } from "./data.js" */
/** @import { Shown, State } from "./types.js" */

/**
 * @param {Data} data
 * @param {(signal: string) => void} choose
 */
export function createToolbar(data, choose) {
  const { signals, model } = data.document;
  const select = h("select", KEYS_STAY, ...signals.map((name) => h("option", { value: name }, name)));
  select.addEventListener("change", () => choose(select.value));
  const el = h(
    "div",
    { class: "otr-toolbar" },
    h("span", { class: "otr-model" }, `Model ${model}`),
    h("label", { class: "otr-signal" }, h("span", {}, "Signal"), select),
  );
  return {
    el,
    /** @param {State} state */
    paint: ({ signal }) => {
      select.value = signal;
    },
  };
}

/**
 * One ramp for both shades: of a token (patches, slices of time) and of a source (sentences, seconds).
 * @param {Data} data
 */
export function createLegend(data) {
  const scales = ["per token", "per source"].map((name) => ({ name, half: h("td"), most: h("td") }));
  const live = h("p", { class: "otr-live", "aria-live": "polite" });
  const ramp = h("span", { class: "otr-ramp" }, h("i"));
  const legend = h(
    "table",
    { class: "otr-legend", "aria-label": "What the shades stand for" },
    h("tr", {}, h("td"), h("td", { colspan: 3 }, ramp)),
    ...scales.map(({ name, half, most }) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, "0"), half, most),
    ),
  );
  const notes = data.document.notes.map((note) => h("p", { class: "otr-note" }, note));
  const el = h("div", { class: "otr-foot" }, live, legend, ...notes);

  /** @param {Shown} shown @param {State} state */
  function sentence({ statement, source, pinned, share }, { signal }) {
    const { statements, sources } = data.document;
    const which = statement === null ? "the whole response" : `statement ${statement + 1}`;
    if (source !== null) {
      const found = data.supported(signal, source);
      const list = found.map((id) => `${id + 1}`).join(", ");
      const says = found.length
        ? `supports statement${found.length > 1 ? "s" : ""} ${list}`
        : "is selected for no statement";
      return `${sources[source].label} ${says}; share ${two(share[source])} of ${which}.`;
    }
    if (statement === null)
      return `The whole response, by ${signal}. Point at a statement, or at a source in the prompt.`;
    const names = data
      .evidence(signal, statement)
      .map(({ label, score: own, mark }) => `${label} (${two(own)}${mark ? `, ${mark.verdict}` : ""})`);
    const rests = names.length ? `rests on ${names.join(", ")}` : "has no source that stands out";
    return `Statement ${statement + 1} of ${statements.length}${pinned ? ", pinned," : ""} ${rests}.`;
  }

  return {
    el,
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      const largest = [shown.scale, shown.share.reduce((a, b) => Math.max(a, b), 0)];
      scales.forEach(({ half, most }, i) => {
        half.textContent = score(largest[i] * HALFWAY);
        most.textContent = score(largest[i]);
      });
      const text = sentence(shown, state);
      if (live.textContent !== text) live.textContent = text;
    },
  };
}
