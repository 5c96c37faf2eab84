/** The evidence budget: where scores went, by kind of place (`omnitrace_nb/budget.py`), as a bar and in words. */

import { PLACES } from "./data.js";
import { percent, two } from "./dom.js";

/** @import { Data } from "./data.js" */

const WHOLE = 65535;
const SHOWN = 0.005; // smaller shares are not said

/**
 * Mean shares over some steps, each counting the same; what they lack of 1 is of steps in which nothing scores.
 * @param {Data} data
 * @param {string} signal
 * @param {number} start @param {number} stop
 * @param {number} [statement]  its own steps alone
 * @returns {Float64Array}  in the order of `PLACES`
 */
export function budget(data, signal, start, stop, statement) {
  const shares = new Float64Array(PLACES.length);
  const first = data.at(signal) * data.steps;
  let count = 0;
  for (let step = start; step < stop && data.document.signals.length; step++) {
    if (statement !== undefined && data.statementOf[step] !== statement) continue;
    const at = (first + step) * PLACES.length;
    for (let place = 0; place < PLACES.length; place++) shares[place] += data.response.budget[at + place];
    count++;
  }
  return shares.map((sum) => sum / WHOLE / Math.max(1, count));
}

/** @param {string} place  a colour */
export const colour = (place) => `var(--otr-of-${place})`;

/** @param {Float64Array} shares  a stacked bar, as a background */
export function stacked(shares) {
  let at = 0;
  const stops = PLACES.map((place, i) => {
    const from = at;
    at += shares[i];
    return `${colour(place)} ${percent(from)} ${percent(at)}`;
  });
  return `linear-gradient(to right, ${stops.join(", ")}, transparent ${percent(at)})`;
}

/** @param {Float64Array} shares */
export const inWords = (shares) =>
  PLACES.flatMap((place, i) => (shares[i] >= SHOWN ? [`${place} ${two(shares[i])}`] : [])).join(", ");
