"""Chats as people have them: every prompt is token for token what the model's own chat template writes."""

import numpy as np
import pytest
from chat_templates import TEMPLATES, toy

import omnitrace_nb as ot
from omnitrace_nb.errors import ContentError, ModelError, SettingsError

EVERY = [*TEMPLATES, "mistral"]
ASKED = [
    {"role": "user", "content": "Mia sells honey. Hugo sells clocks."},
    {"role": "user", "content": "What does Mia sell?"},
]
CALL = {"type": "function", "id": "abcdefghi", "function": {"name": "price", "arguments": {"thing": "honey"}}}
CALLED = [
    {"role": "user", "content": "What is the price of honey?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "name": "price", "tool_call_id": "abcdefghi", "content": "Honey costs 12. It is sold by Mia."},
]
THOUGHT = "<think>\nMia sells honey, so it is Mia.\n</think>\n\nIt is Mia."
TALKED = [
    {"role": "user", "content": "Who sells honey?"},
    {"role": "assistant", "content": THOUGHT},
    {"role": "user", "content": "And clocks?"},
]


def price(thing: str) -> str:
    """Look up what a thing costs.

    Args:
        thing: what it is.
    """
    return thing


def tracer_of(name):
    return ot.load(*toy(name))


def traced(name, messages, **options):
    return tracer_of(name).trace(messages, ["attmean"], max_new_tokens=4, progress=False, **options)


def written(name, messages, **options):
    """What the tokenizer itself makes of the messages."""
    tokenizer = toy(name)[1]
    options = {"add_generation_prompt": "continue_final_message" not in options, **options}
    return tokenizer.apply_chat_template(messages, tokenize=True, **options)["input_ids"]


def words_of(trace):
    return trace.sources["text"].tolist()


# Two messages of one role.


@pytest.mark.parametrize("name", ["qwen3", "qwen3_thinking", "llama3", "deepseek_r1", "mistral"])
def test_two_questions_in_a_row_are_the_turns_that_the_template_writes(name):
    trace = traced(name, ASKED, sources={"text": "turn"})
    assert trace.layout.token_ids.tolist() == written(name, ASKED)
    assert trace.sources["label"].tolist() == ["turn 1 (user)", "turn 2 (user)"]
    assert words_of(trace) == [message["content"] for message in ASKED]


def test_a_template_that_wants_turns_to_alternate_says_so_itself():
    with pytest.raises(ModelError, match="Conversation roles must alternate"):
        traced("gemma2", ASKED)
    with pytest.raises(ModelError, match="System role not supported"):
        traced("gemma2", [{"role": "system", "content": "Be brief."}, ASKED[1]])
    assert traced("gemma2", ASKED[1:]).layout.token_ids.tolist() == written("gemma2", ASKED[1:])


def test_parts_without_messages_are_one_turn_as_before():
    trace = traced("qwen3", [message["content"] for message in ASKED], sources={"text": "turn"})
    one = [{"role": "user", "content": "\n".join(message["content"] for message in ASKED)}]
    assert trace.layout.token_ids.tolist() == written("qwen3", one)
    assert trace.sources["label"].tolist() == ["turn 1 (user), text 1", "turn 1 (user), text 2"]


@pytest.mark.parametrize("name", ["qwen3", "llama3"])
def test_an_empty_system_message_is_read_as_the_template_reads_it(name):
    messages = [{"role": "system", "content": ""}, *ASKED]
    assert traced(name, messages).layout.token_ids.tolist() == written(name, messages)


# An answer that is begun.


@pytest.mark.parametrize("name", EVERY)
def test_an_answer_goes_on_from_the_assistants_last_message(name):
    messages = [ASKED[1], {"role": "assistant", "content": "She sells "}]
    trace = traced(name, messages)
    assert trace.layout.token_ids.tolist() == written(name, messages, continue_final_message=True)
    begun = toy(name)[1].decode(trace.layout.token_ids[-trace.layout.begun :])
    assert begun.strip() == "She sells"
    assert trace.response_record.begun == "She sells "
    assert trace.prefilled == "She sells "


def test_the_beginning_of_an_answer_is_the_responses_own_and_no_source():
    messages = [ASKED[0], ASKED[1], {"role": "assistant", "content": "She sells a jar of"}]
    trace = traced("qwen3", messages)
    own = np.arange(len(trace.layout) - trace.layout.begun, len(trace.layout))
    owned = np.concatenate([source.positions for source in trace.source_records])
    assert not set(own) & set(owned)
    assert words_of(trace) == ["Mia sells honey.", "Hugo sells clocks.", "What does Mia sell?"]
    assert [part.text for part in trace.parts] == [message["content"] for message in messages[:2]]
    # The first token has no earlier one of its own: what rests on the response rests on its beginning.
    scores = trace.scores("attmean")[0]
    first = trace.statement_of.tolist().index(trace.statement_of.max())
    budget = trace.budget
    share = budget[(budget["kind"] == "response") & (budget["statement"] == trace.statement_of[first] + 1)]["share"]
    assert scores[own].sum() > 0
    assert (share > 0).all()
    assert np.allclose(budget.groupby(["signal", "statement"], observed=True)["share"].sum(), 1)


def test_the_budget_counts_the_beginning_with_the_responses_words_by_hand():
    trace = traced("qwen3", [ASKED[0], {"role": "assistant", "content": "She sells a jar of"}])
    scores, begun = trace.scores("attmean"), trace.layout.begun
    own = scores[:, -begun:].sum(1) + trace.earlier("attmean").sum(1)
    by_hand = own / (scores.sum(1) + trace.earlier("attmean").sum(1))
    steps = trace.statement_of == 0
    budget = trace.budget
    found = budget[(budget["statement"] == 1) & (budget["kind"] == "response")]["share"].item()
    assert found == pytest.approx(by_hand[steps].mean(), abs=1e-3)


def test_rows_of_the_beginning_are_no_baseline_of_the_excess():
    prompt = ot.prompting.Prompt.read(
        tracer_of("qwen3").adapter, [*ASKED, {"role": "assistant", "content": "She sells"}]
    )
    begun = len(prompt.encoded.layout) - prompt.encoded.layout.begun
    assert all(rows.max() < begun for rows in prompt.baseline.values())
    assert prompt.baseline["after"][-1] == begun - 1


def test_an_assistants_part_at_the_end_begins_the_answer_as_a_message_does():
    parts = [ot.Text("What does Mia sell?"), ot.Text("She sells", role="assistant")]
    messages = [ASKED[1], {"role": "assistant", "content": "She sells"}]
    one, other = traced("qwen3", parts), traced("qwen3", messages)
    assert one.layout.token_ids.tolist() == other.layout.token_ids.tolist()
    assert one.layout.begun == other.layout.begun > 0


def test_a_model_without_a_template_goes_on_from_an_answer_too():
    model, tokenizer = toy("qwen3")
    bare = tokenizer.__class__(tokenizer_object=tokenizer.backend_tokenizer)
    trace = ot.load(model, bare).trace(
        [ot.Text("Mia sells"), ot.Text("honey", role="assistant")], ["attmean"], max_new_tokens=3, progress=False
    )
    assert trace.layout.token_ids.tolist() == bare("Mia sells\nhoney").input_ids
    assert bare.decode(trace.layout.token_ids[-trace.layout.begun :]) == "honey"
    for told in ({"tools": [price]}, {"enable_thinking": True}):
        with pytest.raises(ModelError, match=f"no chat template, so it cannot be told '{next(iter(told))}'"):
            ot.load(model, bare).trace("Mia sells", **told, progress=False)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"content": ""}, "no text"),
        ({"content": "  "}, "no text"),
        ({"content": "Look:", "tool_calls": [CALL]}, "result of its tool"),
        ({"content": None, "tool_calls": [CALL]}, "result of its tool"),
        ({"content": [{"type": "image", "image": "a.png"}]}, "holds Image"),
    ],
)
def test_an_answer_that_cannot_be_gone_on_from_is_told(last, told):
    with pytest.raises(ContentError, match=told):
        traced("qwen3", [ASKED[1], {"role": "assistant", **last}])


# What the template is told besides.


@pytest.mark.parametrize("name", ["qwen3", "llama3"])
def test_the_result_of_a_tool_is_a_source_like_any_other(name):
    trace = traced(name, CALLED, tools=[price])
    assert trace.layout.token_ids.tolist() == written(name, CALLED, tools=[price])
    assert words_of(trace) == ["What is the price of honey?", "Honey costs 12.", "It is sold by Mia."]
    assert [part.role for part in trace.parts] == ["user", "tool"]
    assert not trace.sources["question"].any()  # what a tool gave is no question
    turns = trace.regroup({"text": "turn"}).sources["label"].tolist()
    assert turns == ["turn 1 (user)", "turn 3 (tool)"]


def test_a_result_that_the_template_writes_as_json_keeps_its_characters():
    result = 'The "price" of honey:\nMia\tsells it, says Zoë \\ \x07.'
    messages = [*CALLED[:2], {**CALLED[2], "content": result}]
    trace = traced("llama3", messages)
    assert trace.layout.token_ids.tolist() == written("llama3", messages)
    assert words_of(trace)[1:] == result.split("\n")
    tokenizer = toy("llama3")[1]
    for source in trace.source_records[1:]:
        own = tokenizer.decode(trace.layout.token_ids[source.positions])
        for word in ("price", "honey", "Mia", "sells", "Zoë"):
            assert (word in own) == (word in result[slice(*source.chars)])


def test_a_template_that_puts_the_system_first_is_followed():
    messages = [ASKED[0], {"role": "system", "content": "Be brief."}, ASKED[1]]
    trace = traced("deepseek_r1", messages)
    assert trace.layout.token_ids.tolist() == written("deepseek_r1", messages)
    firsts = [int(source.positions[0]) for source in trace.source_records]
    assert words_of(trace)[int(np.argmin(firsts))] == "Be brief."


def test_calls_of_tools_are_the_templates_words():
    trace = traced("qwen3", CALLED, tools=[price])
    tokens = toy("qwen3")[1].decode(trace.layout.token_ids[trace.layout.part < 0])
    assert '{"name": "price", "arguments": {"thing": "honey"}}' in tokens
    assert "Look up what a thing costs." in tokens


def test_mistrals_own_template_takes_calls_and_results():
    trace = traced("mistral", CALLED, tools=[price])
    assert trace.layout.token_ids.tolist() == written("mistral", CALLED, tools=[price])


@pytest.mark.parametrize("thinks", [True, False])
def test_thinking_is_switched_as_the_template_switches_it(thinks):
    trace = traced("qwen3", ASKED, enable_thinking=thinks)
    assert trace.layout.token_ids.tolist() == written("qwen3", ASKED, enable_thinking=thinks)
    same = traced("qwen3", ASKED, chat_template_kwargs={"enable_thinking": thinks})
    assert same.layout.token_ids.tolist() == trace.layout.token_ids.tolist()


def test_reasoning_given_by_its_own_key_reaches_the_template():
    messages = [
        *CALLED[:1],
        {**CALLED[1], "reasoning_content": "A price is asked for."},
        CALLED[2],
    ]
    trace = traced("qwen3", messages)
    assert trace.layout.token_ids.tolist() == written("qwen3", messages)
    with pytest.warns(RuntimeWarning, match="message 2: the chat template leaves its 'reasoning_content' out"):
        traced("qwen3", [ASKED[0], {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm, hm."}, ASKED[1]])


def test_what_a_template_does_not_read_is_told_and_changes_nothing():
    with pytest.warns(RuntimeWarning, match="'enable_thinking' is nothing that the model's chat template reads"):
        trace = traced("gemma2", ASKED[1:], enable_thinking=False)
    assert trace.layout.token_ids.tolist() == written("gemma2", ASKED[1:])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tools": "price"}, "list of functions"),
        ({"tools": [5]}, "int"),
        ({"tools": [lambda x: x]}, "docstring"),
        ({"enable_thinking": "no"}, "True, False or None"),
        ({"chat_template_kwargs": ["a"]}, "expected a dict"),
        ({"chat_template_kwargs": {"tokenize": True}}, "'tokenize'"),
        ({"chat_template_kwargs": {"at": object()}}, "JSON"),
    ],
)
def test_what_no_template_can_be_told_is_refused(options, told):
    with pytest.raises(SettingsError, match=told):
        traced("qwen3", ASKED, **options)


def test_an_estimate_is_of_the_same_prompt():
    tracer = tracer_of("qwen3")
    trace = tracer.trace(CALLED, "attmean", tools=[price], enable_thinking=False, max_new_tokens=4, progress=False)
    estimate = tracer.estimate(CALLED, "attmean", tools=[price], enable_thinking=False, max_new_tokens=4)
    assert sum(estimate.tokens.values()) == len(trace.layout)


# What is kept.


@pytest.mark.parametrize("messages", [CALLED, [*ASKED, {"role": "assistant", "content": "She sells"}]])
def test_a_saved_chat_is_read_again_as_the_same_prompt(messages, tmp_path):
    tracer = tracer_of("qwen3")
    first = tracer.trace(messages, "attmean", tools=[price], enable_thinking=False, max_new_tokens=4, progress=False)
    trace = ot.open(first.save(tmp_path / "chat"))
    assert trace.layout.begun == first.layout.begun
    assert trace.prefilled == first.prefilled
    assert trace.run.chat == first.run.chat
    more = tracer.add(trace, "leave_one_out", progress=False)
    assert more.signals == ("attmean", "leave_one_out")
    assert tracer.add(trace, "random", content=messages, progress=False).signals == ("attmean", "random")
    verified = tracer.verify(trace, top=1, operator="raw", progress=False)
    assert verified.verification is not None
    cut = trace.regroup({"text": "turn"}).sources["label"].tolist()
    assert cut == [
        f"turn {n} ({m['role']})" for n, m in enumerate(messages, 1) if m["content"] and m["role"] != "assistant"
    ]


def test_a_prompt_with_its_date_is_the_same_prompt_tomorrow():
    trace = traced("llama3", ASKED)
    assert trace.run.chat["options"]["date_string"]
    assert trace.layout.token_ids.tolist() == written("llama3", ASKED)


# Thinking in earlier answers.


@pytest.mark.parametrize("name", ["qwen3", "deepseek_r1"])
def test_thinking_that_a_template_leaves_out_of_earlier_answers_is_named_and_no_source(name):
    with pytest.warns(RuntimeWarning, match=r"text 2: the chat template leaves .* out of the prompt \('Mia sells"):
        trace = traced(name, TALKED)
    assert trace.layout.token_ids.tolist() == written(name, TALKED)
    assert words_of(trace) == ["Who sells honey?", "It is Mia.", "And clocks?"]
    part = trace.parts[1]
    assert part.text == THOUGHT
    assert [part.text[start:end].strip() for start, end in part.unread] == [THOUGHT.removesuffix("It is Mia.").strip()]
    assert [source.label for source in trace.regroup({"text": "turn"}).source_records][1] == "turn 2 (assistant)"


def test_thinking_that_a_template_keeps_is_read_where_it_stands():
    messages = [
        ASKED[1],
        {"role": "assistant", "content": "<think>Hm.</think>Let me look.", "tool_calls": [CALL]},
        CALLED[2],
    ]
    trace = traced("qwen3", messages)
    assert trace.layout.token_ids.tolist() == written("qwen3", messages)
    assert words_of(trace)[1:3] == ["Hm.", "Let me look."]
    assert [trace.parts[1].text[start:end] for start, end in trace.parts[1].unread] == ["<think>", "</think>"]


def test_a_template_that_keeps_everything_shows_marks_as_words():
    trace = traced("llama3", TALKED)
    assert trace.layout.token_ids.tolist() == written("llama3", TALKED)
    assert not trace.parts[1].unread
    assert "".join(words_of(trace)).count("think") == 2
