/** The smallest host of an anywidget module: a page that shows a view without any notebook or network. */

/** @typedef {{state: Record<string, unknown>, buffers: Record<string, string>}} Saved */

/** @param {string} id */
const text = (id) => document.getElementById(id)?.textContent ?? "";

/** @type {Saved} */
const { state, buffers } = JSON.parse(text("omnitrace-state"));
/** @type {Record<string, {type: string, part: number, mime: string, error: string | null, data: string[]}>} */
const media = JSON.parse(text("omnitrace-media"));

/** @param {string} base64 */
const decode = (base64) => new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);
for (const [name, base64] of Object.entries(buffers)) state[name] = decode(base64);

/** @type {Map<string, Set<(...values: any[]) => void>>} */
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
  /** @param {string} event @param {(...values: any[]) => void} listener */
  on: (event, listener) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
  /** @param {string} event @param {(...values: any[]) => void} listener */
  off: (event, listener) => listeners.get(event)?.delete(listener),
  save_changes() {},
  /** Answers for Python: the originals that the page brings along. @param {{type: string, part: number, trace?: number}} question */
  send({ type, part, trace }) {
    if (type !== "media") return;
    const key = trace === undefined ? part : `${trace}/${part}`;
    const { data, ...said } = media[key] ?? {
      data: [],
      type,
      part,
      trace,
      mime: "",
      error: "not in this page",
    };
    const answers = listeners.get("msg:custom") ?? [];
    queueMicrotask(() => {
      for (const answer of answers) answer(said, data.map(decode));
    });
  },
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
