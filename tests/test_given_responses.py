"""A response that exists already: given, not generated, and traced as if the model had just decoded it."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import torch
from test_models import sentencepiece_like
from transformers import LlamaConfig, LlamaForCausalLM

import omnitrace_nb as ot
from omnitrace_nb import models
from omnitrace_nb.cli import main
from omnitrace_nb.content import as_parts
from omnitrace_nb.errors import ModelError, SettingsError
from omnitrace_nb.media import load

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells honey?"]
SIGNALS = ("attmean", "rawatt", "excess", "leave_one_out", "input_x_gradient")
QUIET = {"progress": False}


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.load(*toy_text)


@pytest.fixture(scope="module")
def decoded(tracer):
    return tracer.trace(PROMPT, SIGNALS, max_new_tokens=10, **QUIET)


def assert_same(given, decoded):
    assert given.response == decoded.response
    assert given.steps.equals(decoded.steps)
    assert given.spans.equals(decoded.spans)
    assert given.statements.equals(decoded.statements)
    assert given.sources.equals(decoded.sources)
    for signal in decoded.signals:
        np.testing.assert_array_equal(given.scores(signal), decoded.scores(signal))


@pytest.mark.parametrize("form", [list, tuple, np.asarray, torch.as_tensor, lambda ids: torch.as_tensor(ids)[None]])
def test_token_ids_given_back_make_the_trace_that_the_decode_made(tracer, decoded, form):
    ids = form(decoded.response_record.token_ids.tolist())
    given = tracer.trace(PROMPT, SIGNALS, response=ids, **QUIET)
    assert_same(given, decoded)
    assert decoded.response_record.stopped == "length"
    assert given.response_record.stopped == "given"


def test_gradients_of_attention_are_those_of_the_decode_too(tracer):
    names = ("attgrads", "attcat", "excess_grads")
    decoded = tracer.trace(PROMPT, names, max_new_tokens=5, **QUIET)
    given = tracer.trace(PROMPT, names, response=decoded.response_record.token_ids, **QUIET)
    assert_same(given, decoded)
    assert decoded.mass("attgrads").any()


def test_the_embedded_models_own_answer_given_as_text_makes_the_same_trace(embedded):
    facts = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
    decoded = embedded.trace(facts, ("excess", "attmean"), **QUIET)
    ids = decoded.response_record.token_ids
    ended = decoded.response_record.stopped == "eos"  # the end-of-turn token is no part of a text
    given = embedded.trace(facts, ("excess", "attmean"), response=decoded.response, **QUIET)
    assert given.response_record.token_ids.tolist() == ids[: len(ids) - ended].tolist()
    assert_same(embedded.trace(facts, ("excess", "attmean"), response=ids, **QUIET), decoded)
    steps = len(given.steps)
    assert steps == len(ids) - ended > 0
    np.testing.assert_array_equal(given.scores("excess"), decoded.scores("excess")[:steps])
    assert given.steps["logprob"].tolist() == decoded.steps["logprob"].tolist()[:steps]
    assert given.spans.equals(decoded.spans)


def test_its_log_probabilities_are_those_of_a_plain_forward(tracer):
    given = tracer.trace(PROMPT, "attmean", response="Mia sells honey, Hugo sells clocks.", **QUIET)
    ids, prompt = given.response_record.token_ids, given.layout.token_ids
    whole = torch.as_tensor(np.concatenate([prompt, ids]))[None]
    with torch.no_grad():
        logits = tracer.adapter.model(input_ids=whole, attention_mask=torch.ones_like(whole)).logits
    wanted = logits[0, len(prompt) - 1 : -1].log_softmax(-1).gather(1, torch.as_tensor(ids)[:, None])[:, 0]
    np.testing.assert_allclose(given.steps["logprob"], wanted.numpy(), rtol=0, atol=1e-4)


def test_pictures_sound_and_film_are_credited_for_a_given_answer(toy_omni, media_dir):
    tracer = ot.load(*toy_omni)
    prompt = [media_dir / "red.png", media_dir / "tone.wav", ot.Video(media_dir / "film.mp4"), "What is it?"]
    names = ("attmean", "leave_one_out")
    decoded = tracer.trace(prompt, names, max_new_tokens=4, **QUIET)
    assert_same(tracer.trace(prompt, names, response=decoded.response_record.token_ids, **QUIET), decoded)
    given = tracer.trace(prompt, "attmean", response="The harbour was quiet.", **QUIET)
    adapter = tracer.adapter
    encoded = adapter.encode(load(as_parts(prompt), adapter.needs, adapter.modalities))
    ids = torch.as_tensor(given.response_record.token_ids)
    embeddings, options = adapter.embed(encoded, ids)
    with torch.no_grad():
        logits = adapter.forward(embeddings, **options).logits[0, len(encoded.layout) - 1 : -1]
    wanted = logits.log_softmax(-1).gather(1, ids[:, None])[:, 0]
    np.testing.assert_allclose(given.steps["logprob"], wanted.numpy(), rtol=0, atol=1e-4)


def test_special_tokens_in_a_given_text_are_the_characters_they_are(tracer):
    given = tracer.trace(PROMPT, "attmean", response="It ends here: <|im_end|> or not", **QUIET)
    assert given.response == "It ends here: <|im_end|> or not"
    assert tracer.adapter.tokenizer.eos_token_id not in given.response_record.token_ids


def test_the_end_of_turn_is_scored_where_it_is_given(tracer):
    end = tracer.adapter.tokenizer.eos_token_id
    ids = tracer.adapter.tokenizer("Mia.")["input_ids"]
    given = tracer.trace(PROMPT, "attmean", response=[*ids, end], **QUIET)
    assert given.response == "Mia."
    assert len(given.steps) == len(ids) + 1
    assert np.isfinite(given.steps["logprob"]).all()


LLAMA_2 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<s>[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] }} </s>{% endif %}{% endfor %}"
)
ZEPHYR = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


@pytest.mark.parametrize("kind", ["prepend", "metaspace"])
@pytest.mark.parametrize("template", [LLAMA_2, ZEPHYR, None], ids=["llama 2", "zephyr", "no template"])
@pytest.mark.parametrize("text", ["the Tea. Ha", "  the", "a\n\nb ", "naïve 北京 🙂"])
def test_a_text_is_tokenised_as_it_stands_behind_the_template(kind, template, text):
    tokenizer = sentencepiece_like(kind)
    tokenizer.chat_template = template
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    tracer = ot.load(LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).eval(), tokenizer)
    given = tracer.trace("the harbour", "attmean", response=text, **QUIET)
    assert given.response == text
    ids = given.response_record.token_ids.tolist()
    if template is not None:  # what the template writes for an answer, tokenised as a whole, is what models learn
        asked = [{"role": "user", "content": "the harbour"}]
        whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": text}], tokenize=False)
        learnt = tokenizer.encode(whole, add_special_tokens=False)
        written = learnt[len(given.layout) : len(given.layout) + len(ids)]
        assert ids == written or tokenizer.decode(written) != text  # decoding strips a space too many of two
    elif tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text:
        assert ids == tokenizer.encode(text, add_special_tokens=False)


def test_signals_verification_and_comparison_go_on_from_a_given_response(tracer):
    given = tracer.trace(PROMPT, "attmean", response="Mia sells honey. Hugo sells clocks.", **QUIET)
    more = tracer.add(given, ["rawatt", "leave_one_out"], **QUIET)
    assert more.signals == ("attmean", "rawatt", "leave_one_out")
    at_once = tracer.trace(PROMPT, ["rawatt"], response=given.response, **QUIET)
    np.testing.assert_allclose(more.scores("rawatt"), at_once.scores("rawatt"), rtol=1e-3, atol=1e-5)
    assert len(tracer.verify(given, top=2, **QUIET).checks)
    values = tracer.attribute(given, "leave_one_out", "honey", against="clocks", **QUIET)
    assert len(values) == len(given.sources)
    assert given.compare("attmean", "attmean", settings=[{}, {"gamma": 1.0}]) is not None
    assert more.attribute("leave_one_out", "Hugo")["value"].notna().all()


def test_a_given_and_a_generated_answer_stand_side_by_side(tracer, decoded):
    given = tracer.trace(PROMPT, "attmean", response="Mia sells honey.", **QUIET)
    assert ot.compare(decoded, given, signals=["attmean"]) is not None


def test_the_trace_says_in_every_form_that_its_response_was_given(tracer, tmp_path):
    given = tracer.trace(PROMPT, "attmean", response="Mia sells honey.", **QUIET)
    assert given.run.generation["response"] == "text"
    assert "max_new_tokens" not in given.run.generation
    again = ot.open(given.save(tmp_path / "given"))
    assert again.response_record.stopped == "given"
    assert json.loads(given.to_json())["response"]["stopped"] == "given"
    for form in (given.to_markdown(), given.to_html(), again.to_markdown()):
        assert "was given, not generated" in form


def test_a_given_response_is_shown_while_it_is_scored(tracer, capsys):
    given = tracer.trace(PROMPT, "attmean", response="Mia sells honey. Hugo sells clocks.", live=True)
    assert given.response_record.stopped == "given"
    assert "Hugo sells clocks." in capsys.readouterr().out


def test_an_interrupt_keeps_what_is_scored_of_a_given_response(tracer):
    class Stop:
        count = 0

        def put(self, _token):
            self.count += 1
            if self.count == 5:
                raise KeyboardInterrupt

        def end(self):
            pass

    ids = tracer.adapter.tokenizer("Mia sells honey. Hugo sells clocks.")["input_ids"]
    part = tracer.trace(PROMPT, "attmean", response=ids, streamer=Stop(), **QUIET)
    assert part.response_record.stopped == "interrupted"
    kept = part.response_record.token_ids.tolist()
    assert 0 < len(kept) < len(ids)
    assert kept == ids[: len(kept)]


def test_an_estimate_counts_the_given_tokens(tracer):
    ids = tracer.adapter.tokenizer("Mia sells honey.")["input_ids"]
    assert tracer.estimate(PROMPT, response="Mia sells honey.").new_tokens == len(ids)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ("", "is empty"),
        ([], "is empty"),
        (b"Mia", "is a bytes: give a text"),
        (3, "is an int: give a text"),
        ({"ids": [1]}, "is a dict"),
        ([1, 2.5], "holds 2.5, which is no token id"),
        ([True], "holds True"),
        (np.zeros(3), "type float64"),
        (np.zeros((2, 3), np.int64), r"shape \(2, 3\)"),
        (torch.ones(2), "type float32"),
        ([-1], "the id -1, but this model has the ids 0 to"),
        ([10**30], "no token id"),
        ([10**6], "the id 1000000, but this model has the ids 0 to"),
        ("a\ud800b", "lone surrogate"),
    ],
)
def test_what_is_no_response_is_told(tracer, decoded, response, told):
    with pytest.raises(SettingsError, match=told):
        tracer.trace(PROMPT, "attmean", response=response, **QUIET)
    assert_same(tracer.trace(PROMPT, SIGNALS, max_new_tokens=10, **QUIET), decoded)


@pytest.mark.parametrize(
    "beside", [{"max_new_tokens": 3}, {"do_sample": True}, {"seed": 1}, {"stop_strings": ["."]}, {"top_p": 0.5}]
)
def test_settings_that_choose_tokens_say_nothing_beside_a_response(tracer, beside):
    with pytest.raises(SettingsError, match=f"no token is chosen, so {next(iter(beside))} would say nothing"):
        tracer.trace(PROMPT, "attmean", response="Mia.", **beside, **QUIET)


def test_ids_that_generate_gave_with_the_prompt_before_them_are_told(tracer, decoded):
    whole = [*decoded.layout.token_ids.tolist(), *decoded.response_record.token_ids.tolist()]
    with pytest.raises(SettingsError, match=rf"give those behind them, ids\[{len(decoded.layout)}:\]"):
        tracer.trace(PROMPT, "attmean", response=whole, **QUIET)


def test_a_response_too_long_for_the_context_is_told(tracer):
    with pytest.raises(ModelError, match="but this model reads at most 2,048: give a shorter response"):
        tracer.trace(PROMPT, "attmean", response="Mia sells honey. " * 500, **QUIET)


def test_a_placeholder_of_media_is_no_response(toy_omni):
    with pytest.raises(SettingsError, match="stands for a picture, sound or film"):
        ot.load(*toy_omni).trace("Hi", "attmean", response=[toy_omni[0].config.image_token_id], **QUIET)


def test_a_text_that_the_models_tokens_cannot_write_is_told():
    tokenizer = sentencepiece_like("prepend")
    tokenizer.backend_tokenizer.normalizer = _lowercase(tokenizer.backend_tokenizer.normalizer)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    adapter = models.adapt(LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).eval(), tokenizer)
    with pytest.raises(ModelError, match=r"cannot write 'Tea' \(character 4 on\)"):
        ot.Tracer(adapter).trace("the", "attmean", response="the Tea", **QUIET)


def _lowercase(normalizer):
    from tokenizers import normalizers  # noqa: PLC0415

    return normalizers.Sequence([normalizers.Lowercase(), normalizer])


def test_the_command_line_scores_the_answer_in_a_file(tmp_path, monkeypatch, capsys):
    answer, ids = tmp_path / "answer.txt", tmp_path / "ids.json"
    answer.write_text("Mia sells honey.\n", encoding="utf-8")
    arguments = ["trace", *PROMPT, "--signals", "attmean", "--save", str(tmp_path / "t.omnitrace"), "--response"]
    assert main([*arguments, str(answer)]) == 0
    given = ot.open(tmp_path / "t.omnitrace")
    assert (given.response, given.response_record.stopped) == ("Mia sells honey.", "given")
    ids.write_text(json.dumps(given.response_record.token_ids.tolist()), encoding="utf-8")
    assert main([*arguments, str(ids)]) == 0
    assert ot.open(tmp_path / "t.omnitrace").steps.equals(given.steps)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hugo.")))
    assert main([*arguments, "-"]) == 0
    assert ot.open(tmp_path / "t.omnitrace").response == "Hugo."
    capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("missing.txt", None, "cannot read the response"),
        ("latin.txt", b"caf\xe9", "is not a text in UTF-8"),
        ("ids.json", b"[1, 2", "is not JSON, a list of token ids"),
    ],
)
def test_a_response_that_cannot_be_read_is_told_before_the_model_is_loaded(
    tmp_path, monkeypatch, capsys, *, name, data, told
):
    monkeypatch.setattr("omnitrace_nb.tracer.load", lambda *_, **__: pytest.fail("the model was loaded"))
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert main(["trace", "Hello", "--response", str(tmp_path / name)]) == 1
    assert told in capsys.readouterr().err
