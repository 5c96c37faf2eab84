/** The prompt as the model saw it: its parts in order, pictures that follow each other side by side. */

import { h, percent, two } from "./dom.js";
import { DRAW } from "./parts.js";
import { paragraphShares } from "./passages.js";
import { Sources } from "./sources.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Drawn, Focus, Part, Shown, State } from "./types.js" */

/** @param {Data} data @param {Store} store */
export function createPrompt(data, store) {
  const sources = new Sources(data.document.sources);
  const el = h("div", { class: "otr-parts", role: "group", "aria-label": "Prompt" });
  /** @type {HTMLElement | null} */
  let row = null;

  const talked = data.document.parts.some((part) => part.role === "assistant");
  const drawn = data.document.parts.map((part) => {
    const body = DRAW[part.kind](data, part, sources, store);
    const section = frame(part, body, talked);
    if (part.kind !== "image") row = null;
    else if (!row) {
      row = h("div", { class: "otr-row" });
      el.append(row);
    }
    (row ?? el).append(section.el);
    return { body, section, own: sources.of(part.index).map(({ id }) => id) };
  });

  return {
    el,
    sources,
    /** A word or patch within the source that has the focus, if one was gone to. @param {HTMLElement} item @returns {Focus | null} */
    inside(item) {
      const { hover } = store.get();
      const part = data.document.sources[Number(item.dataset.source)]?.part;
      return hover?.kind === "cells" && hover.part === part ? hover : null;
    },
    /** @param {Shown} shown @param {State} state */
    paint(shown, state) {
      el.style.setProperty("--otr-over", String(state.opacity));
      el.classList.toggle("otr-smooth", state.smooth);
      sources.paint(
        shown,
        state.detail === "paragraph" ? paragraphShares(data, shown.share).most : undefined,
      );
      for (const { body, section, own } of drawn) {
        section.paint(own.reduce((sum, id) => sum + (shown.share[id] ?? 0), 0));
        body.paint?.(shown, state);
      }
      sources.settle();
    },
    dispose() {
      for (const { body } of drawn) body.dispose?.();
    },
  };
}

/** @param {Part} part @param {Drawn} body @param {boolean} talked  whether it is a talk, in which the user's turns are named too */
function frame(part, body, talked) {
  const value = h("span", { class: "otr-share" });
  const bar = h("span", { class: "otr-bar", "aria-hidden": "true" }, h("i"));
  const role = part.role === "user" && !talked ? [] : [h("span", { class: "otr-role" }, part.role)];
  const aspect = part.size ? part.size[0] / part.size[1] : 4 / 3;
  const el = h(
    "section",
    { class: `otr-part otr-part-${part.kind}`, style: `--otr-aspect:${aspect}`, "aria-label": part.label },
    h(
      "div",
      { class: "otr-caption" },
      ...role,
      h("span", { class: "otr-name" }, part.label),
      h("span", { class: "otr-detail" }, [part.detail, part.media_note].filter(Boolean).join(" · ")),
      bar,
      value,
      ...(body.extras ?? []),
    ),
    body.el,
  );
  return {
    el,
    /** @param {number} share */
    paint(share) {
      value.textContent = two(share);
      bar.classList.toggle("otr-minus", share < 0);
      /** @type {HTMLElement} */ (bar.firstChild).style.width = percent(Math.abs(share));
    },
  };
}
