/** One view's state. Pin and signal are shared with the model, and so with Python and with other views of it. */

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Focus, State } from "./types.js" */

const DEBOUNCE = 50; // ms

/** @param {Focus | null} a @param {Focus | null} b */
export const same = (a, b) => a?.kind === b?.kind && a?.id === b?.id;

/** @param {Focus | null} a @param {Focus | null} b */
const equal = (a, b) => same(a, b) && a?.chip === b?.chip;

/**
 * @param {AnyModel} model
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
export function createStore(model, changed, signal) {
  /** @returns {Focus | null} */
  const fromModel = () =>
    model.get("pinned") === null ? null : { kind: "statement", id: model.get("pinned") };
  /** @type {State} */
  let state = { signal: model.get("signal"), hover: null, pinned: fromModel() };
  let timer = 0;

  /** @param {Partial<State>} patch */
  function update(patch) {
    const next = { ...state, ...patch };
    if (next.signal === state.signal && equal(next.hover, state.hover) && same(next.pinned, state.pinned))
      return;
    state = next;
    changed();
  }

  /** A pinned source stays in this view: Python's `pinned` is a statement or None. */
  const statement = () => (state.pinned?.kind === "statement" ? state.pinned.id : null);

  function save() {
    if (statement() === model.get("pinned") && state.signal === model.get("signal")) return;
    model.set("pinned", statement());
    model.set("signal", state.signal);
    model.save_changes();
  }

  const onPinned = () => {
    if (statement() !== model.get("pinned")) update({ pinned: fromModel() });
  };
  const onSignal = () => update({ signal: model.get("signal") });
  model.on("change:pinned", onPinned);
  model.on("change:signal", onSignal);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    model.off("change:pinned", onPinned);
    model.off("change:signal", onSignal);
  });

  return {
    get: () => state,
    /** @param {Focus | null} hover */
    hover: (hover) => update({ hover }),
    /** @param {{pinned?: Focus | null, signal?: string}} patch */
    set(patch) {
      update(patch);
      clearTimeout(timer);
      timer = window.setTimeout(save, DEBOUNCE);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */
