/** The model of one column: its own signal and settings, and what is pinned in all of them, in its own numbers. */

/** @import { AnyModel } from "@anywidget/types" */

/**
 * @param {AnyModel} model  of the comparison
 * @param {{trace: number, signal: string, settings: object}} column
 * @param {number} i
 * @param {(id: number | null, from: number, to: number) => number | null} linked  a statement in another column
 * @returns {AnyModel}
 */
export function columnModel(model, { trace, signal, settings }, i, linked) {
  /** @type {Record<string, unknown>} */
  const own = { signal, settings, playground: false };
  /** @type {number | null} pinned here, with no partner in the first column, whose numbers Python has */
  let alone = null;
  /** @type {Map<Function, (...all: any[]) => void>} */
  const heard = new Map();
  const faked = {
    /** @param {string} name */
    get(name) {
      if (name !== "pinned") return own[name] ?? null;
      const pinned = model.get("pinned") ?? null;
      return pinned === null ? alone : linked(pinned, 0, i);
    },
    /** @param {string} name @param {any} value */
    set(name, value) {
      if (name !== "pinned") own[name] = value;
      else {
        const first = linked(value, i, 0);
        alone = first === null ? value : null;
        if (model.get("pinned") !== first) model.set("pinned", first);
      }
    },
    save_changes: () => model.save_changes(),
    /** @param {string} event @param {(...all: any[]) => void} callback */
    on(event, callback) {
      if (event === "change:pinned") model.on(event, callback);
      if (event !== "msg:custom") return;
      const answer = (/** @type {any} */ said, /** @type {any} */ buffers) => {
        if (said?.trace === trace) callback(said, buffers);
      };
      heard.set(callback, answer);
      model.on(event, answer);
    },
    /** @param {string} event @param {(...all: any[]) => void} callback */
    off: (event, callback) => model.off(event, heard.get(callback) ?? callback),
    /** @param {object} question */
    send: (question) => model.send({ ...question, trace }),
  };
  return /** @type {AnyModel} */ (/** @type {unknown} */ (faked));
}
