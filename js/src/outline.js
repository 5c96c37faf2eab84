/** Regions that are not all of their box, such as masks and superpixels: drawn around the patches that are theirs. */

import { percent } from "./dom.js";

/** @import { Patches, Source } from "./types.js" */

const SVG = "http://www.w3.org/2000/svg";

/** @param {HTMLElement} el  the element of the region's box @param {Source} source @param {Patches} grid */
export function outline(el, { box, cells }, { rows, columns, extent }) {
  const [left, top, right, bottom] = extent;
  const [x0, y0, x1, y1] = box ?? extent;
  /** @param {number} share */
  const x = (share) => ((share - left) / (right - left)) * columns;
  /** @param {number} share */
  const y = (share) => ((share - top) / (bottom - top)) * rows;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", [x(x0), y(y0), x(x1) - x(x0), y(y1) - y(y0)].join(" "));
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const { inside, edge } = paths(cells ?? [], columns);
  for (const [name, d] of Object.entries({ inside, edge })) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `otr-${name}`);
    path.setAttribute("d", d);
    svg.append(path);
  }
  const [column, row] = middle(cells ?? [], columns);
  el.style.setProperty("--otr-x", percent((column - x(x0)) / (x(x1) - x(x0))));
  el.style.setProperty("--otr-y", percent((row - y(y0)) / (y(y1) - y(y0))));
  el.classList.add("otr-shaped");
  el.append(svg);
}

/** The cell nearest to the middle of all. @param {number[]} cells @param {number} columns @returns {[number, number]} */
function middle(cells, columns) {
  const places = cells.map((cell) => [cell % columns, Math.floor(cell / columns)]);
  /** @param {0 | 1} axis */
  const mean = (axis) => places.reduce((sum, at) => sum + at[axis], 0) / Math.max(1, places.length);
  const [x, y] = [mean(0), mean(1)];
  const [[column, row] = [0, 0]] = places.sort(
    (a, b) => Math.hypot(a[0] - x, a[1] - y) - Math.hypot(b[0] - x, b[1] - y),
  );
  return [column, row];
}

/**
 * @param {number[]} cells  row by row
 * @param {number} columns
 * @returns {{inside: string, edge: string}}  as SVG writes paths, a cell being 1 wide and high
 */
export function paths(cells, columns) {
  const own = new Set(cells);
  let inside = "";
  let edge = "";
  for (const cell of own) {
    const column = cell % columns;
    const row = Math.floor(cell / columns);
    inside += `M${column} ${row}h1v1h-1z`;
    if (!own.has(cell - columns)) edge += `M${column} ${row}h1`;
    if (!own.has(cell + columns)) edge += `M${column} ${row + 1}h1`;
    if (column === 0 || !own.has(cell - 1)) edge += `M${column} ${row}v1`;
    if (column === columns - 1 || !own.has(cell + 1)) edge += `M${column + 1} ${row}v1`;
  }
  return { inside, edge };
}
