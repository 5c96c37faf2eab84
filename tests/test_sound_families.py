"""Sounds for Qwen2-Audio and Voxtral: what their processors do to them, followed or refused."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
import pytest
from families import qwen2_audio, voxtral

import omnitrace_nb as ot
from omnitrace_nb import media
from omnitrace_nb.content import as_parts
from omnitrace_nb.errors import ContentError, ModelError
from omnitrace_nb.layout import AUDIO, NOBODY
from omnitrace_nb.models import adapt


@pytest.fixture(scope="module")
def listener():
    return adapt(*qwen2_audio.make())


@pytest.fixture(scope="module")
def mistral():
    return adapt(*voxtral.make())


def tone(seconds):
    return (0.3 * np.sin(np.arange(int(16_000 * seconds)) / 20)).astype(np.float32)


def encode(adapter, content):
    return adapter.encode(media.load(as_parts(content), adapter.needs, adapter.modalities))


def written(layout, part, text):
    """The characters of a part's text, in the order of its positions."""
    return "".join(text[start:end] for start, end in layout.chars[layout.positions(part)])


def test_qwen2_audio_gets_its_processors_own_inputs(listener):
    sounds = [tone(2.0), tone(3.5)]
    got = encode(listener, [ot.Audio(sounds[0], 16_000), "and", ot.Audio(sounds[1], 16_000), "What?"])
    items = [{"type": "audio"}, {"type": "text", "text": "and"}, {"type": "audio"}, {"type": "text", "text": "What?"}]
    text = listener.processor.apply_chat_template([{"role": "user", "content": items}], add_generation_prompt=True)
    wanted = listener.processor(text=text, audio=sounds, sampling_rate=16_000, return_tensors="pt")
    assert set(got.inputs) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(got.inputs[name].numpy(), value.numpy())


def test_a_sound_beyond_qwen2_audios_window_is_refused_not_cut(listener):
    with pytest.raises(ModelError, match=r"Part 1 is a sound of 31.0 s.*at most 30 s"):
        encode(listener, [ot.Audio(tone(31), 16_000), "What?"])
    layout = encode(listener, [ot.Audio(tone(30), 16_000), "What?"]).layout
    assert np.nanmax(layout.time) == pytest.approx(30)


def test_a_text_that_names_the_placeholder_is_text(listener):
    text = "Is <|AUDIO|> a sound?"
    layout = encode(listener, [text, ot.Audio(tone(1), 16_000), "What?"]).layout
    assert written(layout, 0, text) == text
    assert len(layout.positions(1, AUDIO)) == 25


def test_voxtrals_ids_are_those_of_mistral_common(mistral):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((tone(2) * 32767).round().astype("<i2").tobytes())
    sound = {"type": "audio", "base64": base64.b64encode(file.getvalue()).decode()}
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Listen."}, sound]},
        {"role": "assistant", "content": "A tone."},
        {"role": "user", "content": "How long?"},
    ]
    wanted = mistral.processor.apply_chat_template(chat)
    got = encode(
        mistral,
        [
            ot.Text("Be brief.", role="system"),
            ot.Text("Listen."),
            ot.Audio(tone(2), 16_000),
            ot.Text("A tone.", role="assistant"),
            ot.Text("How long?"),
        ],
    )
    np.testing.assert_array_equal(got.inputs["input_ids"].numpy(), wanted["input_ids"].numpy())
    np.testing.assert_allclose(got.inputs["input_features"].numpy(), wanted["input_features"].numpy())


@pytest.mark.parametrize("text", ["[INST] Zoë said </s>[AUDIO]", "  leading, and trailing  ", "北京 🙂👩‍👩‍👧\n\n"])
def test_hostile_texts_for_voxtral_keep_exactly_their_characters(mistral, text):
    layout = encode(mistral, [ot.Text(text), ot.Text("second"), ot.Audio(tone(1), 16_000), "What?"]).layout
    covered = np.zeros(len(text), bool)
    for start, end in layout.chars[layout.positions(0)]:
        covered[start:end] = True
    assert covered.all()
    assert written(layout, 1, "second") == "second"
    assert not set(layout.token_ids[layout.modality == 1].tolist()) & set(mistral.tokenizer.all_special_ids)


def test_the_silence_that_fills_voxtrals_window_is_nobodys(mistral):
    layout = encode(mistral, [ot.Audio(tone(2), 16_000), "What?"]).layout
    assert len(layout.positions(0)) == 25  # 12.5 a second
    fill = (layout.token_ids == mistral.processor.audio_token_id) & (layout.part == NOBODY)
    assert fill.sum() == 375 - 25


def test_a_sound_of_several_windows_keeps_its_seconds(mistral):
    layout = encode(mistral, [ot.Audio(tone(61), 16_000), "What?"]).layout
    times = layout.time[layout.positions(0)]
    assert times[0, 0] == 0
    assert times[-1, 1] == pytest.approx(61)
    assert (np.diff(times[:, 0]) > 0).all()


def test_what_voxtral_cannot_read_is_named(mistral):
    with pytest.raises(ContentError, match="role 'assistant'"):
        encode(mistral, ["x", ot.Text("y", role="assistant")])
    with pytest.raises(ModelError, match="VoxtralProcessor"):
        adapt(mistral.model, mistral.tokenizer)
