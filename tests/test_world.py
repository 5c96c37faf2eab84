"""The toy world tells the truth about itself, and the embedded model is what the training made of it."""

import re

import numpy as np
import pytest
import torch

from training.accuracy import answer, held_out, load, table
from training.encode import encode, films_speak
from training.features import Featurizer, collate
from training.measure import held_out as held_out_batches
from training.train import advance, new_state, resume, save
from training.vocabulary import FOLDER, load_tokenizer
from training.world import PRESETS, AudioPart, ImagePart, Sample, TextPart, VideoPart, draw_sample
from training.world.content import Picture, Shape
from training.world.pictures import background, paint_picture, shape_box
from training.world.questions import ASKERS
from training.world.sample import FPS, SAMPLING_RATE
from training.world.sounds import play
from training.world.words import COLOURS, NAMES, PLACES, SHAPES, SOUNDS, THINGS


def samples(preset: str, number: int = 30) -> list[Sample]:
    return [draw_sample(np.random.default_rng((11, index)), PRESETS[preset]) for index in range(number)]


@pytest.fixture(scope="module")
def embedded():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(FOLDER)
    torch.set_num_threads(threads)


def test_the_same_seed_draws_the_same_prompt():
    first, second = (draw_sample(np.random.default_rng(5), PRESETS["large"]) for _ in range(2))
    assert first.turns == second.turns
    for mine, other in zip(first.parts, second.parts, strict=True):
        assert type(mine) is type(other)
        for name, value in vars(mine).items():
            np.testing.assert_array_equal(value, getattr(other, name))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_support_points_into_its_part(preset):
    for sample in samples(preset):
        for statement in (statement for turn in sample.turns for statement in turn.statements):
            assert statement.supports
            for support in statement.supports:
                part = sample.parts[support.part]
                if support.chars is not None:
                    assert isinstance(part, TextPart)
                    assert part.text[slice(*support.chars)] == statement.text
                elif support.box is not None:
                    assert isinstance(part, ImagePart)
                    left, top, right, bottom = support.box
                    height, width = part.pixels.shape[:2]
                    assert 0 <= left < right <= width
                    assert 0 <= top < bottom <= height
                else:
                    start, end = support.seconds
                    if isinstance(part, AudioPart):
                        length = len(part.waveform) / SAMPLING_RATE
                    else:
                        assert isinstance(part, VideoPart)
                        assert (support.track == "sound") <= (part.track is not None)
                        length = len(part.frames) / part.fps
                    assert 0 <= start < end <= length


@pytest.mark.parametrize("preset", ["mixed", "large"])
def test_one_statement_is_one_sentence(preset):
    for sample in samples(preset):
        for turn in sample.turns:
            assert re.split(r"(?<=\.) ", turn.answer) == [statement.text for statement in turn.statements]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", range(len(PLACES)))
@pytest.mark.parametrize("side", [56, 112])
def test_the_box_of_a_shape_holds_all_its_pixels_and_little_else(shape, cell, side):
    picture = Picture(((cell, Shape("red", shape)),), side, seed=3)
    pixels = paint_picture(picture).astype(int)
    drawn = np.abs(pixels - background(picture.seed)).max(axis=2) > 40
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    left, top, right, bottom = shape_box(picture, cell)
    assert left <= columns[0]
    assert columns[-1] < right
    assert top <= rows[0]
    assert rows[-1] < bottom
    assert columns[-1] - columns[0] >= 0.75 * (right - left)


def test_each_colour_stands_out_from_every_background():
    for colour in COLOURS.values():
        for seed in range(50):
            assert max(abs(a - b) for a, b in zip(colour, background(seed), strict=True)) > 50


def test_sounds_are_told_apart_by_their_spectra():
    loud = {}
    for sound in SOUNDS:
        spectra = [np.abs(np.fft.rfft(play((sound,), seed))) for seed in range(3)]
        loud[sound] = [
            spectrum / np.linalg.norm(spectrum) for spectrum in (s[:8000].reshape(-1, 250).sum(1) for s in spectra)
        ]
    for sound, mine in loud.items():
        for other in set(SOUNDS) - {sound}:
            assert mine[0] @ mine[1] > mine[0] @ loud[other][0]


def test_a_recording_has_one_sound_a_second():
    both, alone = play(("bell", "drum"), 4), play(("bell",), 4)
    assert len(both) == 2 * SAMPLING_RATE
    np.testing.assert_array_equal(both[:SAMPLING_RATE], alone)


def test_every_kind_of_question_is_asked():
    asked = {turn.kind for preset in PRESETS for sample in samples(preset, 60) for turn in sample.turns}
    assert asked == {kind if not kind.startswith("compare") else "compare" for kind in ASKERS}


def test_every_word_of_the_world_is_one_token():
    tokenizer = load_tokenizer()
    for word in (*(f"{name} " for name in NAMES), *(f"{colour} " for colour in COLOURS), *THINGS, *SHAPES, *SOUNDS):
        assert len(tokenizer.encode(word)) == 1, word


def test_prompts_run_from_dozens_to_some_1500_tokens(embedded):
    featurizer = Featurizer(embedded[1], embedded[0])
    lengths = [len(featurizer(sample).ids) for preset in ("text", "long") for sample in samples(preset)]
    assert min(lengths) < 100
    assert 1300 < max(lengths) < 2500


@pytest.mark.parametrize("index", range(6))
def test_training_sees_what_the_processor_gives(embedded, index):
    model, processor = embedded
    sample = draw_sample(np.random.default_rng((12, index)), PRESETS["large"])
    inputs, switches = encode([sample.prompt], processor)
    tokens = inputs["input_ids"].shape[1]
    fast = collate([Featurizer(processor, model)(sample)])
    np.testing.assert_array_equal(inputs["input_ids"][0], fast["input_ids"][0, :tokens])
    fast.pop("labels")
    with torch.no_grad():
        expected = model(**inputs, **switches).logits[0, -1]
        given = model(**fast).logits[0, tokens - 1]
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


def test_films_with_and_without_sound_cannot_share_a_batch(embedded):
    film = VideoPart(np.zeros((4, 56, 56, 3), np.uint8), FPS)
    speaking = VideoPart(film.frames, FPS, np.zeros(2 * SAMPLING_RATE, np.float32))
    assert films_speak([film, speaking])
    with pytest.raises(ValueError, match="cannot share a batch"):
        encode([[film], [speaking]], embedded[1])


def test_a_silent_film_beside_one_with_sound_is_given_silence(embedded):
    film = VideoPart(np.zeros((4, 56, 56, 3), np.uint8), FPS)
    speaking = VideoPart(film.frames, FPS, np.zeros(2 * SAMPLING_RATE, np.float32))
    inputs, switches = encode([[film, speaking]], embedded[1])
    assert switches == {"use_audio_in_video": True}
    assert inputs["feature_attention_mask"].sum(-1).tolist() == [200, 200]


def test_the_weights_fit_the_package():
    assert (FOLDER / "model.safetensors").stat().st_size <= 8_000_000


def test_the_embedded_model_answers_held_out_prompts(embedded):
    counts = table(answer(held_out(60, seed=4), *embedded))
    for modality in ("text", "image", "sound", "film"):
        right, asked = counts[f"{modality}, core"]
        assert right >= 0.85 * asked, counts


def test_training_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(tmp_path):
    batches = held_out_batches(("text", "picture"), each=6, tokens=500)
    whole = new_state()
    losses = [advance(whole, batch) for batch in batches[:3]]
    stopped = new_state()
    first = [advance(stopped, batch) for batch in batches[:2]]
    save(stopped, tmp_path)
    resumed = new_state()
    resume(resumed, tmp_path)
    assert resumed.step == 2
    np.testing.assert_allclose([*first, advance(resumed, batches[2])], losses, rtol=1e-4)
