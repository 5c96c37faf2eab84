"""Random chats over real templates: the prompt is the tokenizer's own, or one clear error says why not."""

import json

import numpy as np
import pytest
from chat_templates import TEMPLATES, toy

import omnitrace_nb as ot
from omnitrace_nb.chatting import template_options
from omnitrace_nb.content.chat import Chat
from omnitrace_nb.errors import OmnitraceError
from omnitrace_nb.prompting import Prompt

WORDS = (
    "Mia sells honey.",
    "12.5 %",
    "北京 🙂",
    "café",
    "e\u0301",
    "<b>",
    "{{ bos_token }}",
    "{% if %}",
    "\x07",
    "{}",
    '"',
)
THINKING = ("<think>", "</think>", "<think>\nHm.\n</think>\n\n", "[THINK]", "</thinking>")
SPACES = ("", " ", "\n", "\n\n", "  \n", "\t")
ROLES = ("system", "user", "user", "user", "assistant", "assistant", "tool", "developer")
TOOL = {
    "type": "function",
    "function": {"name": "price", "description": "é", "parameters": {"type": "object", "properties": {}}},
}


@pytest.mark.fuzz(rounds=400, seconds=8)
@pytest.mark.filterwarnings("ignore")
def test_any_chat_is_token_for_token_the_templates_or_refused(cases):
    read = 0
    for seed in cases:
        rng = np.random.default_rng(seed)
        name = str(rng.choice([*TEMPLATES, "mistral"]))
        messages, told = chat(rng), options(rng)
        model, tokenizer = toy(name)
        adapter = tracers.setdefault(name, ot.load(model, tokenizer)).adapter
        try:
            prompt = Prompt.read(adapter, messages, options=template_options(told))
        except OmnitraceError:
            continue
        read += 1
        begun = {"continue_final_message": messages[-1]["role"] == "assistant"}
        wanted = tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=not begun["continue_final_message"], **begun, **told
        )["input_ids"]
        layout = prompt.encoded.layout
        assert layout.token_ids.tolist() == wanted, f"seed {seed}: {name} {messages} {told}"
        check(seed, tokenizer, prompt, messages)
    assert read, "every chat was refused"


def check(seed, tokenizer, prompt, messages):
    """What each position stands for is what its token writes, and a chat is kept as it was."""
    layout = prompt.encoded.layout
    assert (layout.begun > 0) == (messages[-1]["role"] == "assistant"), f"seed {seed}"
    assert (layout.part[len(layout) - layout.begun :] < 0).all(), f"seed {seed}"
    for record in prompt.records:
        read = {at for start, end in layout.chars[layout.positions(record.index)].tolist() for at in range(start, end)}
        said = "".join(record.text[at] for at in sorted(read))
        own = tokenizer.decode(layout.token_ids[layout.positions(record.index)].tolist())
        as_json = "".join(json.dumps(char, ensure_ascii=False)[-2] for char in said)  # as Llama writes what tools give
        forms = ["".join(form.split()) for form in (said, as_json)]
        assert any(form in "".join(own.split()) for form in forms), f"seed {seed}: {said!r} is not in {own!r}"
        gone = {at for start, end in record.unread for at in range(start, end)}
        assert not gone & read, f"seed {seed}"
    again = Chat.of_plain(prompt.chat.plain())
    assert again.plain() == prompt.chat.plain(), f"seed {seed}"


tracers = {}


def text(rng, *, thinks=False):
    pieces = [str(rng.choice([*WORDS, *SPACES])) for _ in range(rng.integers(0, 6))]
    if thinks and rng.random() < 0.5:
        for _ in range(rng.integers(1, 4)):
            pieces.insert(int(rng.integers(0, len(pieces) + 1)), str(rng.choice(THINKING)))
    return "".join(pieces)


def chat(rng):
    messages = [message(rng, str(rng.choice(ROLES))) for _ in range(rng.integers(1, 7))]
    if rng.random() < 0.6:  # as most chats are
        messages.append(message(rng, "user"))
    return messages


def message(rng, role):
    made = {"role": role, "content": text(rng, thinks=role == "assistant" or rng.random() < 0.1)}
    if role == "assistant" and rng.random() < 0.3:
        arguments = {"thing": text(rng)} if rng.random() < 0.7 else "{}"
        call = {"type": "function", "id": "abcdefghi", "function": {"name": "price", "arguments": arguments}}
        made["tool_calls"] = [call] * int(rng.integers(1, 3))
        if rng.random() < 0.5:
            made["content"] = None
    if role == "assistant" and rng.random() < 0.2:
        made["reasoning_content"] = text(rng) or None
    if role == "tool":
        made |= {"name": "price", "tool_call_id": "abcdefghi"}
    if rng.random() < 0.2:
        made |= {"name": None, "tool_calls": made.get("tool_calls")}
    return made


def options(rng):
    told = {}
    if rng.random() < 0.3:
        told["tools"] = [TOOL]
    if rng.random() < 0.3:
        told["enable_thinking"] = bool(rng.random() < 0.5)
    return told
