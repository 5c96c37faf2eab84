"""Online signals over every layer and head, against full eager forwards of the same model and their autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from omnitrace_nb import models, signals
from omnitrace_nb.capture import Signal, decode
from omnitrace_nb.content import Audio, Image, Text, Video
from omnitrace_nb.media import load
from tests.test_capture import FAMILIES, bare, eager_forward, plain, prompt


class Kept:
    """A signal that keeps the steps it is shown."""

    def __init__(self, *reads):
        """Say what it reads."""
        self.steps = []
        self.signal = Signal("kept", "Keeps what it reads.", reads=frozenset(reads), score=self.score)

    def score(self, step):
        """Keep the step; give any score."""
        self.steps.append(step)
        return step.last.mean(0)


def kept(adapter, encoded, *reads, steps=5, **settings):
    """Decode, and give the tokens and the steps."""
    keeper = Kept(*reads)
    got = decode(adapter, encoded, [keeper.signal], progress=False, max_new_tokens=steps, **settings)
    assert got.token_ids.tolist() == plain(
        adapter, encoded, max_new_tokens=steps, **{k: v for k, v in settings.items() if k == "suppress_tokens"}
    )
    return got.token_ids, keeper.steps


def exact(adapter, encoded, tokens, step):
    """Rows and gradients of every layer by one full eager forward over what a step saw: `[layers, heads, p]` each."""
    response = torch.as_tensor(tokens)
    logits, attentions = eager_forward(adapter, encoded, response[:step])
    gradients = torch.autograd.grad(logits[-1, response[step]], attentions)
    rows = torch.stack([each[0, :, -1].detach().float() for each in attentions])
    return rows, torch.stack([each[0, :, -1].float() for each in gradients])


def assert_rows_and_gradients_exact(adapter, encoded, tolerance=1e-5, **settings):
    tokens, steps = kept(adapter, encoded, "rows", "gradients", **settings)
    for number, step in enumerate(steps):
        rows, gradients = exact(adapter, encoded, tokens, number)
        torch.testing.assert_close(step.rows, rows, atol=tolerance, rtol=0)
        torch.testing.assert_close(step.own, rows, atol=tolerance, rtol=0)
        for layer, wanted in enumerate(gradients):
            # The full forward has gradients of positions that a mask hides; a row of 0 carries nothing.
            seen = rows[layer] > 0
            scale = wanted[seen].abs().max()
            torch.testing.assert_close(
                step.gradients[layer][seen] / scale,
                wanted[seen] / scale,
                atol=tolerance,
                rtol=0,
                msg=f"{number} {layer}",
            )


@pytest.fixture(scope="module")
def llama():
    return bare(LlamaForCausalLM, LlamaConfig)


@pytest.fixture(scope="module")
def omni(toy_omni):
    return models.adapt(*toy_omni)


@pytest.fixture(scope="module")
def mixed(omni, media_dir):
    parts = (
        Text("Mia sells honey. Hugo sells clocks."),
        Image(media_dir / "red.png"),
        Audio(media_dir / "tone.wav"),
        Video(media_dir / "film.mp4"),
        Text("What does the second picture show?"),
    )
    return omni.encode(load(parts, omni.needs, omni.modalities))


def test_rows_and_gradients_of_every_layer_are_a_full_forwards_on_text_picture_sound_and_film(omni, mixed):
    assert_rows_and_gradients_exact(omni, mixed, suppress_tokens=list(range(10)))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_and_gradients_of_every_layer_are_a_full_forwards_with(family):
    kind, config, changes = FAMILIES[family]
    assert_rows_and_gradients_exact(bare(kind, config, **changes), prompt())


def test_what_a_step_shows_is_free_of_autograds_graph(llama):
    _, steps = kept(llama, prompt(), "gradients", "rows", steps=8)
    assert len(steps) == 8
    assert not any(each.requires_grad for step in steps for each in (step.gradients, step.own, step.rows, step.last))


def test_the_last_layers_gradients_are_those_of_attgrads(llama):
    _, steps = kept(llama, prompt(), "gradients")
    got = decode(llama, prompt(), [signals.get("attgrads")], progress=False, max_new_tokens=5)
    for number, step in enumerate(steps):
        wanted = (step.gradients[-1] * step.own[-1]).mean(0).clamp(min=0)
        np.testing.assert_allclose(got.scores["attgrads"][number, : 21 + number], wanted, atol=1e-6)


def test_rows_of_earlier_steps_are_averaged_over_those_that_saw_a_position(llama):
    _, steps = kept(llama, prompt(), "rows", "response")
    assert not steps[0].response.any()
    for number, step in enumerate(steps[1:], start=1):
        for position in range(step.response.shape[-1]):
            earlier = [each.rows[..., position] for each in steps[:number] if position < each.rows.shape[-1]]
            wanted = torch.stack(earlier).mean(0) if earlier else torch.zeros(3, 4)
            torch.testing.assert_close(step.response[..., position], wanted, atol=1e-6, rtol=0)


def test_baselines_of_named_rows_are_their_mean_by_layer_and_head(llama):
    sets = {"after": np.array([18, 19, 20]), "question": np.array([18]), "template": np.array([], int)}
    keeper = Kept("after", "question", "template")
    decode(llama, prompt(), [keeper.signal], sets, progress=False, max_new_tokens=3)
    _, attentions = eager_forward(llama, prompt(), torch.tensor([], dtype=torch.long))
    matrix = torch.stack(attentions)[:, 0].detach()
    for number, step in enumerate(keeper.steps):
        for found, rows in ((step.after, [18, 19, 20]), (step.question, [18]), (step.template, [18, 19, 20])):
            torch.testing.assert_close(found[..., :21], matrix[:, :, rows].mean(2), atol=1e-6, rtol=0)
            assert found.shape[-1] == 21 + number
            assert not found[..., 21:].any()
