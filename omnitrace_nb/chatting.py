"""What a chat's template is told besides messages, and what of the messages it leaves out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.content.chat import Chat, messages_of
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.layout import TEXT
from omnitrace_nb.quoting import quoted
from omnitrace_nb.thinking import mark_free, marks, templates
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from omnitrace_nb.content.parts import Part
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.trace.records import PartRecord

# What `apply_chat_template` takes for itself, or the messages say.
_OWN = frozenset(
    {
        *("conversation", "messages", "chat_template", "add_generation_prompt", "continue_final_message", "tokenize"),
        *("padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
        *("tokenizer_kwargs", "processor_kwargs", "sanitize_control_tokens", "load_audio_from_video"),
    }
)
_DATE = "%d %b %Y"  # of Llama's templates, which write the day into the prompt
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_SHOWN = 60  # characters of what was left out


def template_options(
    kwargs: Mapping[str, Any] | None = None,
    tools: Sequence[Any] | None = None,
    enable_thinking: bool | None = None,
) -> dict[str, Any]:
    """Give what a chat template is told besides messages, as JSON values, which a trace keeps.

    Args:
        kwargs: any of the template's variables.
        tools: Python functions with type hints and a docstring, or JSON schemas, as transformers takes them.
        enable_thinking: the variable of that name, which many templates read.

    Raises:
        SettingsError: something that JSON cannot hold, a name that is no template's, or a tool of another kind.
    """
    if kwargs is not None and not (isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs)):
        raise SettingsError(
            f"chat_template_kwargs={quoted(kwargs)}: expected a dict of the chat template's own variables"
        )
    given = dict(kwargs or {})
    if taken := sorted(_OWN & set(given)):
        raise SettingsError(
            f"chat_template_kwargs has {taken[0]!r}, which follows from the messages here: give variables that the "
            "chat template reads, such as enable_thinking"
        )
    if enable_thinking is not None:
        if not isinstance(enable_thinking, bool):
            raise SettingsError(f"enable_thinking={quoted(enable_thinking)}: expected True, False or None")
        given["enable_thinking"] = enable_thinking
    if tools is not None:
        if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools, Sequence):
            raise SettingsError(f"tools={quoted(tools)}: expected a list of functions or JSON schemas")
        given["tools"] = [_schema(tool) for tool in tools]
    try:
        plain: dict[str, Any] = json.loads(json.dumps(given))
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"chat_template_kwargs and tools are kept in the trace, and JSON cannot hold them ({error}): give strings, "
            "numbers, lists and dicts"
        ) from error
    return plain


def _schema(tool: Any) -> Any:  # noqa: ANN401 - a function or a schema
    if isinstance(tool, Mapping):
        return dict(tool)
    if not callable(tool):
        raise SettingsError(f"tools holds a {type(tool).__name__}: expected a function, or a dict with its JSON schema")
    from omnitrace_nb.transformers_names import tool_schema  # noqa: PLC0415 (tools are rare)

    try:
        return tool_schema(tool)
    except Exception as error:
        raise SettingsError(
            f"no JSON schema can be made of the tool {getattr(tool, '__name__', tool)!r} ({error}): give it type hints "
            "and a docstring with its arguments, or give the schema itself"
        ) from error


def with_options(adapter: Adapter, parts: Sequence[Part], chat: Chat | None, options: Mapping[str, Any]) -> Chat | None:
    """Give a prompt's chat with what its template is told; what the template does not read is warned about.

    A day that the template would look up is written down, so that the prompt is the same tomorrow.
    """
    sources = templates(adapter)
    options = dict(options)
    for name in [name for name in options if sources and not any(name in source for source in sources)]:
        warn(f"{name!r} is nothing that the model's chat template reads, so it changes nothing")
        del options[name]
    dated = any("date_string" in source and f'strftime_now("{_DATE}")' in source for source in sources)
    if dated and "date_string" not in options:
        options["date_string"] = datetime.now().strftime(_DATE)  # noqa: DTZ005 (the user's day, as transformers has it)
    if not options:
        return chat
    return replace(chat or Chat(messages_of(parts)), options=options)


def as_read(adapter: Adapter, layout: Layout, records: Sequence[PartRecord], chat: Chat | None) -> list[PartRecord]:
    """Give a prompt's records with their messages, and with what the chat template leaves out of their texts."""
    known = marks(adapter)
    turns = chat.turns if chat is not None else (None,) * len(records)
    found = []
    for record, turn in zip(records, turns, strict=True):
        thinks = any(end in (record.text or "") for _, end in known)
        unread = _unread(layout, record.index, record.text or "") if thinks else ()
        found.append(replace(record, turn=None if turn is None else turn + 1, unread=unread))
    return found


def unread_fields(adapter: Adapter, layout: Layout, chat: Chat | None) -> list[str]:
    """Say which messages' own thinking, given by a key of its own, the chat template leaves out, a sentence each."""
    thoughts = [
        (turn, key, str(message.fields[key]))
        for turn, message in enumerate(chat.messages if chat is not None else (), 1)
        for key in _THOUGHTS
        if message.fields.get(key)
    ]
    prompt = str(adapter.tokenizer.decode(layout.token_ids.tolist())) if thoughts else ""
    return [
        f"message {turn}: the chat template leaves its {key!r} out of the prompt."
        for turn, key, text in thoughts
        if text.strip() not in prompt
    ]


def left_out(record: PartRecord) -> str:
    """Say which words of a part's text the chat template leaves out, in a sentence; "" if it leaves out none."""
    pieces = [mark_free((record.text or "")[start:end]).strip() for start, end in record.unread]
    gone = " ... ".join(filter(None, pieces))
    if not gone:
        return ""
    shown = gone if len(gone) <= _SHOWN else f"{gone[: _SHOWN - 3]}..."
    return f"{record.label}: the chat template leaves {len(gone):,} characters out of the prompt ({shown!r})."


def _unread(layout: Layout, part: int, text: str) -> tuple[tuple[int, int], ...]:
    """Give the stretches of a text that no position stands for; white space alone is none."""
    read = np.zeros(len(text) + 2, bool)
    for start, end in layout.chars[layout.positions(part, TEXT)].tolist():
        read[start + 1 : max(end, start + 1) + 1] = True
    read[0] = read[-1] = True
    edges = np.flatnonzero(read[1:] != read[:-1]).reshape(-1, 2).tolist()
    return tuple((start, end) for start, end in edges if text[start:end].strip())
