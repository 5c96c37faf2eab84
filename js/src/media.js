/** The originals of pictures, sounds and films, asked of Python (or of the page) one at a time. */

/** @import { AnyModel } from "@anywidget/types" */

const PATIENCE = 15_000; // ms

export class Media {
  /** @param {AnyModel} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    /** @type {Map<number, {done: (blob: Blob) => void, fail: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {Map<number, Promise<Blob>>} */
    this.known = new Map();
    const answer = (/** @type {any} */ said, /** @type {(DataView | ArrayBuffer)[]} */ buffers) =>
      this.take(said, buffers);
    model.on("msg:custom", answer);
    signal.addEventListener("abort", () => model.off("msg:custom", answer));
  }

  /** @param {any} said @param {(DataView | ArrayBuffer)[]} buffers */
  take(said, buffers) {
    const waiting = said?.type === "media" ? this.waiting.get(said.part) : undefined;
    if (!waiting) return;
    this.waiting.delete(said.part);
    const [data] = buffers ?? [];
    if (said.error || !data) waiting.fail(new Error(said.error ?? "nothing came"));
    else waiting.done(new Blob([/** @type {ArrayBuffer} */ (data)], { type: said.mime }));
  }

  /**
   * @param {number} part
   * @returns {Promise<Blob>}  rejected with the reason, in words
   */
  get(part) {
    const known = this.known.get(part);
    if (known) return known;
    /** @type {Promise<Blob>} */
    const asked = new Promise((done, fail) => {
      if (!this.model.send) return fail(new Error("this host brings no originals; trace.to_html does"));
      this.waiting.set(part, { done, fail });
      setTimeout(() => fail(new Error("no kernel answers; run the cell again")), PATIENCE);
      this.model.send({ type: "media", part });
    });
    asked.catch(() => this.known.delete(part));
    this.known.set(part, asked);
    return asked;
  }
}
