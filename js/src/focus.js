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
 * @param {Int32Array} chars  `Data.chars`
 * @returns {Focus | null}
 */
export function fromSelection(selection, document, chars) {
  if (!selection) return null;
  if ("source" in selection) return { kind: "source", id: selection.source };
  if ("steps" in selection) return { kind: "range", start: selection.steps[0], stop: selection.steps[1] };
  const part = document.parts[selection.part];
  if (!part) return null;
  if ("chars" in selection) {
    const [from, to] = selection.chars.map((at) => unitsBefore(part.text ?? "", at));
    return cellsOfChars(part, chars, [from, to]);
  }
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
  if (!cells.length && grid && part.size)
    cells.push(patchAt(part, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2) ?? grid.cells[0]);
  return {
    kind: "cells",
    part: part.index,
    cells,
    label: `${part.label}, ${patchesIn(part, cells)}`,
    region: { box },
  };
}

/** @param {Part} part @param {number} x  pixels @param {number} y @returns {number | null}  the patch there, as a cell */
export function patchAt({ patches, size }, x, y) {
  if (!patches || !size) return null;
  const [left, top, right, bottom] = patches.extent;
  const column = Math.floor(((x / size[0] - left) / (right - left)) * patches.columns);
  const row = Math.floor(((y / size[1] - top) / (bottom - top)) * patches.rows);
  if (row < 0 || row >= patches.rows || column < 0 || column >= patches.columns) return null;
  return patches.cells[0] + row * patches.columns + column;
}

/** @param {Part} part @param {number[]} cells  patches, row by row @returns {string} */
function patchesIn(part, cells) {
  if (!part.patches || !cells.length) return "region";
  const {
    cells: [start],
    columns,
  } = part.patches;
  const [first, last] = [cells[0], cells[cells.length - 1]].map((cell) => cell - start);
  /** @param {string} name @param {number} from @param {number} to */
  const named = (name, from, to) => (from === to ? `${name} ${from + 1}` : `${name}s ${from + 1}-${to + 1}`);
  const rows = named("row", Math.floor(first / columns), Math.floor(last / columns));
  return `${rows}, ${named("column", first % columns, last % columns)}`;
}

/**
 * The tokens of a text that have one of some characters.
 * @param {Part} part
 * @param {Int32Array} chars  `Data.chars`
 * @param {[number, number]} span  UTF-16 code units
 * @returns {Focus}
 */
export function cellsOfChars(part, chars, [from, to]) {
  const text = part.text ?? "";
  const cells = [];
  if (part.tokens) {
    const {
      cells: [first, count],
      chars: row,
    } = part.tokens;
    for (let at = 0; at < count; at++)
      if (chars[2 * (row + at)] < to && chars[2 * (row + at) + 1] > from) cells.push(first + at);
  }
  const said = text.slice(from, to).trim().replace(/\s+/g, " ");
  return {
    kind: "cells",
    part: part.index,
    cells,
    label: `${part.label}, \u201c${said.length > LONGEST ? `${said.slice(0, LONGEST)}\u2026` : said}\u201d`,
    region: { chars: [pointsBefore(text, from), pointsBefore(text, to)] },
  };
}

const LONGEST = 40; // characters of a text in its label

/** Characters as Python counts them, before a UTF-16 code unit. @param {string} text @param {number} unit */
const pointsBefore = (text, unit) =>
  unit - (text.slice(0, unit).match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);

/** @param {string} text @param {number} points */
function unitsBefore(text, points) {
  let unit = 0;
  for (let left = points; left > 0 && unit < text.length; left--)
    unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  return unit;
}

/**
 * What draws more than elements of sources, tokens and statements says itself what of it is under the mouse.
 * @type {WeakMap<Element, (event: MouseEvent) => Focus | null | undefined>}
 */
export const pointed = new WeakMap();

/** @param {MouseEvent} event @returns {Focus | null}  what the innermost of them says */
export function pointedAt(event) {
  for (let el = event.target instanceof Element ? event.target : null; el; el = el.parentElement) {
    const own = pointed.get(el)?.(event);
    if (own) return own;
  }
  return null;
}
