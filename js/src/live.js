/** While a trace is made: how far it is, a button that stops, and eyes on the newest statement. */

import { h, KEYS_STAY } from "./dom.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Data } from "./data.js" */
/** @import { State } from "./types.js" */

const PATIENCE = 1000; // ms from a click; tokens that still come after it mean that nobody hears the click
const LATE =
  "This host passes the click on when the cell is done. Interrupt the cell instead: what is there is kept.";

/**
 * @param {AnyModel} model
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function createLive(model, root, signal) {
  const words = h("span", { class: "otr-far" });
  const button = h("button", { type: "button", class: "otr-stop", ...KEYS_STAY }, "Stop");
  const line = h("div", { class: "otr-making" }, h("i", { class: "otr-pulse" }), words, button);
  // Counting is for the eye; what begins and ends is read out.
  const news = h("span", { class: "otr-unseen", role: "status" });
  /** @type {{at: number, steps: number} | null} */
  let clicked = null;

  /** @returns {{running: boolean, steps: number, words: string}} */
  const now = () => ({ running: false, steps: 0, words: "", ...model.get("live") });

  function follow() {
    const { running, steps, words: said } = now();
    const began = news.textContent !== "";
    const held = line.contains(document.activeElement);
    if (!running) clicked = null;
    const unheard = clicked && Date.now() - clicked.at > PATIENCE && steps > clicked.steps + 1;
    words.textContent = unheard ? LATE : clicked ? "Stopping …" : said;
    line.hidden = !running && !said;
    line.classList.toggle("otr-running", running);
    button.hidden = !running;
    button.setAttribute("aria-disabled", String(clicked !== null));
    const news_ =
      clicked || (!running && said) ? words.textContent : running ? "The response is being made." : "";
    const told = news_ || (began ? "The trace is there." : "");
    if (news.textContent !== told) news.textContent = told;
    /** @type {HTMLElement | null} */
    const next = root.querySelector(".otr-response [tabindex='0']");
    if (held && !running) next?.focus({ preventScroll: true });
  }
  button.addEventListener("click", () => {
    if (clicked) return;
    clicked = { at: Date.now(), steps: now().steps };
    model.send({ type: "stop" });
    follow();
  });
  model.on("change:live", follow);
  signal.addEventListener("abort", () => model.off("change:live", follow));
  follow();

  return {
    el: h("div", {}, line, news),
    /**
     * Let the response grow; whoever had its end in sight has it in sight afterwards.
     * @param {HTMLElement} list @param {() => void} grow
     */
    grow(list, grow) {
      const atEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 40;
      grow();
      if (atEnd && now().running) list.scrollTop = list.scrollHeight;
    },
    /**
     * While nothing else is pointed at or pinned, the newest statement is what the view is about.
     * @param {State} state @param {Data} data
     * @returns {State}
     */
    newest(state, data) {
      const id = data.document.statements.length - 1;
      if (!now().running || id < 0 || state.hover || state.pinned || state.step !== null) return state;
      return { ...state, hover: { kind: "statement", id } };
    },
  };
}
