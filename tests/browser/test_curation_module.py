"""The browser curates as Python does: the same numbers, the same order, the same choice, under any settings."""

import base64
import itertools
import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from modules import run
from scored import TAGS, make_scored
from traces import make_trace, with_verdicts

from omnitrace_nb import view
from omnitrace_nb.curation import ASSIGNMENTS, CurationSettings
from omnitrace_nb.view.evidence import evidence

SETTINGS = 1000

# The settings on one trace after the other: a row for each source with votes, in the order of the module.
CURATE = """({ curate, tokenWeights }, { traces, settings }) => {
    const rows = [];
    settings.forEach((chosen, i) => {
        const { tags, statements, votes } = traces[i % traces.length];
        const weights = tokenWeights(tags, chosen);
        votes.forEach((rules, k) => statements.forEach((steps, l) => {
            const rule = rules[`${chosen.assign} ${chosen.question}`];
            for (const { source, rank, selected, p, run, score } of curate(rule, weights, steps, chosen).candidates)
                rows.push(i, k, l, source, rank, selected, p, run, score);
        }));
    });
    return new Uint8Array(Float64Array.from(rows).buffer).toBase64();
}"""
EVIDENCE = """async ({ evidence }, { traces, settings, prompt }) => {
    const { curate, tokenWeights } = await import("./curation.js");
    const [{ tags, statements, votes }] = traces;
    return settings.map(chosen => votes.map(rules => statements.map(steps =>
        evidence(curate(rules[`${chosen.assign} ${chosen.question}`], tokenWeights(tags, chosen), steps, chosen),
            prompt, () => null))));
}"""


READ = """async ({ Data }, packs) => {
    const model = { get: name => Uint8Array.from(packs[name], char => char.charCodeAt(0)).buffer };
    const [data] = await Data.read(model, { get: () => null });
    return data.document.signals.map(signal => data.curated({ signal, settings: data.document.settings }).evidence);
}"""


def random_settings(rng):
    """Settings from all over their ranges; half of the numbers are round ones, where thresholds are met exactly."""

    def number(low, high):
        return float(rng.choice([rng.uniform(low, high), rng.integers(round(20 * low), round(20 * high) + 1) / 20]))

    weights = ({}, {tag: number(0, 1) for tag in rng.permutation(TAGS)[:5]}, dict(CurationSettings().weights))
    return CurationSettings(
        assign=str(rng.choice(ASSIGNMENTS)),
        coverage=max(number(0, 1), 1e-3),
        p_min=number(0, 0.4),
        run_min=number(0, 0.4),
        alpha=number(0, 1),
        gamma=float(rng.choice([0, 0.5, 1, 2, 3, 64, rng.uniform(0, 8)])),
        weights=weights[rng.integers(3)],
        question=bool(rng.integers(2)),
    )


def make_traces():
    """Random and adversarial traces."""
    rng = np.random.default_rng(4)
    owner = np.array([-1, 0, 0, 1, 1, 1, 2, 3, 3, -1, 4, 4, 5, 5, 5, 5])
    broken = rng.normal(size=(40, 16))
    for bad in (np.nan, np.inf, -np.inf, 0):
        broken[rng.random(broken.shape) < 0.2] = bad
    return [
        make_scored({"random": rng.random((60, 16)), "peaked": rng.dirichlet(np.full(16, 0.1), 60)}, owner, 1),
        make_scored({"ties": rng.integers(0, 3, (48, 16)) / 4, "one": np.ones((48, 16))}, owner, 2, statements=4),
        make_scored({"broken": broken, "zero": np.zeros((40, 16)), "negative": -rng.random((40, 16))}, owner, 3),
        make_scored({"one source": rng.random((20, 3))}, np.array([0, 0, -1]), 4),
        make_scored({"faint": 1e-7 * rng.random((30, 16))}, owner, 7),  # to the power of 64, all would be 0
        make_scored({"one step": rng.random((1, 16))}, owner, 5, statements=1),
        make_scored({f"signal {k}": rng.random((9, 16)) ** (4 * k) for k in range(8)}, owner, 6, statements=2),
    ]


def sent(trace):
    """What a front end is told of a trace's steps."""
    rules = list(itertools.product(ASSIGNMENTS, (False, True)))
    told = [{rule: trace.votes(name, assign=rule[0], question=rule[1]) for rule in rules} for name in trace.signals]
    return {
        "tags": trace.tags,
        "statements": [np.flatnonzero(trace.statement_of == k).tolist() for k in range(len(trace.statement_chars))],
        "votes": [
            {
                f"{assign} {str(question).lower()}": {name: table[name].tolist() for name in ("source", "confidence")}
                for (assign, question), table in tables.items()
            }
            for tables in told
        ],
    }


def plain(settings):
    return asdict(settings) | {"weights": dict(settings.weights)}


def test_a_thousand_settings_give_in_the_browser_what_they_give_in_python(blank):
    traces = make_traces()
    rng = np.random.default_rng(0)
    settings = [*(CurationSettings() for _ in traces), *(random_settings(rng) for _ in range(SETTINGS))]
    argument = {"traces": [sent(trace) for trace in traces], "settings": [plain(each) for each in settings]}
    rows = np.frombuffer(base64.b64decode(run(blank, "curation.js", CURATE, argument))).reshape(-1, 9)

    expected = []
    for i, (chosen, trace) in enumerate(zip(settings, itertools.cycle(traces), strict=False)):
        spans = trace.curate(**{name: getattr(chosen, name) for name in plain(chosen)})
        table = spans[["statement", "source", "rank", "selected", "p", "run", "score"]].to_numpy(np.float64)
        table[:, 0] -= 1  # the front end counts from 0
        expected.append(np.column_stack([np.full(len(table), i), spans["signal"].cat.codes, table]))
    expected = np.concatenate(expected)
    assert rows.shape == expected.shape
    assert (rows[:, :6] == expected[:, :6]).all()  # the same sources in the same order, the same selected
    assert np.abs(rows[:, 6:] - expected[:, 6:]).max() <= 1e-12
    assert 0.05 < rows[:, 5].mean() < 0.95


@pytest.mark.parametrize(
    ("bin_seconds", "telling"),
    [
        (1.0, (r"\(picture and sound\)", r"\(sound\)")),
        (0.125, (r"\d\.[16]2[- ]",)),  # halves of a hundredth: to the even one
    ],
)
def test_evidence_is_named_numbered_and_ordered_as_in_python(blank, bin_seconds, telling):
    trace = make_trace(image=(2, 2), bin_seconds=bin_seconds)
    rng = np.random.default_rng(1)
    settings = [CurationSettings(), *(random_settings(rng) for _ in range(30))]
    prompt = {
        "sources": [
            {name: getattr(each, name) for name in ("id", "modality", "part", "label", "time")}
            for each in trace.source_records
        ],
        "parts": [{"label": part.label, "kind": part.kind} for part in trace.parts],
    }
    argument = {"traces": [sent(trace)], "settings": [plain(each) for each in settings], "prompt": prompt}
    found = run(blank, "evidence.js", EVIDENCE, argument)
    for chosen, shown in zip(settings, found, strict=True):
        table = evidence(trace._but(settings=chosen), trace.signals, len(trace.statement_chars))
        assert shown == json.loads(json.dumps([[list(map(asdict, row)) for row in rows] for rows in table]))
    for piece in telling:
        assert re.search(piece, str(found))


@pytest.mark.parametrize("make", [make_trace, lambda: with_verdicts(make_trace()), lambda: make_trace(image=(3, 2))])
def test_what_comes_with_a_view_gives_the_evidence_of_its_view_model_with_verdicts(blank, make):
    model = view.model(make())
    packs = {name: pack().decode("latin-1") for name, pack in (("prompt", model.prompt), ("response", model.response))}
    expected = json.loads(json.dumps([[list(map(asdict, row)) for row in rows] for rows in model.evidence]))
    assert run(blank, "data.js", READ, packs) == expected
