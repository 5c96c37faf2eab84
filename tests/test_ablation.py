"""The ablation engine: every operator against the slow literal thing, and nothing run twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from omnitrace_nb import models
from omnitrace_nb.ablation import replay
from omnitrace_nb.sources import SourceOptions, build
from omnitrace_nb.trace.records import PartRecord
from tests.prompts import film, picture, prompt, sound
from tests.runs import finished

RESPONSE = [40, 70, 90, 120, 33]


def run_of(adapter, *contents, response=RESPONSE, **pieces):
    parts = prompt(*contents)
    encoded = adapter.encode(parts)
    records = [
        PartRecord(
            part.index,
            part.kind,
            "user",
            f"{part.kind} {part.index}",
            "",
            text=part.content if part.kind == "text" else None,
            size=(part.content.pixels.shape[1::-1] if part.kind == "image" else None),
            duration=getattr(part.content, "duration", None),
        )
        for part in parts
    ]
    sources = build(encoded.layout, records, SourceOptions(image=(1, 2)))
    return finished(adapter, encoded, response, loaded=parts, records=records, sources=sources, **pieces)


@pytest.fixture(scope="module")
def omni(toy_omni):
    return models.adapt(*toy_omni)


@pytest.fixture(scope="module")
def text(toy_text):
    return models.adapt(*toy_text)


@pytest.fixture
def mixed(omni):
    return run_of(
        omni, "Look. Listen.", picture(112, 84), sound(2.0), film(2.0, track=sound(2.0, seed=3)), "What is it?"
    )


@pytest.fixture
def sentences(text):
    return run_of(text, "The harbour was quiet. The market was busy. Mia sells honey.", "What does Mia sell?")


@pytest.fixture(params=["mixed", "sentences"])
def run(request):
    return request.getfixturevalue(request.param)


def sets(run, count=6):
    """All kept, each left out, some at random, and none."""
    s = len(run.sources)
    drawn = np.random.default_rng(0).random((count, s)) < 0.5
    return np.concatenate([np.ones((1, s), bool), ~np.eye(s, dtype=bool), drawn, np.zeros((1, s), bool)])


def positions(run, keep):
    """The hidden prompt positions of one set; the last position of the prompt is never hidden."""
    gone = {int(at) for source, kept in zip(run.sources, keep, strict=True) if not kept for at in source.positions}
    return sorted(gone - {run.prompt - 1})


@torch.no_grad()
def literally(run, mask=None, embeddings=None):
    """The response's log-probabilities from one full forward without a cache."""
    forced = run.forced
    embeddings = forced.embeddings if embeddings is None else embeddings
    options = dict(forced.options)
    if mask is not None:
        options["attention_mask"] = mask
        options.setdefault("position_ids", torch.arange(run.width)[None])
    logits = forced.model(inputs_embeds=embeddings, use_cache=False, **options).logits.float()
    rows = logits[0, run.prompt - 1 : -1].log_softmax(-1)
    return rows.gather(1, forced.targets[:, None])[:, 0].numpy()


def square(run, keep, rows):
    """A full attention mask that hides the sources not kept from some rows, though from no position itself."""
    allowed = torch.ones(run.width, run.width).tril().bool()
    for at in positions(run, keep):
        allowed[rows, at] = False
    return (allowed | torch.eye(run.width, dtype=torch.bool))[None, None]


def test_mask_equals_a_full_attention_mask_that_hides_the_sources_from_all_later_positions(run):
    keeps = sets(run)
    found = run.ablator("mask").logprobs(keeps)
    wanted = [literally(run, square(run, keep, slice(None))) for keep in keeps]
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    assert np.abs(found[1:] - found[0]).max(axis=1).min() > 1e-3


def test_mask_direct_equals_a_full_attention_mask_for_the_response_alone(run):
    keeps = sets(run)
    found = run.ablator("mask_direct").logprobs(keeps)
    wanted = [literally(run, square(run, keep, slice(run.prompt - 1, None))) for keep in keeps]
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_mean_puts_the_mean_of_the_modality_in_the_place_of_each_embedding(run):
    modality, keeps = run.encoded.layout.modality, sets(run)
    wanted = []
    for keep in keeps:
        embeddings = run.forced.embeddings.clone()
        for source, kept in zip(run.sources, keep, strict=True):
            for at in [] if kept else source.positions:
                same = np.flatnonzero(modality == modality[at])
                embeddings[0, at] = run.forced.embeddings[0, same].mean(0)
        wanted.append(literally(run, embeddings=embeddings))
    np.testing.assert_allclose(run.ablator("mean").logprobs(keeps), wanted, atol=2e-4)


@pytest.mark.parametrize("operator", ["mask", "mask_direct", "mean"])
def test_batches_and_chunks_change_nothing(run, operator, monkeypatch):
    keeps = sets(run)
    together = run.ablator(operator).logprobs(keeps)
    monkeypatch.setattr("omnitrace_nb.ablation.hiding.PASS_TOKENS", 1)
    monkeypatch.setattr(replay, "CHUNK", 7)
    alone = run.but().ablator(operator).logprobs(keeps)
    np.testing.assert_allclose(together, alone, atol=2e-4)
