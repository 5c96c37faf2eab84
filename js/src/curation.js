/**
 * Curation in the browser, number for number as `omnitrace_nb/curation.py` has it: the few sources of a statement,
 * chosen from its steps. A step's source and confidence (the argmax and the max of its masses) come from Python.
 */

const OTHER_WEIGHT = 0.3;
export const PAPER = { coverage: 0.85, p_min: 0.07, run_min: 0.1, alpha: 0.8, gamma: 2 };
const DECIMALS = 1e12; // shares are rounded, so that ties and thresholds do not hang on the order of a sum
const SLACK = 1e-9;
const INTEGERS = 2 ** 52; // from here on, floating point has no fractions

/**
 * `CurationSettings` of Python.
 * @typedef {object} Settings
 * @property {"sum" | "peak" | "mean"} assign
 * @property {number} coverage
 * @property {number} p_min
 * @property {number} run_min
 * @property {number} alpha
 * @property {number} gamma
 * @property {Record<string, number>} weights  part of speech -> weight
 * @property {boolean} question
 *
 * @typedef {{source: ArrayLike<number>, confidence: ArrayLike<number>}} Votes  [T], under one rule; source -1: none
 * @typedef {{step: number, source: number, confidence: number, weight: number, vote: number, run: number}} Vote
 *   `vote`: share of all votes; `run`: index of its run
 * @typedef {{source: number, first: number, last: number, vote: number}} Run  places in `Curated.votes`, both included
 * @typedef {{source: number, p: number, run: number, score: number, rank: number, selected: boolean, fate: Fate}} Candidate
 * @typedef {"share" | "run" | "small" | "late"} Fate  taken for its share or its run; too small; after `coverage`
 * @typedef {{votes: Vote[], runs: Run[], candidates: Candidate[]}} Curated  candidates with votes, best first
 */

/** @param {number} x  from 0 to 2^51; half goes to the even number, as in numpy and Python */
export const even = (x) => x + INTEGERS - INTEGERS;

/** @param {number} x */
const rounded = (x) => even(x * DECIMALS) / DECIMALS;

/** @param {number} x @param {number} gamma */
const power = (x, gamma) => (gamma === 2 ? x * x : x ** gamma); // as numpy, to the last bit

/** @param {string} tag  a part of speech @param {Settings} settings */
export const weightOf = (tag, { weights }) => (Object.hasOwn(weights, tag) ? weights[tag] : OTHER_WEIGHT);

/**
 * @param {string[]} tags  a step's part of speech each
 * @param {Settings} settings
 */
export const tokenWeights = (tags, settings) => Float64Array.from(tags, (tag) => weightOf(tag, settings));

/**
 * @param {Votes} votes
 * @param {ArrayLike<number>} weights  [T]
 * @param {number[]} steps  the statement's
 * @param {Settings} settings
 * @returns {Curated}
 */
export function curate({ source, confidence }, weights, steps, settings) {
  const largest = steps.reduce((most, step) => Math.max(most, confidence[step]), 0) || 1;
  const raw = steps.map((step) =>
    source[step] < 0 ? 0 : weights[step] * power(confidence[step] / largest, settings.gamma),
  );
  const total = raw.reduce((sum, vote) => sum + vote, 0);
  const votes = steps.map((step, i) => ({
    step,
    source: source[step],
    confidence: confidence[step],
    weight: weights[step],
    vote: total > 0 ? raw[i] / total : 0,
    run: -1,
  }));
  const runs = findRuns(votes, raw, total);
  const candidates = total > 0 ? rank(votes, raw, total, runs, settings) : [];
  take(candidates, settings);
  return { votes, runs, candidates };
}

/**
 * Mark each vote with its run of consecutive steps that are of one source.
 * @param {Vote[]} votes @param {number[]} raw @param {number} total
 */
function findRuns(votes, raw, total) {
  /** @type {Run[]} */
  const runs = [];
  votes.forEach((vote, i) => {
    if (vote.source < 0) return;
    if (i === 0 || votes[i - 1].source !== vote.source)
      runs.push({ source: vote.source, first: i, last: i, vote: 0 });
    const run = runs[runs.length - 1];
    run.last = i;
    run.vote += raw[i];
    vote.run = runs.length - 1;
  });
  for (const run of runs) run.vote = total > 0 ? run.vote / total : 0;
  return runs;
}

/**
 * @param {Vote[]} votes @param {number[]} raw @param {number} total @param {Run[]} runs @param {Settings} settings
 * @returns {Candidate[]}
 */
function rank(votes, raw, total, runs, { alpha }) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  /** @type {Map<number, number>} */
  const longest = new Map();
  votes.forEach(({ source }, i) => {
    if (source >= 0) sums.set(source, (sums.get(source) ?? 0) + raw[i]);
  });
  for (const { source, vote } of runs) longest.set(source, Math.max(longest.get(source) ?? 0, vote));
  return [...sums]
    .map(([source, sum]) => {
      const p = rounded(sum / total);
      const run = rounded(longest.get(source) ?? 0);
      const score = rounded(alpha * p + (1 - alpha) * run);
      return { source, p, run, score, rank: 0, selected: false, fate: /** @type {Fate} */ ("late") };
    })
    .filter(({ p }) => p > 0)
    .sort((a, b) => b.score - a.score || a.source - b.source)
    .map((candidate, i) => ({ ...candidate, rank: i + 1 }));
}

/** @param {Candidate[]} candidates  best first @param {Settings} settings */
function take(candidates, { coverage, p_min, run_min }) {
  let covered = 0;
  for (const candidate of candidates) {
    const { p, run } = candidate;
    if (p < p_min && run < run_min) {
      candidate.fate = "small";
      continue;
    }
    candidate.fate = p < p_min ? "run" : "share";
    candidate.selected = true;
    covered += p;
    if (covered >= coverage - SLACK) break;
  }
}

/** @param {number} x  a setting, with two decimals or as many as it has */
export const plain = (x) => (Number(x.toFixed(2)) === x ? x.toFixed(2) : String(x));

/**
 * Why a source was taken or left, in words.
 * @param {Candidate} candidate
 * @param {Settings} settings
 */
export function reason({ p, fate }, { coverage, p_min, run_min }) {
  return {
    share: `taken: its share ${p.toFixed(2)} reaches p_min ${plain(p_min)}`,
    run: `taken: below p_min ${plain(p_min)}, but its run reaches run_min ${plain(run_min)}`,
    small: `left: below p_min ${plain(p_min)} and run_min ${plain(run_min)}`,
    late: `left: coverage ${plain(coverage)} was reached before it`,
  }[fate];
}
