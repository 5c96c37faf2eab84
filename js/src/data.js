/** The view model in the browser: packs from Python, and the questions that drawing asks of them. */

import { curate, tokenWeights } from "./curation.js";
import { evidence } from "./evidence.js";
import { isResponse } from "./focus.js";
import { unpack } from "./pack.js";
import { Sparse } from "./sparse.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Media } from "./media.js" */
/** @import { Curated, Settings } from "./curation.js" */
/** @import { Pack } from "./pack.js" */
/** @import { Document, Evidence, Focus, Mark, Range, Shown, State } from "./types.js" */

const SCHEMA = 3;
const REMEMBERED = 4; // of what the inputs were coloured by
const ASSIGNMENTS = ["sum", "peak", "mean"];
export const PLACES = ["text", "image", "audio", "video", "question", "template", "response"];

export class Data {
  /**
   * @param {AnyModel} model
   * @param {Pick<Media, "get">} media
   * @returns {Promise<Data[]>}  one a pack
   */
  static async read(model, media) {
    const prompts = await unpack(model.get("prompt"));
    const responses = await unpack(model.get("response"));
    if (!prompts.length) throw new Error("its data are not here. Run the cell again.");
    return prompts.map((prompt, i) => new Data(prompt, responses[i], media));
  }

  /** @param {Pack} prompt @param {Pack} response @param {Pick<Media, "get">} media */
  constructor(prompt, response, media) {
    for (const { document } of [prompt, response]) {
      if (document.schema !== SCHEMA)
        throw new Error(
          `it was written with schema ${document.schema}, and this front end reads ${SCHEMA}. ` +
            "Show the trace again, with one version of omnitrace_nb in notebook and kernel.",
        );
    }
    this.prompt = prompt;
    this.media = media;
    /** @type {Document} */
    this.document = { ...prompt.document, ...response.document };
    /** @type {Uint8Array<ArrayBuffer>} */
    this.thumbnails = prompt.arrays.thumbnails;
    /** @type {Int8Array} */
    this.peaks = prompt.arrays.peaks;
    /** @type {Int32Array} [k, 2], characters of the text cells, UTF-16 code units of their parts */
    this.chars = prompt.arrays.chars;
    this.response = readResponse(response);
    /** @type {{key: string, all: Curated[], evidence: Evidence[][]}} */
    this.last = { key: "", all: [], evidence: [] };
    /** @type {Map<string, ReturnType<Data["shades"]>>} the latest, so that what was drawn from them is not drawn again */
    this.shaded = new Map();
    /** @type {{weights: object | null, tags: string[], all: Float64Array}} */
    this.weighed = { weights: null, tags: [], all: new Float64Array() };
  }

  /** Take what the response has grown to. @param {Pack} response */
  take(response) {
    this.document = { ...this.prompt.document, ...response.document };
    this.response = readResponse(response);
    this.last = { key: "", all: [], evidence: [] };
    this.shaded.clear();
  }

  /** T */
  get steps() {
    return this.document.pieces.length;
  }

  /** [T], the statement of each step, -1 for none */
  get statementOf() {
    return this.response.statementOf;
  }

  /**
   * One encoded thumbnail.
   * @param {Range} range
   */
  thumbnail([start, count]) {
    return new Blob([this.thumbnails.slice(start, start + count)], { type: "image/webp" });
  }

  /**
   * Each step's vote before weights, under one signal and rule.
   * @param {string} signal @param {Settings} settings
   */
  votesOf(signal, { assign, question }) {
    const at = this.at(signal) * 6 + 2 * ASSIGNMENTS.indexOf(assign) + Number(question);
    /** @param {any} array */
    const own = (array) => array.subarray(at * this.steps, (at + 1) * this.steps);
    return { source: own(this.response.votes.source), confidence: own(this.response.votes.confidence) };
  }

  /** @param {string} signal */
  at(signal) {
    return Math.max(0, this.document.signals.indexOf(signal));
  }

  /**
   * All statements, curated.
   * @param {Pick<State, "signal" | "settings">} state
   */
  curated({ signal, settings }) {
    const key = JSON.stringify([signal, settings]);
    if (this.last.key !== key) {
      const all = this.document.statements.map(({ id, first, stop }) =>
        this.curateSteps({ signal, settings }, first, stop, id),
      );
      this.last = { key, all, evidence: all.map((each, id) => this.named(each, id)) };
    }
    return this.last;
  }

  /**
   * Any range of steps, curated as a statement is; of a statement, its own steps alone.
   * @param {Pick<State, "signal" | "settings">} state
   * @param {number} start @param {number} stop @param {number} [statement]
   */
  curateSteps({ signal, settings }, start, stop, statement) {
    const steps = [];
    for (let step = start; step < stop; step++)
      if (statement === undefined || this.statementOf[step] === statement) steps.push(step);
    if (!this.document.signals.length) return { votes: [], runs: [], candidates: [] };
    return curate(this.votesOf(signal, settings), this.weightsOf(settings), steps, settings);
  }

  /** Each step's weight. @param {Settings} settings */
  weightsOf(settings) {
    const { tags } = this.document;
    if (this.weighed.weights !== settings.weights || this.weighed.tags !== tags)
      this.weighed = { weights: settings.weights, tags, all: tokenWeights(tags, settings) };
    return this.weighed.all;
  }

  /** @param {Curated} curated @param {number} [statement] @returns {Evidence[]} */
  named(curated, statement) {
    /** @param {number} source @returns {Mark | undefined} */
    const markOf = (source) => this.response.marks.get(`${statement} ${source}`);
    return evidence(curated, this.document, markOf);
  }

  /**
   * What was selected for a statement, best first.
   * @param {Pick<State, "signal" | "settings">} state @param {number} statement
   * @returns {Evidence[]}
   */
  evidence(state, statement) {
    return this.curated(state).evidence[statement] ?? [];
  }

  /**
   * @param {Pick<State, "signal" | "settings">} state
   * @param {number} source
   * @returns {(Evidence & {statement: number})[]}  what it was selected in, one a statement
   */
  selections(state, source) {
    return this.curated(state).evidence.flatMap((all, statement) => {
      const found = all.find(({ sources }) => sources.includes(source));
      return found ? [{ ...found, statement }] : [];
    });
  }

  /** @param {Focus | null} focus @returns {[number, number]}  the steps that a focus of the response stands for */
  stepsOf(focus) {
    if (focus?.kind === "token") return [focus.id, focus.id + 1];
    if (focus?.kind === "range") return [focus.start, focus.stop];
    if (focus?.kind === "statement") {
      const { first, stop } = this.document.statements[focus.id];
      return [first, stop];
    }
    return [0, this.steps];
  }

  /** @param {State} state @returns {Shown} */
  shown(state) {
    const { signal, hover, pinned, step } = state;
    const pointed = isResponse(hover) ? hover : null;
    const kept = isResponse(pinned) ? pinned : null;
    /** @type {Focus | null} */
    const inputs = pointed ?? (step === null ? kept : { kind: "token", id: step });
    const words =
      hover && !isResponse(hover) ? hover : pointed || !pinned || isResponse(pinned) ? null : pinned;
    const steps = this.stepsOf(inputs);
    const statement = inputs?.kind === "statement" ? inputs.id : null;
    const found = this.evidenceOf(state, inputs);
    return {
      inputs,
      steps,
      statement,
      words,
      source: words?.kind === "source" ? words.id : null,
      chip: hover?.kind === "statement" ? (hover.chip ?? null) : null,
      pinned: inputs !== null && inputs === kept,
      ...this.shadesOf(signal, steps, statement, inputs === null),
      evidence: found,
      ranks: new Map(found.flatMap(({ sources }, i) => sources.map((source) => [source, i + 1]))),
      drove: words && this.drove(signal, words),
    };
  }

  /** @param {State} state @param {Focus | null} inputs @returns {Evidence[]} */
  evidenceOf(state, inputs) {
    if (inputs?.kind === "statement") return this.evidence(state, inputs.id);
    if (!inputs) return [];
    const [start, stop] = this.stepsOf(inputs);
    return this.named(this.curateSteps(state, start, stop));
  }

  /**
   * Rows of `mass` and `heat`: a signal's steps, of a statement its own alone, of the whole response those of statements.
   * @param {string} signal @param {[number, number]} steps @param {number | null} statement @param {boolean} whole
   * @returns {number[]}
   */
  rows(signal, [start, stop], statement, whole) {
    /** @type {number[]} */
    const rows = [];
    if (!this.document.signals.length) return rows;
    const first = this.at(signal) * this.steps;
    const some = whole && this.statementOf.some((each) => each >= 0);
    for (let step = start; step < stop; step++) {
      const own =
        statement !== null ? this.statementOf[step] === statement : !some || this.statementOf[step] >= 0;
      if (own) rows.push(first + step);
    }
    return rows;
  }

  /** The same arrays for the same question. @param {string} signal @param {[number, number]} steps @param {number | null} statement @param {boolean} whole */
  shadesOf(signal, steps, statement, whole) {
    const key = JSON.stringify([signal, steps, statement, whole]);
    const known = this.shaded.get(key) ?? this.shades(this.rows(signal, steps, statement, whole));
    this.shaded.delete(key);
    this.shaded.set(key, known);
    for (const oldest of this.shaded.keys()) if (this.shaded.size > REMEMBERED) this.shaded.delete(oldest);
    return known;
  }

  /** Mean heat and shares of mass over some rows. @param {number[]} rows */
  shades(rows) {
    const sums = new Float32Array(this.document.cells);
    const masses = new Float64Array(this.document.sources.length);
    for (const row of rows) {
      this.response.heat.addTo(row, sums);
      this.response.mass.addTo(row, masses);
    }
    let most = 0;
    for (const sum of sums) if (sum > most) most = sum;
    const heat = new Uint8Array(sums.length);
    if (most > 0) for (let cell = 0; cell < sums.length; cell++) heat[cell] = (255 * sums[cell]) / most + 0.5;
    const total = masses.reduce((a, b) => a + b, 0) || 1;
    if (rows.length) for (let cell = 0; cell < sums.length; cell++) sums[cell] /= rows.length;
    return {
      heat,
      mean: sums,
      scale: rows.length ? most / rows.length : 0,
      share: Float32Array.from(masses, (mass) => mass / total),
    };
  }

  /** The share of a step's scores that went to sources; the rest to template and response. @param {number} row */
  credited(row) {
    const at = row * PLACES.length;
    const own = this.response.budget.subarray(at, at + PLACES.indexOf("template"));
    return own.reduce((sum, share) => sum + share, 0) / 65535;
  }

  /** @param {string} signal @param {Focus} focus  source or cells @returns {Float32Array} */
  drove(signal, focus) {
    const first = this.at(signal) * this.steps;
    const source = focus.kind === "source";
    const wanted = new Uint8Array(source ? this.document.sources.length : this.document.cells);
    if (focus.kind === "source") wanted[focus.id] = 1;
    else if (focus.kind === "cells") for (const cell of focus.cells) wanted[cell] = 1;
    return Float32Array.from({ length: this.document.signals.length ? this.steps : 0 }, (_, step) => {
      const row = first + step;
      if (!source) return this.response.heat.among(row, wanted);
      return (
        (this.credited(row) * this.response.mass.among(row, wanted)) / (this.response.mass.total(row) || 1)
      );
    });
  }
}

/** @param {Pack} response */
function readResponse({ document, arrays }) {
  return {
    /** @type {Int32Array} [T, 2], UTF-16 code units of the response */
    tokenChars: arrays.token_chars,
    /** @type {Int32Array} [T] */
    statementOf: arrays.statement_of,
    /** @type {Float32Array} [T], nats */
    logprob: arrays.logprob,
    /** @type {Uint16Array} [signals, T, places], 65535 = 1 */
    budget: arrays.budget,
    votes: { source: arrays.vote_source, confidence: arrays.vote_confidence },
    mass: new Sparse(arrays, "mass", 65535),
    heat: new Sparse(arrays, "heat", 255),
    /** @type {Map<string, Mark>} */
    marks: new Map(
      /** @type {Document} */ (document).checked.map(({ statement, source, mark }) => [
        `${statement} ${source}`,
        mark,
      ]),
    ),
  };
}
