/** Two columns: what of one stands for what of the other, and one minus the other. */

/** @import { Data } from "./data.js" */
/** @import { Focus, Part, Shown } from "./types.js" */

/** @typedef {{sources: number[], statements: number[], turned: boolean}} Pair  left to right; `turned`: asked from the right */

/** @param {number[]} partner @param {boolean} turned @returns {(id: number) => number} */
const through = (partner, turned) => (id) =>
  id < 0 ? -1 : turned ? partner.indexOf(id) : (partner[id] ?? -1);

/** What of a part has cells: [first, count] each. @param {Part} part */
const runs = (part) => [
  part.tokens?.cells,
  part.patches?.cells,
  part.frames?.cells,
  part.strip?.cells,
  part.sound?.cells,
];

/**
 * @param {Data} own
 * @param {Data} other
 * @param {Pair | undefined} pair  undefined for two columns of one trace
 */
export function link(own, other, pair) {
  const source = pair ? through(pair.sources, pair.turned) : (/** @type {number} */ id) => id;
  const statement = pair ? through(pair.statements, pair.turned) : (/** @type {number} */ id) => id;
  const sameText = !pair || own.document.text === other.document.text;
  const sameSteps = sameText && own.steps === other.steps;
  /** Cells of parts that stand for each other and have as many of them. */
  const cells = new Int32Array(own.document.cells).fill(-1);
  const parts = new Map();
  for (const { id, part } of own.document.sources) {
    const partner = source(id);
    if (parts.has(part) || partner < 0) continue;
    const there = other.document.sources[partner].part;
    parts.set(part, there);
    const [mine, theirs] = [own.document.parts[part], other.document.parts[there]].map(runs);
    mine.forEach((run, kind) => {
      const match = theirs[kind];
      if (!run || match?.[1] !== run[1]) return;
      for (let at = 0; at < run[1]; at++) cells[run[0] + at] = match[0] + at;
    });
  }

  return {
    source,
    statement,
    cells,
    /** @param {Focus | null} focus @returns {Focus | null}  the same in the other column; null if it is not there */
    focus(focus) {
      if (!focus || !pair) return focus;
      if (focus.kind === "source") return known(focus, source(focus.id));
      if (focus.kind === "statement") {
        const { chip, ...bare } = focus;
        const there = chip === undefined ? -1 : source(chip);
        return known(there < 0 ? bare : { ...bare, chip: there }, statement(focus.id));
      }
      if (focus.kind === "cells") {
        const there = focus.cells.map((cell) => cells[cell]);
        const all = there.length && there.every((cell) => cell >= 0);
        return all ? { ...focus, part: parts.get(focus.part), cells: there } : null;
      }
      if (sameSteps) return focus;
      const there = statement(own.statementOf[own.stepsOf(focus)[0]]);
      return known({ kind: "statement", id: 0 }, there);
    },
  };
}

/** @typedef {ReturnType<typeof link>} Link */

/** @param {Focus} focus  with an id @param {number} id @returns {Focus | null} */
const known = (focus, id) => (id < 0 ? null : /** @type {Focus} */ ({ ...focus, id }));

/**
 * One column minus another: shares of sources, and of cells their shares of all heat, as scores of two signals have no
 * common scale. Cells that the other does not have are 0.
 * @param {Shown} own
 * @param {Shown} other
 * @param {Link} link
 * @returns {Shown}
 */
export function differ(own, other, { source, cells }) {
  const total = (/** @type {Float32Array} */ all) => all.reduce((a, b) => a + b, 0) || 1;
  const [mine, theirs] = [total(own.mean), total(other.mean)];
  const mean = own.mean.map((value, cell) =>
    cells[cell] < 0 ? 0 : value / mine - other.mean[cells[cell]] / theirs,
  );
  const scale = mean.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return {
    ...own,
    minus: true,
    mean,
    scale,
    heat: Int16Array.from(mean, (value) => Math.round((255 * value) / (scale || 1))),
    share: own.share.map((value, id) => value - (other.share[source(id)] ?? 0)),
  };
}
