/** The smallest host of an anywidget module: a page that shows a view without any notebook or network. */

/** @typedef {{state: Record<string, unknown>, buffers: Record<string, string>}} Saved */

/** @param {string} id */
const text = (id) => document.getElementById(id)?.textContent ?? "";

/** @type {Saved} */
const { state, buffers } = JSON.parse(text("omnitrace-state"));
for (const [name, base64] of Object.entries(buffers)) {
  state[name] = new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);
}

/** @type {Map<string, Set<() => void>>} */
const listeners = new Map();
const model = {
  /** @param {string} name */
  get: (name) => state[name],
  /** @param {string} name @param {unknown} value */
  set(name, value) {
    if (state[name] === value) return;
    state[name] = value;
    for (const listener of listeners.get(`change:${name}`) ?? []) listener();
  },
  /** @param {string} event @param {() => void} listener */
  on: (event, listener) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
  /** @param {string} event @param {() => void} listener */
  off: (event, listener) => listeners.get(event)?.delete(listener),
  save_changes() {},
  send() {},
};

const url = URL.createObjectURL(new Blob([text("omnitrace-widget")], { type: "text/javascript" }));
const { default: widget } = await import(url);
URL.revokeObjectURL(url);
await widget.render({
  model,
  el: document.getElementById("omnitrace-root"),
  signal: new AbortController().signal,
});
Object.assign(globalThis, { omnitrace: model });

export {};
