/** What is under the mouse or pinned, here and as Python's plain values (`omnitrace_nb/view/selection.py`). */

/** @import { Document, Focus, Part, Selection } from "./types.js" */

/** @param {Focus | null} a @param {Focus | null} b */
export const same = (a, b) => JSON.stringify(bare(a)) === JSON.stringify(bare(b));

/** @param {Focus | null} focus  without the chip, which is under the mouse only */
function bare(focus) {
  if (focus?.kind !== "statement") return focus;
  return { kind: focus.kind, id: focus.id };
}

/** @param {Focus | null} focus  statement, token, range: it colours the inputs; source, cells: it lights words */
export const isResponse = (focus) =>
  focus?.kind === "statement" || focus?.kind === "token" || focus?.kind === "range";

/**
 * @param {Focus | null} focus
 * @returns {Selection | null}  null for a statement, which is Python's `pinned`
 */
export function toSelection(focus) {
  if (focus?.kind === "token") return { steps: [focus.id, focus.id + 1] };
  if (focus?.kind === "range") return { steps: [focus.start, focus.stop] };
  if (focus?.kind === "source") return { source: focus.id };
  if (focus?.kind === "cells") return { part: focus.part, ...focus.region };
  return null;
}

/**
 * @param {Selection | null} selection
 * @param {Document} document
 * @returns {Focus | null}
 */
export function fromSelection(selection, document) {
  if (!selection) return null;
  if ("source" in selection) return { kind: "source", id: selection.source };
  if ("steps" in selection) return { kind: "range", start: selection.steps[0], stop: selection.steps[1] };
  const part = document.parts[selection.part];
  if (!part) return null;
  return "time" in selection ? cellsOfTime(part, selection.time) : cellsOfBox(part, selection.box);
}

/**
 * The cells of a part's film and sound that overlap an interval.
 * @param {Part} part
 * @param {[number, number]} time  seconds
 * @returns {Focus}
 */
export function cellsOfTime(part, [from, to]) {
  const cells = [part.strip, part.sound].flatMap((strip) => {
    if (!strip) return [];
    const [first] = strip.cells;
    return strip.edges
      .slice(0, -1)
      .flatMap((start, i) => (start < to && strip.edges[i + 1] > from ? [first + i] : []));
  });
  const times = [from, to].map((time) => String(Math.round(time * 100) / 100));
  return {
    kind: "cells",
    part: part.index,
    cells,
    label: `${part.label}, ${times.join("-")} s`,
    region: { time: [from, to] },
  };
}

/**
 * The patches of a picture whose middle lies in a box; at least the one under the box's middle.
 * @param {Part} part
 * @param {[number, number, number, number]} box  left, top, right, bottom, in pixels
 * @returns {Focus}
 */
export function cellsOfBox(part, box) {
  const cells = [];
  const grid = part.patches;
  if (grid && part.size) {
    const [left, top, right, bottom] = grid.extent;
    const [width, height] = part.size;
    for (let row = 0; row < grid.rows; row++) {
      for (let column = 0; column < grid.columns; column++) {
        const x = width * (left + ((right - left) * (column + 0.5)) / grid.columns);
        const y = height * (top + ((bottom - top) * (row + 0.5)) / grid.rows);
        if (x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3])
          cells.push(grid.cells[0] + row * grid.columns + column);
      }
    }
  }
  return { kind: "cells", part: part.index, cells, label: `${part.label}, region`, region: { box } };
}
