/** Pictures of the prompt: a thumbnail, heat on its true grid, its regions. */

import { h, percent } from "./dom.js";
import { drawGrid, hueOver } from "./heat.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Box, Drawn, Frames, Part, Patches, Range } from "./types.js" */

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} _store @returns {Drawn} */
export function drawImage(data, part, sources, _store) {
  const { patches } = part;
  const { el, paint, dispose } = picture(data, part, part.thumbnails[0], patches, part.label);
  for (const source of sources.of(part.index)) {
    const box = sources.draw(source, "otr-box");
    place(box, source.box ?? [0, 0, 1, 1]);
    el.append(box);
  }
  return {
    el,
    paint: ({ heat }) => {
      if (patches) paint(heat.subarray(patches.cells[0], patches.cells[0] + patches.cells[1]));
    },
    dispose,
  };
}

/** @param {HTMLElement} el @param {Box} box */
export function place(el, [left, top, right, bottom]) {
  Object.assign(el.style, {
    left: percent(left),
    top: percent(top),
    width: percent(right - left),
    height: percent(bottom - top),
  });
}

/**
 * A thumbnail and a canvas of one pixel a patch over it.
 * @param {Data} data
 * @param {Part} part
 * @param {Range | undefined} thumbnail
 * @param {Patches | Frames | null} grid
 * @param {string} name
 */
export function picture(data, part, thumbnail, grid, name) {
  const url = thumbnail ? URL.createObjectURL(data.thumbnail(thumbnail)) : "";
  const [width, height] = part.size ?? [4, 3];
  const el = h("div", {
    class: "otr-picture",
    style: `aspect-ratio:${width}/${height}`,
  });
  const canvas = h("canvas", { "aria-hidden": "true", width: grid?.columns ?? 1, height: grid?.rows ?? 1 });
  /** @type {number[] | undefined} */
  let hue;
  /** @type {Uint8Array} */
  let last = new Uint8Array();
  /** @param {Uint8Array} heat */
  function paint(heat) {
    last = heat;
    drawGrid(canvas, heat, hue);
  }
  if (url) {
    const image = h("img", { src: url, alt: name, draggable: "false" });
    image.addEventListener("load", () => {
      hue = hueOver(image);
      paint(last);
    });
    el.append(image);
  }
  if (grid) {
    place(canvas, grid.extent);
    el.append(canvas);
  }
  return { el, paint, dispose: () => URL.revokeObjectURL(url) };
}
