/**
 * Why these sources: the votes of a statement, a column a token, and what follows from them for each source that has
 * any. The view follows a token under the mouse or the keyboard here.
 */

import { plain, reason } from "./curation.js";
import { h, KEYS_STAY, percent, score, two } from "./dom.js";
import { rove } from "./keys.js";

/** @import { Candidate, Curated, Vote } from "./curation.js" */
/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Focus, State } from "./types.js" */

const HUES = 6; // sources beyond are grey

/** @param {Data} data @param {Store} store */
export function createWhy(data, store) {
  const title = h("div", { class: "otr-heading" });
  const said = h("p", { class: "otr-why-said" });
  const strip = h("div", { class: "otr-strip" });
  const list = h("div", { class: "otr-candidates" });
  const el = h("div", { class: "otr-why" }, title, said, strip, list);
  let last = "";
  /** @type {Focus} */
  let about = { kind: "statement", id: 0 };

  /**
   * What is pinned; else what was pointed at last, so that the mouse can come here.
   * @param {State} state
   * @returns {Focus}
   */
  function subject({ pinned, hover }) {
    for (const focus of [pinned, hover]) {
      if (focus?.kind === "range") return focus;
      const id =
        focus?.kind === "token" ? data.statementOf[focus.id] : focus?.kind === "statement" ? focus.id : -1;
      if (id >= 0) return { kind: "statement", id };
    }
    return about;
  }

  /** @param {State} state */
  function draw(state) {
    const statement = about.kind === "statement" ? about.id : undefined;
    const [start, stop] = data.stepsOf(about);
    const curated = data.curateSteps(state, start, stop, statement);
    title.textContent = `Why these sources? ${statement === undefined ? `Tokens ${start + 1} to ${stop}` : `Statement ${statement + 1}`}`;
    said.textContent = inWords(data, curated, state);
    strip.replaceChildren(drawVotes(data, curated));
    list.replaceChildren(drawCandidates(data, curated, state, statement));
  }

  const tokens = () => /** @type {HTMLElement[]} */ ([...strip.querySelectorAll("[data-token]")]);
  /** @param {HTMLElement} item */
  const pin = (item) => store.set({ pinned: { kind: "token", id: Number(item.dataset.token) } });
  rove(strip, tokens, { enter: pin, clear: () => store.set({ pinned: null }) });

  return {
    el,
    /** @param {State} state */
    paint(state) {
      about = subject(state);
      const id = about.kind === "statement" ? about.id : 0;
      el.hidden = !data.document.statements[id];
      if (el.hidden) return;
      const key = `${data.curated(state).key} ${data.steps} ${JSON.stringify(about)}`;
      if (key !== last) draw(state);
      last = key;
      const chip = [state.hover, state.pinned].find(
        (focus) => focus?.kind === "statement" && focus.chip !== undefined,
      );
      const chosen = chip?.kind === "statement" ? String(chip.chip) : null;
      for (const cell of el.querySelectorAll("[data-own]"))
        cell.classList.toggle("otr-dim", chosen !== null && cell.getAttribute("data-own") !== chosen);
    },
  };
}

/** @param {Data} data @param {Curated} curated @param {State} state */
function inWords(data, { votes, candidates }, { settings }) {
  const voting = votes.filter(({ vote }) => vote > 0).length;
  if (!voting) return "No token votes for a source here: none has a weight and a positive score.";
  const taken = candidates.filter(({ selected }) => selected);
  const names = taken.map(({ source }) => data.document.sources[source].label).join(", ");
  const covered = taken.reduce((sum, { p }) => sum + p, 0);
  const many = `${voting} of ${votes.length} tokens vote, for ${candidates.length} source${candidates.length > 1 ? "s" : ""}.`;
  if (!taken.length) return `${many} None is taken.`;
  return `${many} Taken: ${names}, with ${two(covered)} of the votes (coverage ${plain(settings.coverage)}).`;
}

/** @param {number} rank */
const hue = (rank) => (rank <= HUES ? rank : 0);

/** The number and colour of a source: its rank among the candidates. @param {number} rank */
const dot = (rank) => h("i", { class: "otr-dot", "data-hue": hue(rank) });

/** @param {Data} data @param {Curated} curated */
function drawVotes(data, { votes, runs, candidates }) {
  const ranks = new Map(candidates.map(({ source, rank }) => [source, rank]));
  const { pieces, tags, sources } = data.document;
  const largest = Math.max(...votes.map(({ vote }) => vote)) || 1;
  /** @param {string} name @param {string} title @param {(vote: Vote, i: number) => (Node | string)[]} cell */
  const row = (name, title, cell) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", title }, name),
      ...votes.map((vote, i) => h("td", { "data-own": vote.source }, ...cell(vote, i))),
    );
  const words = h(
    "tr",
    {},
    h("th", { scope: "row" }, "token"),
    ...votes.map(({ step }, i) =>
      h(
        "th",
        { scope: "col" },
        h(
          "span",
          { class: "otr-piece", role: "button", tabindex: i ? -1 : 0, "data-token": step, ...KEYS_STAY },
          pieces[step].trim() || "\u2423",
        ),
      ),
    ),
  );
  return h(
    "table",
    { "aria-label": "Votes, a column a token" },
    words,
    row("part of speech", "Universal POS tag", ({ step }) => [tags[step]]),
    row("weight", "of the part of speech", ({ weight }) => [String(Number(weight.toFixed(2)))]),
    row("confidence", "the largest mass that a source has at this token", ({ confidence }) => [
      score(confidence),
    ]),
    row("vote", "weight x confidence ^ gamma, as a share of all votes", ({ source, vote }) => [
      h("span", { class: "otr-vote" }, bar(vote / largest, ranks.get(source) ?? 0)),
      vote > 0 ? two(vote) : "0",
    ]),
    row("for source", "numbered as below", ({ source }) =>
      source < 0
        ? ["none"]
        : [
            h(
              "span",
              { title: sources[source].label },
              dot(ranks.get(source) ?? 0),
              String(ranks.get(source) ?? "\u2013"),
            ),
          ],
    ),
    drawRuns(votes, runs, ranks),
  );
}

/** @param {number} share @param {number} rank */
function bar(share, rank) {
  const i = h("i", { "data-hue": hue(rank) });
  i.style.height = percent(share);
  return i;
}

/** One bracket a run. @param {Vote[]} votes @param {Curated["runs"]} runs @param {Map<number, number>} ranks */
function drawRuns(votes, runs, ranks) {
  const cells = [];
  for (let i = 0; i < votes.length; ) {
    const run = runs[votes[i].run];
    const span = run ? run.last - run.first + 1 : 1;
    const rank = run ? (ranks.get(run.source) ?? 0) : 0;
    cells.push(
      h(
        "td",
        { colspan: span, "data-own": votes[i].source },
        ...(run
          ? [h("span", { class: "otr-run", "data-hue": hue(rank) }, run.vote > 0 ? two(run.vote) : "0")]
          : []),
      ),
    );
    i += span;
  }
  return h(
    "tr",
    {},
    h("th", { scope: "row", title: "votes next to each other for one source" }, "runs"),
    ...cells,
  );
}

/**
 * @param {Data} data @param {Curated} curated @param {State} state
 * @param {number | undefined} statement
 */
function drawCandidates(data, { candidates }, { settings }, statement) {
  const { p_min, run_min } = settings;
  /** @param {number} value @param {number} least */
  const gauge = (value, least) => {
    const [fill, cut] = [h("i", {}), h("b", {})];
    fill.style.width = percent(value);
    cut.style.left = percent(least);
    return h("span", { class: "otr-gauge" }, fill, cut);
  };
  /** @param {Candidate} candidate */
  const row = (candidate) => {
    const { source, rank, p, run, score, selected } = candidate;
    return h(
      "tr",
      {
        class: selected ? null : "otr-left",
        "data-hue": hue(rank),
        "data-own": source,
        "data-chip": source,
        ...(statement === undefined ? {} : { "data-statement": statement }),
      },
      h("td", {}, dot(rank), String(rank)),
      h("th", { scope: "row" }, data.document.sources[source].label),
      h("td", {}, gauge(p, p_min), two(p)),
      h("td", {}, gauge(run, run_min), two(run)),
      h("td", {}, two(score)),
      h("td", { class: "otr-reason" }, reason(candidate, settings)),
    );
  };
  const heads = [
    ["", ""],
    ["source", ""],
    ["share p", `cut off at p_min ${plain(p_min)}`],
    ["longest run r", `cut off at run_min ${plain(run_min)}`],
    ["score", `${two(settings.alpha)} p + ${two(1 - settings.alpha)} r`],
    ["", ""],
  ];
  const late = candidates.findIndex(({ fate }) => fate === "late");
  const rows = candidates.map(row);
  if (late > 0)
    rows.splice(
      late,
      0,
      h("tr", { class: "otr-cut" }, h("td", { colspan: 6 }, `coverage ${plain(settings.coverage)} reached`)),
    );
  return h(
    "table",
    { "aria-label": "Sources with votes, best first" },
    h(
      "tr",
      {},
      ...heads.map(([name, title]) => h(name ? "th" : "td", name ? { scope: "col", title } : {}, name)),
    ),
    ...rows,
  );
}
