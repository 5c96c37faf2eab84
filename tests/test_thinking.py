"""A model that thinks before it answers: both are statements, each is told from the other."""

import numpy as np
import pytest
from chat_templates import toy

import omnitrace_nb as ot
from omnitrace_nb import alignment, capture
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.statements import Statements
from omnitrace_nb.thinking import marks, stretches, thinking
from omnitrace_nb.trace.records import RunInfo

ASKED = [{"role": "user", "content": "Hugo sells clocks. Mia sells honey. Who sells honey?"}]
THOUGHT = "Hugo sells clocks. So it is Mia."
ANSWER = "Mia sells honey. Hugo sells clocks."
TAGS = (("<think>", "</think>"),)


def answering(name, text, messages=ASKED, **options):
    """Give the trace of a model that answers with this text: its own tokens, read under its own attention."""
    model, tokenizer = toy(name) if isinstance(name, str) else name
    adapter = ot.load(model, tokenizer).adapter
    prompt = Prompt.read(adapter, messages, options=options)
    ids = np.array(tokenizer(text, add_special_tokens=False).input_ids)
    read = capture.decode(
        adapter, prompt.encoded, [ot.signals.get("attmean")], prompt.baseline, progress=False, forced=ids
    )
    response = alignment.align(adapter.token_bytes(ids.tolist()), ids, read.logprobs, "eos")
    response = prompt.told_apart(adapter, response)
    run = RunInfo(model="toy", family="causal_text", chat=prompt.chat.plain())
    return ot.Trace.build(
        prompt.records, prompt.encoded.layout, prompt.sources, response, read.scores, run, None, Statements.of(response)
    )


def said(trace):
    table = trace.statements
    return table[table["thinking"]]["text"].tolist(), table[~table["thinking"]]["text"].tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qwen3", f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"),  # opened by the model
        ("qwen3_thinking", f"{THOUGHT}\n</think>\n\n{ANSWER}"),  # opened by the template
        ("deepseek_r1", f"{THOUGHT}</think>{ANSWER}"),  # not even a line between
    ],
)
def test_thinking_and_answer_are_told_apart_by_the_templates_own_marks(name, text):
    trace = answering(name, text)
    assert trace.response == text
    assert said(trace) == (["Hugo sells clocks.", "So it is Mia."], ["Mia sells honey.", "Hugo sells clocks."])
    # The marks are of no statement, and every other word is of one.
    loose = [text for text, of in zip(trace.steps["token"], trace.statement_of, strict=True) if of < 0]
    assert {each.strip() for each in loose} <= {"<think>", "</think>", ""}


@pytest.mark.parametrize("name", ["llama3", "gemma2"])
def test_where_a_template_knows_no_thinking_tags_are_words(name):
    trace = answering(name, f"<think>{THOUGHT}</think>{ANSWER}")
    assert not trace.statements["thinking"].any()
    assert "".join(trace.statements["text"]).count("think") == 2


def test_thinking_that_is_switched_off_leaves_the_answer_alone():
    trace = answering("qwen3", ANSWER, enable_thinking=False)
    assert said(trace) == ([], ["Mia sells honey.", "Hugo sells clocks."])


def test_a_response_that_was_cut_while_thinking_is_all_thinking():
    assert said(answering("qwen3_thinking", THOUGHT)) == (["Hugo sells clocks.", "So it is Mia."], [])


def test_an_answer_that_goes_on_from_begun_thinking_is_still_thinking():
    begun = {"role": "assistant", "content": "<think>\nLet me see."}
    trace = answering("deepseek_r1", f" {THOUGHT}</think>{ANSWER}", [*ASKED, begun])
    assert said(trace) == (["Hugo sells clocks.", "So it is Mia."], ["Mia sells honey.", "Hugo sells clocks."])
    assert trace.prefilled == begun["content"]


def test_marks_that_are_special_tokens_write_nothing_and_are_found_all_the_same():
    model, tokenizer = toy.__wrapped__("mistral")  # one of its own, which is changed here
    tokenizer.add_tokens(["[THINK]", "[/THINK]"], special_tokens=True)
    model.resize_token_embeddings(len(tokenizer))
    trace = answering((model, tokenizer), f"[THINK]{THOUGHT}[/THINK]{ANSWER}")
    assert trace.response == THOUGHT + ANSWER
    assert said(trace) == (["Hugo sells clocks.", "So it is Mia."], ["Mia sells honey.", "Hugo sells clocks."])


def test_thinking_is_saved_and_shown_wherever_statements_are(tmp_path):
    trace = answering("qwen3_thinking", f"{THOUGHT}\n</think>\n\n{ANSWER}")
    again = ot.open(trace.save(tmp_path / "thought"))
    assert again.statements.equals(trace.statements)
    assert again.response_record.thinking == trace.response_record.thinking
    assert [row["thinking"] for row in trace.to_dict()["statements"]] == [True, True, False, False]


def test_a_trace_that_is_stopped_early_is_still_thinking():
    trace = ot.load(*toy("qwen3_thinking")).trace(ASKED, "attmean", max_new_tokens=6, progress=False)
    assert len(trace.statements)
    assert trace.statements["thinking"].all()


@pytest.mark.parametrize(
    ("text", "begun", "found"),
    [
        ("a<think>b</think>c<think>d</think>e", False, ["<think>b</think>", "<think>d</think>"]),
        ("a</think>b", True, ["a</think>"]),
        ("a</think>b", False, []),
        ("<think>a", False, ["<think>a"]),
        ("<think>a<think>b</think>c</think>", False, ["<think>a<think>b</think>"]),
        ("", True, []),
        ("a", True, ["a"]),
    ],
)
def test_thinking_is_from_a_mark_to_its_end(text, begun, found):
    assert [text[start:end] for start, end in thinking(text, TAGS, begun=begun)] == found
    pieces = "".join(text[start:end] for start, end in stretches(text))
    assert pieces == text.replace("<think>", "").replace("</think>", "")


def test_marks_come_from_the_template_or_the_tokenizer():
    assert marks(ot.load(*toy("qwen3")).adapter) == TAGS
    assert marks(ot.load(*toy("gemma2")).adapter) == ()
