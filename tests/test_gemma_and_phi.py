"""Gemma 3, 3n and 4, Phi-4-multimodal: where their tokens look and listen, and what reaches their decoders.

Truth comes from the models' own encoders (what moves when something is changed), from transformers' eager attention,
and from the models' own forwards over ids.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from prompts import film, picture, prompt, sound

import omnitrace_nb as ot
from omnitrace_nb import capture, passes
from omnitrace_nb.ablation import replay
from omnitrace_nb.conformance import check_adapter
from omnitrace_nb.conformance.masking import masks_without
from omnitrace_nb.conformance.subject import Subject, eager
from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, IMAGE, NOBODY, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound
from omnitrace_nb.models import adapt
from omnitrace_nb.passes.teacher import TeacherForced
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.sources import SourceOptions
from omnitrace_nb.tracer import Tracer

TOYS = ("gemma3", "gemma3n", "gemma4", "gemma4_large", "phi4_multimodal")


@pytest.fixture(scope="module")
def models():
    return {name: adapt(*import_module(f"families.{name}").make()) for name in TOYS}


def embedded(adapter, *contents):
    """The input embeddings `[n, hidden]` of a prompt, and its layout."""
    encoded = adapter.encode(prompt(*contents))
    embeddings, _ = adapter.embed(encoded, torch.zeros(0, dtype=torch.int64))
    hidden = adapter.model.get_input_embeddings().weight.shape[1]
    return embeddings[0, :, :hidden], encoded.layout


def moved(adapter, before, after):
    """How far each position moves, `[n]`, when one medium is exchanged for another of its size."""
    one, layout = embedded(adapter, before, "What?")
    other, _ = embedded(adapter, after, "What?")
    return (one - other).norm(dim=-1).numpy(), layout


def louder(heard, start):
    """The same sound, its end from some second on replaced."""
    samples = heard.samples.copy()
    first = round(start * heard.sampling_rate)
    samples[first:] = np.random.default_rng(9).standard_normal(len(samples) - first).astype(np.float32)
    return Sound(samples, heard.sampling_rate, heard.duration)


@pytest.mark.parametrize("name", ["gemma3n", "gemma4"])
@pytest.mark.parametrize("second", [0.3, 1.11, 2.0, 2.57])
def test_a_token_of_sound_is_said_to_stand_for_what_it_is_the_first_to_hear(models, name, second):
    heard = sound(3.0)
    distance, layout = moved(models[name], heard, louder(heard, second))
    changed = np.flatnonzero(distance > 0)
    first, last = layout.time[changed[0]]
    # An analysis window that begins before the change has it at its edge, where a window function is all but 0.
    assert first - 0.011 <= second < last + 0.001
    assert set(layout.modality[changed]) == {AUDIO}


@pytest.mark.parametrize("name", ["gemma3n", "gemma4", "phi4_multimodal"])
def test_the_tokens_of_sounds_follow_one_another_from_their_beginning_to_their_end(models, name):
    _, layout = embedded(models[name], sound(2.4), "and", sound(1.3, seed=1), "What?")
    for part, seconds in ((0, 2.4), (2, 1.3)):
        time = layout.time[layout.positions(part, AUDIO)]
        np.testing.assert_allclose(time[1:, 0], time[:-1, 1], atol=1e-5)
        assert time[0, 0] == 0
        assert seconds - 0.08 < time[-1, 1] <= seconds + 1e-5


def test_tokens_that_fill_a_short_sound_up_are_nobodys_and_never_change(models):
    gemma = models["gemma3n"]
    distance, layout = moved(gemma, sound(3.0), sound(3.0, seed=5))
    filled = (layout.token_ids == gemma.processor.audio_token_id) & (layout.part == NOBODY)
    assert filled.sum() == 188 - 19  # 160 ms a token
    assert distance[filled].max() == 0
    assert distance[layout.modality == AUDIO].min() > 0


@pytest.mark.parametrize("name", ["gemma3n", "gemma4"])
def test_a_sound_that_would_be_cut_off_is_refused(models, name):
    with pytest.raises(ModelError, match="reads at most 30 s"):
        models[name].encode(prompt(sound(30.5), "What?"))
    models[name].encode(prompt(sound(30.0), "What?"))


def test_phi_hears_the_end_of_a_sound_of_any_length(models):
    heard = sound(47.0)
    distance, layout = moved(models["phi4_multimodal"], heard, louder(heard, 46.9))
    own = layout.positions(0, AUDIO)
    assert layout.time[own[-1], 1] == 47
    assert own[distance[own].argmax()] in own[-2:]


def inverted(seen, box):
    left, top, right, bottom = (round(float(edge)) for edge in box)
    pixels = seen.pixels.copy()
    pixels[top:bottom, left:right] = 255 - pixels[top:bottom, left:right]
    return Picture(pixels)


def held(layout, part, box):
    """The positions of a part whose centre lies in a box."""
    own = layout.positions(part)
    x, y = (layout.box[own, 0] + layout.box[own, 2]) / 2, (layout.box[own, 1] + layout.box[own, 3]) / 2
    return own[(x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])]


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("size", [(160, 120), (90, 300), (470, 130)])
def test_the_positions_named_move_the_most_when_a_place_in_a_picture_changes(models, name, size):
    seen = picture(*size)
    width, height = size
    for across, down in ((0.1, 0.15), (0.65, 0.6)):
        box = np.array([across * width, down * height, (across + 0.3) * width, (down + 0.3) * height])
        distance, layout = moved(models[name], seen, inverted(seen, box))
        own, named = layout.positions(0), held(layout, 0, box)
        rest = np.setdiff1d(own, named)
        assert np.median(distance[named]) > 2 * np.median(distance[rest])
        assert own[distance[own].argmax()] in held(layout, 0, box + np.array([-1, -1, 1, 1]) * max(size) / 8)


@pytest.mark.parametrize("size", [(160, 120), (1000, 500)])
def test_crops_and_the_whole_are_folded_back_and_their_separators_are_nobodys(models, size):
    phi = models["phi4_multimodal"]
    seen = picture(*size)
    distance, layout = moved(phi, seen, picture(*size, seed=3))
    image = layout.token_ids == phi.processor.image_token_id
    separators = image & (layout.part == NOBODY)
    assert distance[separators].max() == 0
    assert distance[image & ~separators].min() > 0
    crops = layout.positions(0)[:-256]
    boxes = layout.box[crops]
    assert (boxes[:, 0].min(), boxes[:, 1].min()) == (0, 0)
    np.testing.assert_allclose(boxes[:, 2:].max(axis=0), size, atol=1)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert areas.sum() == pytest.approx(size[0] * size[1], rel=0.01)  # each pixel once, the whole view besides


@pytest.mark.parametrize(("size", "box"), [((300, 100), (205, 20, 250, 60)), ((90, 200), (10, 130, 50, 180))])
def test_crops_of_a_long_picture_are_folded_back_beside_the_whole(size, box):
    gemma = adapt(*import_module("families.gemma3").make())
    asked = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 50}
    gemma.processor.images_kwargs = {**gemma.processor.images_kwargs, **asked}
    seen = picture(*size)
    distance, layout = moved(gemma, seen, inverted(seen, box))
    own = layout.positions(0)
    crops = max(size) // min(size)
    assert len(own) == 64 * (1 + crops)
    for views in np.split(own, 1 + crops):
        named = np.intersect1d(held(layout, 0, box), views)
        if len(named):
            assert np.median(distance[named]) > 2 * np.median(distance[np.setdiff1d(views, named)])
        else:
            assert distance[views].max() == 0
    assert sum(len(np.intersect1d(held(layout, 0, box), views)) > 0 for views in np.split(own, 1 + crops)) == 2


def test_frames_keep_their_seconds_and_films_their_own_places(models):
    one, other = film(4, fps=1.0), film(3, fps=1.0, seed=2, width=60, height=90)
    gemma = models["gemma4"]
    before, layout = embedded(gemma, one, "and", other, "What?")
    frames = other.frames.copy()
    frames[1] = 255 - frames[1]
    after, _ = embedded(gemma, one, "and", Film(frames, other.times, 1.0, 3.0, None), "What?")
    changed = np.flatnonzero((before - after).norm(dim=-1).numpy() > 0)
    assert np.unique(layout.time[changed], axis=0).tolist() == [[1, 2]]
    steps, rows, columns = layout.grids[2]
    assert (steps, rows > columns, len(changed)) == (3, True, rows * columns)
    assert layout.box[layout.positions(2, VIDEO)].max(axis=0).tolist()[2:] == [60, 90]


@pytest.mark.parametrize("name", ["gemma3n", "gemma4"])
def test_embeddings_of_each_layer_travel_with_the_input_embeddings(models, name):
    gemma = models[name]
    encoded = gemma.encode(prompt("Mia sells honey.", picture(60, 60), "What?"))
    response = torch.tensor([5, 30, 40, 41])
    embeddings, options = gemma.embed(encoded, response)
    hidden, layers = gemma.model.get_input_embeddings().weight.shape[1], gemma.decoder().config.num_hidden_layers
    assert embeddings.shape[-1] == hidden + layers * gemma.decoder().config.hidden_size_per_layer_input

    whole = dict(encoded.inputs)
    whole["input_ids"] = torch.cat([whole["input_ids"], response[None]], dim=1)
    for along in {"attention_mask", "token_type_ids", "mm_token_type_ids"} & set(whole):
        whole[along] = torch.nn.functional.pad(whole[along], (0, len(response)), value=int(along == "attention_mask"))
    with torch.no_grad():
        wanted = gemma.model(**whole, use_cache=False).logits
        found = gemma.forward(embeddings, use_cache=False, **options).logits
        without = embeddings.clone()
        without[..., hidden:] = 0
        lost = gemma.forward(without, use_cache=False, **options).logits
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=2e-4)
    assert (lost - found).abs().max() > 0.01

    batch = embeddings.expand(3, -1, -1).clone().requires_grad_()
    rows = {key: value.expand(3, -1) for key, value in options.items()}
    gemma.forward(batch, use_cache=False, **rows).logits[:, -1, 7].sum().backward()
    assert batch.grad[..., hidden:].abs().max() > 0


@pytest.mark.parametrize("name", TOYS)
def test_hidden_and_averaged_sources_are_exact_in_batches_behind_a_prefix(models, name, media_dir, monkeypatch):
    monkeypatch.setattr(replay, "CHUNK", 16)  # prefixes are read on in pieces, too
    content = import_module(f"families.{name}").content(media_dir)
    subject = Subject.of(models[name], content)
    run = _run_of(subject)
    several = len(run.sources)
    keep = np.ones((3, several), bool)
    keep[1, several // 2] = keep[2, -2] = False
    together = run.ablator("mask").logprobs(keep)
    alone = np.concatenate([_run_of(subject).ablator("mask").logprobs(row[None]) for row in keep])
    np.testing.assert_allclose(together, alone, atol=1e-4)

    averaged = run.ablator("mean").logprobs(keep)
    layout, embeddings = run.encoded.layout, run.forced.embeddings
    for row, found in zip(keep[1:], averaged[1:], strict=True):
        changed = embeddings.clone()
        for source in np.array(run.sources, object)[~row]:
            alike = layout.modality == layout.modality[source.positions[0]]
            changed[0, source.positions] = embeddings[0, : run.prompt][alike].mean(0)
        with torch.no_grad():
            logits = models[name].forward(changed, use_cache=False, **run.forced.options).logits.float()
        read = logits[0, run.prompt - 1 : -1].log_softmax(-1)
        np.testing.assert_allclose(found, read.gather(1, run.forced.targets[:, None])[:, 0], atol=1e-4)


@pytest.mark.parametrize("name", ["gemma3", "gemma4_large"])
def test_hiding_a_region_reaches_the_tokens_before_it_that_look_ahead(models, name, media_dir):
    subject = Subject.of(models[name], import_module(f"families.{name}").content(media_dir))
    subject.prompt = Prompt.read(models[name], subject.content, SourceOptions(image=(2, 2)))
    run = _run_of(subject)
    at = next(source.id for source in run.sources if source.label.endswith("row 2, column 2"))
    hidden = run.sources[at].positions
    assert (run.begins[hidden] < hidden.min()).all()
    keep = np.ones((1, len(run.sources)), bool)
    keep[0, at] = False
    found = run.ablator("mask").logprobs(keep)[0]
    with torch.no_grad():
        masks = masks_without(subject, torch.as_tensor(hidden))
        logits = subject.forward(subject.response, attention_mask=masks).logits.float()
    read = logits[0, run.prompt - 1 : -1].log_softmax(-1)
    np.testing.assert_allclose(found, read.gather(1, run.forced.targets[:, None])[:, 0].numpy(), atol=1e-4)

    kept = dict(run.forced.options)
    causal = {**kept, **{along: torch.zeros_like(kept[along]) for along in kept if along.endswith("type_ids")}}
    with torch.no_grad():
        other = models[name].forward(run.forced.embeddings, use_cache=False, **causal).logits
        plain = models[name].forward(run.forced.embeddings, use_cache=False, **kept).logits
    assert (other - plain)[0, run.prompt - 1].abs().max() > 1e-3  # looking ahead does change what is said


@pytest.mark.parametrize("name", ["gemma3n", "gemma4", "phi4_multimodal"])
def test_sounds_of_one_prompt_leave_one_another_alone(models, name):
    long, short, other = sound(2.4), sound(1.3, seed=1), sound(1.3, seed=4)
    before, layout = embedded(models[name], long, "and", short, "What?")
    after, _ = embedded(models[name], long, "and", other, "What?")
    distance = (before - after).norm(dim=-1).numpy()
    assert distance[layout.part != 2].max() == 0
    assert distance[layout.positions(2)].min() > 0


@pytest.mark.parametrize("name", TOYS)
def test_an_edit_while_decoding_is_that_of_a_forward_over_edited_embeddings(models, name, media_dir):
    content = import_module(f"families.{name}").content(media_dir)
    subject = Subject.of(models[name], content)
    own = torch.as_tensor(subject.encoded.layout.modality == IMAGE)

    def edit(embeddings):
        embeddings[:, own] = embeddings.mean(1, keepdim=True)
        return embeddings

    forced = subject.response.numpy()
    signals = [ot.signals.get("attmean")]
    got = capture.decode(models[name], subject.encoded, signals, forced=forced, edit=edit, progress=False)
    plain = capture.decode(models[name], subject.encoded, signals, forced=forced, progress=False)
    whole = TeacherForced.of(models[name], subject.encoded, subject.response, edit=edit)
    with torch.no_grad():
        steps = torch.arange(len(forced))
        wanted = whole.rows(whole.inputs(steps[-1:]), steps)[0].log_softmax(-1)
    np.testing.assert_allclose(got.logprobs, wanted[steps, subject.response].numpy(), atol=2e-4)
    assert np.abs(got.logprobs - plain.logprobs).max() > 1e-3


@pytest.mark.parametrize("name", TOYS)
def test_rollout_is_the_product_of_the_whole_matrices(models, name, media_dir):
    """Where layers share keys and values, see a window, or look ahead, too."""
    run = _run_of(Subject.of(models[name], import_module(f"families.{name}").content(media_dir)))
    with torch.no_grad(), eager(models[name]):
        whole = (
            models[name]
            .forward(
                run.forced.embeddings, use_cache=False, return_dict=True, output_attentions=True, **run.forced.options
            )
            .attentions
        )
    flow = torch.eye(run.width, dtype=torch.float64)
    for layer in whole:
        matrix = 0.5 * layer[0].mean(0).double() + 0.5 * torch.eye(run.width)
        flow = (matrix / matrix.sum(-1, keepdim=True)) @ flow
    found = passes.score(run, [ot.signals.get("rollout")]).scores["rollout"]
    wanted = flow[run.prompt - 1 : -1].numpy()
    for step, row in enumerate(found):
        np.testing.assert_allclose(row[: run.prompt + step], wanted[step, : run.prompt + step], atol=1e-5)


def _run_of(subject):
    attending = import_module("omnitrace_nb.conformance.attending")
    return attending._finished(subject)


def _signal(reads, keep):
    return ot.signals.Signal(name="kept", summary="", family="custom", cost="", reads=frozenset(reads), score=keep)


def test_what_lies_outside_a_window_scores_exactly_0(models, media_dir):
    gemma = models["gemma4"]
    subject = Subject.of(gemma, import_module("families.gemma4").content(media_dir))
    rows = []

    def keep(step):
        rows.append(step.rows.numpy().copy())
        return step.rows.mean((0, 1))

    capture.decode(gemma, subject.encoded, [_signal({"rows"}, keep)], progress=False, max_new_tokens=3)
    window = gemma.decoder().config.sliding_window
    for row in rows:
        for layer, kind in enumerate(gemma.decoder().config.layer_types):
            outside = row[layer, :, : row.shape[-1] - window]
            assert (outside == 0).all() if kind == "sliding_attention" else (outside > 0).all()
            assert (row[layer, :, row.shape[-1] - window :] > 0).all()


@pytest.mark.parametrize("name", TOYS)
def test_rows_of_the_whole_prompt_are_those_of_eager_attention(models, name, media_dir):
    """Also where layers share keys and values, and where a picture's tokens see later ones."""
    subject = Subject.of(models[name], import_module(f"families.{name}").content(media_dir))
    n = len(subject.encoded.layout)
    got = capture.decode(
        models[name],
        subject.encoded,
        [ot.signals.get("attmean")],
        subject.prompt.baseline,
        first_step="prompt_mean",
        progress=False,
        max_new_tokens=1,
    )
    with torch.no_grad():
        whole = subject.forward(subject.response[:0], attention=True).attentions
    wanted = torch.stack([layer[0].mean((0, 1)) for layer in whole]).mean(0)
    np.testing.assert_allclose(got.scores["attmean"][0, :n], wanted.numpy(), atol=1e-5)
    ahead = torch.stack([layer[0].amax(0).triu(1).amax() for layer in whole])
    looking = {"gemma3": {"sliding_attention", "full_attention"}, "gemma4_large": {"sliding_attention"}}
    assert (ahead > 0).tolist() == [kind in looking.get(name, ()) for kind in _kinds(models[name])]


def _kinds(adapter):
    config = adapter.decoder().config
    return getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers


@pytest.mark.parametrize(
    ("name", "other"),
    [("gemma3", "gemma3n"), ("gemma3n", "gemma4"), ("gemma4", "gemma3n"), ("phi4_multimodal", "gemma4")],
)
def test_a_processor_of_another_family_is_refused(models, name, other):
    with pytest.raises(ModelError, match="load it by AutoProcessor"):
        adapt(models[name].model, models[other].processor)


def test_a_processor_with_other_numbers_is_refused(models):
    toy = import_module("families.gemma4")
    processor = toy.make_processor(toy.make_tokenizer())
    processor.image_processor.patch_size = 8
    with pytest.raises(ModelError, match="its patch_size is 8, the model has 4"):
        adapt(models["gemma4"].model, processor)
    _, processor = import_module("families.gemma3n").make()
    processor.image_seq_length = 256
    with pytest.raises(ModelError, match="its image_seq_length is 256, the model has 64"):
        adapt(models["gemma3n"].model, processor)


def test_the_large_gemma_says_that_it_has_no_ears(models):
    assert models["gemma4_large"].modalities == ("text", "image", "video")
    with pytest.raises(ModelError, match="of the kind 'audio'"):
        models["gemma4_large"].encode(prompt(sound(1.0), "What?"))


def test_weights_that_are_set_for_a_kind_of_medium_are_the_ones_that_are_traced(media_dir):
    peft = pytest.importorskip("peft", reason="low-rank weights are put in by peft, which is not installed")
    toy = import_module("families.phi4_multimodal")
    phi = adapt(*toy.make())
    plain = Tracer(phi).trace(toy.content(media_dir), ["attmean"], max_new_tokens=4, progress=False)
    torch.manual_seed(3)
    speech = peft.LoraConfig(r=4, target_modules=["qkv_proj", "o_proj"], init_lora_weights=False)
    try:
        phi.model.add_adapter(speech, adapter_name="speech")
    except ValueError as error:
        if "version of PEFT" not in str(error):
            raise
        pytest.skip(f"transformers does not take the newest peft there is: {error}")
    phi.model.set_adapter("speech")
    assert check_adapter(phi, toy.content(media_dir), checks=["embeddings", "tokens", "rows", "gradients"]).passed
    with_speech = Tracer(phi).trace(toy.content(media_dir), ["attmean"], max_new_tokens=4, progress=False)
    assert np.abs(with_speech.scores("attmean")[0] - plain.scores("attmean")[0]).max() > 1e-3
    phi.model.disable_adapters()
    again = Tracer(phi).trace(toy.content(media_dir), ["attmean"], max_new_tokens=4, progress=False)
    np.testing.assert_allclose(again.scores("attmean"), plain.scores("attmean"), atol=1e-6)


def test_what_hiding_takes_where_layers_see_windows_is_estimated(models, media_dir):
    tracer, content = Tracer(models["gemma4"]), import_module("families.gemma4").content(media_dir)
    several = ot.signals.ablate("contextcite", samples=16)
    found = tracer.estimate(content, several, max_new_tokens=4).table
    spent = tracer.trace(content, several, max_new_tokens=4, min_new_tokens=4, progress=False).run.signals
    each = [row["tokens"] / row["forwards"] for row in (found.iloc[-1], next(iter(spent.values())))]
    assert each[0] == pytest.approx(each[1], rel=0.2)


@pytest.mark.parametrize("name", TOYS)
def test_every_kind_of_signal_traces_it(models, name, media_dir):
    content = import_module(f"families.{name}").content(media_dir)
    signals = ["attmean", "rawatt", "attgrads", "excess", "leave_one_out", "input_x_gradient"]
    trace = Tracer(models[name]).trace(content, signals, max_new_tokens=4, progress=False, sources={"image": (2, 2)})
    for signal in signals:
        mass = trace.mass(signal)
        assert np.isfinite(mass).all()
        assert np.abs(mass).max() > 0
    assert {"image", "text"} <= set(trace.sources["modality"])
    assert (trace.layout.modality == IMAGE).any()


def test_encoders_inside_a_decoder_keep_their_own_eager_attention(media_dir):
    module = import_module("families.phi4_multimodal")
    tracer = ot.load(*module.make())
    settings = {"signals": ["attmean"], "max_new_tokens": 3, "progress": False}
    by_sdpa = tracer.trace(module.content(media_dir), **settings)
    tracer.adapter.model.set_attn_implementation("eager")
    by_eager = tracer.trace(module.content(media_dir), **settings)
    assert by_eager.response == by_sdpa.response
    np.testing.assert_allclose(by_eager.scores("attmean"), by_sdpa.scores("attmean"), atol=1e-5)
