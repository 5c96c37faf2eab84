"""Gradients back to pixels and samples: held against the processor itself, the model re-run, and planted evidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb import models, signals
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.models import qwen_inputs


@pytest.fixture(scope="module")
def tracer():
    return ot.load()


@pytest.fixture(scope="module")
def trace(tracer):
    return tracer.trace(ot.example(), signals=["attmean"], progress=False)


@pytest.fixture(scope="module")
def by_path(tracer, trace):
    """Integrated gradients of two statements, back to the inputs."""
    method = signals.integrated_gradients(steps=10)
    return {
        text: tracer.input_map(trace, method, text, progress=False)
        for text in ("The first picture shows a yellow cross.", "The second sound of the first recording is a buzzer.")
    }


def maps_of(tracer, content, method, target=None):
    trace = tracer.trace(content, signals=["attmean"], max_new_tokens=4, progress=False)
    return trace, tracer.input_map(trace, method, target, progress=False)


@pytest.fixture(scope="module")
def toy(toy_omni, media_dir):
    """The toy model, with a picture that is made smaller, one that is made larger, and a film with its sound."""
    adapter = models.adapt(*toy_omni)
    small = np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8)
    content = [ot.Image(media_dir / "red.png"), ot.Image(small), ot.Video(media_dir / "film.mp4"), "What is it?"]
    return ot.Tracer(adapter), content


def test_a_map_lies_on_the_grid_that_the_user_gave(tracer, trace, by_path):
    parts = {part.index: part.content for part in tracer.finished(trace, progress=False).loaded}
    for maps in by_path.values():
        assert [one.label for one in maps] == ["image 1", "image 2", "sound 1", "film 1 (sound)"]
        for one in maps[:2]:
            assert one.values.shape == parts[one.part].pixels.shape[:2]
            np.testing.assert_allclose(one.raw.sum(-1), one.values, atol=1e-5)
        sound = maps[2]
        assert sound.raw.shape == parts[sound.part].samples.shape
        assert len(sound.values) == len(sound.seconds) == round(parts[sound.part].duration * 100)
        assert sound.seconds[-1, 1] == pytest.approx(parts[sound.part].duration)
        assert sound.values.sum() == pytest.approx(sound.raw.sum(), rel=1e-3, abs=1e-3)


def test_the_cross_is_what_made_the_model_say_cross(by_path):
    picture = by_path["The first picture shows a yellow cross."][0]
    yellow = (picture.medium[..., 0] > 150) & (picture.medium[..., 2] < 120)
    assert 0.02 < yellow.mean() < 0.2
    strength = np.abs(picture.values)
    assert strength[yellow].mean() > 10 * strength[~yellow].mean()
    sums = [one.values.sum() for one in by_path["The first picture shows a yellow cross."]]
    assert np.argmax(sums) == 0


def test_the_second_of_the_buzzer_is_what_made_the_model_say_buzzer(by_path):
    maps = by_path["The second sound of the first recording is a buzzer."]
    sound = maps[2]
    assert np.argmax([one.values.sum() for one in maps]) == 2
    by_second = [sound.values[at : at + 100].sum() for at in (0, 100, 200)]
    assert np.argmax(by_second) == 1
    assert by_second[1] > 0.6 * sound.values.sum()


def test_integrated_gradients_of_a_picture_sum_to_what_the_picture_changed(tracer):
    """Completeness; the blank prompt, its picture of one mean colour, is run through the model's own encoder."""
    trace = tracer.trace([ot.example()[1], "What does the picture show?"], signals=["attmean"], progress=False)
    maps = tracer.input_map(trace, signals.integrated_gradients(steps=200), progress=False)
    run = tracer.finished(trace, progress=False)
    raw, embed = run.adapter.raw_media(run.encoded, run.loaded)
    values = []
    for media in ([one.values for one in raw], [one.blank for one in raw]):
        with torch.no_grad():
            rows = run.forced.rows(embed(run.forced.embeddings[:, :-1], *media), torch.arange(run.steps))
        values.append(float(rows[0, np.arange(run.steps), trace.response_record.token_ids].sum()))
    assert values[0] > values[1] + 5
    assert sum(one.values.sum() for one in maps) == pytest.approx(values[0] - values[1], rel=0.02)


def test_the_way_back_begins_at_exactly_what_the_model_read(toy):
    tracer, content = toy
    trace = tracer.trace(content, signals=["attmean"], max_new_tokens=2, progress=False)
    run = tracer.finished(trace, progress=False)
    raw, embed = run.adapter.raw_media(run.encoded, run.loaded)
    with torch.no_grad():
        again = embed(run.forced.embeddings, *[one.values for one in raw])
        other = embed(run.forced.embeddings, *[one.blank for one in raw])
    torch.testing.assert_close(again, run.forced.embeddings, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(other, again, atol=1e-2)


@pytest.mark.parametrize("size", [(40, 50), (120, 160), (448, 448)])
def test_pixels_get_the_gradient_that_flows_through_the_processor_itself(toy, size):
    """The resizing and normalising of transformers, on pixels of real numbers, under autograd."""
    processor = toy[0].adapter.processor.image_processor
    draws = torch.Generator().manual_seed(0)
    # Not near black and white, where whole numbers are cut off and real ones are not.
    pixels = (100 + 50 * torch.rand((3, *size), generator=draws)).requires_grad_()
    out = processor(images=[pixels], return_tensors="pt", input_data_format="channels_first")
    ours = qwen_inputs._patches(processor, out["image_grid_thw"][0].tolist())(pixels[None])
    torch.testing.assert_close(ours, out["pixel_values"], atol=1e-4, rtol=0)
    weights = torch.randn(ours.shape, generator=draws)
    (wanted,) = torch.autograd.grad((out["pixel_values"] * weights).sum(), pixels)
    (found,) = torch.autograd.grad((ours * weights).sum(), pixels)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)


def test_samples_get_the_gradient_that_the_extractor_shows_when_a_sound_is_changed_a_little(toy):
    tracer, _ = toy
    extractor = tracer.adapter.processor.feature_extractor
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    settings = {"sampling_rate": 16_000, "max_length": 8480, "return_tensors": "pt"}
    weights = torch.from_numpy(rng.standard_normal((32, 53)).astype(np.float32))

    def value(sound):
        return float((extractor(sound, **settings)["input_features"][0] * weights).double().sum())

    given = torch.from_numpy(samples)[None].requires_grad_()
    mel = qwen_inputs._log_mel(extractor, 53, given.shape[-1])(given)
    torch.testing.assert_close(mel.detach(), extractor(samples, **settings)["input_features"][0], atol=1e-4, rtol=0)
    (found,) = torch.autograd.grad((mel * weights).sum(), given)
    for _ in range(3):
        way = rng.standard_normal(8000).astype(np.float32)
        slope = (value(samples + 1e-5 * way) - value(samples - 1e-5 * way)) / 2e-5
        assert float((found[0].numpy() * way).sum()) == pytest.approx(slope, rel=0.02)


@pytest.mark.parametrize("name", ["saliency", "input_x_gradient", "gradient_shap"])
def test_every_method_goes_back_to_the_inputs_and_a_films_frames_stay_as_they_are(toy, name):
    tracer, content = toy
    _, maps = maps_of(tracer, content, name)
    assert [(one.label, one.kind) for one in maps] == [
        ("image 1", "image"),
        ("image 2", "image"),
        ("film 1 (sound)", "audio"),
    ]
    for one in maps:
        assert np.isfinite(one.values).all()
        assert one.values.any()
        assert (one.values >= 0).all() == (name == "saliency")


def test_noise_goes_through_the_encoders_too(toy):
    tracer, content = toy
    _, plain = maps_of(tracer, content, "saliency")
    _, noisy = maps_of(tracer, content, signals.noise_tunnel("saliency", samples=2))
    assert not np.allclose(plain[0].values, noisy[0].values)


def test_a_map_shows_itself(by_path):
    for one in by_path["The first picture shows a yellow cross."]:
        assert one._repr_png_().startswith(b"\x89PNG")
        html = one._repr_html_()
        assert "The first picture shows a yellow cross." in html
        assert one.label in html
        assert "<script" not in html
    assert by_path["The first picture shows a yellow cross."][0].picture().size == (448, 448)


def test_what_cannot_be_mapped_is_refused_with_the_reason(toy, toy_text):
    tracer, content = toy
    trace = tracer.trace(content, signals=["attmean"], max_new_tokens=2, progress=False)
    for method in ("attmean", "deeplift", "leave_one_out"):
        with pytest.raises(SignalError, match=f"'{method}' cannot be followed to pixels"):
            tracer.input_map(trace, method, progress=False)
    with pytest.raises(SettingsError, match="target"):
        tracer.input_map(trace, target="not in it", progress=False)
    text = tracer.trace("What is it?", signals=["attmean"], max_new_tokens=2, progress=False)
    with pytest.raises(SignalError, match="no picture and no sound"):
        tracer.input_map(text, progress=False)
    reader = ot.Tracer(models.adapt(*toy_text))
    with pytest.raises(SignalError, match="CausalText has no `raw_media`"):
        reader.input_map(reader.trace("Hi", signals=["attmean"], max_new_tokens=2, progress=False), progress=False)


def test_a_processor_that_does_something_else_is_noticed(toy, monkeypatch):
    tracer, content = toy
    trace = tracer.trace(content, signals=["attmean"], max_new_tokens=2, progress=False)
    run = tracer.finished(trace, progress=False)
    monkeypatch.setattr(tracer.adapter.processor.image_processor, "image_mean", [0.1, 0.1, 0.1])
    with pytest.raises(SignalError, match="part 1: its way through the model's processor could not be followed back"):
        tracer.adapter.raw_media(run.encoded, run.loaded)


def test_gradients_that_overflow_are_told(toy):
    tracer, content = toy
    trace = tracer.trace(content, signals=["attmean"], max_new_tokens=2, progress=False)
    row = tracer.adapter.model.lm_head.weight.data[int(trace.response_record.token_ids[0])]
    kept = row.clone()
    try:
        row.fill_(torch.inf)
        with pytest.raises(SignalError, match=r"hold NaN or inf, in torch.float32"):
            tracer.input_map(trace, progress=False)
    finally:
        row.copy_(kept)


def test_pictures_of_one_call_share_a_scale_and_a_notebook_shows_them_all(embedded):
    trace = embedded.trace(ot.example(), signals=["attmean"], progress=False)
    maps = embedded.input_map(trace, "input_x_gradient", "yellow cross", progress=False)
    first, second = (each for each in maps if each.kind == "image")
    assert first.scale == second.scale
    assert first.scale == max(np.percentile(np.abs(each.values), 99) for each in (first, second))
    assert np.abs(first.values).max() > np.abs(second.values).max()
    assert maps._repr_html_().count("<figure>") == len(maps)
    assert len(repr(maps)) < 200 * len(maps)


def drawn_on(ground):
    """A picture of one colour that holds a drawn square, all of whose levels lie away from the bounds."""
    pixels = np.full((200, 200, 3), ground, np.uint8)
    pixels[70:130, 70:130] = (200, 60, 40)
    return pixels


@pytest.mark.parametrize("ground", [255, 0, (255, 0, 0), (0, 0, 255)])
def test_pure_colours_have_a_map_that_the_models_logit_confirms(tracer, ground):
    """White, black, red and blue lie at the processor's bounds, where resizing overshoots by its rounding alone."""
    trace, maps = maps_of(tracer, [ot.Image(drawn_on(ground)), "What does the picture show?"], "saliency", range(1))
    run = tracer.finished(trace, progress=False)
    (one,), embed = run.adapter.raw_media(run.encoded, run.loaded)

    def logit(pixels):
        prompt = embed(run.forced.embeddings[:, : run.prompt], pixels)
        return run.forced.rows(prompt, torch.arange(1))[0, 0, trace.response_record.token_ids[0]]

    pixels = one.values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(logit(pixels), pixels)
    np.testing.assert_allclose(maps[0].raw, gradient[0].permute(1, 2, 0).abs(), atol=1e-6)
    at_bounds = (one.values == 0) | (one.values == 255)
    assert (gradient[at_bounds] != 0).float().mean() > 0.9
    draws = torch.Generator().manual_seed(0)
    inside = torch.zeros_like(one.values)
    inside[..., 85:115, 85:115] = 1
    inward = torch.where(one.values == 0, 1.0, -1.0) * at_bounds
    inward[..., 50:150, 50:150] = 0  # beside the square's edges resizing truly overshoots
    with torch.no_grad():
        for way in (inside, inside * torch.randn(one.values.shape, generator=draws), inward):
            back = 0 if way is inward else -0.5
            slope = (logit(one.values + 0.5 * way) - logit(one.values + back * way)) / (0.5 - back)
            assert float((gradient * way).sum()) == pytest.approx(float(slope), rel=0.03, abs=5e-6)


def test_what_is_cut_off_keeps_its_value_and_gradients_stop_only_at_true_overshoot():
    levels = torch.tensor([-9.0, -0.501, -1e-4, 0.0, 7.3, 255.0, 255.0001, 255.4, 256.0, 260.0], requires_grad=True)
    cut = qwen_inputs._cut_off(levels)
    assert torch.equal(cut, levels.clamp(0, 255))
    (gradient,) = torch.autograd.grad(cut.sum(), levels)
    assert gradient.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
