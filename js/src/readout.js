/** What is pointed at or picked in the response: its words, their probability, what they rest on, where scores went. */

import { PLACES } from "./data.js";
import { h, score, two } from "./dom.js";
import { budget, colour } from "./places.js";
import { drawChips } from "./rests.js";
import { probability, textOf, visible } from "./tokens.js";

/** @import { Data } from "./data.js" */
/** @import { Shown, State } from "./types.js" */

const LEAST = -1e6; // nats; Python writes minus infinity as less

/** @param {Data} data */
export function createReadout(data) {
  const picked = h("div", { class: "otr-picked" });
  const places = PLACES.map((place) => ({
    item: h("li", {}, h("i", { style: `background:${colour(place)}` }), place),
    share: h("span"),
  }));
  for (const { item, share } of places) item.append(share);
  const legend = h(
    "ul",
    { class: "otr-places", "aria-label": "Evidence budget" },
    ...places.map(({ item }) => item),
  );
  let said = "";

  /** @param {Shown} shown @param {State} state */
  function say({ inputs, steps: [start, stop], statement, evidence }, { raw }) {
    const token = stop === start + 1;
    const which = token ? `step ${start + 1} of ${data.steps}` : `steps ${start + 1}-${stop}`;
    const named = inputs !== null && statement === null;
    const words = named
      ? `${which}, ${likely(data, start, stop)}`
      : inputs
        ? `statement ${(statement ?? 0) + 1}, ${which}, ${likely(data, start, stop)}`
        : `${data.steps} steps. Point at a word, or drag over several.`;
    const text = named
      ? raw && token
        ? visible(data.document.pieces[start])
        : textOf(data, start, stop)
      : "";
    const key = JSON.stringify([words, text, named && evidence]);
    if (key === said) return;
    said = key;
    picked.replaceChildren(
      ...(named ? [h("q", { dir: "auto" }, text)] : []),
      h("span", { class: "otr-which" }, words),
      ...(named ? drawChips(evidence, false) : []),
    );
  }

  return {
    picked,
    legend,
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      say(shown, state);
      const [start, stop] = shown.steps;
      const shares = budget(data, state.signal, start, stop, shown.statement ?? undefined);
      const all = budget(data, state.signal, 0, data.steps);
      places.forEach(({ item, share }, i) => {
        item.hidden = all[i] === 0;
        share.textContent = two(shares[i]);
      });
    },
  };
}

/** @param {Data} data @param {number} start @param {number} stop */
function likely(data, start, stop) {
  const probable = two(probability(data, start, stop));
  if (stop > start + 1) return `probability ${probable} a token`;
  const [nats] = data.response.logprob.subarray(start, stop);
  return `log-probability ${nats < LEAST ? "−∞" : `−${score(-nats)}`} (${probable})`;
}
