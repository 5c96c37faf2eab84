/** The playground: every setting of the curation within reach, and what each does to the statements, at once. */

import { changes } from "./changes.js";
import { slider } from "./controls.js";
import { PAPER, weightOf } from "./curation.js";
import { h, KEYS_STAY } from "./dom.js";
import { createWhy } from "./why.js";

/** @import { Settings } from "./curation.js" */
/** @import { Data } from "./data.js" */
/** @import { Store } from "./store.js" */
/** @import { Shown, State } from "./types.js" */

const SLIDERS = [
  { name: "gamma", high: 8, step: 0.1, hint: "how much more a confident token's vote counts" },
  { name: "alpha", high: 1, step: 0.01, hint: "ranked by all votes (1) or by the longest run of votes (0)" },
  { name: "p_min", high: 1, step: 0.01, hint: "a smaller share of the votes is left out \u2026" },
  { name: "run_min", high: 1, step: 0.01, hint: "\u2026 unless a run of votes is as long as this" },
  {
    name: "coverage",
    low: 0.01,
    high: 1,
    step: 0.01,
    hint: "sources are taken until their shares reach this",
  },
];
const RULES = [
  { rule: "sum", hint: "a source has the sum of its positions' scores (the paper)" },
  { rule: "peak", hint: "a source has its highest position's score (the paper's code)" },
  { rule: "mean", hint: "a source has the mean of its positions' scores" },
];
/** @type {Record<string, string>} Universal POS */
const TAGS = {
  ADJ: "adjective",
  ADP: "preposition",
  ADV: "adverb",
  AUX: "auxiliary",
  CCONJ: "conjunction",
  DET: "determiner",
  INTJ: "interjection",
  NOUN: "noun",
  NUM: "numeral",
  PART: "particle",
  PRON: "pronoun",
  PROPN: "name",
  PUNCT: "punctuation",
  SCONJ: "conjunction",
  SPACE: "white space",
  SYM: "symbol",
  VERB: "verb",
};
const MOST_TOLD = 5;

/** @param {Data} data @param {Store} store */
export function createPlayground(data, store) {
  const own = data.document.settings;
  /** @param {Partial<Settings>} patch */
  const set = (patch) => store.set({ settings: { ...store.get().settings, ...patch } });
  const sliders = SLIDERS.map((about) => {
    const name = /** @type {"gamma" | "alpha" | "p_min" | "run_min" | "coverage"} */ (about.name);
    return {
      name,
      ...slider({ ...about, title: `${name}: ${about.hint}`, own: own[name], paper: PAPER[name] }, (value) =>
        set({ [name]: value }),
      ),
    };
  });
  const rules = createRules((assign) => set({ assign }));
  const question = h("input", { type: "checkbox", ...KEYS_STAY });
  question.addEventListener("change", () => set({ question: question.checked }));
  /** @param {string} tag @param {number} weight */
  const weigh = (tag, weight) => set({ weights: { ...store.get().settings.weights, [tag]: weight } });
  let weights = createWeights(data, weigh);
  const reset = h("button", { type: "button", class: "otr-reset", ...KEYS_STAY }, "Reset all");
  reset.addEventListener("click", () => set(own));
  const line = h("p", { role: "status" });
  const listed = h("ul");
  const why = createWhy(data, store);
  let last = "";
  let { response } = data;

  const el = h(
    "section",
    { class: "otr-playground", "aria-label": "Curation playground", hidden: true },
    h("div", { class: "otr-top" }, h("div", { class: "otr-heading" }, "How sources are chosen"), reset),
    h(
      "div",
      { class: "otr-settings" },
      h("div", {}, ...sliders.map((each) => each.el)),
      h(
        "div",
        {},
        rules.el,
        h("label", {}, question, " the question's own sentences may be credited"),
        weights.el,
      ),
    ),
    h("div", { class: "otr-told" }, line, listed),
    why.el,
  );

  /** @param {State} state */
  function tell(state) {
    const found = changes(data, state);
    const count = found.size;
    const labels = (/** @type {number[]} */ sources) =>
      sources.map((id) => data.document.sources[id].label).join(", ");
    line.textContent =
      count === 0
        ? "No statement has other sources than by default."
        : `${count} statement${count > 1 ? "s have" : " has"} other sources than by default.`;
    const rows = [...found]
      .slice(0, MOST_TOLD)
      .map(([id, { came, gone }]) =>
        h(
          "li",
          { "data-statement": id },
          h("b", {}, String(id + 1)),
          ...(came.length ? [h("ins", {}, `+ ${labels(came)} `)] : []),
          ...(gone.length ? [h("del", {}, `\u2212 ${labels(gone)}`)] : []),
        ),
      );
    const more = count > MOST_TOLD ? [h("li", {}, `\u2026 and ${count - MOST_TOLD} more`)] : [];
    listed.replaceChildren(...rows, ...more);
  }

  return {
    el,
    /** @param {Shown} _shown @param {State} state */
    paint(_shown, state) {
      const opened = el.hidden && state.playground;
      el.hidden = !state.playground;
      if (el.hidden) return;
      const { settings } = state;
      const { key } = data.curated(state);
      if (data.response !== response) {
        const grown = createWeights(data, weigh);
        weights.el.replaceWith(grown.el);
        weights = grown;
      }
      if (key !== last || data.response !== response) {
        last = key;
        response = data.response;
        for (const { name, set } of sliders) set(settings[name]);
        rules.set(settings.assign);
        question.checked = settings.question;
        weights.set(settings);
        reset.disabled = JSON.stringify(settings) === JSON.stringify(own);
        tell(state);
      }
      why.paint(state);
      const root = /** @type {Document | ShadowRoot} */ (el.getRootNode());
      if (opened && root.activeElement?.matches(".otr-open")) el.scrollIntoView({ block: "nearest" });
    },
  };
}

/** @param {(rule: Settings["assign"]) => void} change */
function createRules(change) {
  const name = `otr-rule-${Math.random()}`; // radio buttons of one name belong together, in the whole page
  const inputs = RULES.map(({ rule }) => h("input", { type: "radio", name, value: rule, ...KEYS_STAY }));
  const el = h(
    "fieldset",
    { class: "otr-rules" },
    h("legend", {}, "A source's mass"),
    ...RULES.map(({ rule, hint }, i) => h("label", { title: hint }, inputs[i], ` ${rule}`)),
  );
  el.addEventListener("change", ({ target }) =>
    change(/** @type {Settings["assign"]} */ (/** @type {HTMLInputElement} */ (target).value)),
  );
  return {
    el,
    /** @param {string} rule */
    set(rule) {
      for (const input of inputs) input.checked = input.value === rule;
    },
  };
}

/** @param {Data} data @param {(tag: string, weight: number) => void} change */
function createWeights(data, change) {
  const own = data.document.settings;
  const tags = [...new Set(data.document.tags)]
    .filter((tag) => tag)
    .sort((a, b) => weightOf(b, own) - weightOf(a, own) || (a < b ? -1 : 1));
  const rows = tags.map((tag) => {
    const title = `weight of ${tag}${TAGS[tag] ? `, ${TAGS[tag]}` : ""}`;
    const about = { name: tag, title, high: 1, step: 0.05, own: weightOf(tag, own) };
    return { tag, ...slider(about, (weight) => change(tag, weight)) };
  });
  return {
    el: h(
      "fieldset",
      { class: "otr-weights" },
      h("legend", {}, "Weight of a token, by its part of speech"),
      ...rows.map(({ el }) => el),
    ),
    /** @param {Settings} settings */
    set(settings) {
      for (const { tag, set } of rows) set(weightOf(tag, settings));
    },
  };
}
