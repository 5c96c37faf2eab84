"""Chats with pictures and sounds: the prompt is what the processor's own call makes of the same messages."""

import importlib

import numpy as np
import pytest

import omnitrace_nb as ot
from omnitrace_nb.errors import ModelError
from omnitrace_nb.prompting import Prompt

FAMILIES = ["qwen2_vl", "gemma3", "qwen2_5_omni"]


@pytest.fixture(scope="module", params=FAMILIES)
def tracer(request):
    return ot.load(*importlib.import_module(f"families.{request.param}").make())


@pytest.fixture
def chats(media_dir):
    picture = {"type": "image", "image": str(media_dir / "red.png")}
    asked = {"role": "user", "content": [picture, {"type": "text", "text": "What is it?"}]}
    return {
        "two questions in a row": [asked, {"role": "user", "content": [{"type": "text", "text": "And why?"}]}],
        "two pictures in two turns": [asked, asked],
        "an answer that is begun": [asked, {"role": "assistant", "content": [{"type": "text", "text": "It is a"}]}],
    }


CHATS = ("two questions in a row", "two pictures in two turns", "an answer that is begun")


@pytest.mark.parametrize("about", CHATS)
def test_a_chat_with_pictures_is_what_the_processors_own_call_makes_of_it(tracer, chats, about):
    messages, processor = chats[about], tracer.adapter.processor
    begun = messages[-1]["role"] == "assistant"
    wanted = processor.apply_chat_template(
        messages,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=not begun,
        continue_final_message=begun,
    )["input_ids"][0]
    prompt = Prompt.read(tracer.adapter, messages)
    np.testing.assert_array_equal(prompt.encoded.layout.token_ids, wanted.numpy())
    assert [record.turn for record in prompt.records][:2] == [1, 1]
    assert (prompt.encoded.layout.begun > 0) == begun
    assert (prompt.encoded.layout.part[len(wanted) - prompt.encoded.layout.begun :] < 0).all()


def test_an_answer_about_a_picture_goes_on_and_is_traced(tracer, chats):
    messages = chats["an answer that is begun"]
    trace = tracer.trace(messages, "attmean", max_new_tokens=3, progress=False)
    assert trace.prefilled == "It is a"
    own = np.arange(len(trace.layout) - trace.layout.begun, len(trace.layout))
    assert trace.scores("attmean")[:, own].sum() > 0
    assert not set(own) & set(np.concatenate([source.positions for source in trace.source_records]))


@pytest.fixture(scope="module")
def voxtral():
    return ot.load(*importlib.import_module("families.voxtral").make())


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "Listen."}, {"role": "user", "content": "How long?"}],
        [{"role": "user", "content": "How long?"}, {"role": "assistant", "content": "It is"}],
        [
            *({"role": "system", "content": "Be brief."}, {"role": "user", "content": "How long?"}),
            *({"role": "assistant", "content": "Long."}, {"role": "user", "content": "Why?"}),
        ],
    ],
)
def test_voxtrals_chats_are_those_of_mistral_common(voxtral, messages):
    begun = messages[-1]["role"] == "assistant"
    wanted = voxtral.adapter.processor.apply_chat_template(messages, continue_final_message=begun)["input_ids"][0]
    layout = Prompt.read(voxtral.adapter, messages).encoded.layout
    np.testing.assert_array_equal(layout.token_ids, wanted.numpy())
    assert (layout.begun > 0) == begun


def test_voxtral_says_what_it_cannot_be_told(voxtral):
    asked = {"role": "user", "content": "How long?", "name": "Mia"}
    with pytest.raises(ModelError, match="without 'name'"):
        Prompt.read(voxtral.adapter, [asked])
