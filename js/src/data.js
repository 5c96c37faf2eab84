/** Reading the view model: JSON beside top-level byte traits, one an array. */

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Document, Evidence, Range, Shown, State } from "./types.js" */

const SCHEMA = 2;

/**
 * @param {DataView | ArrayBuffer | undefined} data  hosts promise neither offset nor alignment, so bytes are copied
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytes(data) {
  if (!data) return new Uint8Array();
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  const start = data.byteOffset;
  return new Uint8Array(/** @type {ArrayBuffer} */ (data.buffer).slice(start, start + data.byteLength));
}

/**
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {"raw" | "deflate" | undefined} encoding
 * @returns {Promise<ArrayBuffer>}
 */
async function decode(data, encoding) {
  if (encoding !== "deflate") return data.buffer;
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The view model with its arrays, and the questions that drawing asks of it. */
export class Data {
  /** @param {AnyModel} model */
  static async read(model) {
    /** @type {Document} */
    const document = model.get("document");
    if (document?.schema !== SCHEMA) {
      throw new Error(
        `This view was written with schema ${document?.schema}, and this front end reads ${SCHEMA}. ` +
          "Show the trace again, with one version of omnitrace_nb in notebook and kernel.",
      );
    }
    /** @param {string} name */
    const array = (name) => decode(bytes(model.get(name)), document.encoding[name]);
    const [heat, scale, share] = await Promise.all(["heat", "scale", "share"].map(array));
    return new Data(model, document, new Uint8Array(heat), new Float32Array(scale), new Uint16Array(share));
  }

  /**
   * @param {AnyModel} model
   * @param {Document} document
   * @param {Uint8Array} heat  [signals, statements + 1, cells]; the last row is the whole response
   * @param {Float32Array} scale  [signals, statements + 1]
   * @param {Uint16Array} share  [signals, statements + 1, sources], 65535 = 1
   */
  constructor(model, document, heat, scale, share) {
    this.model = model;
    this.document = document;
    this.heat = heat;
    this.scale = scale;
    this.share = share;
    this.peaks = new Int8Array(bytes(model.get("peaks")).buffer);
    this.rows = document.statements.length + 1;
  }

  /**
   * @param {string} trait
   * @param {Range} range
   * @param {string} mime
   */
  blob(trait, [start, count], mime) {
    return new Blob([bytes(this.model.get(trait)).slice(start, start + count)], { type: mime });
  }

  /**
   * @param {string} signal
   * @param {number} statement
   * @returns {Evidence[]}
   */
  evidence(signal, statement) {
    return this.document.evidence[this.document.signals.indexOf(signal)]?.[statement] ?? [];
  }

  /**
   * @param {string} signal
   * @param {number} source
   * @returns {(Evidence & {statement: number})[]}  what it was selected in, one a statement
   */
  selections(signal, source) {
    return this.document.statements.flatMap(({ id }) => {
      const found = this.evidence(signal, id).find(({ sources }) => sources.includes(source));
      return found ? [{ ...found, statement: id }] : [];
    });
  }

  /**
   * @param {string} signal
   * @param {number} source
   * @returns {number[]}  statements that it was selected for
   */
  supported(signal, source) {
    return this.selections(signal, source).map(({ statement }) => statement);
  }

  /**
   * @param {State} state
   * @returns {Shown}
   */
  shown({ signal, hover, pinned }) {
    const pick = (/** @type {"statement" | "source"} */ kind) =>
      (hover?.kind === kind ? hover : pinned?.kind === kind ? pinned : null)?.id ?? null;
    const { cells, sources, signals } = this.document;
    const statement = pick("statement");
    const row = Math.max(0, signals.indexOf(signal)) * this.rows + (statement ?? this.rows - 1);
    const evidence = statement === null ? [] : this.evidence(signal, statement);
    const raw = this.share.subarray(row * sources.length, (row + 1) * sources.length);
    return {
      statement,
      source: hover?.kind === "statement" ? null : pick("source"),
      chip: hover?.chip ?? null,
      pinned: pinned?.kind === "statement" && pinned.id === statement,
      heat: this.heat.subarray(row * cells, (row + 1) * cells),
      scale: this.scale[row] ?? 0,
      share: Float32Array.from(raw, (value) => value / 65535),
      ranks: new Map(evidence.flatMap(({ sources: own }, i) => own.map((source) => [source, i + 1]))),
    };
  }
}
