/** How the prompt is shaded: texts by token, word, sentence or paragraph; how strong and how smooth over pictures. */

import { h, KEYS_STAY } from "./dom.js";
import { segments } from "./segments.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Detail, State } from "./types.js" */

/** @type {{value: Detail, title: string}[]} */
const DETAILS = [
  { value: "token", title: "each token in its own shade" },
  { value: "word", title: "each word in the mean of its tokens" },
  { value: "sentence", title: "each sentence in the share of its source" },
  { value: "paragraph", title: "each paragraph in the sum of its sentences' shares" },
];

/** @param {Data} data @param {Store} store */
export function createDetail(data, store) {
  const { parts } = data.document;
  const texts = parts.some(({ tokens }) => tokens);
  const pictures = parts.some(({ patches, frames }) => patches || frames);
  const detail = segments("Shade texts by", DETAILS, (value) =>
    store.set({ detail: /** @type {Detail} */ (value) }),
  );
  const opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, ...KEYS_STAY });
  opacity.addEventListener("input", () => store.set({ opacity: Number(opacity.value) }));
  const smooth = h("input", { type: "checkbox", ...KEYS_STAY });
  smooth.addEventListener("change", () => store.set({ smooth: smooth.checked }));
  const over = h(
    "div",
    { class: "otr-over", title: "Over pictures, while something is pointed at or pinned" },
    h("label", {}, h("span", {}, "Heat over pictures"), opacity),
    h("label", {}, smooth, h("span", {}, "smooth")),
  );
  const el = h("div", { class: "otr-details" }, ...(texts ? [detail.el] : []), ...(pictures ? [over] : []));
  return {
    el,
    /** @param {State} state */
    paint(state) {
      detail.set(state.detail);
      if (Number(opacity.value) !== state.opacity) opacity.value = String(state.opacity);
      smooth.checked = state.smooth;
    },
  };
}
