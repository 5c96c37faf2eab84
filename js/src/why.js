/**
 * Why these sources: the votes of a statement, a column a token, and what follows from them for each source that has
 * any. The view follows the token that is under the mouse, or has the focus, here.
 */

import { plain, reason } from "./curation.js";
import { h, KEYS_STAY, percent, score, two } from "./dom.js";
import { rove } from "./keys.js";

/** @import { Candidate, Curated, Vote } from "./curation.js" */
/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Focus, State } from "./types.js" */

/** The first is for sources without a number, and for those beyond the others (Okabe and Ito's). */
const HUES = ["#8a929c", "#2684c6", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9"];

const MOST_TOKENS = 120; // a table of more would not follow a slider

/** @param {Data} data @param {Store} store */
export function createWhy(data, store) {
  const title = h("div", { class: "otr-heading" });
  const said = h("p");
  const strip = h("div");
  const list = h("div");
  const el = h("div", { class: "otr-because" }, title, said, strip, list);
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
    const which = statement === undefined ? `Tokens ${start + 1} to ${stop}` : `Statement ${statement + 1}`;
    title.textContent = `Why these sources? ${which}`;
    said.textContent = inWords(data, curated, state);
    strip.replaceChildren(drawVotes(data, { ...curated, votes: curated.votes.slice(0, MOST_TOKENS) }));
    list.replaceChildren(drawCandidates(data, curated, state, statement));
  }

  /** One tab stop a table. @param {HTMLElement} table @param {(item: HTMLElement) => Focus} focusOf */
  const roving = (table, focusOf) =>
    rove(table, () => /** @type {HTMLElement[]} */ ([...table.querySelectorAll('[role="button"]')]), {
      enter: (item) => store.set({ pinned: focusOf(item) }),
      clear: () => store.set({ pinned: null }),
    });
  roving(strip, (item) => ({ kind: "token", id: Number(item.dataset.token) }));
  roving(list, (item) => {
    const row = item.closest("tr");
    return about.kind === "statement" ? { ...about, chip: Number(row?.dataset.chip) } : about;
  });

  return {
    el,
    /** @param {State} state */
    paint(state) {
      about = subject(state);
      el.hidden = about.kind === "statement" && !data.document.statements[about.id];
      if (el.hidden) return;
      const key = `${data.curated(state).key} ${data.steps} ${JSON.stringify(about)}`;
      if (key !== last) draw(state);
      last = key;
      const named = [state.hover, state.pinned].find(
        (focus) => focus?.kind === "statement" && focus.chip !== undefined,
      );
      const chosen = named?.kind === "statement" ? String(named.chip) : null;
      for (const cell of el.querySelectorAll("[data-own]"))
        cell.classList.toggle("otr-dim", chosen !== null && cell.getAttribute("data-own") !== chosen);
    },
  };
}

/** @param {Data} data @param {Curated} curated @param {State} state */
function inWords(data, { votes, candidates }, { settings }) {
  const voting = votes.filter(({ vote }) => vote > 0).length;
  if (!voting) return "No token votes: none has both a weight and a positive score for a source.";
  const taken = candidates.filter(({ selected }) => selected);
  const names = taken.map(({ source }) => data.document.sources[source].label).join(", ");
  const covered = two(taken.reduce((sum, { p }) => sum + p, 0));
  const { length } = candidates;
  return (
    `${voting} of ${votes.length} tokens vote, for ${length} source${length > 1 ? "s" : ""}. ` +
    (names
      ? `Taken: ${names}, with ${covered} of the votes (coverage ${plain(settings.coverage)}).`
      : "None is taken.") +
    (votes.length > MOST_TOKENS ? ` The first ${MOST_TOKENS} tokens are shown.` : "")
  );
}

/** @param {number | undefined} rank */
const hue = (rank = 0) => `--otr-hue:${HUES[rank] ?? HUES[0]}`;

/** The number and colour of a source: its rank among the candidates. @param {number} [rank] */
const numbered = (rank) => [h("i", { class: "otr-hue", style: hue(rank) }), String(rank ?? "\u2013")];

/** @param {Data} data @param {Curated} curated */
function drawVotes(data, { votes, runs, candidates }) {
  const ranks = new Map(candidates.map(({ source, rank }) => [source, rank]));
  const { pieces, tags, sources } = data.document;
  const largest = votes.reduce((most, { vote }) => Math.max(most, vote), 0) || 1;
  /** @param {string} name @param {string} title @param {Node[]} cells */
  const row = (name, title, cells) => h("tr", {}, h("th", { scope: "row", title }, name), ...cells);
  /** @param {string} name @param {string} title @param {(vote: Vote) => (Node | string)[]} cell */
  const cells = (name, title, cell) =>
    row(
      name,
      title,
      votes.map((vote) => h("td", { "data-own": vote.source }, ...cell(vote))),
    );
  const words = votes.map(({ step }, i) =>
    h(
      "th",
      { scope: "col" },
      h(
        "span",
        { role: "button", tabindex: i ? -1 : 0, "data-token": step, ...KEYS_STAY },
        pieces[step].trim() || "\u2423",
      ),
    ),
  );
  const brackets = [];
  for (let i = 0; i < votes.length; i++) {
    const { source, run } = votes[i];
    const { first, last, vote } = runs[run] ?? { first: i, last: i, vote: 0 };
    const shown =
      run < 0 ? [] : [h("span", { class: "otr-bracket", style: hue(ranks.get(source)) }, two(vote))];
    brackets.push(
      h("td", { colspan: Math.min(last, votes.length - 1) - first + 1, "data-own": source }, ...shown),
    );
    i = last;
  }
  return h(
    "table",
    { class: "otr-votes", "aria-label": "Votes, a column a token" },
    row("token", "", words),
    cells("part of speech", "Universal POS tag", ({ step }) => [tags[step]]),
    cells("weight", "of the part of speech", ({ weight }) => [String(Number(weight.toFixed(2)))]),
    cells("confidence", "the largest mass of a source at this token", ({ confidence }) => [
      score(confidence),
    ]),
    cells("vote", "weight × confidence ^ gamma, as a share of all votes", ({ source, vote }) => [
      h(
        "span",
        { class: "otr-vote" },
        h("i", { style: `${hue(ranks.get(source))};height:${percent(vote / largest)}` }),
      ),
      two(vote),
    ]),
    cells("for source", "numbered as below", ({ source }) =>
      source < 0 ? ["none"] : [h("span", { title: sources[source].label }, ...numbered(ranks.get(source)))],
    ),
    row("runs", "votes next to each other for one source", brackets),
  );
}

/**
 * @param {Data} data @param {Curated} curated @param {State} state
 * @param {number | undefined} statement
 */
function drawCandidates(data, { candidates }, { settings }, statement) {
  const { alpha, coverage, p_min, run_min } = settings;
  /** @param {number} value @param {number} least */
  const gauge = (value, least) => [
    h(
      "span",
      { class: "otr-gauge" },
      h("i", { style: `width:${percent(value)}` }),
      h("b", { style: `left:${percent(least)}` }),
    ),
    two(value),
  ];
  /** @param {string | false} kind @param {(Node | string)[][]} cells @param {object} [more] */
  const row = (kind, cells, more) =>
    h(
      "tr",
      { class: kind, ...more },
      ...cells.map((cell, i) => h(i === 1 ? "th" : "td", i === 1 ? { scope: "row" } : {}, ...cell)),
    );
  /** @param {Candidate} candidate */
  const drawn = (candidate) => {
    const { source, rank, p, run, score, selected } = candidate;
    const cells = [
      numbered(rank),
      [
        h(
          "span",
          { role: "button", tabindex: rank > 1 ? -1 : 0, ...KEYS_STAY },
          data.document.sources[source].label,
        ),
      ],
      gauge(p, p_min),
      gauge(run, run_min),
      [two(score)],
      [reason(candidate, settings)],
    ];
    return row(selected && "otr-taken", cells, {
      style: hue(rank),
      "data-own": source,
      "data-chip": source,
      "data-statement": statement ?? null,
    });
  };
  const rows = candidates.map(drawn);
  const late = candidates.findIndex(({ fate }) => fate === "late");
  if (late > 0)
    rows.splice(
      late,
      0,
      h("tr", { class: "otr-cut" }, h("td", { colspan: 6 }, `coverage ${plain(coverage)} reached`)),
    );
  const heads = [
    "",
    "source",
    `share p, at least ${plain(p_min)} \u2026`,
    `\u2026 or run r, ${plain(run_min)}`,
    `score: ${two(alpha)} p + ${two(1 - alpha)} r`,
    "",
  ];
  return h(
    "table",
    { "aria-label": "Sources with votes, best first" },
    h("tr", {}, ...heads.map((name) => h(name ? "th" : "td", name ? { scope: "col" } : {}, name))),
    ...rows,
  );
}
