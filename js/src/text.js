/** Texts of the prompt. */

import { h } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Drawn, Part } from "./types.js" */

/** @param {Data} _data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
export function drawText(_data, part, sources, _store) {
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
