"""Settings of `generate` as people write them: followed, or refused with the reason before anything is decoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import CORPUS, SPECIAL, byte_level

import omnitrace_nb as ot
from omnitrace_nb.errors import SettingsError, SignalError

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells honey?"]
GRADED = ("attgrads", "attgrads_all", "attcat", "excess_grads")
RUN = {"max_new_tokens": 6, "progress": False}


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.load(*toy_text)


def plain(tracer, trace, **settings):
    """Give the ids that `generate` gives without a trace."""
    ids = torch.as_tensor(trace.layout.token_ids)[None]
    with torch.no_grad():
        whole = tracer.adapter.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, **settings)
    return whole[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("negative", [None, "Hugo sells"])
def test_guidance_gives_generates_tokens_and_the_models_own_scores_and_gradients(tracer, negative):
    settings = {"guidance_scale": 1.5}
    if negative:
        both = tracer.adapter.tokenizer(negative, return_tensors="pt")
        settings["negative_prompt_ids"] = both["input_ids"]
        settings["negative_prompt_attention_mask"] = both["attention_mask"]
    names = (*GRADED, "attmean", "rawatt", "excess")
    guided = tracer.trace(PROMPT, names, **settings, **RUN)
    ids = guided.response_record.token_ids
    assert ids.tolist() == plain(tracer, guided, **settings)
    assert ids.tolist() != plain(tracer, guided)
    # The second forward of guidance is no part of what is traced: the same tokens, given, have the same scores.
    given = tracer.trace(PROMPT, names, response=ids, progress=False)
    for name in names:
        np.testing.assert_array_equal(guided.scores(name), given.scores(name))
        assert guided.mass(name).any()
    np.testing.assert_array_equal(guided.steps["logprob"], given.steps["logprob"])


@pytest.mark.parametrize("cache", ["static", "quantized", "hybrid"])
def test_gradients_beside_a_fixed_cache_are_refused_by_the_settings_name(tracer, cache, monkeypatch):
    told = f"attgrads: gradients of attention .* cache_implementation='{cache}' does not give it back"
    with monkeypatch.context() as untouched:
        untouched.setattr(tracer.adapter.model, "generate", lambda **_: pytest.fail("decoding began"))
        with pytest.raises(SignalError, match=told):
            tracer.trace(PROMPT, ["attmean", "attgrads"], cache_implementation=cache, **RUN)
    usual = tracer.trace(PROMPT, ["attmean", "attgrads"], **RUN)
    fine = {"cache_config": {"q_group_size": 8}} if cache == "quantized" else {}
    cached = tracer.trace(PROMPT, "attmean", cache_implementation=cache, **fine, **RUN)
    assert cached.response_record.token_ids[0] == usual.response_record.token_ids[0]
    if cache != "quantized":  # which rounds
        assert cached.response == usual.response
        np.testing.assert_allclose(cached.scores("attmean"), usual.scores("attmean"), atol=1e-4)


def test_gradients_of_a_model_whose_own_configuration_names_such_a_cache_are_given(tracer, monkeypatch):
    usual = tracer.trace(PROMPT, GRADED, **RUN)
    monkeypatch.setattr(tracer.adapter.model.generation_config, "cache_implementation", "hybrid")  # as Gemma's
    theirs = tracer.trace(PROMPT, GRADED, **RUN)
    for name in GRADED:
        np.testing.assert_array_equal(theirs.scores(name), usual.scores(name))
    added = tracer.add(tracer.trace(PROMPT, "attmean", **RUN), "attgrads", progress=False)
    np.testing.assert_allclose(added.scores("attgrads"), usual.scores("attgrads"), rtol=1e-3, atol=1e-5)


def test_stop_strings_beside_the_tokenizer_as_transformers_docs_write_it(tracer):
    free = tracer.trace(PROMPT, "attmean", **RUN)
    stop = free.steps["token"].iloc[-1]
    tokenizer = tracer.adapter.tokenizer
    stopped = tracer.trace(PROMPT, "attmean", stop_strings=[stop], tokenizer=tokenizer, **RUN)
    assert stopped.steps.equals(tracer.trace(PROMPT, "attmean", stop_strings=stop, **RUN).steps)
    other = byte_level(CORPUS, SPECIAL, size=300, pattern=r"\S+|\s+")
    for wrong, told in (("gpt2", "tokenizer='gpt2': expected the model's own"), (other, "another model's")):
        with pytest.raises(SettingsError, match=told):
            tracer.trace(PROMPT, "attmean", stop_strings=[stop], tokenizer=wrong, **RUN)


def test_what_generate_takes_and_leaves_out_by_default_is_accepted(tracer):
    usual = tracer.trace(PROMPT, "attmean", **RUN)
    beside = {"synced_gpus": False, "use_model_defaults": True, "custom_generate": None, "assistant_tokenizer": None}
    assert tracer.trace(PROMPT, "attmean", **beside, **RUN).steps.equals(usual.steps)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"custom_generate": "some/repo"}, "the trace decodes by a loop of its own"),
        ({"inputs": torch.ones(1, 3, dtype=torch.long)}, "the prompt is what trace is given as content"),
        ({"input_ids": [[1]]}, "the prompt is what trace is given as content"),
        ({"past_key_values": object()}, "the prompt is read from its beginning"),
        ({"synced_gpus": True}, "one process"),
        ({"use_model_defaults": False}, "the model's own configuration"),
        ({"assistant_tokenizer": object()}, "a step of the model itself"),
        ({"negative_prompt_ids": torch.ones(1, 2, dtype=torch.long)}, "says nothing without guidance_scale"),
        ({"guidance_scale": 2.0, "negative_prompt_ids": [1, 2]}, r"expected a tensor of shape \(1, tokens\)"),
        ({"cache_implementation": "paged"}, "serves many prompts in one forward"),
        ({"cache_implementation": "none such"}, "Invalid `cache_implementation`"),
        ({"cache_implementation": "quantized", "cache_config": {"q_group_size": 7}}, "Group size"),
        ({"max_length": torch.ones(2)}, r"max_length=\[1.0, 1.0\]: expected a whole number of at least 1"),
        ({"num_beams": np.array([1, 2])}, "a trace follows one sequence"),
        ({"suppress_tokens": ["a"]}, r"generate refuses these settings \(suppress_tokens"),
        ({"bad_words_ids": [[99_999]]}, r"generate refuses these settings \(bad_words_ids"),
        ({"prefix_allowed_tokens_fn": lambda _batch, _ids: 3}, "generate refuses these settings"),
        ({"logits_processor": [lambda _ids, _scores: 1 / 0]}, "division by zero"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(tracer, settings, told):
    with pytest.raises(SettingsError, match=told):
        tracer.trace(PROMPT, "attmean", **settings, **RUN)
    assert len(tracer.trace(PROMPT, "attmean", **RUN).steps)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a GPU to offload from")
def test_a_cache_that_is_moved_off_a_gpu_is_refused_where_there_is_none(tracer):
    with pytest.raises(SettingsError, match="moves the cache off a GPU, and there is none"):
        tracer.trace(PROMPT, "attmean", cache_implementation="offloaded", **RUN)
