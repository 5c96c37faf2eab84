/** One tab stop a list: arrows move inside it, Enter pins, Esc clears (WAI-ARIA roving tabindex). */

/**
 * @param {HTMLElement} list
 * @param {() => HTMLElement[]} items
 * @param {{enter: (item: HTMLElement) => void, clear: () => void}} actions
 */
export function rove(list, items, { enter, clear }) {
  /** @param {HTMLElement} item */
  function go(item) {
    for (const each of items()) each.tabIndex = each === item ? 0 : -1;
    item.focus();
  }
  list.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => go(all[Math.min(at + 1, all.length - 1)]),
      ArrowRight: () => go(all[Math.min(at + 1, all.length - 1)]),
      ArrowUp: () => go(all[Math.max(at - 1, 0)]),
      ArrowLeft: () => go(all[Math.max(at - 1, 0)]),
      Home: () => go(all[0]),
      End: () => go(all[all.length - 1]),
      Enter: () => enter(all[at]),
      " ": () => enter(all[at]),
      Escape: clear,
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
  // A click moves the tab stop too, so that Tab returns to where the reader was.
  list.addEventListener("focusin", ({ target }) => {
    const item = /** @type {HTMLElement} */ (target);
    if (items().includes(item)) for (const each of items()) each.tabIndex = each === item ? 0 : -1;
  });
}
