/**
 * A host that updates an output draws it anew (JupyterLab does), and a view that was there would come back without its
 * focus, scroll and hover. So it moves, as it is, into its new place.
 */

/** @typedef {{root: HTMLElement, stop: AbortController, restore: () => void}} Kept */

/** @type {WeakMap<object, Kept[]>} */
const views = new WeakMap(); // by the prompt's bytes, which all views of a model share

/**
 * Remember a view, where it is scrolled to and what has its focus.
 * @param {object} key @param {HTMLElement} root @param {AbortController} stop
 */
export function keep(key, root, stop) {
  /** @type {Map<Element, number>} */
  const scrolled = new Map();
  /** @type {HTMLElement | null} */
  let focused = null;
  root.addEventListener(
    "scroll",
    ({ target }) => {
      if (target instanceof Element && root.isConnected) scrolled.set(target, target.scrollTop);
    },
    { capture: true, passive: true },
  );
  root.addEventListener("focusin", ({ target }) => {
    focused = target instanceof HTMLElement ? target : null;
  });
  root.addEventListener("focusout", () => {
    queueMicrotask(() => {
      if (root.isConnected && !root.contains(document.activeElement)) focused = null;
    });
  });
  function restore(frames = 60) {
    if (!root.isConnected && frames) return void requestAnimationFrame(() => restore(frames - 1));
    for (const [el, top] of scrolled) el.scrollTop = top;
    if (document.activeElement === document.body) focused?.focus({ preventScroll: true });
  }
  views.set(key, [
    ...(views.get(key) ?? []).filter((each) => !each.stop.signal.aborted),
    { root, stop, restore },
  ]);
}

/** Whether what was taken off the page is this view alone, not a cell that was scrolled away. @param {HTMLElement} root */
function alone(root) {
  /** @type {HTMLElement} */
  let top = root;
  while (top.parentElement) top = top.parentElement;
  return !root.isConnected && top.textContent === root.textContent;
}

/**
 * A view of the same model that was taken off the page but not ended, if there is one.
 * @param {object} key
 * @returns {Kept | undefined}
 */
export const adrift = (key) => views.get(key)?.find(({ root, stop }) => alone(root) && !stop.signal.aborted);
