/** Cuts of a text: its sentences and what is between them, its paragraphs, words and tokens; what a long one shows. */

import { extreme } from "./heat.js";
import { groupByPart } from "./sources.js";

/** @import { Data } from "./data.js" */
/** @import { Source, Tokens } from "./types.js" */

/**
 * A piece of a text that is folded and drawn as a whole.
 * @typedef {object} Tile
 * @property {number} from  UTF-16 code units
 * @property {number} to
 * @property {Source | null} source
 * @property {boolean} blank  white space alone, of no source
 * @property {number} words
 * @property {number} paragraph  -1 between paragraphs
 */
/** @typedef {{from: number, to: number, first: number, count: number}} Unit  `first`, `count`: cells, neighbours */

const LONG = 500; // words; shorter texts are shown whole
const ROOM = 240; // words shown of a longer one, at first
const LEAST = 40; // words; fewer are not worth a fold
const SHOWN = 0.02; // of the largest share; a sentence with less is shown for its neighbours' sake alone

/** @param {string} text */
const wordsIn = (text) => text.match(/\S+/g)?.length ?? 0;

/**
 * @param {string} text
 * @param {Source[]} sources  of this text
 * @returns {Tile[]}  the whole text
 */
export function tilesOf(text, sources) {
  /** @type {Tile[]} */
  const tiles = [];
  const empty = /\n[^\S\n]*\n/; // paragraphs end at empty lines; where there is none, at line breaks
  const end = empty.test(text.trim()) ? empty : /\n/;
  let paragraph = 0;
  let begun = false;
  /** @param {number} from @param {number} to @param {Source | null} source */
  function add(from, to, source) {
    const own = text.slice(from, to);
    const blank = !source && own.trim() === "";
    const between = blank && end.test(own);
    if (between && begun) paragraph++;
    if (!blank) begun = true;
    tiles.push({ from, to, source, blank, words: wordsIn(own), paragraph: between ? -1 : paragraph });
  }
  /** Text of no source, cut into lines and the breaks between them. @param {number} from @param {number} to */
  function plain(from, to) {
    for (const { 0: piece, index } of text
      .slice(from, to)
      .matchAll(/\s*\n\s*|[^\S\n]+$|(?:(?!\s*\n)[\s\S])+/g))
      add(from + index, from + index + piece.length, null);
  }
  let at = 0;
  // Where sources overlap, each is drawn from where it begins to where the next one does; every character once.
  const begin = (/** @type {Source} */ { chars }) => chars?.[0] ?? 0;
  const sorted = sources.slice().sort((a, b) => begin(a) - begin(b));
  sorted.forEach((source, place) => {
    const [start, end] = source.chars ?? [at, at];
    const from = Math.max(at, start);
    let other = place + 1;
    while (other < sorted.length && (begin(sorted[other]) <= start || begin(sorted[other]) < from)) other++;
    const next = sorted[other] ? begin(sorted[other]) : end;
    const to = Math.max(from, Math.min(end, next));
    plain(at, from);
    add(from, to, source);
    at = to;
  });
  plain(at, text.length);
  return tiles;
}

/** @type {WeakMap<Data, Map<number, Tile[]>>} */
const cut = new WeakMap();

/** @param {Data} data @returns {Map<number, Tile[]>}  of each text, by part */
export function textsOf(data) {
  const known = cut.get(data);
  if (known) return known;
  const { parts, sources } = data.document;
  const own = groupByPart(sources);
  const made = new Map(
    parts
      .filter(({ kind }) => kind === "text")
      .map(({ index, text }) => [index, tilesOf(text ?? "", own.get(index) ?? [])]),
  );
  cut.set(data, made);
  return made;
}

/** @type {WeakMap<Float32Array, {sums: Map<number, number[]>, most: number}>} */
const summed = new WeakMap();

/**
 * @param {Data} data
 * @param {Float32Array} share  of each source
 * @returns {{sums: Map<number, number[]>, most: number}}  the shares of a text's paragraphs, by part; the largest of all
 *   of them and of all sources
 */
export function paragraphShares(data, share) {
  const known = summed.get(share);
  if (known) return known;
  /** @type {Map<number, number[]>} */
  const sums = new Map();
  let most = extreme(share);
  for (const [part, tiles] of textsOf(data)) {
    /** @type {number[]} */
    const own = [];
    for (const { source, paragraph } of tiles)
      if (source) own[paragraph] = (own[paragraph] ?? 0) + (share[source.id] ?? 0);
    for (const sum of own) if (Math.abs(sum) > most) most = Math.abs(sum);
    sums.set(part, own);
  }
  const made = { sums, most: most || 1 };
  summed.set(share, made);
  return made;
}

/**
 * @param {Tile[]} tiles
 * @param {(tile: Tile) => number} shareOf
 * @param {(at: number) => boolean} opened  shown in any case
 * @returns {boolean[]}  which to show: all of a short text, else the important ones with a neighbour each
 */
export function passages(tiles, shareOf, opened) {
  if (tiles.reduce((sum, { words }) => sum + words, 0) <= LONG) return tiles.map(() => true);
  const said = tiles.flatMap(({ blank }, at) => (blank ? [] : [at]));
  const shares = said.map((at) => shareOf(tiles[at]));
  const most = Math.max(0, ...shares);
  const shown = tiles.map((_, at) => opened(at));
  let room = ROOM;
  /** @param {number} place */
  function show(place) {
    const at = said[place];
    if (at === undefined || shown[at]) return;
    shown[at] = true;
    room -= tiles[at].words;
  }
  show(0);
  const best = said.map((_, place) => place).sort((a, b) => shares[b] - shares[a] || a - b);
  for (const place of best) {
    if (room <= 0 || (most > 0 && shares[place] < SHOWN * most)) break;
    for (const near of [place, place - 1, place + 1]) show(near);
  }
  for (const run of runsOf(shown, false))
    if (run.reduce((sum, at) => sum + tiles[at].words, 0) < LEAST) for (const at of run) shown[at] = true;
  return shown;
}

/**
 * @param {boolean[]} flags
 * @param {boolean} wanted
 * @returns {number[][]}  runs of neighbours that are as wanted
 */
export function runsOf(flags, wanted) {
  /** @type {number[][]} */
  const runs = [];
  flags.forEach((flag, at) => {
    if (flag !== wanted) return;
    if (at > 0 && flags[at - 1] === wanted) runs[runs.length - 1].push(at);
    else runs.push([at]);
  });
  return runs;
}

/**
 * The tokens of a piece of text, or its words: tokens between which no word ends are one. Those that share their
 * characters, such as the bytes of an emoji, are one as well.
 * @param {string} text
 * @param {Int32Array} chars  [k, 2], of all texts' tokens
 * @param {Tokens} tokens  of this text
 * @param {{from: number, to: number}} piece
 * @param {boolean} words
 * @returns {Unit[]}
 */
export function unitsOf(text, chars, tokens, { from, to }, words) {
  const ends = words ? wordEnds(text.slice(from, to)) : null;
  /** @type {Unit[]} */
  const units = [];
  for (let at = firstAfter(chars, tokens, from); at < tokens.cells[1]; at++) {
    const row = 2 * (tokens.chars + at);
    if (chars[row] >= to) break;
    const last = units[units.length - 1];
    const start = Math.max(chars[row], last ? last.to : from);
    const stop = Math.min(chars[row + 1], to);
    const goesOn =
      last?.to === start &&
      (stop <= start || (ends && (!ends.has(start - from) || !text.slice(last.from, last.to).trim())));
    if (last && (stop <= start || goesOn)) {
      last.to = Math.max(last.to, stop);
      last.count = tokens.cells[0] + at + 1 - last.first;
    } else if (stop > start) units.push({ from: start, to: stop, first: tokens.cells[0] + at, count: 1 });
  }
  return units;
}

/** The first token that ends after a character. @param {Int32Array} chars @param {Tokens} tokens @param {number} from */
function firstAfter(chars, tokens, from) {
  let low = 0;
  let high = tokens.cells[1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chars[2 * (tokens.chars + middle) + 1] > from) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @type {Intl.Segmenter | undefined} */
let segmenter;

/** Where words, spaces and signs end, as Unicode cuts them. @param {string} text */
function wordEnds(text) {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "word" });
  return new Set(Array.from(segmenter.segment(text), ({ index }) => index));
}
