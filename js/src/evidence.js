/**
 * What a statement rests on, as a reader would name it, from what was curated: selected sources, and seconds that touch
 * as one. The same as `omnitrace_nb/view/evidence.py` says, under any settings.
 */

import { even } from "./curation.js";

/** @import { Curated } from "./curation.js" */
/** @import { Evidence, Mark, Part, Source } from "./types.js" */

const VERDICTS = ["verified", "contradicted", "not verified"]; // of seconds shown as one, the first is shown
const TOUCHING = 1e-6; // seconds

/**
 * @param {Curated} curated  one statement's
 * @param {{sources: Source[], parts: Part[]}} prompt
 * @param {(source: number) => Mark | null | undefined} markOf  verdicts on the statement's sources
 * @returns {Evidence[]}  highest score first
 */
export function evidence({ candidates }, { sources, parts }, markOf) {
  const scores = new Map(
    candidates.filter(({ selected }) => selected).map((each) => [each.source, each.score]),
  );
  const chosen = [...scores.keys()].map((id) => sources[id]);
  const pieces = [
    ...chosen.filter(({ time }) => !time).map(({ id, label }) => ({ own: [id], label })),
    ...merge(chosen.filter(({ time }) => time)).map(({ part, t0, t1, own }) => ({
      own,
      label: `${parts[part].label}, ${seconds(t0)}-${seconds(t1)} s${tracks(parts[part], own, sources)}`,
    })),
  ];
  return pieces
    .map(({ own, label }) => ({
      sources: own,
      label,
      score: Number(
        fixed(
          own.reduce((sum, id) => sum + (scores.get(id) ?? 0), 0),
          4,
        ),
      ),
      mark: first(own.map(markOf)),
    }))
    .sort((a, b) => b.score - a.score || a.sources[0] - b.sources[0]);
}

/** @param {Source[]} timed */
function merge(timed) {
  /** @type {{part: number, t0: number, t1: number, own: number[]}[]} */
  const merged = [];
  const rows = timed.map(({ id, part, time }) => ({ id, part, t0: time?.[0] ?? 0, t1: time?.[1] ?? 0 }));
  for (const { id, part, t0, t1 } of rows.sort(
    (a, b) => a.part - b.part || a.t0 - b.t0 || a.t1 - b.t1 || a.id - b.id,
  )) {
    const last = merged[merged.length - 1];
    if (last?.part === part && t0 <= last.t1 + TOUCHING) {
      last.t1 = Math.max(last.t1, t1);
      last.own.push(id);
    } else merged.push({ part, t0, t1, own: [id] });
  }
  for (const { own } of merged) own.sort((a, b) => a - b);
  return merged;
}

/** Which of a film's tracks, as its sources' labels say. @param {Part} part @param {number[]} own @param {Source[]} sources */
function tracks(part, own, sources) {
  if (part.kind !== "video") return "";
  const heard = own.filter((id) => sources[id].modality === "audio").length;
  return heard === own.length ? " (sound)" : heard ? " (picture and sound)" : "";
}

/** @param {(Mark | null | undefined)[]} marks @returns {Mark | null} */
function first(marks) {
  for (const verdict of VERDICTS) {
    const found = marks.find((mark) => mark?.verdict === verdict);
    if (found) return found;
  }
  return null;
}

/**
 * With so many decimals, half to even, as Python writes it: halves that binary numbers can hold are halves of its
 * powers, and only they are told apart from `toFixed`.
 * @param {number} x @param {number} digits
 */
const fixed = (x, digits) =>
  (Number.isInteger(x * 2 ** (digits + 1)) ? even(x * 10 ** digits) / 10 ** digits : x).toFixed(digits);

/** @param {number} x */
const seconds = (x) => fixed(x, 2).replace(/\.?0+$/, "");
