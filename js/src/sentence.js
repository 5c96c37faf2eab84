/** What is shown, in one sentence: for everyone, and read out by screen readers. */

import { two } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { Evidence, Shown, State } from "./types.js" */

/** A source that failed its check is not what a statement rests on: a signal has proposed it, no more. */
const holds = (/** @type {Evidence} */ { mark }) => !mark || mark.verdict === "verified";

/** @param {Data} data @param {Shown} shown @param {State} state */
export function sentence(data, shown, state) {
  if (shown.source !== null) return ofSource(data, shown, state, shown.source);
  if (shown.statement !== null) return ofStatement(data, shown, state, shown.statement);
  return `The whole response, by ${state.signal}. Point at a statement, or at a source in the prompt.`;
}

/** @param {Data} data @param {Shown} shown @param {State} state @param {number} source */
function ofSource(data, { statement, share }, state, source) {
  const found = data.selections(state, source);
  const held = found.filter(holds).map((each) => `${each.statement + 1}`);
  const proposed = found
    .filter((each) => !holds(each))
    .map((each) => `${each.statement + 1} (${each.mark?.verdict})`);
  const says = [
    ...(held.length ? [`supports ${statements(held)}`] : []),
    ...(proposed.length ? [`is proposed for ${statements(proposed)}`] : []),
  ];
  const which = statement === null ? "the whole response" : `statement ${statement + 1}`;
  const does = says.length ? says.join(" and ") : "is selected for no statement";
  return `${data.document.sources[source].label} ${does}; share ${two(share[source])} of ${which}.`;
}

/** @param {Data} data @param {Shown} shown @param {State} state @param {number} statement */
function ofStatement(data, { pinned }, state, statement) {
  const found = data.evidence(state, statement);
  const held = found.filter(holds);
  const proposed = found.filter((each) => !holds(each));
  const which = `Statement ${statement + 1} of ${data.document.statements.length}${pinned ? ", pinned" : ""}`;
  const join = pinned ? "," : "";
  if (!found.length) return `${which}${join} has no source that stands out.`;
  const proposes = `${state.signal} proposes ${listed(proposed)}`;
  if (!held.length) return `${which}: ${proposes}.`;
  return `${which}${join} rests on ${listed(held)}${proposed.length ? `; ${proposes}` : ""}.`;
}

/** @param {string[]} names */
const statements = (names) => `statement${names.length > 1 ? "s" : ""} ${names.join(", ")}`;

/** @param {Evidence[]} evidence */
const listed = (evidence) =>
  evidence
    .map(({ label, score, mark }) => `${label} (${two(score)}${mark ? `, ${mark.verdict}` : ""})`)
    .join(", ");
