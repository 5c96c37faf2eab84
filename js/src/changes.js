/** What other settings change: which sources of each statement came, and which went, against the trace's own settings. */

/** @import { Curated } from "./curation.js" */
/** @import { Data } from "./data.js" */
/** @import { State } from "./types.js" */

/** @typedef {{came: number[], gone: number[]}} Change  sources, best first */

/** @type {WeakMap<object, {signal: string, own: number[][], key: string, found: Map<number, Change>}>} */
const memory = new WeakMap(); // by the response, which is another one when it has grown

/** @param {Curated} curated */
const taken = ({ candidates }) => candidates.filter(({ selected }) => selected).map(({ source }) => source);

/**
 * @param {Data} data
 * @param {Pick<State, "signal" | "settings">} state
 * @returns {Map<number, Change>}  by statement; of changed ones alone
 */
export function changes(data, state) {
  const { signal } = state;
  const { statements, settings } = data.document;
  const { key, all } = data.curated(state);
  let known = memory.get(data.response);
  if (known?.key === key) return known.found;
  if (known?.signal !== signal) {
    const unchanged = JSON.stringify(settings) === JSON.stringify(state.settings);
    const own = statements.map(({ id, first, stop }) =>
      taken(unchanged ? all[id] : data.curateSteps({ signal, settings }, first, stop, id)),
    );
    known = { signal, own, key: "", found: new Map() };
    memory.set(data.response, known);
  }
  known.key = key;
  known.found = new Map();
  for (const { id } of statements) {
    const [now, before] = [taken(all[id]), known.own[id]];
    const came = now.filter((source) => !before.includes(source));
    const gone = before.filter((source) => !now.includes(source));
    if (came.length || gone.length) known.found.set(id, { came, gone });
  }
  return known.found;
}
