/** What is shown, in one sentence: for everyone, and read out by screen readers. */

import { score, two } from "./dom.js";
import { textOf } from "./tokens.js";

/** @import { Data } from "./data.js" */
/** @import { Evidence, Shown, State } from "./types.js" */

/** A source that failed its check is not what a statement rests on: a signal has proposed it, no more. */
const holds = (/** @type {Evidence} */ { mark }) => !mark || mark.verdict === "verified";

const MOST = 3; // words told

/** @param {Data} data @param {Shown} shown @param {State} state */
export function sentence(data, shown, state) {
  if (shown.source !== null) return ofSource(data, shown, state, shown.source);
  if (shown.words?.kind === "cells") return ofCells(data, shown, shown.words.label);
  if (shown.statement !== null) return ofStatement(data, shown, state, shown.statement);
  if (shown.inputs) return ofSteps(data, shown, state);
  const by = state.signal && `, by ${state.signal}`;
  if (by && data.steps && !shown.scale && !shown.minus)
    return `The whole response${by}: no score is above 0, so nothing is shaded.`;
  return `The whole response${by}. Point at a statement, or at a source in the prompt.`;
}

/** @param {Data} data @param {Shown} shown @param {State} state @param {number} source */
function ofSource(data, shown, state, source) {
  const { inputs, statement, share } = shown;
  const found = data.selections(state, source);
  const held = found.filter(holds).map((each) => `${each.statement + 1}`);
  const proposed = found
    .filter((each) => !holds(each))
    .map((each) => `${each.statement + 1} (${each.mark?.verdict})`);
  const says = [
    ...(held.length ? [`supports ${statements(held)}`] : []),
    ...(proposed.length ? [`is proposed for ${statements(proposed)}`] : []),
  ];
  const most = driven(data, shown, two);
  const whole = inputs ? named(data, shown) : "the whole response";
  const which = statement === null ? whole : `statement ${statement + 1}`;
  const does = says.length ? says.join(" and ") : "is selected for no statement";
  const { modality, label, excerpt } = data.document.sources[source];
  const said = modality === "audio" && excerpt ? `: “${excerpt}”` : "";
  return `${label}${said} ${does}; share ${two(share[source])} of ${which}.${most && ` It drove ${most} most.`}`;
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

/** A token, or several. @param {Data} data @param {Shown} shown @param {State} state */
function ofSteps(data, shown, { signal, step }) {
  const { steps, pinned, evidence, inputs } = shown;
  const [start, stop] = steps;
  const where = stop > start + 1 ? `steps ${start + 1}-${stop}` : `step ${start + 1} of ${data.steps}`;
  const scrubbed = inputs?.kind === "token" && inputs.id === step;
  const held = evidence.filter(holds);
  const which = `${named(data, shown)}, ${where}${pinned && !scrubbed ? ", pinned" : ""},`;
  if (!evidence.length) return `${which} has no source that stands out.`;
  return held.length
    ? `${which} rests on ${listed(held)}.`
    : `${which}: ${signal} proposes ${listed(evidence)}.`;
}

/** @param {Data} data @param {Shown} shown */
const named = (data, { steps: [start, stop] }) => `“${textOf(data, start, stop)}”`;

/** @param {Data} data @param {Shown} shown @param {string} label */
function ofCells(data, shown, label) {
  const most = driven(data, shown, score);
  return most ? `${label} drove ${most} most.` : `${label} drove no word.`;
}

/**
 * The tokens that a source or cells in focus drove most.
 * @param {Data} data @param {Shown} shown @param {(share: number) => string} number
 */
function driven(data, { drove }, number) {
  if (!drove) return "";
  const steps = [...drove.keys()].filter((step) => drove[step] > 0).sort((a, b) => drove[b] - drove[a]);
  const told = [];
  for (const step of steps) {
    const text = textOf(data, step, step + 1);
    if (/[\p{L}\p{N}]/u.test(text)) told.push(`“${text}” (${number(drove[step])})`);
    if (told.length === MOST) break;
  }
  return told.join(", ");
}

/** @param {string[]} names */
const statements = (names) => `statement${names.length > 1 ? "s" : ""} ${names.join(", ")}`;

/** @param {Evidence[]} evidence */
const listed = (evidence) =>
  evidence
    .map(({ label, score, mark }) => `${label} (${two(score)}${mark ? `, ${mark.verdict}` : ""})`)
    .join(", ");
