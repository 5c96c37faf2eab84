/** The response cut for reading and pointing: words, which tokens are joined to, or tokens as they are. */

/** @import { Data } from "./data.js" */
/** @import { Focus } from "./types.js" */

/** @typedef {{text: string, start: number, stop: number}} Piece  steps from `start` to before `stop`; none between words */

const UNSPACED = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}]/u;
/** @type {Record<string, string>} */
const SPACES = { " ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥" };
const SPECIAL = "⟨special⟩";

/**
 * @param {Data} data
 * @param {number} statement
 * @param {boolean} raw  tokens as they are
 * @returns {Piece[]}
 */
export const cut = (data, statement, raw) => (raw ? tokens(data, statement) : words(data, statement));

/** @param {number} start @param {number} stop @returns {Focus}  a range of one token is a token */
export const focusOn = (start, stop) =>
  stop === start + 1 ? { kind: "token", id: start } : { kind: "range", start, stop };

/** @param {Data} data @param {number} start @param {number} stop  the characters of some steps, on one line */
export function textOf({ document, response: { tokenChars } }, start, stop) {
  const text = document.text.slice(tokenChars[2 * start], tokenChars[2 * stop - 1]);
  return text.trim().replace(/\s+/gu, " ") || visible(document.pieces.slice(start, stop).join(""));
}

/**
 * The probability of a token: of several, their geometric mean.
 * @param {Data} data @param {number} start @param {number} stop
 */
export function probability({ response: { logprob } }, start, stop) {
  const own = logprob.subarray(start, stop);
  return Math.exp(own.reduce((sum, each) => sum + each, 0) / Math.max(1, own.length));
}

/** @param {string} piece */
export const visible = (piece) => piece.replace(/[ \n\r\t]/gu, (space) => SPACES[space]) || SPECIAL;

/**
 * What stands between white space, with the steps that have a part in it; where a script has no spaces, a step each.
 * @param {Data} data @param {number} statement
 * @returns {Piece[]}
 */
function words({ document, steps, response: { tokenChars } }, statement) {
  const [from, to] = document.statements[statement].chars;
  let step = firstAfter(tokenChars, steps, from);
  /** @type {Piece[]} */
  const pieces = [];
  for (const { 0: text, index } of document.text.slice(from, to).matchAll(/\s+|\S+/gu)) {
    const begin = from + index;
    const end = begin + text.length;
    while (step < steps && tokenChars[2 * step + 1] <= begin) step++;
    let stop = step;
    /** @type {[start: number, stop: number, from: number, to: number][]} */
    const groups = [];
    for (; stop < steps && tokenChars[2 * stop] < end; stop++) {
      const own = [Math.max(begin, tokenChars[2 * stop]), Math.min(end, tokenChars[2 * stop + 1])];
      const last = groups[groups.length - 1];
      if (last && own[0] < last[3]) {
        last[1] = stop + 1;
        last[3] = Math.max(last[3], own[1]);
      } else if (own[1] > own[0]) groups.push([stop, stop + 1, own[0], own[1]]);
    }
    if (!groups.length || !text.trim()) pieces.push({ text, start: 0, stop: 0 });
    else if (UNSPACED.test(text))
      pieces.push(...groups.map(([start, stop, a, b]) => ({ text: document.text.slice(a, b), start, stop })));
    else pieces.push({ text, start: groups[0][0], stop: groups[groups.length - 1][1] });
  }
  return pieces;
}

/**
 * Each step by itself, with those of no statement that follow the statement's own (and, at the start, come before).
 * @param {Data} data @param {number} statement
 * @returns {Piece[]}
 */
function tokens({ document, steps }, statement) {
  const { statements, pieces } = document;
  const own = statements[statement];
  if (!own.steps) return [{ text: own.text, start: 0, stop: 0 }];
  const start = statements.slice(0, statement).some((each) => each.steps) ? own.first : 0;
  const next = statements.slice(statement + 1).find((each) => each.steps);
  return pieces
    .slice(start, next ? next.first : steps)
    .map((piece, i) => ({ text: visible(piece), start: start + i, stop: start + i + 1 }));
}

/** @param {Int32Array} chars @param {number} steps @param {number} at  the first step that ends after a character */
function firstAfter(chars, steps, at) {
  let [low, high] = [0, steps];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chars[2 * middle + 1] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
