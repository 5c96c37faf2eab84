"""DeepStack: features of pictures that enter Qwen3's language models at several depths, in every pass of ours."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from prompts import film, picture, prompt
from runs import finished

from omnitrace_nb import passes, signals
from omnitrace_nb.ablation.replay import Replay
from omnitrace_nb.capture import decode
from omnitrace_nb.layout import IMAGE, TEXT, VIDEO
from omnitrace_nb.models import adapt
from omnitrace_nb.passes import captum_pass
from omnitrace_nb.passes.teacher import TeacherForced

RESPONSE = torch.tensor([40, 50, 300, 41, 42])
PARTS = prompt(
    "Mia sells honey.", picture(150, 97, 1), film(2.5, seed=2, width=90, height=70), picture(64, 200, 3), "What?"
)


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen3_vl_moe", "qwen3_omni_thinker"])
def adapter(request):
    return adapt(*import_module(f"families.{request.param}").make())


@pytest.fixture(scope="module")
def encoded(adapter):
    return adapter.encode(PARTS)


def given_to_the_decoder(adapter, encoded):
    """What the model's own forward over ids and pixels adds after its layers: positions, and features a depth."""
    caught = {}

    def keep(_module, _args, kwargs):
        caught.update(kwargs)

    hook = adapter.decoder().register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with torch.no_grad():
            logits = adapter.model(**encoded.inputs).logits
    finally:
        hook.remove()
    return caught["visual_pos_masks"], caught["deepstack_visual_embeds"], logits


def test_the_width_holds_what_the_model_adds_at_each_depth(adapter, encoded):
    where, features, logits = given_to_the_decoder(adapter, encoded)
    embeddings, options = adapter.embed(encoded, RESPONSE)
    assert embeddings.shape == (1, len(encoded.layout) + len(RESPONSE), 64 * (1 + len(features)))
    seen = np.isin(encoded.layout.modality, (IMAGE, VIDEO))
    assert where[0].tolist() == seen.tolist()
    for depth, own in enumerate(features):
        column = embeddings[0, :, 64 * (depth + 1) : 64 * (depth + 2)]
        torch.testing.assert_close(column[: len(seen)][torch.from_numpy(seen)], own)
        assert not column[: len(seen)][torch.from_numpy(~seen)].any()
        assert not column[len(seen) :].any()
    with torch.no_grad():
        ours = adapter.forward(embeddings, **options).logits[:, : len(seen)]
        without = adapter.forward(embeddings * (torch.arange(embeddings.shape[-1]) < 64), **options).logits
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-5 * logits.abs().max().item())
    assert (without[:, len(seen) - 1] - logits[:, -1]).abs().max() > 1e-2  # they matter


def test_a_prompt_without_pictures_is_as_wide(adapter):
    encoded = adapter.encode(prompt("Only words."))
    embeddings, options = adapter.embed(encoded, RESPONSE[:0])
    assert embeddings.shape[-1] == adapter.embed(adapter.encode(PARTS), RESPONSE)[0].shape[-1]
    with torch.no_grad():
        torch.testing.assert_close(
            adapter.forward(embeddings, **options).logits, adapter.model(**encoded.inputs).logits, rtol=0, atol=1e-5
        )


def test_a_batch_of_shorter_sequences_has_the_logits_of_each_alone(adapter, encoded):
    forced = TeacherForced.of(adapter, encoded, RESPONSE)
    steps = torch.tensor([0, 2, 3])
    with forced.running(), torch.no_grad():
        together = forced.logits(forced.inputs(steps), steps)
        alone = torch.cat([forced.logits(forced.inputs(step[None]), step[None]) for step in steps])
        whole = adapter.forward(forced.embeddings, **forced.options).logits[0]
    wanted = torch.stack([whole[forced.prompt + int(step) - 1, RESPONSE[step]] for step in steps])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together, wanted, rtol=1e-4, atol=1e-4)


def test_behind_a_cached_prefix_the_rest_reads_the_same(adapter, encoded):
    """A prefix that ends within the second picture: its features were added before, the others' are still to come."""
    run = finished(adapter, encoded, RESPONSE.numpy())
    replayed = Replay(run)
    middle = int(np.median(encoded.layout.positions(3)))
    places = torch.arange(middle, replayed.length)[None].expand(2, -1)
    with run.forced.running(), torch.no_grad():
        behind = replayed.logprobs(places, torch.tensor([places.shape[1]] * 2), start=middle)
        changed = run.forced.embeddings[0, places].clone()
        changed[1, 0, 64:] = 0
        other = replayed.logprobs(places, torch.tensor([places.shape[1]] * 2), start=middle, embeddings=changed)
        plain = replayed.plain
    torch.testing.assert_close(behind, plain.expand(2, -1), rtol=0, atol=1e-4)
    torch.testing.assert_close(other[0], plain, rtol=0, atol=1e-4)
    assert (other[1] - plain).abs().max() > 1e-4


def test_gradients_reach_the_features_of_every_depth(adapter, encoded):
    forced = TeacherForced.of(adapter, encoded, RESPONSE)
    steps = torch.tensor([1])
    inputs = forced.inputs(steps).requires_grad_()
    with forced.running(), torch.enable_grad():
        (gradient,) = torch.autograd.grad(forced.logits(inputs, steps).sum(), inputs)
        direction = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0)) * (inputs != 0)
    depths = gradient.shape[-1] // 64
    seen = torch.from_numpy(np.flatnonzero(encoded.layout.modality == IMAGE))
    for depth in range(depths):
        assert gradient[0, seen, 64 * depth : 64 * (depth + 1)].abs().max() > 1e-4
    # The last depth's features alone, against a difference: the way is the model's, not ours.
    direction[..., : 64 * (depths - 1)] = 0
    with forced.running(), torch.no_grad():
        up, down = (forced.logits((inputs + sign * 1e-3 * direction).detach(), steps) for sign in (1, -1))
    slope = float((gradient * direction).sum())
    assert slope == pytest.approx(float((up - down).sum()) / 2e-3, rel=0.02, abs=1e-2)


def test_integrated_gradients_add_up_over_all_depths():
    """Sundararajan et al., axiom of completeness: what enters at every depth is part of the sum.

    Not of experts, whose router jumps from one to another along the way.
    """
    adapter = adapt(*import_module("families.qwen3_vl").make())
    encoded = adapter.encode(PARTS)
    run = finished(adapter, encoded, RESPONSE.numpy())
    begin = torch.zeros_like(run.forced.embeddings)
    modality = np.append(encoded.layout.modality, [9] * run.steps)
    for kind in np.unique(modality):
        begin[:, modality == kind] = run.forced.embeddings[:, modality == kind].mean(1, keepdim=True)
    with run.forced.running(), torch.no_grad():
        full, empty = (
            run.forced.rows(each[:, :-1], torch.arange(run.steps)) for each in (run.forced.embeddings, begin)
        )
    chosen = (full - empty)[0, torch.arange(run.steps), RESPONSE]
    found = passes.score(run, [signals.integrated_gradients(steps=60, per="response")])
    (scores,) = found.scores.values()
    assert scores.sum() == pytest.approx(float(chosen.sum()), rel=0.03)


def test_noise_gives_words_no_features_of_pictures(adapter, encoded, monkeypatch):
    run = finished(adapter, encoded, RESPONSE[:2].numpy())
    seen = torch.from_numpy(np.isin(encoded.layout.modality, (IMAGE, VIDEO)))
    true, caught, fed = run.forced.embeddings[..., 64:], [], adapter.fed
    monkeypatch.setattr(adapter, "fed", lambda more: caught.append(more.detach()) or fed(more))
    found = passes.score(run, [signals.noise_tunnel("saliency", samples=2, noise=0.5)])
    (scores,) = found.scores.values()
    assert np.isfinite(scores).all()
    assert caught
    for more in caught:
        at = seen[: more.shape[1]]
        assert (more[:, : len(at)][:, at] != true[:, : len(at)][:, at]).all()
        assert not more[:, : len(at)][:, ~at].any()
        assert not more[:, len(at) :].any()


def test_a_path_may_begin_at_a_token(adapter, encoded):
    """A token's own embedding everywhere has no features of pictures at any depth."""
    run = finished(adapter, encoded, RESPONSE[:2].numpy())
    begin = captum_pass.baseline(run, 50)
    assert begin.shape == run.forced.embeddings.shape
    torch.testing.assert_close(begin[0, 7, :64], adapter.model.get_input_embeddings().weight[50])
    assert not begin[..., 64:].any()


def test_an_edit_while_decoding_changes_the_features_of_every_depth(adapter, encoded):
    """Pictures taken away by an edit are as if they had entered nowhere, as in a forward over edited embeddings."""
    own = np.flatnonzero(np.isin(encoded.layout.modality, (IMAGE, VIDEO)))

    def edit(embeddings):
        assert embeddings.shape[-1] > 64
        embeddings = embeddings.clone()
        embeddings[:, own] = embeddings[:, np.flatnonzero(encoded.layout.modality == TEXT)].mean(1, keepdim=True)
        return embeddings

    got = decode(adapter, encoded, [signals.get("attmean")], forced=RESPONSE.numpy(), edit=edit, progress=False)
    forced = TeacherForced.of(adapter, encoded, RESPONSE, edit=edit)
    with forced.running(), torch.no_grad():
        logits = adapter.forward(forced.embeddings, **forced.options).logits[0, forced.prompt - 1 : -1]
    wanted = logits.log_softmax(-1).gather(1, RESPONSE[:, None])[:, 0]
    np.testing.assert_allclose(got.logprobs, wanted.numpy(), atol=1e-4)
