/** Pictures of the prompt: heat on their true grid, their regions, and the patch under the mouse. */

import { h, percent, score } from "./dom.js";
import { cellsOfBox, patchAt, pointed } from "./focus.js";
import { drawGrid, hueOver } from "./heat.js";
import { outline } from "./outline.js";
import { createZoom } from "./zoom.js";

/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Sources } from "./sources.js" */
/** @import { Box, Drawn, Focus, Frames, Part, Patches, Range, Shown, State } from "./types.js" */

const CLICK = 4; // pixels; a pointer that moves further draws a box
const HOW =
  "Shift and arrows go from patch to patch, at first to the strongest; Enter pins; z makes the picture larger.";
/** @type {Record<string, [x: number, y: number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {HTMLElement} el @param {Box} box  share of width and height */
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
  const el = h("div", { class: "otr-picture", style: `aspect-ratio:${width}/${height}` });
  const canvas = h("canvas", { "aria-hidden": "true", width: grid?.columns ?? 1, height: grid?.rows ?? 1 });
  const image = url ? h("img", { src: url, alt: name, draggable: "false" }) : null;
  /** @type {number[] | undefined} */
  let hue;
  /** @type {Uint8Array | Int16Array} */
  let last = new Uint8Array();
  /** @param {Uint8Array | Int16Array} heat */
  function paint(heat) {
    if (heat.buffer === last.buffer && heat.byteOffset === last.byteOffset) return;
    last = heat;
    drawGrid(canvas, heat, hue);
  }
  if (image) {
    image.addEventListener("load", () => {
      hue = hueOver(image);
      drawGrid(canvas, last, hue);
    });
    el.append(image);
  }
  if (grid) {
    place(canvas, grid.extent);
    el.append(canvas);
  }
  return { el, image, paint, dispose: () => URL.revokeObjectURL(url) };
}

/** @param {Data} data @param {Part} part @param {Sources} sources @param {Store} store @returns {Drawn} */
export function drawImage(data, part, sources, store) {
  const { patches } = part;
  const { el, image, paint, dispose } = picture(data, part, part.thumbnails[0], patches, part.label);
  const zoom = createZoom(data, part, el, image);
  const own = sources.of(part.index);
  el.classList.toggle("otr-regions", own.length > 1 || own.some(({ cells }) => cells));
  for (const source of own) {
    const box = sources.draw(source, "otr-box");
    if (patches) box.setAttribute("aria-description", HOW);
    place(box, source.box ?? [0, 0, 1, 1]);
    if (patches && source.cells) outline(box, source, patches);
    el.append(box);
  }
  const marks = patches && part.size ? createPatches(part, sources, store, el, zoom.isOpen) : null;
  return {
    el,
    extras: zoom.extras,
    paint(shown, state) {
      if (!patches) return;
      const [first, count] = patches.cells;
      paint(shown.heat.subarray(first, first + count));
      marks?.(shown, state);
    },
    dispose() {
      zoom.dispose();
      dispose();
    },
  };
}

/**
 * Patches under the mouse, reached by keyboard, or drawn around; the pinned ones stay outlined.
 * @param {Part} part  with patches and size
 * @param {Sources} sources
 * @param {Store} store
 * @param {HTMLElement} el  the picture
 * @param {() => boolean} zoomed
 * @returns {(shown: Shown, state: State) => void}
 */
function createPatches(part, sources, store, el, zoomed) {
  const grid = /** @type {Patches} */ (part.patches);
  const [width, height] = /** @type {[number, number]} */ (part.size);
  const tip = h("span", { class: "otr-tip" });
  const pointer = h("div", { class: "otr-patch", hidden: true, "aria-hidden": "true" }, tip);
  const kept = h("div", { class: "otr-patch otr-kept", hidden: true, "aria-hidden": "true" });
  el.append(kept, pointer);
  /** @type {Float32Array} */
  let mean = new Float32Array();
  /** @type {{x: number, y: number, focus: Focus | null} | null} */
  let drag = null;
  /** @type {Focus | null} */
  let before = null;

  /** @param {MouseEvent} event @returns {[x: number, y: number]}  pixels of the picture */
  function pixel({ clientX, clientY }) {
    const at = el.getBoundingClientRect();
    /** @param {number} share */
    const within = (share) => Math.max(0, Math.min(share, 1));
    return [
      Math.round(within((clientX - at.left) / at.width) * width * 10) / 10,
      Math.round(within((clientY - at.top) / at.height) * height * 10) / 10,
    ];
  }
  /** @param {number} column @param {number} row */
  function onPatch(column, row) {
    const [left, top, right, bottom] = grid.extent;
    /** @param {number} share @param {number} size */
    const px = (share, size) => Math.round(share * size * 100) / 100;
    const x = (/** @type {number} */ at) => px(left + ((right - left) * at) / grid.columns, width);
    const y = (/** @type {number} */ at) => px(top + ((bottom - top) * at) / grid.rows, height);
    return cellsOfBox(part, [x(column), y(row), x(column + 1), y(row + 1)]);
  }
  /** @param {number} cell */
  const placeOf = (cell) => {
    const at = cell - grid.cells[0];
    return /** @type {const} */ ([at % grid.columns, Math.floor(at / grid.columns)]);
  };

  pointed.set(el, (event) => {
    if (drag?.focus || (event.target instanceof Element && event.target.closest(".otr-badge"))) return null;
    const cell = patchAt(part, ...pixel(event));
    return cell === null ? null : onPatch(...placeOf(cell));
  });
  el.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch") return;
    drag = { x: event.clientX, y: event.clientY, focus: null };
  });
  el.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (!event.buttons) drag = null;
    else if (drag.focus || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK) {
      el.setPointerCapture(event.pointerId);
      const [ax, ay] = pixel(new MouseEvent("", { clientX: drag.x, clientY: drag.y }));
      const [bx, by] = pixel(event);
      drag.focus = cellsOfBox(part, [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)]);
      store.set({ hover: drag.focus, busy: true });
    }
  });
  el.addEventListener("pointerup", () => {
    if (!drag?.focus) return;
    store.set({ pinned: drag.focus, busy: false });
    // The click that follows is the end of the box, not one on a patch.
    el.addEventListener("click", (event) => event.stopPropagation(), { once: true, capture: true });
    setTimeout(() => {
      drag = null;
    });
  });
  // Two clicks have pinned a patch and let it go; a double click makes the picture larger and changes no pin.
  el.addEventListener("mousedown", ({ detail }) => {
    if (detail === 1) before = store.get().pinned;
  });
  el.addEventListener("dblclick", () => store.set({ pinned: before }));
  for (const end of ["pointercancel", "click"])
    el.addEventListener(end, () => {
      if (drag?.focus) store.set({ busy: false });
      drag = null;
    });

  sources.provide(part.index, {
    inner: zoomed,
    step(id, key) {
      const by = STEPS[key];
      if (!by) return false;
      const { hover } = store.get();
      if (hover?.kind === "cells" && hover.part === part.index && hover.cells.length === 1) {
        const at = placeOf(hover.cells[0]);
        const [column, row] = [at[0] + by[0], at[1] + by[1]];
        if (column < 0 || column >= grid.columns || row < 0 || row >= grid.rows) return false;
        store.hover(onPatch(column, row));
        return true;
      }
      const [left, top, right, bottom] = sources.sources[id].box ?? [0, 0, 1, 1];
      const inside = cellsOfBox(part, [left * width, top * height, right * width, bottom * height]);
      const cells = inside.kind === "cells" ? inside.cells : [];
      store.hover(
        onPatch(...placeOf(cells.reduce((best, cell) => (mean[cell] > mean[best] ? cell : best), cells[0]))),
      );
      return true;
    },
  });

  /** @param {HTMLElement} mark @param {Focus | null} focus */
  function surround(mark, focus) {
    const box =
      focus?.kind === "cells" && focus.part === part.index && "box" in focus.region ? focus.region.box : null;
    mark.hidden = !box;
    if (!box) return;
    const [left, top, right, bottom] = box;
    place(mark, [left / width, top / height, right / width, bottom / height]);
    mark.style.setProperty("--otr-at", percent((left + right) / 2 / width));
    mark.classList.toggle("otr-high", top < height / 2);
  }
  return (shown, { pinned }) => {
    ({ mean } = shown);
    surround(kept, pinned);
    surround(pointer, shown.words);
    if (pointer.hidden || shown.words?.kind !== "cells") return;
    const sum = shown.words.cells.reduce((total, cell) => total + mean[cell], 0);
    tip.textContent = `${shown.words.label.slice(part.label.length + 2)} · ${score(sum)}`;
  };
}
