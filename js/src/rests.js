/** What a statement rests on: the bar of its evidence budget, its chips, its confidence. */

import { changes } from "./changes.js";
import { h, score, two } from "./dom.js";
import { budget, inWords, stacked } from "./places.js";

/** @import { Data } from "./data.js" */
/** @import { Evidence, Mark, State } from "./types.js" */

const CONFIDENCE =
  "Confidence: the mass of the source that a token votes for (trace.votes), mean over the statement's tokens";

/** @param {Mark | null} mark */
const drawMark = (mark) =>
  mark
    ? [
        h(
          "span",
          {
            class: "otr-mark",
            role: "img",
            "aria-label": mark.words,
            title: mark.words,
            "data-verdict": mark.verdict,
          },
          mark.sign,
        ),
      ]
    : [];

/**
 * What something rests on, best first.
 * @param {Evidence[]} evidence
 * @param {boolean} pointed  its sources answer the mouse
 * @param {number[]} [came]  sources that other settings than the trace's own brought
 */
export const drawChips = (evidence, pointed, came = []) =>
  evidence.length
    ? evidence.map(({ sources, label, score: value, mark }, i) =>
        h(
          "span",
          {
            class: "otr-chip",
            ...(pointed && { "data-chip": sources[0], "data-sources": sources.join(" ") }),
          },
          h("b", {}, String(i + 1)),
          h("span", { class: "otr-label" }, label),
          h("span", { class: "otr-value" }, two(value)),
          ...drawMark(mark),
          ...(sources.some((source) => came.includes(source)) ? [h("i", { class: "otr-new" }, "new")] : []),
        ),
      )
    : [h("span", { class: "otr-none" }, "no source stands out")];

/**
 * `came`: sources that other settings brought; `bar`: a background.
 * @typedef {{evidence: Evidence[], came: number[], bar: string, words: string, confidence: number}} Rests
 */

/** @param {Data} data @param {State} state @param {number} statement @returns {Rests} */
export function restsOf(data, state, statement) {
  const { first, stop } = data.document.statements[statement];
  const shares = budget(data, state.signal, first, stop, statement);
  return {
    evidence: data.evidence(state, statement),
    came: changes(data, state).get(statement)?.came ?? [],
    bar: stacked(shares),
    words: `Evidence budget: ${inWords(shares) || "none"}`,
    confidence: confidence(data, state, statement),
  };
}

/** @param {Rests} rests */
export const drawRests = ({ evidence, came, bar, words, confidence }) => [
  h("span", {
    class: "otr-budget",
    role: "img",
    "aria-label": words,
    title: words,
    style: `background:${bar}`,
  }),
  h(
    "span",
    { class: "otr-chips" },
    ...drawChips(evidence, true, came),
    ...(confidence
      ? [h("span", { class: "otr-sure", title: CONFIDENCE }, `conf. ${score(confidence)}`)]
      : []),
  ),
];

/** @param {Data} data @param {State} state @param {number} statement */
function confidence(data, { signal, settings }, statement) {
  const { first, stop } = data.document.statements[statement];
  if (!data.document.signals.length) return 0;
  const votes = data.votesOf(signal, settings).confidence;
  let [sum, count] = [0, 0];
  for (let step = first; step < stop; step++) {
    if (data.statementOf[step] !== statement) continue;
    sum += votes[step];
    count++;
  }
  return sum / Math.max(1, count);
}
