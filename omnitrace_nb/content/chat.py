"""A chat: which message each part of a prompt belongs to, and what else its template reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from omnitrace_nb.content.parts import Part, Text
from omnitrace_nb.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat.

    Attributes:
        role: whose it is.
        parts: how many of the prompt's parts, one after the other, are its content.
        fields: what else the template reads of it (`tool_calls`, `name`, ...), as JSON values; its `content` too, where
            that is no part: an empty one, or the beginning of the answer.
    """

    role: str
    parts: int
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Chat:
    """The messages that a prompt's parts belong to.

    Attributes:
        messages: in order; together they have all parts.
        options: what the template is given besides: `tools`, `enable_thinking`, ..., as JSON values.
        continues: whether the response goes on from the last message, which is the assistant's and has no part.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    continues: bool = False

    @property
    def turns(self) -> tuple[int, ...]:
        """The message that each part is of, from 0."""
        return tuple(turn for turn, message in enumerate(self.messages) for _ in range(message.parts))

    @property
    def beginning(self) -> str:
        """What is given of the response itself: the text that it goes on from."""
        return "".join(texts_of(self.messages[-1].fields)) if self.continues else ""

    def plain(self) -> dict[str, Any]:
        """Give the chat as JSON values."""
        messages = [{"role": one.role, "parts": one.parts, "fields": dict(one.fields)} for one in self.messages]
        return {"messages": messages, "options": dict(self.options), "continues": self.continues}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Chat | None:
        """Give back what `plain` gave; None for a prompt that is no chat."""
        if not plain:
            return None
        messages = tuple(Message(one["role"], one["parts"], one["fields"]) for one in plain["messages"])
        return cls(messages, plain["options"], plain["continues"])


def texts_of(fields: Mapping[str, Any]) -> list[str]:
    """Give the texts of a message whose content is no part."""
    content = fields.get("content") or []
    return [content] if isinstance(content, str) else [block["text"] for block in content]


def messages_of(parts: Sequence[Part]) -> tuple[Message, ...]:
    """Give the messages of parts that were given without any: one for each run of parts of one role."""
    return tuple(Message(role, len(list(run))) for role, run in groupby(parts, key=lambda part: part.role))


def answered(parts: Sequence[Part], messages: Sequence[Message]) -> tuple[tuple[Part, ...], Chat]:
    """Take an assistant's last message for the beginning of the response: its parts are parts of the prompt no longer.

    Raises:
        ContentError: a last message of the assistant that holds media, no text, or calls of tools.
    """
    last = messages[-1]
    if last.role != "assistant":
        return tuple(parts), Chat(tuple(messages))
    given = parts[len(parts) - last.parts :]
    if not all(isinstance(part, Text) for part in given):
        kinds = ", ".join(type(part).__name__ for part in given if not isinstance(part, Text))
        raise ContentError(
            f"The last message has the role 'assistant' and holds {kinds}: an answer can go on from text alone"
        )
    texts = [part.text for part in given if isinstance(part, Text)]
    if not "".join(texts).strip() or last.fields.get("tool_calls"):
        raise ContentError(
            "The last message has the role 'assistant', but no text that the answer could go on from: leave it out, or "
            "put the user's next message, or the result of its tool, after it"
        )
    content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    begun = Message("assistant", 0, {**last.fields, "content": content})
    return tuple(parts[: len(parts) - last.parts]), Chat((*messages[:-1], begun), continues=True)
