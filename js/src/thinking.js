/** What stands before an answer: the beginning that it was given, and its thinking, which folds away. */

import { h, KEYS_STAY } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { State } from "./types.js" */

const GIVEN = "Given to the model as the beginning of its answer, which goes on from here";

/** @param {Data} data @param {() => {id: number, el: HTMLElement}[]} rows  of the statements */
export function createThinking(data, rows) {
  const button = h("button", { type: "button", class: "otr-fold-thinking", ...KEYS_STAY });
  const given = h("p", { class: "otr-given", title: GIVEN });
  /** @type {boolean | null} as the reader has chosen */
  let chosen = null;
  /** @type {number | null} the statement that was last asked for */
  let asked = null;

  // Thinking is shown while there is nothing else, and folded once the answer comes.
  const opened = () => chosen ?? data.document.statements.every(({ thinking }) => thinking);

  function grow() {
    const { statements, begun } = data.document;
    given.replaceChildren(h("b", {}, "given"), h("span", { dir: "auto" }, begun));
    given.hidden = !begun;
    const count = statements.filter(({ thinking }) => thinking).length;
    const open = opened();
    button.hidden = count === 0;
    button.textContent = `Thinking: ${count} ${count === 1 ? "statement" : "statements"}`;
    button.setAttribute("aria-expanded", String(open));
    const shown = rows().filter(({ id, el }) => {
      el.classList.toggle("otr-thinks", statements[id].thinking);
      el.hidden = statements[id].thinking && !open;
      if (el.hidden) el.tabIndex = -1;
      return !el.hidden;
    });
    if (shown.length && shown.every(({ el }) => el.tabIndex !== 0)) shown[0].el.tabIndex = 0;
  }

  button.addEventListener("click", () => {
    chosen = !opened();
    grow();
  });
  return {
    el: h("div", {}, given, button),
    grow,
    /** Open the thinking where one of its statements is pinned or being said. @param {State} state */
    reach({ step, pinned }) {
      const wanted = step !== null ? data.statementOf[step] : pinned?.kind === "statement" ? pinned.id : null;
      if (wanted === asked) return;
      asked = wanted;
      if (wanted === null || !data.document.statements[wanted]?.thinking || opened()) return;
      chosen = true;
      grow();
    },
  };
}
