/** One view's state. Pins, settings and signal are shared with the model, and so with Python and other views of it. */

import { fromSelection, same, toSelection } from "./focus.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Data } from "./data.js" */
/** @import { Focus, State } from "./types.js" */

const DEBOUNCE = 50; // ms
const SHARED = ["signal", "settings", "playground", "pinned", "selection"];

/** @param {Focus | null} focus  a range of one token is a token */
const simple = (focus) =>
  focus?.kind === "range" && focus.stop === focus.start + 1
    ? /** @type {Focus} */ ({ kind: "token", id: focus.start })
    : focus;

/** @param {unknown} a @param {unknown} b */
const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * @param {AnyModel} model
 * @param {Data} data
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
export function createStore(model, data, changed, signal) {
  /** @returns {Focus | null} */
  const pinnedInModel = () => {
    const id = model.get("pinned");
    if (typeof id === "number" && data.document.statements[id]) return { kind: "statement", id };
    return simple(fromSelection(model.get("selection") ?? null, data.document, data.chars));
  };
  const settingsInModel = () => ({ ...data.document.settings, ...model.get("settings") });
  /** @type {State} */
  let state = {
    signal: model.get("signal"),
    settings: settingsInModel(),
    playground: Boolean(model.get("playground")),
    hover: null,
    pinned: pinnedInModel(),
    step: null,
    detail: "sentence",
    opacity: 0.8,
    smooth: false,
    raw: false,
    busy: false,
  };
  let timer = 0;

  /** @param {Partial<State>} patch */
  function update(patch) {
    const next = { ...state, ...patch };
    if (alike(next, state)) return;
    state = next;
    changed();
  }

  function save() {
    timer = 0;
    const { pinned, signal: name, settings, playground } = state;
    const own = {
      signal: name,
      settings,
      playground,
      pinned: pinned?.kind === "statement" ? pinned.id : null,
      selection: toSelection(pinned),
    };
    const news = Object.entries(own).filter(([key, value]) => !alike(value, model.get(key) ?? null));
    for (const [key, value] of news) model.set(key, value);
    if (news.length) model.save_changes();
  }

  function follow() {
    if (timer) return; // what was changed here is newer
    const pinned = pinnedInModel();
    update({
      signal: model.get("signal"),
      settings: settingsInModel(),
      playground: Boolean(model.get("playground")),
      ...(same(simple(state.pinned), pinned) ? {} : { pinned }),
    });
  }
  for (const name of SHARED) model.on(`change:${name}`, follow);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    for (const name of SHARED) model.off(`change:${name}`, follow);
  });

  return {
    get: () => state,
    /** Take from the model again what it shares, such as after the response has grown. */
    follow,
    /** @param {Focus | null} hover */
    hover: (hover) => update({ hover }),
    /** @param {Partial<State>} patch */
    set(patch) {
      update(patch);
      clearTimeout(timer);
      timer = window.setTimeout(save, DEBOUNCE);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */
