"""The ablation engine: every operator against the slow literal thing, and nothing run twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput
from transformers import MistralConfig, MistralForCausalLM

from omnitrace_nb import models
from omnitrace_nb.ablation import OPERATORS, editing, replay
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes import Cost
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
    monkeypatch.setattr("omnitrace_nb.passes.batches.ABLATED_ON_CPU", 1)
    monkeypatch.setattr(replay, "CHUNK", 7)
    alone = run.but().ablator(operator).logprobs(keeps)
    np.testing.assert_allclose(together, alone, atol=2e-4)


# Where captum's language model wrappers err with transformers 5 (docs/signals/ablation.md); a plain forward is truth.


@torch.no_grad()
def plainly(adapter, encoded, response):
    """The response's log-probabilities from the model's own forward over everything, its media and no cache."""
    ids = torch.cat([encoded.inputs["input_ids"], torch.tensor(response)[None]], 1)
    positions = encoded.inputs.get("position_ids")
    given = {**encoded.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if positions is not None:
        later = positions[..., -1:] + torch.arange(1, len(response) + 1)
        given["position_ids"] = torch.cat([positions, later], -1)
    logits = adapter.model(**given, use_cache=False).logits[0, -len(response) - 1 : -1].log_softmax(-1)
    return logits.gather(1, torch.tensor(response)[:, None])[:, 0].numpy()


def test_a_borrowed_prefix_gives_what_captums_wrapper_gives_without_its_cache(text):
    """Each prompt token replaced by token 0, as the wrapper does it; ours reads what follows it alone."""
    tokenizer = _without_template(text.tokenizer)
    response = tokenizer(" Mia sells honey", add_special_tokens=False)["input_ids"]
    run = run_of(models.adapt(text.model, tokenizer), "The harbour was quiet.", response=response)
    wrapped = LLMAttribution(FeatureAblation(text.model), tokenizer)
    given = TextTokenInput("The harbour was quiet.", tokenizer)
    options = {"target": " Mia sells honey", "use_cached_outputs": False}
    wanted = wrapped.attribute(given, **options).seq_attr.numpy()
    zero, n = text.model.get_input_embeddings().weight[0], run.prompt
    assert len(wanted) == n
    with torch.no_grad():
        for at in range(n):
            places = torch.arange(at, run.width - 1)[None]
            embeddings = run.forced.embeddings[:, at:-1].clone()
            embeddings[0, 0] = zero
            lengths = torch.tensor([places.shape[1]])
            found = run.replay.logprobs(places, lengths, at, embeddings=embeddings)
            assert float(run.replay.plain.sum() - found.sum()) == pytest.approx(wanted[at], abs=2e-4)


def test_a_cache_is_borrowed_and_not_fed_again(run):
    """Captum's cached mode feeds the whole sequence on top of its cache: other log-probabilities, without an error."""
    ablator = run.ablator("mask_direct")
    ablator.logprobs(sets(run))
    found = ablator.logprobs(np.ones((1, len(run.sources)), bool))[0]
    np.testing.assert_allclose(found, plainly(run.adapter, run.encoded, RESPONSE), atol=2e-4)
    places = torch.arange(run.prompt - 1, run.width - 1)[None]
    with torch.no_grad():
        behind = ablator._hiding.replay.logprobs(places, torch.tensor([run.steps]), run.prompt - 1)[0]
    np.testing.assert_allclose(behind, found, atol=2e-4)


def test_pictures_sounds_and_films_reach_the_model(mixed):
    """Captum's wrapper drops a vision model's pixels: every attribution is exactly 0."""
    np.testing.assert_allclose(
        mixed.ablator("mask").logprobs(sets(mixed))[0], plainly(mixed.adapter, mixed.encoded, RESPONSE), atol=2e-4
    )
    for operator in OPERATORS:
        values = mixed.ablator(operator).logprobs(sets(mixed))
        effects = np.abs(values[0] - values[1 : len(mixed.sources) + 1]).max(axis=1)
        media = [source.modality != "text" for source in mixed.sources]
        assert effects[media].min() > 1e-3, operator


def test_raw_reads_the_prompt_without_the_sentence(text):
    whole = run_of(text, "The harbour was quiet. The market was busy. Mia sells honey.", "What does Mia sell?")
    without = run_of(text, "The harbour was quiet. Mia sells honey.", "What does Mia sell?")
    [index] = [source.id for source in whole.sources if source.chars == (23, 43)]
    keep = np.arange(len(whole.sources)) != index
    np.testing.assert_allclose(whole.ablator("raw").logprobs(keep[None])[0], literally(without), atol=1e-4)


def test_raw_encodes_edited_media_again(omni, mixed):
    silence, scene = sound(2.0), film(2.0, track=sound(2.0, seed=3))
    silence.samples[16_000:] = 0
    scene.frames[2:] = scene.frames[1]
    wanted = run_of(omni, "Look. Listen.", picture(112, 84), silence, scene, "What is it?")
    keep = [
        not (source.time and source.time[0] == 1.0 and (source.part, source.modality) in {(2, "audio"), (3, "video")})
        for source in mixed.sources
    ]
    assert keep.count(False) == 2
    np.testing.assert_allclose(mixed.ablator("raw").logprobs([keep])[0], literally(wanted), atol=1e-4)


def test_raw_without_the_content_says_what_to_do(sentences):
    with pytest.raises(SignalError, match="does not have: use operator='mask'"):
        sentences.but(loaded=()).ablator("raw").logprobs(~np.eye(4, dtype=bool))


def test_editing_blurs_each_region_by_itself_and_leaves_the_rest():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 30:] = 250
    pixels[:20, :10] = 250
    found = editing.blurred(pixels, [(0, 0, 30, 40)])
    assert (found[:, 30:] == 250).all()
    assert found[:, :30].std() < 0.5 * pixels[:, :30].std()
    assert not (pixels[20:, :30]).any()


def test_editing_freezes_a_film_on_the_last_frame_that_is_kept():
    scene = film(4.0)
    one = editing.frozen(scene, [(1.0, 2.0)])
    np.testing.assert_array_equal(one, scene.frames[[0, 1, 1, 1, 4, 5, 6, 7]])
    run = editing.frozen(scene, [(1.0, 2.0), (2.0, 3.0)])
    np.testing.assert_array_equal(run, scene.frames[[0, 1, 1, 1, 1, 1, 6, 7]])
    start = editing.frozen(scene, [(0.0, 1.0)])
    np.testing.assert_array_equal(start, scene.frames[[2, 2, 2, 3, 4, 5, 6, 7]])
    assert len(np.unique(editing.frozen(scene, [(0.0, 4.0)]), axis=0)) == 1


def test_editing_mutes_to_the_very_end():
    noise = sound(1.5)
    found = editing.muted(noise, [(1.0, 1.5)]).samples
    assert not found[16_000:].any()
    np.testing.assert_array_equal(found[:16_000], noise.samples[:16_000])


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_no_set_is_run_twice_and_all_kept_costs_one_forward(text, operator):
    run = run_of(text, "The harbour was quiet. The market was busy.", "What is it?", cost=Cost())
    ablator, whole = run.ablator(operator), np.ones((1, 3), bool)
    assert ablator.logprobs(np.repeat(whole, 4, axis=0)).shape == (4, 5)
    assert run.cost.forwards == 1
    assert run.cost.tokens == run.width - 1
    keeps = sets(run)
    first = ablator.logprobs(keeps)
    spent = run.cost.forwards
    assert spent == len(np.unique(keeps, axis=0))
    np.testing.assert_array_equal(ablator.logprobs(keeps[::-1]), first[::-1])
    assert run.cost.forwards == spent
    record = ablator.record
    assert (record.operator, record.keep.shape, record.logprobs.dtype) == (operator, (spent, 3), np.float32)
    again = run.but().ablator(operator)
    again.remember(record)
    np.testing.assert_array_equal(again.logprobs(keeps), first)
    assert run.cost.forwards == spent


def test_mask_pushes_only_what_follows_the_source_and_mask_direct_only_the_response(sentences, monkeypatch):
    monkeypatch.setattr("omnitrace_nb.passes.batches.ABLATED_ON_CPU", 1)
    s, counted = len(sentences.sources), {}
    for operator in ("mask", "mask_direct"):
        run = sentences.but(cost=Cost())
        run.ablator(operator).logprobs(np.ones((1, s), bool))
        before = run.cost.tokens
        run.ablator(operator).logprobs(~np.eye(s, dtype=bool))
        counted[operator] = run.cost.tokens - before
    after = [sentences.width - 1 - int(one.positions[0]) - len(one.positions) for one in sentences.sources]
    assert counted == {"mask": sum(after), "mask_direct": s * sentences.steps}


def test_the_prompts_last_position_stays_whoever_owns_it(text):
    """Without a chat template, the last sentence owns the position that the first token is chosen from."""
    bare = models.adapt(text.model, _without_template(text.tokenizer))
    run = run_of(bare, "The harbour was quiet. The market was busy.")
    assert run.sources[-1].positions[-1] == run.prompt - 1
    keeps = sets(run)
    wanted = [literally(run, square(run, keep, slice(None))) for keep in keeps]
    np.testing.assert_allclose(run.ablator("mask").logprobs(keeps), wanted, atol=2e-4)
    with pytest.raises(SignalError, match="leaves nothing of this prompt"):
        run.ablator("raw").logprobs(keeps[-1:])


def _without_template(tokenizer):
    bare = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, **tokenizer.special_tokens_map)
    bare.chat_template = None
    return bare


@pytest.mark.parametrize("window", [16, 4096])
def test_hiding_stays_exact_with_layers_that_see_a_window_alone(text, window):
    torch.manual_seed(2)
    small = MistralConfig(
        vocab_size=len(text.tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
        initializer_range=0.2,
    )
    model = MistralForCausalLM(small).eval()
    model.generation_config = text.model.generation_config
    run = run_of(models.adapt(model, text.tokenizer), "The harbour was quiet. The market was busy.", "What is it?")
    keeps = sets(run)
    near = torch.ones(run.width, run.width, dtype=torch.bool).triu(1 - window)
    for operator, rows in (("mask", slice(None)), ("mask_direct", slice(run.prompt - 1, None))):
        wanted = [literally(run, square(run, keep, rows) & near) for keep in keeps]
        np.testing.assert_allclose(run.ablator(operator).logprobs(keeps), wanted, atol=2e-4)
    embeddings = run.forced.embeddings.clone()
    mine = run.sources[1].positions
    embeddings[0, mine] = embeddings[0, np.flatnonzero(run.encoded.layout.modality == 1)].mean(0)
    found = run.ablator("mean").logprobs(keeps[2:3])[0]
    np.testing.assert_allclose(found, literally(run, embeddings=embeddings), atol=2e-4)


def test_an_interrupted_run_keeps_what_is_done(sentences, monkeypatch):
    monkeypatch.setattr("omnitrace_nb.passes.batches.ABLATED_ON_CPU", 1)
    done, forward = [], replay.Replay.logprobs

    def interrupted(self, *args, **options):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(args)
        return forward(self, *args, **options)

    monkeypatch.setattr(replay.Replay, "logprobs", interrupted)
    ablator = sentences.ablator("mask")
    found = ablator.logprobs(sets(sentences))
    assert sentences.interrupted
    assert np.isfinite(found).all(axis=1).sum() >= 3
    assert np.isnan(found).any()
    assert len(ablator.record.keep) == 3
    assert np.isnan(ablator.logprobs(np.zeros((1, len(sentences.sources)), bool))).all()


def test_passes_that_do_not_fit_are_halved(sentences, monkeypatch):
    keeps, forward = sets(sentences), replay.Replay.logprobs
    wanted = sentences.but().ablator("mask").logprobs(keeps)

    def tight(self, places, *args, **options):
        if len(places) > 2:
            raise torch.OutOfMemoryError
        return forward(self, places, *args, **options)

    monkeypatch.setattr(replay.Replay, "logprobs", tight)
    np.testing.assert_allclose(sentences.ablator("mask").logprobs(keeps), wanted, atol=1e-4)


def test_wrong_requests_say_what_to_do(sentences):
    with pytest.raises(SignalError, match="unknown operator 'blur': there are 'mask', 'mask_direct', 'mean', 'raw'"):
        sentences.ablator("blur")
    with pytest.raises(SettingsError, match=r"expected \(m, 4\), a column for each source"):
        sentences.ablator("mask").logprobs(np.ones((1, 3), bool))
    record = replace(sentences.ablator("mean").record, operator="raw")
    with pytest.raises(SettingsError, match="of operator 'raw'"):
        sentences.ablator("mean").remember(record)


def test_no_sources_and_no_steps_are_no_errors(text):
    run = run_of(text, "Look.")
    nothing = run.but(sources=())
    assert nothing.ablator("mask").logprobs(np.ones((2, 0), bool)).shape == (2, 5)
    short = run_of(text, "Look.", response=[])
    assert short.ablator("mask").logprobs(np.ones((2, 1), bool)).shape == (2, 0)


def test_a_model_of_eager_attention_gives_the_same(toy_text):
    model, tokenizer = toy_text
    run = run_of(models.adapt(model, tokenizer), "The harbour was quiet. The market was busy.", "What is it?")
    keeps = sets(run)
    wanted = {name: run.ablator(name).logprobs(keeps) for name in OPERATORS}
    model.set_attn_implementation("eager")
    try:
        for name in OPERATORS:
            np.testing.assert_allclose(run.but().ablator(name).logprobs(keeps), wanted[name], atol=2e-4)
    finally:
        model.set_attn_implementation("sdpa")
