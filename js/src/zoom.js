/** A picture made larger where it stands, from its original; nothing else is covered, and the focus stays. */

import { h, KEYS_STAY } from "./dom.js";

/** @import { Data } from "./data.js" */
/** @import { Part } from "./types.js" */

/**
 * @param {Data} data
 * @param {Part} part
 * @param {HTMLElement} el  the picture
 * @param {HTMLImageElement | null} image
 */
export function createZoom(data, part, el, image) {
  const button = h("button", { type: "button", class: "otr-zoom", tabindex: -1, ...KEYS_STAY });
  const note = h("span", { class: "otr-zoom-note", role: "status", hidden: true });
  let open = false;
  let url = "";
  let asked = false;

  function original() {
    if (asked || !image) return;
    asked = true;
    /** @param {string} why */
    const without = (why) => {
      note.textContent = `shown from its small copy: ${why}`;
      note.hidden = !open;
    };
    if (!part.media) return without(part.media_note ?? "this trace does not keep the original");
    data.media.get(part.index).then(
      (blob) => {
        url = URL.createObjectURL(blob);
        image.src = url;
      },
      (error) => without(error instanceof Error ? error.message : String(error)),
    );
  }
  /** @param {boolean} wanted */
  function set(wanted) {
    open = wanted;
    el.closest(".otr-part")?.classList.toggle("otr-zoomed", open);
    button.textContent = open ? "smaller" : "larger";
    button.title = open ? "smaller (Esc)" : "larger (z, or a double click)";
    button.setAttribute("aria-label", `${part.label} ${open ? "smaller" : "larger"}`);
    button.setAttribute("aria-expanded", String(open));
    note.hidden = !open || !note.textContent;
    if (open) original();
  }
  /** @param {KeyboardEvent} event */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" ? !open : event.key !== "z" && event.key !== "Z") return;
    event.preventDefault();
    event.stopPropagation();
    set(event.key === "Escape" ? false : !open);
  }
  button.addEventListener("click", () => set(!open));
  button.addEventListener("keydown", key);
  el.addEventListener("keydown", key);
  el.addEventListener("dblclick", () => set(!open));
  set(false);
  return {
    extras: [button, note],
    isOpen: () => open,
    dispose: () => URL.revokeObjectURL(url),
  };
}
